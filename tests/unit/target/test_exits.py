"""Who is told to have left is cleared exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from audience_members import NAMES, VIP, Record, leaver, member, put
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Sandbox
from target_bigcommerce.errors import InputError, TooManyClearsError
from target_bigcommerce.run.dry_run import DryStore

if TYPE_CHECKING:
    from conftest import Job

MakeBox = Callable[..., Sandbox]
MakeJob = Callable[..., "Job"]


def clearing(make_job: MakeJob, box: Sandbox, **config: object) -> Job:
    return make_job(box, **{"map_standard_fields": [], "on_exit": "clear", **config})


# Exits told by records.


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

    assert isinstance(job.export.store, DryStore)
    assert job.export.store.writes == 2
    assert len(job.values()) == 200


# The guard.


def test_too_many_exits_clear_no_more_and_count_nothing(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, *range(1, 1001))
    make_job(box, map_standard_fields=[]).write(*map(member, range(1, 1001)))
    job = clearing(make_job, box)

    with pytest.raises(TooManyClearsError, match="max_clear_percent 20"):
        job.write(*map(leaver, range(1, 301)))

    assert len(job.values()) == 800
    assert job.export.tally.outcomes == {"cleared": 200}


def test_a_version_is_judged_before_its_first_deletion(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, *range(1, 1001))
    job = clearing(make_job, box)
    job.write(*map(member, range(1, 1001)), version=6)
    job.write(*map(member, range(1, 701)), version=7)

    with pytest.raises(TooManyClearsError, match="300 of the 1,000 values"):
        job.activate(7)

    assert len(job.values()) == 1000


def test_both_kinds_of_exit_count_together(box: Sandbox, make_job: MakeJob) -> None:
    put(box, *range(1, 1001))
    job = clearing(make_job, box)
    job.write(*map(member, range(1, 1001)), version=6)
    job.write(*map(leaver, range(901, 1001)))
    job.write(*map(member, range(1, 751)), version=7)

    with pytest.raises(TooManyClearsError, match="250 of the 1,000 values"):
        job.activate(7)


# Two audiences, one store.


def test_two_audiences_have_an_attribute_each(box: Sandbox, make_job: MakeJob) -> None:
    put(box, 1, 2)
    job = clearing(make_job, box)

    job.write(member(1), version=7)
    job.write(member(1), member(2), stream="news", version=7)
    job.write(leaver(1), stream="news")
    job.activate(7)

    assert job.values() == {1: VIP}
    assert job.values("LyticsAudience_news") == {2: "news"}


@pytest.mark.parametrize("config", [{"job_id": "17"}, {"audience_attribute": "A"}])
def test_an_attribute_has_one_writer(
    box: Sandbox, make_job: MakeJob, config: Record
) -> None:
    put(box, 1)
    job = make_job(box, map_standard_fields=[], **config)
    job.write(member(1))
    box.journal.clear()

    with pytest.raises(InputError, match=r"vip_customers and news would both write"):
        job.write(member(1), stream="news")

    assert not len(box.journal)


def test_a_derived_attribute_that_is_also_mapped_is_refused(
    box: Sandbox, make_job: MakeJob
) -> None:
    mapped = [{"from": "x", "to": f"LyticsAudience_{VIP}"}]
    job = make_job(box, map_standard_fields=[], map_custom_attributes=mapped)

    with pytest.raises(InputError, match="two writers of one attribute"):
        job.write(member(1))


# A model of it all.

TOLD = st.tuples(st.sampled_from([member, leaver]), st.integers(1, 5))
BATCHES = st.lists(st.lists(TOLD, max_size=8), min_size=1, max_size=3)


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
