"""Who is absent from a version is cleared, and only where that is certain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.customers import NAMES, VIP, Record, leaver, member, put
from support.target_job import MakeJob, clearing

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox


def test_who_was_not_seen_under_the_version_is_cleared(
    audience: Sandbox, make_job: MakeJob
) -> None:
    job = clearing(make_job, audience)
    job.write(member(1), member(4), version=7)

    job.activate(7)

    assert job.values() == {1: VIP, 4: VIP}
    assert job.run.stats.cleared_by_version == 2


@pytest.mark.parametrize("by_version", [False, True])
def test_every_value_that_is_cleared_is_a_line_of_the_changes(
    audience: Sandbox, make_job: MakeJob, tmp_path: Path, *, by_version: bool
) -> None:
    path = tmp_path / "changes.jsonl"
    job = clearing(make_job, audience, changes_path=str(path))

    if by_version:
        job.write(member(1), member(2), version=7)
        job.activate(7)
    else:
        job.write(leaver(3))

    [line] = [json.loads(line) for line in path.read_text().splitlines()]
    del line["at"]
    assert line == {
        "stream": VIP,
        "customer_id": 3,
        "attribute": f"LyticsAudience_{VIP}",
        "old": VIP,
        "new": None,
    }
    assert job.run.stats.changes == {f"LyticsAudience_{VIP}": 1}


def test_two_members_of_one_customer_keep_the_value_when_one_leaves(
    audience: Sandbox, make_job: MakeJob
) -> None:
    job = clearing(make_job, audience)
    job.write(*map(member, (1, 2, 3)), version=6)
    job.write(member(1, name="the other"), member(2), member(3), version=7)

    job.activate(7)

    assert job.values().keys() == {1, 2, 3}


@pytest.mark.parametrize("records", [[], [member(1)]], ids=["none", "of another"])
def test_a_version_without_records_clears_nobody_and_says_so(
    audience: Sandbox,
    make_job: MakeJob,
    caplog: pytest.LogCaptureFixture,
    records: list[Record],
) -> None:
    job = clearing(make_job, audience)
    job.write(*records, version=6)

    job.activate(7)

    assert job.values().keys() == {1, 2, 3}
    assert "no value of LyticsAudience_vip_customers is cleared" in caplog.text
    assert "delete this attribute" in caplog.text


def test_an_unreadable_id_could_be_anybody_s_so_nobody_is_cleared(
    audience: Sandbox, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    job = clearing(make_job, audience)
    job.write(member(1), member("seventeen"), version=7)

    job.activate(7)

    assert job.values().keys() == {1, 2, 3}
    assert "no value of LyticsAudience_vip_customers is cleared" in caplog.text


@pytest.mark.parametrize(
    "fields",
    [{"company": "x" * 256}, {"email": "no.such.domain@nowhere"}],
    ids=["here", "there"],
)
def test_a_customer_whose_record_was_rejected_counts_as_seen(
    audience: Sandbox, make_job: MakeJob, fields: Record
) -> None:
    job = clearing(make_job, audience, map_standard_fields=NAMES)
    job.write(member(1, **fields), member(2), member(3), version=7)

    job.activate(7)

    assert job.reject_codes
    assert job.values().keys() == {1, 2, 3}


@pytest.mark.parametrize(
    "fields",
    [{}, {"phone": "1" * 51}, {"email": "M1@example.com", "phone": "1" * 51}],
    ids=["written", "rejected", "other case"],
)
def test_a_customer_who_was_matched_counts_as_seen_also_when_rejected(
    audience: Sandbox, make_job: MakeJob, fields: Record
) -> None:
    mapped = [*NAMES, {"from": "phone", "to": "phone"}]
    job = clearing(
        make_job, audience, map_standard_fields=mapped, on_missing_id="match"
    )
    matched = {"email": "m1@example.com", **fields}
    job.write(matched, member(2), member(3), version=7)

    job.activate(7)

    assert job.values().keys() == {1, 2, 3}


def test_a_created_customer_counts_as_seen(
    audience: Sandbox, make_job: MakeJob
) -> None:
    job = clearing(
        make_job, audience, map_standard_fields=NAMES, on_missing_id="create"
    )
    new = {"email": "new@example.com", "first_name": "New", "last_name": "Person"}
    job.write(new, *map(member, (1, 2, 3)), version=7)

    job.activate(7)

    assert len(job.values()) == 4


def test_another_s_value_outlives_a_version(
    audience: Sandbox, make_job: MakeJob
) -> None:
    [number] = audience.store.attributes
    audience.store.values[4, number] = "another_audience"
    job = clearing(make_job, audience)
    job.write(member(1), version=7)

    job.activate(7)

    assert job.values() == {1: VIP, 4: "another_audience"}


def test_values_on_many_pages_are_all_looked_at(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, *range(1, 601))
    job = clearing(make_job, box)
    job.write(*map(member, range(1, 601)), version=6)
    job.write(*map(member, range(1, 551)), version=7)

    job.activate(7)

    assert job.values().keys() == set(range(1, 551))
