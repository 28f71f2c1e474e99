"""The value of each member reported as left is cleared, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.customers import NAMES, VIP, Record, leaver, member, put
from support.target_job import MakeJob, clearing

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.store import MakeBox


def test_who_left_is_cleared(audience: Sandbox, make_job: MakeJob) -> None:
    job = clearing(make_job, audience)

    outcomes = job.write(leaver(1), leaver("2"), leaver(4))

    assert outcomes == {"cleared": 2, "unchanged": 1}
    assert job.values() == {3: VIP}


def test_who_left_keeps_the_value_unless_asked(
    audience: Sandbox, make_job: MakeJob
) -> None:
    job = make_job(audience, map_standard_fields=[])

    outcomes = job.write(leaver(1))

    assert outcomes == {"kept": 1}
    assert job.values().keys() == {1, 2, 3}


def test_an_exit_updates_and_creates_nothing(
    audience: Sandbox, make_job: MakeJob
) -> None:
    job = clearing(
        make_job, audience, map_standard_fields=NAMES, on_missing_id="create"
    )
    fields = {"email": "new@example.com", "company": "After", "first_name": 5}

    outcomes = job.write({**leaver(1), **fields}, {**leaver(None), **fields})

    assert outcomes == {"cleared": 1, "skipped": 1}
    assert audience.store.customers[1]["company"] == ""
    assert len(audience.store.customers) == 4


def test_an_exit_of_an_unknown_customer_is_no_reject(
    audience: Sandbox, make_job: MakeJob
) -> None:
    outcomes = clearing(make_job, audience).write(leaver(99))

    assert outcomes == {"unchanged": 1}


def test_who_left_and_came_back_is_a_member(
    audience: Sandbox, make_job: MakeJob
) -> None:
    job = clearing(make_job, audience)

    at_once = job.write(leaver(1), member(1))
    job.write(leaver(2))
    job.write(member(2))

    assert at_once == {"merged": 1, "unchanged": 1}
    assert job.values() == {1: VIP, 2: VIP, 3: VIP}


def test_who_came_and_left_is_no_member(audience: Sandbox, make_job: MakeJob) -> None:
    job = clearing(make_job, audience)

    outcomes = job.write(member(1), leaver(1), member(4), leaver(4))

    assert outcomes == {"merged": 2, "cleared": 1, "unchanged": 1}
    assert job.values() == {2: VIP, 3: VIP}


def test_the_values_of_who_came_and_left_are_written_as_in_order(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 1)
    mapped = [{"from": "tier", "to": "Tier"}]
    job = clearing(make_job, box, map_custom_attributes=mapped)

    job.write(member(1, tier="gold"), leaver(1))

    assert job.values("Tier") == {1: "gold"}
    assert job.values() == {}


def test_another_s_value_in_the_attribute_stays(
    audience: Sandbox, make_job: MakeJob
) -> None:
    [number] = audience.store.attributes
    audience.store.values[1, number] = "another_audience"
    job = clearing(make_job, audience)

    outcomes = job.write(leaver(1))

    assert outcomes == {"unchanged": 1}
    assert job.values()[1] == "another_audience"


def test_exits_alone_create_no_attribute(box: Sandbox, make_job: MakeJob) -> None:
    put(box, 1)

    clearing(make_job, box).write(leaver(1))

    assert not box.store.attributes


def test_a_first_try_clears_nobody(audience: Sandbox, make_job: MakeJob) -> None:
    job = clearing(make_job, audience, limit=10)

    outcomes = job.write(leaver(1))

    assert outcomes == {"kept": 1}


def test_a_dry_run_clears_nobody_and_says_who(
    audience: Sandbox, make_job: MakeJob, capsys: pytest.CaptureFixture[str]
) -> None:
    job = clearing(make_job, audience, dry_run=True)

    outcomes = job.write(leaver(1))

    assert outcomes == {"cleared": 1}
    assert job.values().keys() == {1, 2, 3}
    assert VIP in capsys.readouterr().err


@pytest.mark.parametrize("by_version", [False, True])
def test_a_dry_run_counts_the_calls_that_clearing_would_cost(
    box: Sandbox, make_job: MakeJob, *, by_version: bool
) -> None:
    put(box, *range(1, 201))
    make_job(box, map_standard_fields=[]).write(*map(member, range(1, 201)))
    job = clearing(make_job, box, dry_run=True, max_clear_percent=100)
    gone = map(leaver, range(1, 151))

    if by_version:
        job.write(*map(member, range(151, 201)), version=7)
        job.activate(7)
    else:
        job.write(*gone)

    assert job.run.dry_run is not None
    assert job.run.dry_run.store.writes == 2
    assert len(job.values()) == 200


# A model of it all.

REPORTED = st.tuples(st.sampled_from([member, leaver]), st.integers(1, 5))
BATCHES = st.lists(st.lists(REPORTED, max_size=8), min_size=1, max_size=3)


@given(batches=BATCHES, answers_are_lost=st.booleans())
@settings(max_examples=settings().max_examples // 4)
def test_the_store_has_exactly_those_whose_last_record_is_a_member_s(
    make_box: MakeBox,
    open_job: MakeJob,
    batches: list[list[tuple[Callable[[int], Record], int]]],
    answers_are_lost: bool,  # noqa: FBT001 - drawn by name
) -> None:
    box = make_box(fault_rates={"503_after": 0.2} if answers_are_lost else {})
    put(box, 1, 2, 3, 4)  # The store has no 5.
    job = clearing(open_job, box)
    last: dict[int, Any] = {}

    for batch in batches:
        last |= {number: tell for tell, number in batch}
        job.write(*(tell(number) for tell, number in batch))

    members = {n for n, tell in last.items() if tell is member and n != 5}
    assert job.values() == dict.fromkeys(members, VIP)
    job.close()
