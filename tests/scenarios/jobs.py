"""Ordinary jobs: a first run and later runs."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from .registry import add, scenario
from .stage import NEWS, VIP

if TYPE_CHECKING:
    from .registry import Run
    from .stage import Stage

ALL: dict[str, Any] = {"existing_users": True}
LEDGER: dict[str, Any] = {
    "ledger_path": "vip.ledger",
    "require_fields": ["bigcommerce_customer_id"],
}
SMALL: dict[str, Any] = {
    "members": 40,
    "others": 20,
    "newsletter": 20,
    "unknown_id": 0.05,
}
NON_MEMBER = 45  # Index of a person with a customer id.


def change_members(stage: Stage) -> None:
    """Change, remove and add members, with and without touching the profile."""
    stage.advance(hours=1)
    stage.change(0, company="Changed Ltd", loyalty_tier="gold")
    stage.change(3, company=None)
    stage.leave(5)
    stage.leave(6, touch=False)
    stage.enter(NON_MEMBER)
    stage.enter(NON_MEMBER + 1, touch=False)
    stage.advance(hours=1)


def run_with_changes(
    stage: Stage, *runs: dict[str, Any], target: dict[str, Any] | None = None
) -> None:
    """Run once with each of the settings; change members after the first run."""
    for number, settings in enumerate(runs):
        if number == 1:
            change_members(stage)
        elif number:
            stage.advance(hours=25)
        stage.sync(settings, target)


THREE_RUNS: dict[str, dict[str, Any]] = {
    "everybody": ALL,
    "only-changes": {},
    "ledger": LEDGER,
    "ledger-and-everybody": {**LEDGER, **ALL},
}
TWO_RUNS: dict[str, dict[str, Any]] = {
    "everybody-and-no-further-full-scan": {**ALL, "full_scan_interval_hours": 0},
    "no-overlap": {"overlap_minutes": 0},
    "long-overlap": {**ALL, "overlap_minutes": 600},
    "required-fields": {**ALL, "require_fields": ["email", "company"]},
    "ledger-without-changes": {**LEDGER, "emit_changes": False},
    "start-date": {"start_date": "2024-09-01T00:00:00Z"},
}


def _repeat(settings: dict[str, Any], times: int) -> Run:
    return lambda stage: run_with_changes(stage, *[settings] * times)


for _name, _settings in THREE_RUNS.items():
    add("jobs", f"three-runs-{_name}", _repeat(_settings, 3), **SMALL)
for _name, _settings in TWO_RUNS.items():
    add("jobs", f"two-runs-{_name}", _repeat(_settings, 2), **SMALL)


@scenario("jobs", **SMALL)
def a_redefined_audience_is_scanned_again(stage: Stage) -> None:
    stage.sync(ALL)
    stage.advance(hours=1)
    stage.audience("redefine")
    stage.sync(ALL)


@scenario("jobs", **SMALL)
def an_audience_renamed(stage: Stage) -> None:
    stage.sync(ALL)
    stage.audience("rename", new="best_customers")
    stage.tap(ALL)
    stage.state = None
    stage.sync({**ALL, "audiences": ["best_customers"]})


@scenario("jobs", **SMALL)
def an_audience_deleted(stage: Stage) -> None:
    stage.sync(ALL)
    stage.audience("delete")
    stage.tap(ALL)


@scenario("jobs", **SMALL)
def an_audience_invalid(stage: Stage) -> None:
    stage.sync(ALL)
    stage.audience("invalidate")
    stage.tap(ALL)
    stage.audience("invalidate", reason="")
    stage.sync(ALL)


@scenario("jobs", **SMALL)
def two_audiences(stage: Stage) -> None:
    both = {**ALL, "audiences": [VIP, NEWS]}
    run_with_changes(stage, both, both)


@scenario("jobs", **SMALL)
def two_audiences_and_a_ledger(stage: Stage) -> None:
    both = {**LEDGER, **ALL, "audiences": [VIP, NEWS]}
    run_with_changes(stage, both, both)


@scenario("jobs", **SMALL)
def an_empty_audience_and_an_unknown_one(stage: Stage) -> None:
    stage.sync({**ALL, "audiences": ["nobody_yet"]})
    stage.tap({**ALL, "audiences": ["vip_custmers"]})


@scenario("jobs", **SMALL)
def discovery(stage: Stage) -> None:
    stage.tap(args=["--discover"])
    stage.tap({"audiences": []}, args=["--discover"])
    stage.tap({**ALL, "audiences": []})
    # In one page: a request for a second one would race with the end of the process.
    stage.tap({**ALL, "page_size": 100}, args=["--test"])


@scenario("jobs", **SMALL)
def selected_fields(stage: Stage) -> None:
    catalog = json.loads(stage.tap(args=["--discover"]))
    kept = {"email", "company", "bigcommerce_customer_id", "_member_id"}
    for stream in catalog["streams"]:
        for row in stream["metadata"]:
            path = row["breadcrumb"]
            if path:
                row["metadata"]["selected"] = path[-1] in kept
            else:
                row["metadata"]["selected"] = True
    stage.sync(ALL, catalog=catalog)
    change_members(stage)
    stage.sync(ALL, catalog=catalog)


@scenario("jobs", **SMALL)
def no_stream_selected(stage: Stage) -> None:
    catalog = json.loads(stage.tap(args=["--discover"]))
    for stream in catalog["streams"]:
        for row in stream["metadata"]:
            row["metadata"]["selected"] = False
    stage.sync(ALL, catalog=catalog)


@scenario("jobs", **SMALL)
def stream_maps_in_the_tap(stage: Stage) -> None:
    maps = {
        VIP: {
            "email": "email.lower() if email else None",
            "initial": "first_name[0] if first_name else None",
            "last_name": "__NULL__",
            "__alias__": "best",
        }
    }
    stage.sync({**ALL, "stream_maps": maps})
    stage.tap({**ALL, "stream_maps": {VIP: {"company": "company.upper()"}}})
    stage.tap({**ALL, "stream_maps": {VIP: "__NULL__"}})


@scenario("jobs", **SMALL)
def stream_maps_in_the_target(stage: Stage) -> None:
    maps = {
        VIP: {
            "company": "company.upper() if company else None",
            "bigcommerce_customer_id": "bigcommerce_customer_id",
            "__else__": None,
        }
    }
    one = {"map_standard_fields": [{"from": "company", "to": "company"}]}
    one["map_custom_attributes"] = []
    printed = stage.tap(ALL)
    stage.target(printed, {**one, "stream_maps": maps})
    stage.target(printed, {**one, "stream_maps": {VIP: {"__alias__": "aliased"}}})
    stage.target(printed, {**one, "stream_maps": {VIP: {"company": "nothing("}}})
    stage.target(printed, {**one, "stream_maps": {VIP: "__NULL__"}})


@scenario("jobs", **SMALL)
def flattened(stage: Stage) -> None:
    stage.sync({**ALL, "flattening_enabled": True, "flattening_max_depth": 2})


@scenario("jobs", **SMALL)
def states_of_other_forms(stage: Stage) -> None:
    stage.sync(ALL)
    state = stage.state
    forms: tuple[Any, ...] = (
        {"singer_state": state},
        {"type": "STATE", "value": state},
        {"completed": {"singer_state": state}, "partial": {}},
        [],
        {"bookmarks": {VIP: {"bookmark": "yesterday"}}},
        {"something": "else"},
        "not JSON",
    )
    for given in forms:
        stage.tap(ALL, state=given)


# Interrupted scans.


@scenario("scans", **SMALL)
def an_interrupted_scan_goes_on(stage: Stage) -> None:
    stage.faults({"kind": "401", "match": "GET /api/segment/*", "times": 1})
    stage.sync(ALL)
    stage.box.control("faults", clear=True, rates={"401@GET /api/segment/*": 0.5})
    stage.sync(ALL)
    stage.box.control("faults", clear=True, rates={})
    stage.change(0, company="Meanwhile Ltd")
    stage.sync({**ALL, "page_size": 15})
    stage.sync(ALL)


def _cut_scan(stage: Stage, settings: dict[str, Any]) -> None:
    """Run the target on the output up to the second STATE, which has a cursor."""
    stage.faults({"kind": "same_next"}, {"kind": "401", "match": "GET /api/segment/*"})
    stage.faults({"kind": "stale_cursor", "times": 1})
    printed = stage.tap(settings)
    lines = printed.splitlines(keepends=True)
    states = [at for at, line in enumerate(lines) if b'"STATE"' in line]
    stage.target(b"".join(lines[: states[1] + 1]))


CUT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "with-the-same-settings": (ALL, ALL),
    "with-another-page-size": (ALL, {**ALL, "page_size": 20}),
    "with-a-ledger": ({**LEDGER, **ALL}, {**LEDGER, **ALL}),
    "with-versions": ({**ALL, "emit_exits": True}, {**ALL, "emit_exits": True}),
}


def _cut_and_resume(first: dict[str, Any], second: dict[str, Any]) -> Run:
    def run(stage: Stage) -> None:
        _cut_scan(stage, first)
        stage.leave(35)
        stage.sync(second)

    return run


for _name, (_first, _second) in CUT.items():
    add(
        "scans",
        f"a-scan-cut-goes-on-{_name}",
        _cut_and_resume(_first, _second),
        **SMALL,
    )


@scenario("scans", **SMALL)
def a_cursor_that_is_forgotten(stage: Stage) -> None:
    _cut_scan(stage, ALL)
    stage.faults({"kind": "stale_cursor"})
    stage.sync(ALL)


@scenario("scans", **SMALL, stale_token_status=404)
def a_cursor_that_is_not_found(stage: Stage) -> None:
    _cut_scan(stage, ALL)
    stage.faults({"kind": "stale_cursor"})
    stage.sync(ALL)


@scenario("scans", **SMALL)
def a_page_that_points_to_itself(stage: Stage) -> None:
    stage.faults({"kind": "same_next"})
    stage.sync(ALL)


@scenario("scans", **SMALL)
def a_page_without_members(stage: Stage) -> None:
    stage.faults({"kind": "empty_page", "times": 2})
    stage.sync(ALL)


SANDBOX_OPTIONS: dict[str, dict[str, Any]] = {
    "end-missing": {"scan_end": "missing"},
    "end-repeats": {"scan_end": "repeat"},
    "end-by-an-empty-page": {"scan_end": "empty_page"},
    "snapshot": {"scan_is_snapshot": "true"},
    "same-token": {"same_token": "true"},
    "no-date-header": {"lytics_date_header": "false"},
    "no-fields-on-post": {"fields_on_post": "false"},
    "profile-ids-and-objects": {
        "profile_ids": "true",
        "locations_are_objects": "true",
        "builtins_in_schema": "true",
        "bare_single_values": "false",
    },
    "bare-envelope": {
        "bare_envelope": "true",
        "status_as_text": "true",
        "size_shape": "object",
    },
    "wide-account": {
        "extra_fields": 120,
        "size_shape": "objects",
        "audiences_per_page": 1,
    },
}
for _name, _options in SANDBOX_OPTIONS.items():
    add("scans", f"reading-{_name}", _repeat(ALL, 1), **{**SMALL, **_options})


# Ledgers.


@scenario("ledgers", **SMALL)
def a_ledger_lost(stage: Stage) -> None:
    stage.sync(LEDGER)
    (stage.out / "vip.ledger").unlink()
    change_members(stage)
    stage.sync(LEDGER)


@scenario("ledgers", **SMALL)
def a_ledger_damaged(stage: Stage) -> None:
    stage.sync({**LEDGER, **ALL})
    path = stage.out / "vip.ledger"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    change_members(stage)
    stage.sync({**LEDGER, **ALL})


@scenario("ledgers", **SMALL)
def a_ledger_that_is_none(stage: Stage) -> None:
    (stage.out / "vip.ledger").write_text("a text file\n" * 1000)
    stage.tap(LEDGER)
    (stage.out / "vip.ledger").write_text("")
    stage.sync(LEDGER)


@scenario("ledgers", **SMALL)
def a_ledger_older_than_the_state(stage: Stage) -> None:
    stage.sync({**LEDGER, **ALL})
    shutil.copy(stage.out / "vip.ledger", stage.folder / "kept")
    change_members(stage)
    stage.sync({**LEDGER, **ALL})
    shutil.copy(stage.folder / "kept", stage.out / "vip.ledger")
    stage.advance(hours=1)
    stage.sync({**LEDGER, **ALL})


@scenario("ledgers", **SMALL)
def a_state_older_than_the_ledger(stage: Stage) -> None:
    stage.sync({**LEDGER, **ALL})
    state = stage.state
    change_members(stage)
    stage.tap({**LEDGER, **ALL})
    stage.state = state
    stage.sync({**LEDGER, **ALL})


@scenario("ledgers", **SMALL)
def a_state_lost(stage: Stage) -> None:
    stage.sync({**LEDGER, **ALL})
    change_members(stage)
    stage.state = None
    stage.sync({**LEDGER, **ALL})
    stage.state = None
    stage.sync(LEDGER)


@scenario("ledgers", **SMALL)
def another_jobs_ledger(stage: Stage) -> None:
    stage.sync({**LEDGER, **ALL})
    stage.state = None
    stage.sync({**LEDGER, **ALL, "audiences": [NEWS], "ledger_path": "news.ledger"})
    stage.tap({**LEDGER, **ALL, "audiences": [NEWS]})


@scenario("ledgers", **SMALL)
def a_ledger_begun_later(stage: Stage) -> None:
    stage.sync(ALL)
    change_members(stage)
    stage.sync({**LEDGER, **ALL})
    stage.sync(ALL)


@scenario("ledgers", **SMALL)
def a_ledger_where_nothing_can_be_written(stage: Stage) -> None:
    stage.tap({**LEDGER, "ledger_path": "no/such/folder/vip.ledger"})


@scenario("ledgers", **SMALL)
def a_ledger_with_other_required_fields(stage: Stage) -> None:
    stage.sync({**LEDGER, **ALL})
    stage.advance(hours=1)
    stage.sync({**LEDGER, **ALL, "require_fields": ["email"]})
