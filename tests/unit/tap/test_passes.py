"""Passes over an audience: who is sent, who is not, and what the state keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_lytics.errors import AudienceError

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeJob = Callable[..., Any]


def test_the_first_run_without_existing_users_sends_nobody(make_job: MakeJob) -> None:
    job = make_job()

    sent = job.run().sent()

    assert not sent
    assert job.state["bookmark"] == "2026-03-01T08:00:00Z"


def test_who_enters_or_changes_after_the_starting_point_is_sent(
    make_job: MakeJob,
) -> None:
    job = make_job()
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.stranger())
    job.box.lytics.change(3, {"company": "New"})

    sent = job.run().sent()

    assert sent == {job.email(job.stranger()): 1, job.email(3): 1}


def test_start_date_is_the_starting_point_whenever_the_first_run_is(
    make_job: MakeJob,
) -> None:
    job = make_job(start_date="2026-02-20T00:00:00Z", overlap_minutes=0)
    before, after = 1771500000.0, 1771600000.0  # Around the 20th of February.
    job.box.lytics.change(1, at=before)
    job.box.lytics.change(2, at=after)

    sent = job.run().sent()

    assert sent == {job.email(2): 1}


def test_existing_users_sends_everybody_once_then_only_changes(
    make_job: MakeJob,
) -> None:
    job = make_job(existing_users=True)

    first, second = job.run().sent(), job.run().sent()

    assert len(first) == 25
    assert set(first.values()) == {1}
    assert not second


def test_a_whole_scan_comes_again_when_its_interval_is_over(make_job: MakeJob) -> None:
    job = make_job(existing_users=True, full_scan_interval_hours=24)
    job.run()
    job.clock.advance(24 * 3600 + 1)
    job.box.lytics.enter(job.stranger(), touch=False)

    sent = job.run().sent()

    assert len(sent) == 26


def test_a_changed_definition_makes_a_whole_scan_due(make_job: MakeJob) -> None:
    job = make_job(existing_users=True)
    job.run()
    job.clock.advance(60)
    job.box.lytics.redefine("vip_customers")

    assert len(job.run().sent()) == 25


def test_a_cut_off_scan_goes_on_at_the_page_behind_its_state(
    make_job: MakeJob, collected: type[Any]
) -> None:
    job = make_job(existing_users=True)
    output = collected()
    with job.sender.cut_off(at_scan=4):
        job.run(output)
    job.state = output.states[-1]
    job.clock.advance(600)
    rest = job.run()

    covered = {r["email"] for r in output.records[: output.covered]}
    assert covered
    assert not covered & set(rest.sent())
    assert len(covered | set(rest.sent())) == 25
    assert job.state["bookmark"] == "2026-03-01T08:00:00Z", "as the first run began"


def test_an_unknown_cursor_starts_the_scan_afresh(make_job: MakeJob) -> None:
    job = make_job(existing_users=True)
    job.state = {"scan_cursor": "gone", "scan_started_at": "2026-02-28T00:00:00Z"}

    sent = job.run().sent()

    assert len(sent) == 25
    assert job.state["scan_cursor"] is None


@pytest.mark.parametrize("happening", ["delete", "rename", "invalidate"])
def test_an_audience_that_is_not_well_ends_the_run(
    happening: str, make_job: MakeJob
) -> None:
    job = make_job(existing_users=True)
    job.run()
    extra = ("people_of_renown",) if happening == "rename" else ()
    getattr(job.box.lytics, happening)("vip_customers", *extra)

    with pytest.raises(AudienceError, match="vip_customers") as error:
        job.run()

    assert ("people_of_renown" in str(error.value)) == (happening == "rename")


def test_require_fields_asks_only_for_members_who_have_them(make_job: MakeJob) -> None:
    job = make_job(existing_users=True, require_fields=["bigcommerce_customer_id"])
    job.box.lytics.put_member({"email": "no.id@example.com"})

    sent = job.run().sent()

    assert "no.id@example.com" not in sent
    assert len(sent) == 25


def test_the_state_is_scalars_with_the_same_keys_always(make_job: MakeJob) -> None:
    job = make_job(existing_users=True)

    states = [*job.run().states, *job.run().states]

    assert len(states) > 4
    assert len({frozenset(state) for state in states}) == 1
    assert not any(isinstance(v, (dict, list)) for s in states for v in s.values())


def test_a_slug_given_to_another_audience_ends_the_run(make_job: MakeJob) -> None:
    job = make_job()
    job.run()
    job.state["audience_id"] = "0" * 32

    with pytest.raises(AudienceError, match="another"):
        job.run()
