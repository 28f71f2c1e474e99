"""Checks of the tap's output and of the store that it leads to.

A check that fails raises a ViolationError.
"""

from __future__ import annotations

import json
from datetime import datetime
from http.client import BAD_REQUEST
from typing import TYPE_CHECKING, Any

from simulation.scheduler import START
from simulation.world import ViolationError

from .job import exits, members_by_version, stream_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sandbox.journal import Entry

    from .audience import Person
    from .job import Job
    from .process import TapResult

TIMES = ("bookmark", "last_whole_scan")


def no_time_in_future(ended: TapResult) -> None:
    """Check that no state names a time that had not come when it was printed."""
    for message, at in zip(ended.messages, ended.printed_at, strict=True):
        part = stream_part(message["value"]) if message["type"] == "STATE" else {}
        for name in TIMES:
            text = part.get(name)
            if text and datetime.fromisoformat(text).timestamp() > START + at + 1:
                raise ViolationError(f"{name} {text} is in the future")


def every_part_resumed(state: Mapping[str, Any], calls: Iterable[Entry]) -> None:
    """Check that a run that resumes a scan goes on in each of its unfinished parts."""
    text = stream_part(state).get("scan_cursor") or ""
    if not text.startswith("{"):
        return
    cursors = [each for each in json.loads(text)["cursors"] if each is not None]
    scans = [each for each in calls if each.endpoint.endswith("/scan")]
    starts = {each.query.get("start", "") for each in scans}
    splits = {each.query["splits"] for each in scans if "splits" in each.query}
    is_resumed = bool(starts.intersection(cursors) - {""})
    if not is_resumed or any(each.status >= BAD_REQUEST for each in scans):
        return
    if not starts.issuperset(cursors) or len(splits) < len(cursors):
        raise ViolationError(f"of {len(cursors)} parts {len(splits)} are resumed")


def no_member_leaves(ended: TapResult, present: set[str]) -> None:
    """Check that no exit is reported of customers who were members all the time."""
    if wrong := present.intersection(exits(ended.messages)):
        raise ViolationError(f"customers {sorted(wrong)}, members, have an exit")
    seen = members_by_version(ended.messages)
    for message in ended.messages:
        if message["type"] == "ACTIVATE_VERSION":
            missing = present - seen.get(message["version"], set())
            if missing:
                raise ViolationError(
                    f"a version without {sorted(missing)} is activated"
                )


def in_store(job: Job, customers: set[str]) -> None:
    """Check that these customers are in the store."""
    if missing := customers - job.store.keys():
        raise ViolationError(f"members {sorted(missing)} are never sent")


def content(job: Job, people: Iterable[Person]) -> None:
    """Check that the store has the present values of people."""
    for person in people:
        record = job.store[person.customer] if person.customer else None
        if record and record.get("company") != person.company:
            raise ViolationError(
                f"company of {person.customer} is {record.get('company')!r}, not"
                f" {person.company!r}"
            )


def no_leaver_in_store(job: Job, present: set[str]) -> None:
    """Check that the store has only members."""
    if extra := job.store.keys() - present:
        raise ViolationError(f"no exit is reported of {sorted(extra)}")
