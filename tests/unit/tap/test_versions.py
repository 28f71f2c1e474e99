"""Versions: when a full sync has seen everybody, so that the rest have left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.lytics import is_scan
from tap_lytics.errors import AudienceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_lytics.transport import ApiRequest

    MakeJob = Callable[..., Any]


def test_versions_are_activated_after_a_whole_scan_that_saw_everybody(
    make_job: MakeJob,
) -> None:
    job = make_job(existing_users=True, emit_exits=True)

    output = job.run()

    assert len(output.activated) == 1
    assert set(output.versions) == set(output.activated)


def test_changes_between_scans_bear_the_version_of_the_last_one(
    make_job: MakeJob,
) -> None:
    job = make_job(existing_users=True, emit_exits=True)
    [version] = job.run().activated
    job.clock.advance(60)
    job.box.lytics.change(2, {"company": "New"})

    output = job.run()

    assert output.versions == [version]
    assert not output.activated


@pytest.mark.guarantee("no-false-exit")
@pytest.mark.parametrize("spoil", ["row_missing", "empty_page"])
def test_a_scan_that_answers_short_activates_nothing(
    spoil: str, make_job: MakeJob
) -> None:
    job = make_job(
        existing_users=True,
        emit_exits=True,
        options={"fault_rates": {f"{spoil}@GET /api/segment/*": 0.5}},
    )

    assert not job.run().activated


def test_an_audience_that_turns_invalid_while_it_is_scanned_activates_nothing(
    make_job: MakeJob, collected: type[Any]
) -> None:
    job = make_job(existing_users=True, emit_exits=True)
    output, pages = collected(), []

    def spoil(call: ApiRequest) -> None:
        pages.extend([call] if is_scan(call) else [])
        if len(pages) == 3:
            job.box.lytics.invalidate("vip_customers")

    job.sender.before = spoil
    with pytest.raises(AudienceError, match="invalid"):
        job.run(output)

    assert not output.activated


@pytest.mark.guarantee("no-false-exit")
@pytest.mark.parametrize(("cursor_is_known", "activates"), [(True, 0), (False, 1)])
def test_a_resumed_scan_activates_nothing_unless_it_began_afresh(
    cursor_is_known: bool,  # noqa: FBT001 - a table
    activates: int,
    make_job: MakeJob,
    collected: type[Any],
) -> None:
    job = make_job(existing_users=True, emit_exits=True)
    output = collected()
    with job.sender.cut_off(at_scan=4):
        job.run(output)
    job.state = output.states[-1]
    if not cursor_is_known:
        job.state["scan_cursor"] = "gone"

    assert len(job.run().activated) == activates
