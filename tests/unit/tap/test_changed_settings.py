"""Settings, selections and schemas that change between two runs, and `resend`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.tap_job import ID, Job

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMBERS = 25
SHAPES: dict[str, dict[str, Any]] = {
    "selection": {"selection": ["email", ID]},
    "schema": {"schema": {ID: {"type": "integer"}}},
    "stream_maps": {"stream_maps": [{"company": None}]},
}
BEFORE: dict[str, Any] = {
    "selection": ["company", "email", ID],
    "schema": {ID: {"type": "string"}},
    "stream_maps": [],
}


def job_of(ledger: str | None = None, **config: Any) -> Job:  # noqa: ANN401 - settings
    job = Job(ledger_path=ledger, **config)
    job.shape = dict(BEFORE)
    return job


def change(job: Job, what: str) -> None:
    """Change something after which members are sent again."""
    if what == "resend":
        job.config["resend"] = True
    else:
        job.shape |= SHAPES[what]


def everybody(job: Job) -> Mapping[str, int]:
    return {job.email(index): 1 for index in job.box.lytics.members()}


WHAT = [*SHAPES, "resend"]


@pytest.mark.guarantee("changed-settings")
@pytest.mark.parametrize("has_ledger", [False, True])
@pytest.mark.parametrize("what", WHAT)
def test_change_sends_everybody_again(
    what: str,
    has_ledger: bool,  # noqa: FBT001 - a parameter
    ledger_path: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    job = job_of(ledger_path if has_ledger else None, existing_users=True)
    job.run()
    job.clock.advance(60)
    quiet = job.run().records
    change(job, what)

    sent = job.run().sent()

    assert not quiet
    assert sent == everybody(job)
    assert f"{what}" in caplog.text.replace("selected fields", "selection").replace(
        "types of the fields", "schema"
    )
    job.config["resend"] = False
    job.clock.advance(60)
    assert not job.run().records


@pytest.mark.parametrize("what", WHAT)
def test_change_does_not_send_the_baseline(what: str, ledger_path: str) -> None:
    job = job_of(ledger_path)
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.outsider())
    job.run()
    change(job, what)
    job.clock.advance(60)

    assert job.run().sent() == {job.email(job.outsider()): 1}


@pytest.mark.parametrize("start_date", [None, "2026-02-27T08:00:00Z"])
@pytest.mark.parametrize("what", [*WHAT, "require_fields"])
def test_change_without_ledger_reads_from_start(
    what: str, start_date: str | None
) -> None:
    job = job_of(start_date=start_date)
    job.run()
    entered = {job.email(job.outsider(number)): 1 for number in range(2)}
    for number in range(2):
        job.days_later(3)
        job.box.lytics.enter(job.outsider(number))
        job.run()
    job.days_later(3)
    job.run()
    job.days_later(3)
    before = job.run().sent()
    if what == "require_fields":
        job.config["require_fields"] = [ID]
    else:
        change(job, what)

    sent = job.run().sent()

    assert not before
    assert entered.items() <= sent.items()
    assert start_date or sent == entered
    job.config["resend"] = False
    job.days_later()
    assert not job.run().records


@pytest.mark.guarantee("changed-settings")
@pytest.mark.parametrize("has_ledger", [False, True])
@pytest.mark.parametrize("what", WHAT)
def test_interrupted_scan_restarts(
    what: str,
    has_ledger: bool,  # noqa: FBT001 - a parameter
    ledger_path: str,
) -> None:
    job = job_of(ledger_path if has_ledger else None, existing_users=True)
    job.state = job.run_interrupted(at_page=4).states[-1]
    change(job, what)

    assert job.run().sent() == everybody(job)


@pytest.mark.parametrize("has_ledger", [False, True])
@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("at_page", [1, 2, 4])
def test_interrupted_resend_is_finished(
    at_page: int,
    what: str,
    has_ledger: bool,  # noqa: FBT001 - a parameter
    ledger_path: str,
) -> None:
    job = job_of(ledger_path if has_ledger else None, existing_users=True)
    job.run()
    job.clock.advance(60)
    change(job, what)
    output = job.run_interrupted(at_page=at_page)
    job.state = output.states[-1]
    covered = {record["email"] for record in output.records[: output.covered]}
    job.config["resend"] = False

    rest = job.run().sent()

    assert covered | set(rest) == set(everybody(job))
    assert not covered & set(rest)


@pytest.mark.parametrize("has_ledger", [False, True])
def test_interrupted_resend_resumes(
    has_ledger: bool,  # noqa: FBT001 - a parameter
    ledger_path: str,
) -> None:
    """Also if the setting is still on."""
    job = job_of(ledger_path if has_ledger else None, existing_users=True)
    job.run()
    job.config["resend"] = True
    output = job.run_interrupted(at_page=4)
    job.state = output.states[-1]

    assert len(job.run().sent()) == MEMBERS - output.covered


def test_interrupted_resend_without_full_syncs() -> None:
    job = job_of()
    job.run()
    job.days_later()
    for number in range(12):
        job.box.lytics.enter(job.outsider(number))
    job.run()
    job.days_later()
    job.config["resend"] = True
    job.state = job.run_interrupted(at_page=2).states[-1]
    job.config["resend"] = False

    assert len(job.run().sent()) == 12


@pytest.mark.parametrize("config", [{"existing_users": True}, {}], ids=str)
def test_polling_process_resends_once(config: dict[str, Any]) -> None:
    job = job_of(**config)
    job.run()
    job.days_later()
    job.box.lytics.enter(job.outsider())
    job.run()
    job.config["resend"] = True

    sent = job.run(syncs=3).sent()

    assert sent == (everybody(job) if config else {job.email(job.outsider()): 1})


def test_incomplete_resend_is_repeated_for_the_rest(ledger_path: str) -> None:
    job = job_of(ledger_path, existing_users=True)
    job.run()
    job.config["resend"] = True
    first_page = len(job.sender.scans) + 1
    job.sender.corrupt = lambda at, content: (
        content.update(data=[], _next="") if at > first_page + 1 else None
    )
    first = job.run().sent()
    job.sender.corrupt = None
    job.config["resend"] = False

    rest = job.run().sent()

    assert 0 < len(first) < MEMBERS
    assert first + rest == everybody(job)


# existing_users.


@pytest.mark.guarantee("changed-settings")
@pytest.mark.parametrize("has_ledger", [False, True])
@pytest.mark.parametrize("interval", [0, 24])
def test_existing_users_sends_everybody_at_once(
    has_ledger: bool,  # noqa: FBT001 - a parameter
    interval: int,
    ledger_path: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    job = job_of(ledger_path if has_ledger else None, full_scan_interval_hours=interval)
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.outsider())
    job.run()
    job.config["existing_users"] = True
    job.clock.advance(3600)

    sent = job.run().sent()

    assert sent == everybody(job)
    assert "existing_users is now true" in caplog.text
    job.clock.advance(60)
    assert not job.run().records


@pytest.mark.parametrize("has_ledger", [False, True])
def test_existing_users_on_again_sends_everybody(
    has_ledger: bool,  # noqa: FBT001 - a parameter
    ledger_path: str,
) -> None:
    job = job_of(ledger_path if has_ledger else None, existing_users=True)
    job.run()
    job.config["existing_users"] = False
    job.clock.advance(60)
    off = job.run().records
    job.config["existing_users"] = True
    job.clock.advance(60)

    assert not off
    assert job.run().sent() == everybody(job)


@pytest.mark.parametrize("has_ledger", [False, True])
def test_existing_users_off_loses_nobody(
    has_ledger: bool,  # noqa: FBT001 - a parameter
    ledger_path: str,
) -> None:
    """Not even who enters during the interrupted first sync."""
    job = job_of(ledger_path if has_ledger else None, existing_users=True)
    job.state = job.run_interrupted(at_page=3).states[-1]
    job.days_later()
    job.box.lytics.enter(job.outsider())
    job.config["existing_users"] = False

    sent = job.run().sent()

    assert sent == {job.email(job.outsider()): 1}


@pytest.mark.parametrize("has_ledger", [False, True])
def test_resend_after_existing_users_was_on(
    has_ledger: bool,  # noqa: FBT001 - a parameter
    ledger_path: str,
) -> None:
    """Everybody was sent once, so there is no baseline."""
    job = job_of(ledger_path if has_ledger else None, existing_users=True)
    job.run()
    job.config |= {"existing_users": False, "resend": True}
    job.days_later()

    assert job.run().sent() == everybody(job)


# Settings after whose change members are compared.


@pytest.mark.guarantee("changed-settings")
@pytest.mark.parametrize("interval", [0, 24])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"emit_changes": False}, {"emit_changes": True}),
        ({"require_fields": [ID]}, {"require_fields": []}),
        ({"require_fields": ["email"]}, {"require_fields": [ID]}),
    ],
)
def test_change_sends_only_differences(
    before: dict[str, Any], after: dict[str, Any], interval: int, ledger_path: str
) -> None:
    job = job_of(
        ledger_path, existing_users=True, full_scan_interval_hours=interval, **before
    )
    job.run()
    job.clock.advance(3600)
    job.box.lytics.change(3, {"company": "New"})
    first = job.run().sent()
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider(), touch=False)
    job.config |= after

    sent = job.run().sent()

    unsent = {job.email(3)} - set(first)
    assert set(sent) == {job.email(job.outsider())} | unsent


def test_state_without_fingerprint_is_no_change(ledger_path: str) -> None:
    job = job_of(ledger_path, existing_users=True)
    job.run()
    job.state["fingerprint"] = None
    job.shape |= SHAPES["selection"]
    job.clock.advance(60)

    sent = job.run().sent()

    assert not sent
    assert job.state["fingerprint"]


@pytest.mark.parametrize(
    "config",
    [{"poll_interval_seconds": 60}, {"overlap_minutes": 5}, {"page_size": 7}],
    ids=str,
)
def test_unrelated_change_sends_nothing(config: dict[str, Any]) -> None:
    job = job_of(existing_users=True)
    job.run()
    job.config |= config

    assert not job.run().records
