"""The value of each member reported as left is cleared, and no other."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.customers import NAMES, VIP, Record, leaver, member, put_customers
from support.target_job import MakeJob, clearing_job
from target_bigcommerce.summary import RunEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.store import MakeBox


@pytest.mark.parametrize(
    ("records", "outcomes", "members"),
    [
        ([leaver(1), leaver("2"), leaver(4)], {"cleared": 2, "unchanged": 1}, {3}),
        ([leaver(99)], {"unchanged": 1}, {1, 2, 3}),
        ([leaver(1), member(1)], {"merged": 1, "unchanged": 1}, {1, 2, 3}),
        (
            [member(1), leaver(1), member(4), leaver(4)],
            {"cleared": 1, "unchanged": 3},
            {2, 3},
        ),
    ],
    ids=["left", "unknown", "left, returned", "joined, left"],
)
def test_member_who_left_is_cleared(
    audience: Sandbox,
    make_job: MakeJob,
    records: list[Record],
    outcomes: dict[str, int],
    members: set[int],
) -> None:
    job = clearing_job(make_job, audience)

    assert job.write(*records) == outcomes
    assert job.values() == dict.fromkeys(members, VIP)


@pytest.mark.parametrize("config", [{}, {"on_exit": "clear", "limit": 10}], ids=str)
def test_exit_is_kept_by_default_and_with_a_limit(
    audience: Sandbox, make_job: MakeJob, config: dict[str, Any]
) -> None:
    job = make_job(audience, map_standard_fields=[], **config)

    outcomes = job.write(leaver(1))

    assert outcomes == {"kept": 1}
    assert job.values().keys() == {1, 2, 3}


def test_exit_updates_and_creates_nothing(audience: Sandbox, make_job: MakeJob) -> None:
    job = clearing_job(
        make_job, audience, map_standard_fields=NAMES, on_missing_id="create"
    )
    fields = {"email": "new@example.com", "company": "After", "first_name": 5}

    outcomes = job.write({**leaver(1), **fields}, {**leaver(None), **fields})

    assert outcomes == {"cleared": 1, "skipped": 1}
    assert audience.store.customers[1]["company"] == ""
    assert len(audience.store.customers) == 4


def test_values_are_written_before_the_exit(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 1)
    mapped = [{"from": "tier", "to": "Tier"}]
    job = clearing_job(make_job, box, map_custom_attributes=mapped)

    job.write(member(1, tier="gold"), leaver(1))

    assert job.values("Tier") == {1: "gold"}
    assert job.values() == {}


def test_value_of_another_audience_is_kept(
    audience: Sandbox, make_job: MakeJob
) -> None:
    [number] = audience.store.attributes
    audience.store.values[1, number] = "another_audience"
    job = clearing_job(make_job, audience)

    outcomes = job.write(leaver(1))

    assert outcomes == {"unchanged": 1}
    assert job.values()[1] == "another_audience"


def test_exits_create_no_attribute(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 1)

    clearing_job(make_job, box).write(leaver(1))

    assert not box.store.attributes


def test_dry_run_shows_exits_and_clears_nothing(
    audience: Sandbox, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    job = clearing_job(make_job, audience, dry_run=True)

    outcomes = job.write(leaver(1))

    assert outcomes == {"cleared": 1}
    assert job.values().keys() == {1, 2, 3}
    job.run.report(RunEnd(exit_status=0))
    assert f"LyticsAudience_{VIP} 1. Customer ids: 1." in caplog.text


@pytest.mark.parametrize("by_version", [False, True])
def test_dry_run_counts_the_calls_of_clearing(
    box: Sandbox, make_job: MakeJob, *, by_version: bool
) -> None:
    put_customers(box, *range(1, 201))
    make_job(box, map_standard_fields=[]).write(*map(member, range(1, 201)))
    job = clearing_job(make_job, box, dry_run=True, max_clear_percent=100)

    if by_version:
        job.write(*map(member, range(151, 201)), version=7)
        job.activate(7)
    else:
        job.write(*map(leaver, range(1, 151)))

    assert job.run.dry_run is not None
    assert job.run.dry_run.store.writes == 2
    assert len(job.values()) == 200


# Any sequence of records.

REPORTED = st.tuples(st.sampled_from([member, leaver]), st.integers(1, 5))
BATCHES = st.lists(st.lists(REPORTED, max_size=8), min_size=1, max_size=3)


@pytest.mark.guarantee("exits-after-stream-maps")
@given(batches=BATCHES, responses_are_lost=st.booleans())
@settings(max_examples=settings().max_examples // 4)
def test_last_record_decides_membership(
    make_box: MakeBox,
    open_job: MakeJob,
    batches: list[list[tuple[Callable[[int], Record], int]]],
    responses_are_lost: bool,  # noqa: FBT001 - drawn by name
) -> None:
    box = make_box(fault_rates={"503_after": 0.2} if responses_are_lost else {})
    put_customers(box, 1, 2, 3, 4)  # The store has no 5.
    job = clearing_job(open_job, box)
    last: dict[int, Any] = {}

    for batch in batches:
        last |= {number: make for make, number in batch}
        job.write(*(make(number) for make, number in batch))

    members = {n for n, make in last.items() if make is member and n != 5}
    assert job.values() == dict.fromkeys(members, VIP)
    job.close()
