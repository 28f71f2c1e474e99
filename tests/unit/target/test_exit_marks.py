"""Which records report that a member left, before and after the stream maps."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from support.customers import VIP, Record, leaver
from support.plugins import to_text
from support.strategies import JSON
from support.target_job import MakeJob, clearing_job
from target_bigcommerce.exits import is_mark

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox
    from support.target_job import Job

Message = dict[str, Any]
LEFT_AT = "2026-03-01T08:00:00Z"


@pytest.mark.parametrize(
    "value",
    [
        *(LEFT_AT, "2026-03-01", " x ", "true", "1", "no", "1772352000"),
        *(1, 0.5, 1_772_352_000, Decimal("1772352000.5"), 10**30),
        *(datetime(2026, 3, 1, tzinfo=UTC), date(2026, 3, 1)),
    ],
    ids=repr,
)
def test_text_and_positive_number_are_a_mark(value: object) -> None:
    assert is_mark(value)


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "  ", "\t\n", "null", "NULL", " Null ", "false", "False", "FALSE "),
        *("0", " 0 ", "0.0", "0001-01-01T00:00:00Z", "0000-00-00 00:00:00"),
        *(0, 0.0, -1, -0.5, Decimal(0), Decimal("NaN"), float("nan")),
        *(True, False, [], [LEFT_AT], {}, {"at": LEFT_AT}),
    ],
    ids=repr,
)
def test_empty_false_and_zero_are_no_mark(value: object) -> None:
    assert not is_mark(value)


@given(value=JSON)
def test_any_value_is_a_mark_or_none(value: object) -> None:
    assert is_mark(value) in {True, False}


@pytest.mark.parametrize("value", ["", False, 0, "0", "false", True, None], ids=repr)
def test_member_without_a_mark_is_kept(
    audience: Sandbox, make_job: MakeJob, value: object
) -> None:
    job = clearing_job(make_job, audience)

    outcomes = job.write({"id": 1, "_sdc_deleted_at": value})

    assert outcomes == {"unchanged": 1}
    assert job.values().keys() == {1, 2, 3}


# Stream maps.


def schema(*names: str, stream: str = VIP) -> Message:
    shape = {"type": "object", "properties": {name: {} for name in names}}
    return {"type": "SCHEMA", "stream": stream, "schema": shape, "key_properties": []}


def record(stream: str = VIP, **fields: object) -> Message:
    return {"type": "RECORD", "stream": stream, "record": fields}


def run(job: Job, *messages: Message) -> int:
    """Run the target over an input and return its status."""
    return job.target.run(io.StringIO(to_text(messages)))


COMPUTED = "1 if status == 'gone' else 0"
MARKED = {"id": 1, "_sdc_deleted_at": LEFT_AT}


@pytest.mark.parametrize(
    ("rule", "fields", "is_cleared"),
    [
        ({"_sdc_deleted_at": "deleted_at"}, {"id": 1, "deleted_at": LEFT_AT}, True),
        ({"_sdc_deleted_at": "deleted_at"}, {"id": 1, "deleted_at": None}, False),
        ({"_sdc_deleted_at": "deleted_at"}, {"id": 1, "deleted_at": "0"}, False),
        ({"_sdc_deleted_at": "status != 'new'"}, {"id": 1, "status": "gone"}, False),
        ({"_sdc_deleted_at": COMPUTED}, {"id": 1, "status": "gone"}, True),
        ({"_sdc_deleted_at": COMPUTED}, {"id": 1, "status": "new"}, False),
        ({"_sdc_deleted_at": None}, MARKED, False),
        ({"_sdc_deleted_at": "__NULL__"}, MARKED, False),
        ({"_sdc_deleted_at": "''"}, MARKED, False),
        ({"_sdc_deleted_at": "str(_sdc_deleted_at)[:4]"}, MARKED, True),
        ({"__filter__": "_sdc_deleted_at is None"}, MARKED, False),
        ({"__filter__": "not record.get('_sdc_deleted_at')"}, MARKED, False),
        ({"__filter__": "points > 5"}, MARKED, True),
        ({"id": "id", "__else__": None}, MARKED, True),
        ({"id": "id", "left": "_sdc_deleted_at", "__else__": None}, MARKED, False),
        ({"id": "customer"}, {"customer": 1, "_sdc_deleted_at": LEFT_AT}, True),
        ({"company": "name.upper()"}, MARKED, True),
        ({"company": "points + 1", "tier": "name[0]"}, MARKED, True),
    ],
    ids=[
        *("made", "made, null", "made, zero", "boolean", "computed", "computed, zero"),
        *("removed", "removed by name", "blank", "cut", "filtered", "filtered by name"),
        *("filter of a missing field", "others excluded", "mark used otherwise"),
        *("renamed id", "method of a missing field", "missing fields"),
    ],
)  # fmt: skip
def test_stream_map_decides_who_left(
    audience: Sandbox,
    make_job: MakeJob,
    rule: Message,
    fields: Record,
    *,
    is_cleared: bool,
) -> None:
    job = clearing_job(make_job, audience, stream_maps={VIP: rule})
    names = (
        "id",
        "_sdc_deleted_at",
        "deleted_at",
        "status",
        "points",
        "name",
        "customer",
    )

    status = run(job, schema(*names), record(**fields))

    assert status == 0
    assert job.reject_codes == {}
    assert job.values().keys() == ({2, 3} if is_cleared else {1, 2, 3})


def test_leaver_by_a_stream_map_is_not_written_as_member(
    audience: Sandbox, make_job: MakeJob
) -> None:
    rule = {"_sdc_deleted_at": "deleted_at"}
    job = clearing_job(make_job, audience, stream_maps={VIP: rule})

    run(job, schema("id", "deleted_at"), record(id=4, deleted_at=LEFT_AT))

    assert job.outcomes == {"unchanged": 1}
    assert 4 not in job.values()


@pytest.mark.parametrize(
    "maps",
    [
        {"members": {"__alias__": VIP}},
        {"members": {"__alias__": VIP, "id": "int(id)", "__else__": None}},
        {"members": None, VIP: {"__source__": "members", "__filter__": "id > 0"}},
    ],
    ids=["alias", "alias without others", "derived"],
)
def test_exit_of_an_aliased_stream_is_cleared(
    audience: Sandbox, make_job: MakeJob, maps: Message
) -> None:
    job = clearing_job(make_job, audience, stream_maps=maps)

    run(
        job,
        schema("id", "_sdc_deleted_at", stream="members"),
        record("members", **MARKED),
        record("members", id=2),
    )

    assert job.values() == {2: VIP, 3: VIP}


def test_rejected_exit_keeps_its_mark_for_replay(
    audience: Sandbox,
    make_job: MakeJob,
    tmp_path: Path,
) -> None:
    maps = {VIP: {"_sdc_deleted_at": "gone", "__else__": None, "id": "id"}}
    job = clearing_job(make_job, audience, stream_maps=maps)

    run(job, schema("id", "gone"), record(id="no. 1", gone=LEFT_AT))

    text = (tmp_path / "rejects.jsonl").read_text()
    assert f'"_sdc_deleted_at":"{LEFT_AT}"' in text
    assert "gone" not in text


# The warning about an input without exits.

WARNING = "the input reported no exits"


@pytest.mark.parametrize(
    ("messages", "maps", "is_warned"),
    [
        ([schema("id"), record(id=1)], {}, True),
        ([schema("id"), record(id=1, _sdc_deleted_at=None)], {}, True),
        ([schema("id", "_sdc_deleted_at"), record(id=1)], {}, False),
        ([schema("id")], {}, False),
        ([], {}, False),
        ([schema("id"), {**record(id=1), "version": 5}], {}, False),
        ([schema("id"), record(**leaver(1))], {}, False),
        ([schema("id", "at"), record(id=1)], {VIP: {"_sdc_deleted_at": "at"}}, False),
        (
            [schema("id", "_sdc_deleted_at"), record(id=1)],
            {VIP: {"_sdc_deleted_at": None}},
            True,
        ),
        (
            [schema("id", "_sdc_deleted_at"), record(id=1)],
            {VIP: {"id": "id", "__else__": None}},
            False,
        ),
    ],
    ids=[
        *("no mark", "null mark only", "mark in the SCHEMA", "no record", "no input"),
        *("version", "exit", "made by a map", "removed by a map", "others excluded"),
    ],
)
def test_warning_only_if_the_tap_cannot_report_exits(
    audience: Sandbox,
    make_job: MakeJob,
    caplog: pytest.LogCaptureFixture,
    messages: list[Message],
    maps: Message,
    *,
    is_warned: bool,
) -> None:
    job = clearing_job(make_job, audience, stream_maps=maps)

    run(job, *messages)

    assert (WARNING in caplog.text) is is_warned


# Likely mistakes in stream maps.


@pytest.mark.parametrize(
    ("maps", "warning"),
    [
        ({"vpi_customers": {"email": None}}, "an entry for vpi_customers, which is no"),
        ({VIP: {"emial": None}}, "removes field emial from stream vip_customers"),
        ({VIP: {"phone": "md5(emial)"}}, "uses field emial for phone"),
    ],
    ids=["stream", "removed field", "used field"],
)
def test_stream_map_that_names_nothing_is_one_warning(
    audience: Sandbox,
    make_job: MakeJob,
    caplog: pytest.LogCaptureFixture,
    maps: Message,
    warning: str,
) -> None:
    job = clearing_job(make_job, audience, stream_maps=maps)
    described = schema("id", "email")

    run(job, described, record(id=1), schema("id", "email", "more"), record(id=2))

    assert len([line for line in caplog.messages if warning in line]) == 1


@pytest.mark.parametrize(
    "rule",
    [
        {"key": "_member_id", "__key_properties__": ["key"]},
        {"_member_id": None, "__key_properties__": None},
        {"id": "int(id)", "__key_properties__": ["id"], "__else__": None},
    ],
    ids=["renamed", "removed", "another"],
)
def test_exit_of_a_stream_with_another_key_is_cleared(
    audience: Sandbox, make_job: MakeJob, rule: Message
) -> None:
    job = clearing_job(make_job, audience, stream_maps={VIP: rule})
    described = schema("_member_id", "id", "_sdc_deleted_at")

    status = run(
        job,
        described | {"key_properties": ["_member_id"]},
        record(_member_id="a", **MARKED),
        record(_member_id="b", id=2, _sdc_deleted_at=None),
    )

    assert status == 0
    assert job.values() == {2: VIP, 3: VIP}
