"""An audience that is renamed during a pass, and between two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.tap_job import ID, VIP, Job
from tap_lytics.errors import AudienceError

if TYPE_CHECKING:
    from tap_lytics.transport import ApiRequest

MEMBERS = 25
LEDGER = {"require_fields": [ID], "ledger_path": "", "emit_exits": True}
JOBS: list[dict[str, Any]] = [
    {},
    {"require_fields": [ID]},
    {"emit_exits": True},
    LEDGER,
]
BEFORE_SYNC = 2  # Requests of a run before its sync: the schema and the audience.


def rename_at(job: Job, number: int) -> None:
    """Rename the audience as this request after the audience check is made."""
    requests: list[str] = []

    def rename(request: ApiRequest) -> None:
        requests.append(request.path)
        if len(requests) == BEFORE_SYNC + number:
            job.box.lytics.rename(VIP, "renamed")

    job.sender.before = rename


def make_job(settings: dict[str, Any], ledger_path: str) -> Job:
    path = {"ledger_path": ledger_path} if "ledger_path" in settings else {}
    return Job(existing_users=True, **{**settings, **path})


@pytest.mark.parametrize("settings", JOBS, ids=lambda s: "-".join(s) or "plain")
@pytest.mark.parametrize("number", range(1, 8))
def test_rename_does_not_break_full_sync(
    settings: dict[str, Any], number: int, ledger_path: str
) -> None:
    job = make_job(settings, ledger_path)
    rename_at(job, number)

    assert len(job.run().sent()) == MEMBERS

    job.sender.before = lambda _: None
    if "renamed" in job.box.lytics.audiences:
        with pytest.raises(AudienceError, match=r"renamed to renamed\. Set audiences"):
            job.run()


@pytest.mark.parametrize("settings", JOBS, ids=lambda s: "-".join(s) or "plain")
@pytest.mark.parametrize("number", [1, 2])
def test_rename_does_not_break_incremental_sync(
    settings: dict[str, Any], number: int, ledger_path: str
) -> None:
    job = make_job(settings, ledger_path)
    job.run()
    job.clock.advance(60)
    job.box.lytics.change(3, {"company": "New"})
    rename_at(job, number)

    output = job.run()

    assert output.sent() == {job.email(3): 1}


def test_rename_does_not_break_repeated_scan() -> None:
    job = Job(existing_users=True)
    job.sender.corrupt = lambda number, content: (
        content.update(data=[], total=0, _next="") if number == 1 else None
    )
    rename_at(job, 2)

    assert len(job.run().sent()) == MEMBERS


def test_deletion_during_pass_is_an_error() -> None:
    job = Job(existing_users=True)
    job.sender.before = lambda request: (
        job.box.lytics.delete(VIP)
        if request.path.endswith("/scan") and VIP in job.box.lytics.audiences
        else None
    )

    with pytest.raises(AudienceError, match="audience vip_customers disappeared"):
        job.run()
