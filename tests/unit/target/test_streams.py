"""Streams may pass through maps and flattening on their way."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox
    from support.target_job import Job, MakeJob

Message = dict[str, Any]
Config = Mapping[str, Any]
VIP = "vip_customers"
INTEGER = {"type": "integer"}


def schema(**properties: object) -> Message:
    return {
        "type": "SCHEMA",
        "stream": VIP,
        "schema": {"properties": properties},
        "key_properties": [],
    }


def record(**fields: object) -> Message:
    return {"type": "RECORD", "stream": VIP, "record": fields}


def run(job: Job, messages: Iterable[Message], **config: object) -> int:
    """Run the target over an input; gives its status."""
    text = "".join(json.dumps(message) + "\n" for message in messages)
    return job.open_target(**config).run(io.StringIO(text))


def values(box: Sandbox, attribute: str) -> dict[int, str]:
    names = {number: row["name"] for number, row in box.store.attributes.items()}
    return {
        customer: row["attribute_value"]
        for (customer, number), row in box.store.values.items()
        if names[number] == attribute
    }


def test_a_map_renames_filters_and_computes(box: Sandbox, make_job: MakeJob) -> None:
    for number in (1, 2):
        box.store.put_customer(number, email=f"m{number}@example.com")
    maps = {
        VIP: {
            "__alias__": "gold",
            "__filter__": "points > 5",
            "id": "customer",
            "__else__": None,
        }
    }
    job = make_job(box, map_standard_fields=[])
    lines = [
        schema(customer=INTEGER, points=INTEGER),
        record(customer=1, points=9),
        record(customer=2, points=3),
    ]

    status = run(job, lines, stream_maps=maps)

    assert status == 0
    assert values(box, "LyticsAudience_gold") == {1: "gold"}


def test_a_flattened_record_is_mapped_by_its_flat_names(
    box: Sandbox, make_job: MakeJob
) -> None:
    box.store.put_customer(1, email="m1@example.com")
    mapped = [{"from": "profile__tier", "to": "Tier"}]
    job = make_job(box, map_standard_fields=[], map_custom_attributes=mapped)
    profile = {"type": "object", "properties": {"tier": {"type": "string"}}}
    lines = [
        schema(id=INTEGER, profile=profile),
        record(id=1, profile={"tier": "gold"}),
    ]

    run(job, lines, flattening_enabled=True, flattening_max_depth=1)

    assert values(box, "Tier") == {1: "gold"}


def test_a_reject_is_kept_as_it_came_so_that_its_replay_takes_the_same_way(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    maps = {VIP: {"id": "customer", "__else__": None}}
    job = make_job(box, map_standard_fields=[])
    lines = [
        schema(customer=INTEGER, email={"type": "string"}),
        record(customer=7, email="a@example.com"),
    ]

    run(job, lines, stream_maps=maps)

    text = (tmp_path / "rejects.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert rows[0] == lines[0]
    assert rows[1]["record"] == lines[1]["record"]
    assert rows[1]["reject"]["code"] == "unknown_customer"
