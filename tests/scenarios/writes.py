"""Values that the target writes, rejects or leaves unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .exits import COMPANY
from .jobs import ALL, SMALL
from .messages import companies, record, schema, state
from .registry import CLEAN, add, scenario
from .stage import NEWS, VIP

if TYPE_CHECKING:
    from .registry import Run
    from .stage import Stage

NAMES = [
    {"from": name, "to": name}
    for name in ("email", "first_name", "last_name", "company", "phone", "notes")
]
WITH_NAMES = {**COMPANY, "map_standard_fields": NAMES}
WRONG = {**SMALL, "without_id": 0.2, "refused": 0.1, "shared_id": 0.1}

SETTINGS: dict[str, dict[str, Any]] = {
    "missing-id-skipped": {},
    "missing-id-matched": {"on_missing_id": "match"},
    "missing-id-created": {"on_missing_id": "create"},
    "nulls-cleared": {"on_null": "clear"},
    "small-batches": {"batch_size_rows": 6},
    "one-call-at-a-time": {"max_in_flight": 1},
    "attribute-named": {"audience_attribute": "Audience"},
    "attribute-of-the-job": {"job_id": "nightly"},
    "dry-run": {"dry_run": True, "on_missing_id": "create"},
    "limit": {"limit": 8, "batch_size_rows": 5},
    "few-rejects-allowed": {"max_rejects": 1, "batch_size_rows": 10},
    "no-rejects-allowed": {"max_rejects": 0},
    "nothing-mapped": {"map_standard_fields": [], "map_custom_attributes": []},
    "email-alone": {"map_standard_fields": [{"from": "email", "to": "email"}]},
    "default-mapping": {"map_standard_fields": None, "map_custom_attributes": None},
    "tables-and-constants": {
        "map_standard_fields": [
            {"from": "company", "to": "company", "write": "if_empty"},
            {
                "from": "loyalty_tier",
                "to": "customer_group_id",
                "values": {"gold": 7, "silver": 8},
                "default": 0,
            },
            {"value": "Imported", "to": "notes", "write": "if_empty"},
            {
                "from": "bigcommerce_accepts_marketing",
                "to": "accepts_product_review_abandoned_cart_emails",
            },
            {"from": "lifetime_value", "to": "store_credit_amounts"},
        ],
        "map_custom_attributes": [
            {"from": "birthday", "to": "Born", "type": "date"},
            {"from": "visits_by_channel.email", "to": "Mail visits", "type": "number"},
            {"from": "interests", "to": "Interests"},
            {"from": "newsletter", "to": "Newsletter"},
            {"from": "extras", "to": "Extras"},
        ],
    },
}


def _export_with(settings: dict[str, Any]) -> Run:
    def run(stage: Stage) -> None:
        kept = {k: v for k, v in settings.items() if v is not None}
        for name in settings.keys() - kept.keys():
            del stage.target_settings[name]
        stage.target(stage.tap(ALL, once_for="writes"), kept)

    return run


for _name, _settings in SETTINGS.items():
    add("writes", _name, _export_with(_settings), **WRONG)

STORES: dict[str, dict[str, Any]] = {
    "errors-without-a-row": {"errors_name_the_row": "false"},
    "valid-rows-applied": {"apply_valid_rows": "true"},
    "answers-reversed": {"answer_order": "reversed"},
    "five-rows-per-call": {"rows_per_call": 5},
    "short-lists": {"in_list_limit": 12},
    "short-addresses": {"url_limit": 300},
    "read-only-token": {"read_only_token": "true"},
    "no-room-for-attributes": {"max_attributes": 2},
    "empty-refused": {"empty_refused": "true"},
    "nulls-clear": {"null_clears": "true"},
    "empty-removes-a-value": {"empty_value_removes": "true"},
    "rows-once-in-a-call": {"duplicate_rows_refused": "true"},
    "unknown-keys-refused": {"unknown_keys_refused": "true"},
    "all-attributes-included": {"included_attributes_cap": 0},
    "one-attribute-included": {"included_attributes_cap": 1},
    "one-definition-per-call": {"attribute_rows_per_call": 1},
    "cap-of-customers": {"cap_counts_customers": "true"},
    "no-rate-headers": {"rate_headers": "false"},
}


def _export(stage: Stage) -> None:
    # Sequential, because limits learned from one call change the next calls.
    settings = {"on_missing_id": "create", "on_null": "clear", "max_in_flight": 1}
    stage.target(stage.tap(ALL, once_for="writes"), settings)


for _name, _options in STORES.items():
    add("stores", _name, _export, **{**WRONG, **_options})


@scenario("writes", **WRONG)
def the_same_again(stage: Stage) -> None:
    printed = stage.tap(ALL)
    for settings in ({"on_missing_id": "create"}, {}, {"on_null": "clear"}, {}):
        stage.target(printed, settings)


@scenario("writes", **SMALL)
def two_streams_of_one_attribute(stage: Stage) -> None:
    both = {**ALL, "audiences": [VIP, NEWS]}
    stage.sync(both, {"audience_attribute": "Audience"})


@scenario("writes", **CLEAN)
def an_attribute_of_another_type(stage: Stage) -> None:
    stage.put_values({1001: "5"}, "Score")
    mapped = [{"from": "any", "to": "Score", "type": "number"}]
    settings = {**COMPANY, "map_custom_attributes": mapped}
    stage.target([schema(), record(1001, any=7), state(1)], settings)


@scenario("writes", **CLEAN)
def records_of_one_customer(stage: Stage) -> None:
    lines = [
        record(1001, company="A", phone="1"),
        record("1001", company="B"),
        record(1002, company="x" * 300),
        record(1002, company="C"),
        record(1003, company=None, phone="", notes=None),
        state(5),
    ]
    for settings in (WITH_NAMES, {**WITH_NAMES, "on_null": "clear"}):
        stage.target([schema(), *lines], settings)


@scenario("writes", **CLEAN)
def every_reject_and_its_replay(stage: Stage) -> None:
    mapped = [{"from": "any", "to": "Score", "type": "number"}]
    settings = {
        **WITH_NAMES,
        "map_custom_attributes": mapped,
        "on_missing_id": "create",
        "stream_maps": {"vip": {"tier": "tier.upper() if tier else None"}},
    }
    lines = [
        record("12x4"),
        record(4_000_000),
        record(1001, company=7),
        record(1002, any={"a": 1}),
        record(1003, company="x" * 256),
        record(1004, first_name=""),
        record(1005, email="no address"),
        record(1006, email="taken@example.com"),
        record(1007, email="taken@example.com"),
        record(None, email="new@example.com", first_name="New"),
        record(None, email="whole@example.com", first_name="New", last_name="One"),
        record(1008, company="Good", any="1e3"),
        {"type": "RECORD", "stream": "vip", "record": {"company": "Nobody's"}},
        state(13),
    ]
    stage.target([schema(), *lines], settings)
    rejects = stage.out / "rejects.jsonl"
    fixed = rejects.read_bytes().replace(b"x" * 256, b"short")
    rejects.unlink()
    stage.target(fixed, settings)
    stage.target(fixed, settings, args=["--input", "rejects.jsonl"])


@scenario("writes", **CLEAN)
def files_that_cannot_be_written(stage: Stage) -> None:
    for name in ("rejects_path", "changes_path", "summary_path"):
        stage.target([schema(), *companies(3)], {**COMPANY, name: "no/such/file"})


@scenario("writes", **CLEAN)
def streams_without_an_id(stage: Stage) -> None:
    bare = schema()
    del bare["schema"]["properties"]["id"]
    stage.target([bare, record(1001), state(1)], COMPANY)
    bare["schema"]["additionalProperties"] = False
    stage.target([bare, record(1001), state(1)], COMPANY)
    names = {**WITH_NAMES, "on_missing_id": "match"}
    stage.target([bare, record(None, email="x@example.com"), state(1)], names)
    bare["schema"] = {}
    stage.target([bare, record(1001, company="New"), state(1)], COMPANY)


@scenario("writes", **CLEAN)
def states_of_all_forms(stage: Stage) -> None:
    states = [{"type": "STATE", "value": each} for each in ({}, {"ü": [1.50, None]})]
    stage.target([schema(), *states, *companies(12), *states], COMPANY)
    stage.target([], COMPANY)
    stage.target([schema()], COMPANY)
    stage.target(states, COMPANY)


@scenario("writes", **CLEAN)
def two_streams_and_schemas_in_the_middle(stage: Stage) -> None:
    lines = [
        schema(),
        record(1001, company="A"),
        schema(stream="other"),
        record(1002, stream="other", company="B"),
        schema(tier={"type": "integer"}),
        record(1003, company="C", tier="x"),
        record(1004, company="D", tier=4),
        state(4),
    ]
    stage.target(lines, COMPANY)


@scenario("writes", **CLEAN)
def a_schema_changed_before_a_drain_and_at_the_end(stage: Stage) -> None:
    changed = schema(tier={"type": "integer"})
    lines = [schema(), record(1001, company="A"), changed, record(1002, company="B")]
    stage.target([*lines, schema(), record(1003, company="C")], COMPANY)
    stage.target([*lines, state(2)], {**COMPANY, "batch_size_rows": 1})
    stage.target([*lines, schema()], COMPANY)


@scenario("writes", **CLEAN)
def a_customer_of_others_in_between(stage: Stage) -> None:
    stage.target([schema(), *companies(15)], COMPANY)
    stage.box.call_store(
        "PUT", "/customers", [{"id": 1003, "company": "By another app"}]
    )
    stage.target([schema(), *companies(15)], COMPANY)
