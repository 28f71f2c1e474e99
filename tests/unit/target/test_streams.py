"""Streams with minimal schemas, stream maps and flattening."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from support.customers import NAMES, VIP, person, put_customers
from support.plugins import to_text

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.target_job import Job, MakeJob

Message = dict[str, Any]
INTEGER, STRING = {"type": "integer"}, {"type": "string"}
LONGEST_STREAM = 240


def schema(stream: str = VIP, **properties: object) -> Message:
    shape = {"type": "object", "properties": properties}
    return {"type": "SCHEMA", "stream": stream, "schema": shape, "key_properties": []}


def record(stream: str = VIP, **fields: object) -> Message:
    return {"type": "RECORD", "stream": stream, "record": fields}


def run(job: Job, *messages: Message) -> int:
    """Run the target over an input and return its status."""
    return job.target.run(io.StringIO(to_text(messages)))


def test_stream_map_renames_and_filters(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 1, 2)
    expressions = {"__filter__": "points > 5", "id": "customer", "__else__": None}
    maps = {VIP: {"__alias__": "gold", **expressions}}
    job = make_job(box, map_standard_fields=[], stream_maps=maps)

    status = run(
        job,
        schema(customer=INTEGER, points=INTEGER),
        record(customer=1, points=9),
        record(customer=2, points=3),
    )

    assert status == 0
    assert job.values("LyticsAudience_gold") == {1: "gold"}


def test_flattened_fields_are_mapped(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 1)
    job = make_job(
        box,
        map_standard_fields=[],
        map_custom_attributes=[{"from": "profile__tier", "to": "Tier"}],
        flattening_enabled=True,
        flattening_max_depth=1,
    )
    profile = {"type": "object", "properties": {"tier": STRING}}

    run(job, schema(id=INTEGER, profile=profile), record(id=1, profile={"tier": "a"}))

    assert job.values("Tier") == {1: "a"}


def test_empty_schema_is_accepted(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 1)
    job = make_job(box, map_standard_fields=[{"from": "company", "to": "company"}])

    status = run(job, schema(), record(id=1, company="New"), record(id=None))

    assert status == 0
    assert job.outcomes == {"updated": 1, "skipped": 1}
    assert box.store.customers[1]["company"] == "New"


@pytest.mark.parametrize("choice", ["match", "create"])
def test_matching_by_email_needs_no_id_field(
    choice: str, box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, 1)
    job = make_job(box, on_missing_id=choice, map_standard_fields=NAMES)

    status = run(job, schema(email=STRING), record(email=person(1)["email"]))

    assert status == 0
    assert job.values() == {1: VIP}


@pytest.mark.parametrize(
    ("length", "config", "error"),
    [
        (LONGEST_STREAM + 1, {}, "would have 256 characters; BigCommerce accepts 255"),
        (256, {"audience_attribute": "VIP"}, "has a name of 256 characters"),
    ],
)
def test_too_long_stream_name_ends_the_run(
    box: Sandbox,
    make_job: MakeJob,
    caplog: pytest.LogCaptureFixture,
    length: int,
    config: dict[str, Any],
    error: str,
) -> None:
    stream = "s" * length
    job = make_job(box, map_standard_fields=[], **config)

    status = run(job, schema(stream, id={}), record(stream, id=1))

    assert status == 1
    assert error in caplog.text
    assert not box.store.attributes


def test_longest_stream_name_is_accepted(box: Sandbox, make_job: MakeJob) -> None:
    stream = "s" * LONGEST_STREAM
    put_customers(box, 1)
    job = make_job(box, map_standard_fields=[])

    run(job, schema(stream, id={}), record(stream, id=1))

    assert job.values(f"LyticsAudience_{stream}") == {1: stream}


def test_repeated_schema_starts_no_drain(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 1, 2)
    job = make_job(box, map_standard_fields=[])

    status = run(
        job, schema(id=INTEGER), record(id=1), schema(id=INTEGER), record(id=2)
    )

    assert status == 0
    assert job.values() == {1: VIP, 2: VIP}
    assert job.calls()["GET /customers"] == 1


def test_schema_with_same_mapped_part_keeps_the_sink(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, 1, 2)
    maps = {VIP: {"id": "id", "__else__": None}}
    job = make_job(box, map_standard_fields=[], stream_maps=maps)

    status = run(
        job,
        schema(id=INTEGER),
        record(id=1),
        schema(id=INTEGER, email=STRING),
        record(id=2),
    )

    assert status == 0
    assert job.values() == {1: VIP, 2: VIP}


def test_version_clears_nothing_with_on_exit_keep(
    audience: Sandbox, make_job: MakeJob
) -> None:
    job = make_job(audience, map_standard_fields=[])
    versioned = {**record(id=1), "version": 2}

    status = run(
        job,
        schema(id=INTEGER),
        versioned,
        {"type": "ACTIVATE_VERSION", "stream": VIP, "version": 2},
    )

    assert status == 0
    assert job.values() == {1: VIP, 2: VIP, 3: VIP}
