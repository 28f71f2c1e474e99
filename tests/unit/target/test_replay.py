"""Rejects hold what the mapping reads, and are replayed without the stream maps."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from support.customers import VIP, put_customers
from support.plugins import to_text
from support.target_job import clearing_job

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox
    from support.target_job import Job, MakeJob

Message = dict[str, Any]
COMPANY = [{"from": "company", "to": "company"}]
LEFT_AT = "2026-01-01T00:00:00Z"


def schema(*names: str, keys: tuple[str, ...] = ()) -> Message:
    shape = {"type": "object", "properties": {name: {} for name in names}}
    return {
        "type": "SCHEMA",
        "stream": VIP,
        "schema": shape,
        "key_properties": list(keys),
    }


def record(**fields: object) -> Message:
    return {"type": "RECORD", "stream": VIP, "record": fields}


def run(job: Job, *messages: Message) -> int:
    """Run the target over an input and return its status."""
    return job.target.run(io.StringIO(to_text(messages)))


def read(folder: Path) -> list[Message]:
    """Read all lines of the rejects file."""
    path = folder / "rejects.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def take(folder: Path) -> list[Message]:
    """Move the rejects away, as before a replay, and read them."""
    found = read(folder)
    (folder / "rejects.jsonl").rename(folder / "replay.jsonl")
    return found


# What a reject holds.

PROFILE = {
    "_member_id": "u1",
    "id": 7,
    "email": "ada@example.com",
    "phone": "+49 30 1",
    "tier": {"name": "gold", "since": 2020},
    "tier.name": "silver",
    "visits": [1, 2],
}


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"map_standard_fields": []}, {"_member_id", "id"}),
        (
            {"map_standard_fields": [{"from": "phone", "to": "phone"}]},
            {"_member_id", "id", "phone"},
        ),
        (
            {"map_standard_fields": [], "map_custom_attributes": [
                {"from": "tier.since", "to": "Since", "type": "number"}
            ]},
            {"_member_id", "id", "tier"},
        ),
        (
            {"map_standard_fields": [], "map_custom_attributes": [
                {"from": "tier.name", "to": "Tier"}
            ]},
            {"_member_id", "id", "tier.name"},
        ),
        (
            {"map_standard_fields": [{"value": "Ltd", "to": "company"}]},
            {"_member_id", "id"},
        ),
    ],
    ids=["key and id", "field", "within an object", "name with a dot", "constant"],
)  # fmt: skip
def test_reject_holds_what_the_mapping_reads(
    box: Sandbox,
    make_job: MakeJob,
    tmp_path: Path,
    config: dict[str, Any],
    kept: set[str],
) -> None:
    job = make_job(box, **config)

    run(job, schema(*PROFILE, keys=("_member_id",)), record(**PROFILE))

    [written_schema, reject] = read(tmp_path)
    assert written_schema == schema(*PROFILE, keys=("_member_id",))
    assert reject["record"] == {name: PROFILE[name] for name in kept}
    assert reject["reject"]["code"] == "unknown_customer"


def test_reject_holds_the_whole_field_of_a_path_to_the_id(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    job = make_job(box, map_standard_fields=[], id_field="ids.store")

    run(job, schema("ids", "email"), record(ids={"store": 7, "crm": 8}, email="x@y.z"))

    assert read(tmp_path)[1]["record"] == {"ids": {"store": 7, "crm": 8}}


def test_reject_lacks_what_the_stream_map_removes(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    maps = {VIP: {"id": "customer", "company": "md5(email)", "__else__": None}}
    job = make_job(box, map_standard_fields=COMPANY, stream_maps=maps)

    run(
        job,
        schema("customer", "email", "company"),
        record(customer="7", email="ada@example.com", company="Secret"),
    )

    text = (tmp_path / "rejects.jsonl").read_text()
    assert "ada@" not in text
    assert "Secret" not in text
    [written_schema, reject] = read(tmp_path)
    assert set(written_schema["schema"]["properties"]) == {"id", "company"}
    assert reject["record"].keys() == {"id", "company"}


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ({}, {"_member_id": "u1", "id": 7}),
        ({"email": None}, {"_member_id": "u1", "id": 7}),
        ({"id": "id", "email": None}, {"_member_id": "u1", "id": 7}),
        ({"id": "str(int(id))", "email": "md5(email)"}, {"_member_id": "u1"}),
        ({"_member_id": "md5(_member_id)"}, {"id": 7}),
        ({"__key_properties__": ["id"], "_member_id": None}, {"id": 7}),
        (
            {"__else__": None, "_member_id": "_member_id", "id": "id"},
            {"_member_id": "u1", "id": 7},
        ),
        (
            {"__else__": None, "_member_id": "_member_id", "id": "email"},
            {"_member_id": "u1"},
        ),
    ],
    ids=str,
)
def test_reject_of_a_failed_map_holds_key_and_id_only(
    box: Sandbox,
    make_job: MakeJob,
    tmp_path: Path,
    more: dict[str, Any],
    kept: dict[str, Any],
) -> None:
    maps = {VIP: {"company": "1 / phone", **more}}
    job = make_job(box, stream_maps=maps)

    run(
        job,
        schema(*PROFILE, keys=("_member_id",)),
        record(**PROFILE),
    )

    [_, reject] = read(tmp_path)
    assert reject["record"] == kept
    assert reject["reject"]["code"] == "failed_map"


def test_every_failed_map_counts_towards_max_rejects(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    maps = {VIP: {"id": "1 / email"}}
    job = make_job(box, map_standard_fields=[], stream_maps=maps, max_rejects=2)

    status = run(
        job, schema("id", "email"), *(record(id=n, email="") for n in range(9))
    )

    assert status == 1
    assert job.reject_codes == {"failed_map": 3}
    assert [line["record"] for line in read(tmp_path)[1:]] == [{}]


# Replaying.

MAPS: dict[str, dict[str, Any]] = {
    "renames": {VIP: {"id": "customer", "company": "firm", "__else__": None}},
    "is not idempotent": {VIP: {"id": "customer", "company": "firm + '!'"}},
    "filters": {VIP: {"__filter__": "'customer' in record", "id": "customer"}},
    "has an alias": {VIP: {"__alias__": "gold", "id": "customer", "company": "firm"}},
    "drops other streams": {
        VIP: {"__alias__": "gold", "id": "customer", "company": "firm"},
        "__else__": None,
    },
}


@pytest.mark.parametrize("maps", MAPS.values(), ids=MAPS)
def test_reject_is_replayed_without_stream_maps(
    box: Sandbox, make_job: MakeJob, tmp_path: Path, maps: dict[str, Any]
) -> None:
    config = {"map_standard_fields": COMPANY, "stream_maps": maps}
    run(
        make_job(box, **config),
        schema("customer", "firm", "company"),
        record(customer="7", firm="Ltd"),
    )
    rejects = take(tmp_path)
    put_customers(box, 7)

    job = make_job(box, **config)
    status = run(job, *rejects)

    assert status == 0
    assert job.outcomes == {"updated": 1}
    stream = rejects[1]["stream"]
    assert job.values(f"LyticsAudience_{stream}") == {7: stream}
    written = rejects[1]["record"].get("company")
    assert written is None or box.store.customers[7]["company"] == written


@pytest.mark.parametrize(
    "edit",
    [None, {}, "fixed", [], {"code": "fixed"}, {"code": None}, {"code": ["too_long"]}],
    ids=str,
)
def test_corrected_reject_is_written(
    box: Sandbox, make_job: MakeJob, tmp_path: Path, edit: object
) -> None:
    put_customers(box, 7)
    maps = {VIP: {"company": "company + '!'"}}
    config = {"map_standard_fields": COMPANY, "stream_maps": maps}
    run(
        make_job(box, **config),
        schema("id", "company"),
        record(id=7, company="x" * 300),
    )
    [written_schema, reject] = take(tmp_path)
    reject["record"]["company"] = "Short"
    reject["reject"] = edit

    job = make_job(box, **config)
    run(job, written_schema, reject)

    assert job.outcomes == {"updated": 1}
    assert box.store.customers[7]["company"] == "Short"


def test_replayed_exit_is_still_an_exit(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    put_customers(box, 7)
    run(make_job(box, map_standard_fields=[]), schema("id"), record(id=7))
    left = record(id="no. 7", email="ada@example.com", _sdc_deleted_at=LEFT_AT)
    run(clearing_job(make_job, box), schema("id"), left)
    [written_schema, reject] = take(tmp_path)
    assert reject["record"] == {"id": "no. 7", "_sdc_deleted_at": LEFT_AT}
    reject["record"]["id"] = 7

    job = clearing_job(make_job, box)
    run(job, written_schema, reject)

    assert job.outcomes == {"cleared": 1}
    assert job.values() == {}


def test_reject_of_a_failed_map_cannot_be_replayed(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    put_customers(box, 7)
    failing = {VIP: {"company": "1 / phone"}}
    run(
        make_job(box, stream_maps=failing),
        schema("id", "phone"),
        record(id=7, phone=""),
    )

    job = make_job(box)
    run(job, *take(tmp_path))

    assert job.reject_codes == {"failed_map": 1}
    assert job.values() == {}
    [_, reject] = read(tmp_path)
    assert "sync it again" in reject["reject"]["reason"]


def test_replayed_and_new_records_can_alternate(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, 1, 2, 3, 4)
    maps = {VIP: {"company": "company + '!'"}}
    job = make_job(box, map_standard_fields=COMPANY, stream_maps=maps)
    records = [record(id=n, company="Ltd") for n in (1, 2, 3, 4)]
    for each in records[::2]:
        each["reject"] = {}

    run(job, schema("id", "company"), *records)

    companies = {n: box.store.customers[n]["company"] for n in (1, 2, 3, 4)}
    assert companies == {1: "Ltd", 2: "Ltd!", 3: "Ltd", 4: "Ltd!"}


def test_replay_needs_a_schema(
    box: Sandbox, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    status = run(make_job(box), {**record(id=7), "reject": {}})

    assert status == 1
    assert "came before its SCHEMA" in caplog.text


def test_rejects_of_a_replay_are_written_again(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    run(make_job(box, map_standard_fields=[]), schema("id"), record(id=7))
    first = take(tmp_path)

    run(make_job(box, map_standard_fields=[]), *first)

    again = read(tmp_path)
    assert [line.get("record") for line in again] == [None, {"id": 7}]


def test_three_runs_keep_one_line_for_each_reject(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    for _ in range(3):
        run(
            make_job(box, map_standard_fields=[]),
            schema("id", "phone"),
            *(record(id=n, phone=str(n)) for n in range(1, 18)),
        )

    assert [line["record"]["id"] for line in read(tmp_path)[1:]] == list(range(1, 18))
