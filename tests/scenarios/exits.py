"""Members who left: reported by the ledger or by a version, cleared or kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .jobs import ALL, LEDGER, SMALL, change_members, run_with_changes
from .messages import activate, left, record, schema, state
from .registry import CLEAN, add, scenario

if TYPE_CHECKING:
    from .registry import Run
    from .stage import Stage

CLEAR = {"on_exit": "clear"}
BY_LEDGER = {**LEDGER, **ALL, "emit_exits": True}
BY_VERSION = {**ALL, "emit_exits": True}
COMPANY = {
    "id_field": "id",
    "map_standard_fields": [{"from": "company", "to": "company"}],
    "map_custom_attributes": [],
}
VALUES = {**dict.fromkeys(range(1001, 1006), "vip"), 1006: "another_audience"}

EXIT_SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ledger-and-cleared": (BY_LEDGER, CLEAR),
    "ledger-and-kept": (BY_LEDGER, {}),
    "versions-and-cleared": (BY_VERSION, CLEAR),
    "versions-and-kept": (BY_VERSION, {}),
    "versions-in-a-dry-run": (BY_VERSION, {**CLEAR, "dry_run": True}),
}


def _three_times(tap: dict[str, Any], target: dict[str, Any]) -> Run:
    return lambda stage: run_with_changes(stage, tap, tap, tap, target=target)


def _twice(tap: dict[str, Any], target: dict[str, Any]) -> Run:
    return lambda stage: run_with_changes(stage, tap, tap, target=target)


for _name, (_tap, _target) in EXIT_SETTINGS.items():
    _make_run = _three_times if _target == CLEAR else _twice
    add("exits", f"by-{_name}", _make_run(_tap, _target), **SMALL)


@scenario("exits", **{**SMALL, "members": 150})
def too_many_left_by_version(stage: Stage) -> None:
    stage.sync(BY_VERSION, CLEAR)
    for index in range(120):
        stage.leave(index, touch=False)
    stage.advance(hours=25)
    stage.sync(BY_VERSION, CLEAR)
    stage.sync(BY_VERSION, {**CLEAR, "max_clear_percent": 100})


@scenario("exits", **{**SMALL, "members": 150})
def too_many_left_by_records(stage: Stage) -> None:
    stage.sync(BY_LEDGER, CLEAR)
    for index in range(120):
        stage.leave(index, touch=False)
    stage.advance(hours=25)
    stage.sync(BY_LEDGER, CLEAR)
    stage.sync(BY_LEDGER, {**CLEAR, "max_clear_percent": 100})


@scenario("exits", **SMALL)
def a_member_of_another_customer_id(stage: Stage) -> None:
    stage.sync(BY_LEDGER, CLEAR)
    stage.advance(hours=1)
    stage.change(2, bigcommerce_customer_id="1030")
    stage.change(8, bigcommerce_customer_id=None)
    stage.sync(BY_LEDGER, CLEAR)


@scenario("exits", **SMALL)
def an_audience_redefined_between_versions(stage: Stage) -> None:
    stage.sync(BY_VERSION, CLEAR)
    change_members(stage)
    stage.audience("redefine")
    stage.sync(BY_VERSION, CLEAR)
    stage.advance(hours=25)
    stage.sync(BY_VERSION, CLEAR)


@scenario("exits", **SMALL)
def an_audience_that_becomes_empty(stage: Stage) -> None:
    stage.sync(BY_VERSION, CLEAR)
    for index in range(40):
        stage.leave(index, touch=False)
    stage.advance(hours=25)
    stage.sync(BY_VERSION, CLEAR)


@scenario("exits", **CLEAN)
def records_of_exits(stage: Stage) -> None:
    stage.put_values(VALUES)
    exits = [left(1001), left(1006), left(1010), left(999_999), left(None)]
    again = [left(1002), record(1002), record(1010), left(1010), state(5)]
    stage.target([schema(), *exits, state(3), *again], {**COMPANY, **CLEAR})
    stage.target([schema(), left(1003), state(6)], COMPANY)


VERSIONS: dict[str, list[dict[str, Any]]] = {
    "seen": [record(1001, version=1), record(1002, version=1), activate(1)],
    "without-records": [activate(1)],
    "unreadable-id": [record("x", version=1), record(1001, version=1), activate(1)],
    "rejected": [record(1001, version=1, company="x" * 300), activate(1)],
    "two": [
        record(1001, version=1),
        record(1002, version=2),
        activate(1),
        record(1003, version=2),
        activate(2),
    ],
    "other-stream": [record(1001, version=1), activate(1, stream="other")],
}


def _version(lines: list[dict[str, Any]]) -> Run:
    def run(stage: Stage) -> None:
        stage.put_values(VALUES)
        settings = {**COMPANY, **CLEAR, "batch_size_rows": 2}
        stage.target([schema(), *lines, state(1)], settings)

    return run


for _name, _lines in VERSIONS.items():
    add("exits", f"version-{_name}", _version(_lines), **CLEAN)
