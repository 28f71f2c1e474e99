"""Configurations and command lines, most of them invalid."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .messages import companies, schema
from .registry import CLEAN, add, scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .registry import Run
    from .stage import Stage

PER_SCENARIO = 8  # Configurations.
URLS = (
    "http://api.example.com",
    "https://user:word@example.com",
    "https://example.com?a=b",
    "example.com",
    "",
    7,
)
BOTH: tuple[dict[str, Any], ...] = (
    *({"api_url": url} for url in URLS),
    {"request_timeout_seconds": 0},
    {"user_agent": "line\nend"},
    {"stream_maps": {"vip_customers": {"x": "nothing("}}},
    {"no_such_setting": 1},
)
TAP: tuple[dict[str, Any], ...] = (
    {"api_token": None},
    {"api_token": ""},
    {"api_token": "with a blank"},
    {"audiences": "vip_customers"},
    {"audiences": [""]},
    {"audiences": ["it's"]},
    {"start_date": "yesterday"},
    {"require_fields": ["it's"], "existing_users": True},
    {"poll_interval_seconds": -1},
    {"page_size": 101, "emit_exits": True},
    {"emit_exits": True},
    {"emit_exits": True, "ledger_path": "a.ledger"},
    {"emit_exits": True, "existing_users": True, "full_scan_interval_hours": 0},
    {"emit_changes": False},
)
EMAIL = {"from": "email", "to": "email"}
TARGET: tuple[dict[str, Any], ...] = (
    {"access_token": None},
    {"access_token": "line\nend"},
    {"store_hash": None, "id_field": None},
    {"store_hash": "store-abc123"},
    {"id_field": " "},
    {"rejects_path": ""},
    {"batch_size_rows": 0},
    {"on_missing_id": "ignore"},
    {"max_in_flight": 4},
    {"dry_run": "perhaps"},
    {"audience_attribute": "x" * 256},
    {"audience_attribute": "Loyalty tier"},
    {"map_standard_fields": {"email": "email"}},
    {"map_standard_fields": [{"from": "email", "to": "e_mail"}]},
    {"map_standard_fields": [EMAIL, EMAIL]},
    {"map_standard_fields": [{**EMAIL, "too": 1}]},
    {"map_standard_fields": [{**EMAIL, "value": "x"}]},
    {"map_standard_fields": [{"value": "no address", "to": "email"}]},
    {"map_standard_fields": [{"value": "x" * 300, "to": "company"}]},
    {"map_standard_fields": [{"from": "a", "to": "company", "values": {"a": [1]}}]},
    {"map_custom_attributes": [{"value": "x", "to": "A", "type": "number"}]},
    {"map_standard_fields": [EMAIL], "on_missing_id": "create"},
    {"map_standard_fields": [], "on_missing_id": "match"},
)


def _given(base: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Override settings; None removes one."""
    return {k: v for k, v in {**base, **settings}.items() if v is not None}


def _for_tap(some: Sequence[dict[str, Any]]) -> Run:
    def run(stage: Stage) -> None:
        base = dict(stage.tap_settings)
        for settings in some:
            stage.note("given", json.dumps(settings)[:80])
            stage.tap_settings = _given(base, settings)
            stage.tap()

    return run


def _for_target(some: Sequence[dict[str, Any]]) -> Run:
    def run(stage: Stage) -> None:
        base = dict(stage.target_settings)
        for settings in some:
            stage.note("given", json.dumps(settings)[:80])
            stage.target_settings = _given(base, settings)
            stage.target([schema(stream="vip_customers"), *companies(0)])

    return run


for _side, _make_run, _all in (
    ("tap", _for_tap, (*BOTH, *TAP)),
    ("target", _for_target, (*BOTH, *TARGET)),
):
    for _at in range(0, len(_all), PER_SCENARIO):
        _name = f"of-the-{_side}-{_at // PER_SCENARIO + 1}"
        add("configurations", _name, _make_run(_all[_at : _at + PER_SCENARIO]), **CLEAN)


@scenario("configurations", **CLEAN)
def that_are_no_json(stage: Stage) -> None:
    for text in ("", "[]", "{"):
        for executable in ("tap-lytics", "target-bigcommerce"):
            stage.command(executable, config=text)


@scenario("configurations", **CLEAN)
def from_the_environment(stage: Stage) -> None:
    tap = {
        "TAP_LYTICS_API_URL": stage.box.url,
        "TAP_LYTICS_API_TOKEN": stage.box.env["TAP_LYTICS_API_TOKEN"],
        "TAP_LYTICS_AUDIENCES": '["vip_customers"]',
        "TAP_LYTICS_EXISTING_USERS": "true",
    }
    for more in (
        {},
        {"TAP_LYTICS_PAGE_SIZE": "ten"},
        {"TAP_LYTICS_AUDIENCES": "vip_customers"},
        {"TAP_LYTICS_EXISTING_USERS": "perhaps"},
    ):
        stage.command("tap-lytics", "--config=ENV", env={**tap, **more})
    target = {
        **{k: v for k, v in stage.box.env.items() if k.startswith("TARGET")},
        "TARGET_BIGCOMMERCE_ID_FIELD": "id",
        "TARGET_BIGCOMMERCE_DRY_RUN": "yes",
    }
    for more in (
        {},
        {"TARGET_BIGCOMMERCE_BATCH_SIZE_ROWS": "ten"},
        {"TARGET_BIGCOMMERCE_MAP_STANDARD_FIELDS": "email"},
        {"TARGET_BIGCOMMERCE_DRY_RUN": "perhaps"},
    ):
        stage.command("target-bigcommerce", "--config=ENV", env={**target, **more})


@scenario("configurations", **CLEAN)
def command_lines(stage: Stage) -> None:
    for executable in ("tap-lytics", "target-bigcommerce"):
        for args in (
            ("--no-such-option",),
            ("--config", "no-such-file.json"),
            (),
        ):
            stage.command(executable, *args)
    stage.command("tap-lytics", "--catalog", "no-such-file.json", config="{}")
    stage.command("tap-lytics", "--state", "no-such-file.json", config="{}")
    stage.command("target-bigcommerce", "--input", "no-such-file.jsonl", config="{}")


@scenario("configurations", **CLEAN)
def settings_declared(stage: Stage) -> None:
    for executable in ("tap-lytics", "target-bigcommerce"):
        about = json.loads(stage.command(executable, "--about", "--format=json"))
        settings = about["settings"]
        stage.note("required", settings.get("required"))
        for name, declared in settings["properties"].items():
            stage.note(name, _bare(declared))


def _bare(declared: Any) -> Any:  # noqa: ANN401 - JSON
    """Remove titles, descriptions and examples."""
    if isinstance(declared, dict):
        wording = ("title", "description", "examples")
        return {k: _bare(v) for k, v in declared.items() if k not in wording}
    return [_bare(v) for v in declared] if isinstance(declared, list) else declared
