"""Customers without a record of the active version are cleared."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
from pyroaring import BitMap64

from support.customers import NAMES, VIP, Record, leaver, member
from support.target_job import MakeJob, clearing_job
from target_bigcommerce.exits import KEPT_VERSIONS, SeenMembers, StreamVersions

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox


def test_customers_missing_from_the_version_are_cleared(
    audience: Sandbox, make_job: MakeJob
) -> None:
    job = clearing_job(make_job, audience)
    job.write(member(1), member(4), version=7)

    job.activate(7)

    assert job.values() == {1: VIP, 4: VIP}
    assert job.run.stats.cleared_by_version == 2


@pytest.mark.parametrize("by_version", [False, True])
def test_cleared_value_is_in_the_change_log(
    audience: Sandbox, make_job: MakeJob, tmp_path: Path, *, by_version: bool
) -> None:
    path = tmp_path / "changes.jsonl"
    job = clearing_job(make_job, audience, changes_path=str(path))

    if by_version:
        job.write(member(1), member(2), version=7)
        job.activate(7)
    else:
        job.write(leaver(3))

    [line] = [json.loads(line) for line in path.read_text().splitlines()]
    del line["at"]
    assert line == {
        "id": 4,
        "run": 2,
        "stream": VIP,
        "customer_id": 3,
        "attribute": f"LyticsAudience_{VIP}",
        "old": VIP,
        "new": None,
    }
    assert job.run.stats.changes == {f"LyticsAudience_{VIP}": 1}


def test_value_is_kept_while_one_of_two_members_stays(
    audience: Sandbox, make_job: MakeJob
) -> None:
    job = clearing_job(make_job, audience)
    job.write(*map(member, (1, 2, 3)), version=6)
    job.write(member(1, name="the other"), member(2), member(3), version=7)

    job.activate(7)

    assert job.values().keys() == {1, 2, 3}


@pytest.mark.parametrize(
    ("version", "records"),
    [(6, []), (6, [member(1)]), (7, [member(1), member("seventeen")])],
    ids=["no records", "another version", "unreadable id"],
)
def test_uncertain_version_clears_nothing(
    audience: Sandbox,
    make_job: MakeJob,
    caplog: pytest.LogCaptureFixture,
    version: int,
    records: list[Record],
) -> None:
    job = clearing_job(make_job, audience)
    job.write(*records, version=version)

    job.activate(7)

    assert job.values().keys() == {1, 2, 3}
    assert "no value of LyticsAudience_vip_customers is cleared" in caplog.text
    assert f"clear-audience --audience {VIP}" in caplog.text


@pytest.mark.parametrize(
    ("record", "is_rejected"),
    [
        (member(1, company="x" * 256), True),
        (member(1, email="no.such.domain@invalid"), True),
        ({"email": "m1@example.com"}, False),
        ({"email": "m1@example.com", "company": "x" * 256}, True),
        ({"email": "M1@example.com", "company": "x" * 256}, True),
    ],
    ids=["too long", "store rejects", "matched", "matched, too long", "upper case"],
)
def test_matched_or_rejected_customer_counts_as_seen(
    audience: Sandbox, make_job: MakeJob, record: Record, *, is_rejected: bool
) -> None:
    config = {"map_standard_fields": NAMES, "on_missing_id": "match"}
    job = clearing_job(make_job, audience, **config)
    job.write(record, member(2), member(3), version=7)

    job.activate(7)

    assert bool(job.reject_codes) is is_rejected
    assert job.values().keys() == {1, 2, 3}


def test_created_customer_counts_as_seen(audience: Sandbox, make_job: MakeJob) -> None:
    job = clearing_job(
        make_job, audience, map_standard_fields=NAMES, on_missing_id="create"
    )
    new = {"email": "new@example.com", "first_name": "New", "last_name": "Person"}
    job.write(new, *map(member, (1, 2, 3)), version=7)

    job.activate(7)

    assert len(job.values()) == 4


def test_value_of_another_audience_is_kept(
    audience: Sandbox, make_job: MakeJob
) -> None:
    [number] = audience.store.attributes
    audience.store.values[4, number] = "another_audience"
    job = clearing_job(make_job, audience)
    job.write(member(1), version=7)

    job.activate(7)

    assert job.values() == {1: VIP, 4: "another_audience"}


# The members seen under a version.


def test_record_without_a_version_is_not_counted() -> None:
    assert StreamVersions().add_record("vip", None) is None


def test_records_are_counted_by_stream_and_version() -> None:
    versions = StreamVersions()

    for stream, version in [("vip", 1), ("vip", 1), ("news", 1), ("vip", 2)]:
        versions.add_record(stream, version)

    assert versions.members("vip", 1).records == 2
    assert versions.members("news", 1).records == 1
    assert versions.members("vip", 2).records == 1


def test_version_without_records_has_no_members() -> None:
    assert StreamVersions().members("vip", 1) == SeenMembers()


def test_seen_customers_are_kept_by_version() -> None:
    versions = StreamVersions()

    for number in (3, 5):
        seen = versions.add_record("vip", 1)
        assert seen is not None
        seen.customers.add(number)

    assert list(versions.members("vip", 1).customers) == [3, 5]


def test_only_the_last_two_versions_are_kept() -> None:
    versions = StreamVersions()

    for version in range(5):
        versions.add_record("vip", version)

    kept = [v for v in range(5) if versions.members("vip", v).records]
    assert kept == [3, 4]
    assert len(kept) == KEPT_VERSIONS


def test_million_customers_take_under_20_mb() -> None:
    rng = random.Random(1)  # noqa: S311 - repeatable
    dense = BitMap64(range(1, 1_000_001))
    scattered = BitMap64(rng.sample(range(1, 10_000_000), 1_000_000))

    for customers in (dense, scattered):
        assert len(customers) == 1_000_000
        assert len(customers.serialize()) < 20_000_000
