"""Full syncs that a run did not end: when the next one goes on, and when it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import ShutdownRequestedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.tap_job import Collected, Job
    from tap_lytics.transport import ApiRequest

    MakeJob = Callable[..., Any]

ID = "bigcommerce_customer_id"
EVERYBODY = 25
PAGES = 3  # Of five members.


def cut_off(job: Job, output: Collected, *, loses_page: bool = False) -> None:
    """Run until three pages are written; the next may be fetched, but not written."""
    asked: list[ApiRequest] = []

    def cut(call: ApiRequest) -> None:
        asked.extend([call] if call.path.endswith("/scan") else [])
        if len(asked) > PAGES:
            job.sender.before = lambda _: None
            if loses_page:
                job.sender.send(call.method, call.target, body=None, content_type="")
            raise ShutdownRequestedError

    job.sender.before = cut
    with pytest.raises(ShutdownRequestedError):
        job.run(output)
    job.state, job.sender.before = output.states[-1], lambda _: None
    job.clock.advance(600)


def starts_asked(job: Job) -> list[str]:
    """Listen to the cursors with which pages are asked for."""
    asked: list[str] = []

    def listen(call: ApiRequest) -> None:
        if call.path.endswith("/scan"):
            asked.append((call.query or {}).get("start", ""))

    job.sender.before = listen
    return asked


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"require_fields": [ID]}, {"require_fields": []}),
        ({"require_fields": []}, {"require_fields": [ID]}),
        ({"require_fields": [ID]}, {"require_fields": [ID, "email"]}),
        ({"page_size": 5}, {"page_size": 4}),
    ],
)
def test_a_scan_of_other_settings_begins_afresh(
    before: dict[str, Any],
    after: dict[str, Any],
    make_job: MakeJob,
    collected: type[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = make_job(existing_users=True, **before)
    cut_off(job, collected())
    job.config |= after
    asked = starts_asked(job)
    caplog.set_level("INFO")

    sent = job.run().sent()

    assert asked[0] == ""
    assert len(sent) == EVERYBODY
    assert "cannot be resumed, because settings changed" in caplog.text


def test_a_scan_that_left_members_out_is_not_gone_on_with_to_send_everybody(
    make_job: MakeJob, collected: type[Any], tmp_path: Path
) -> None:
    job = make_job(ledger_path=str(tmp_path / "ledger"))
    cut_off(job, collected())
    job.config |= {"existing_users": True}

    assert len(job.run().sent()) == EVERYBODY


def test_settings_that_no_scan_goes_by_do_not_begin_it_afresh(
    make_job: MakeJob, collected: type[Any]
) -> None:
    job = make_job(existing_users=True)
    cut_off(job, collected())
    job.config |= {"poll_interval_seconds": 60, "overlap_minutes": 5}

    assert len(job.run().sent()) == EVERYBODY - PAGES * 5


def test_a_state_that_does_not_tell_the_settings_goes_on(
    make_job: MakeJob, collected: type[Any]
) -> None:
    job = make_job(existing_users=True)
    cut_off(job, collected())
    del job.state["scan_settings"]

    assert len(job.run().sent()) == EVERYBODY - PAGES * 5


@pytest.mark.parametrize("has_ledger", [False, True])
def test_a_scan_whose_cursors_are_all_the_same_begins_afresh(
    has_ledger: bool,  # noqa: FBT001 - a table
    make_job: MakeJob,
    collected: type[Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = {"ledger_path": str(tmp_path / "ledger")} if has_ledger else {}
    job = make_job(existing_users=True, options={"same_token": True}, **kept)
    output = collected()
    cut_off(job, output, loses_page=True)
    asked = starts_asked(job)
    caplog.set_level("INFO")

    rest = job.run().sent()

    covered = {r["email"] for r in output.records[: output.covered]}
    assert asked[0] == ""
    assert len(covered | set(rest)) == EVERYBODY
    assert len(rest) == EVERYBODY - (len(covered) if has_ledger else 0)
    assert "cannot be resumed, because Lytics gave no cursor" in caplog.text


def test_a_scan_with_one_cursor_is_due_even_if_there_was_another_lately(
    make_job: MakeJob, collected: type[Any]
) -> None:
    job = make_job(existing_users=True, options={"same_token": True})
    job.run()
    job.box.lytics.redefine("vip_customers")
    cut_off(job, collected())

    assert len(job.run().sent()) == EVERYBODY


@pytest.mark.parametrize("was_scanned", [False, True])
def test_a_pass_without_whole_scans_keeps_no_cursor_of_one(
    was_scanned: bool,  # noqa: FBT001 - a table
    make_job: MakeJob,
    collected: type[Any],
) -> None:
    job = make_job(existing_users=True)
    if was_scanned:
        job.run()
        job.clock.advance(60)
        job.box.lytics.redefine("vip_customers")
    cut_off(job, collected())
    job.config["existing_users"] = False
    job.run()
    between = job.state
    job.config["existing_users"] = True

    sent = job.run().sent()

    assert {v for k, v in between.items() if k.startswith("scan_")} == {None}
    assert len(sent) == EVERYBODY
