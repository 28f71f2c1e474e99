"""A SCHEMA that says little still leads to customers; a name too long never does."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import to_text
from support.singer import record

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.target_job import Job, MakeJob

Message = dict[str, Any]
BY_EMAIL = [{"from": "email", "to": "email"}]
LONGEST_STREAM = 240


def schema(stream: str = "vip", **properties: object) -> Message:
    shape = {"type": "object", "properties": properties}
    return {"type": "SCHEMA", "stream": stream, "schema": shape, "key_properties": []}


def run(job: Job, *lines: Message) -> int:
    """Run the target over an input; gives its status."""
    return job.target.run(io.StringIO(to_text(lines)))


def test_a_tap_without_a_schema_is_taken(box: Sandbox, make_job: MakeJob) -> None:
    box.store.put_customer(1, email="m1@example.com")
    job = make_job(box, map_standard_fields=[{"from": "company", "to": "company"}])

    status = run(job, schema(), record(1, stream="vip", company="New"), record(None))

    assert status == 0
    assert job.outcomes == {"updated": 1, "skipped": 1}
    assert box.store.customers[1]["company"] == "New"


@pytest.mark.parametrize("choice", ["match", "create"])
def test_who_is_matched_by_address_needs_no_id_field(
    choice: str, box: Sandbox, make_job: MakeJob
) -> None:
    box.store.put_customer(1, email="m1@example.com")
    names = [{"from": name, "to": name} for name in ("first_name", "last_name")]
    job = make_job(box, on_missing_id=choice, map_standard_fields=[*BY_EMAIL, *names])
    row = {"type": "RECORD", "stream": "vip", "record": {"email": "m1@example.com"}}

    status = run(job, schema(email={"type": "string"}), row)

    assert status == 0
    assert job.values("LyticsAudience_vip") == {1: "vip"}


def test_a_stream_whose_attribute_no_store_can_have_is_refused(
    box: Sandbox, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    stream = "s" * (LONGEST_STREAM + 1)
    job = make_job(box, map_standard_fields=[])

    status = run(job, schema(stream, id={}), record(1, stream=stream))

    assert status == 1
    assert "would have 256 characters; BigCommerce accepts 255" in caplog.text
    assert not box.store.attributes


def test_a_stream_whose_name_is_too_long_for_a_value_is_refused(
    box: Sandbox, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    stream = "s" * 256
    job = make_job(box, map_standard_fields=[], audience_attribute="VIP")

    status = run(job, schema(stream, id={}), record(1, stream=stream))

    assert status == 1
    assert "has a name of 256 characters" in caplog.text


def test_a_stream_with_the_longest_name_that_fits_has_its_attribute(
    box: Sandbox, make_job: MakeJob
) -> None:
    stream = "s" * LONGEST_STREAM
    box.store.put_customer(1, email="m1@example.com")
    job = make_job(box, map_standard_fields=[])

    run(job, schema(stream, id={}), record(1, stream=stream))

    assert job.values(f"LyticsAudience_{stream}") == {1: stream}
