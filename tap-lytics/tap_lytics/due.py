"""Which kind of pass is due for an audience. No I/O here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from .account import Audience
    from .settings import Settings
    from .state import Place

MARK_DIGITS = 16


class Due(Enum):
    """The kinds of passes."""

    START = "only sets the starting point"
    WHOLE = "scans the whole audience"
    RESUME = "goes on with the scan of the whole audience"
    CHANGES = "looks for changes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What is due, and why, as the log says it."""

    due: Due
    why: str


def next_pass(
    place: Place, audience: Audience, settings: Settings, at: datetime
) -> Pass:
    """Decide by the audience's place in the state and what Lytics says of it now."""
    if not settings.has_whole_scans:
        starts = place.bookmark is None and settings.start_date is None
        if starts:
            return Pass(due=Due.START, why="existing_users is false")
        return Pass(
            due=Due.CHANGES,
            why="no whole scans, so who enters by mere passing of time is not seen",
        )
    redefined = is_redefined(place, audience)
    if place.scan_started_at and not redefined:
        return _go_on(place, settings)
    why = _why_whole(place, settings.full_scan_interval, at, redefined=redefined)
    if why:
        return Pass(due=Due.WHOLE, why=why)
    return Pass(due=Due.CHANGES, why="no whole scan is due")


def is_redefined(place: Place, audience: Audience) -> bool:
    """Say whether the audience's definition changed since the last pass."""
    return place.audience_updated not in {None, audience.updated}


def scan_settings(settings: Settings) -> str:
    """Mark what a scan's cursor belongs to: who is scanned and sent, in what pages.

    A cursor of other settings would skip members, or is not one of Lytics' at all.
    """
    whom = [settings.existing_users, settings.ledger_path is not None]
    text = json.dumps([settings.require_fields, settings.page_size, *whom])
    return hashlib.sha256(text.encode()).hexdigest()[:MARK_DIGITS]


def _go_on(place: Place, settings: Settings) -> Pass:
    why_not = ""
    if place.scan_settings not in {None, scan_settings(settings)}:  # None: older taps.
        why_not = "settings changed"
    elif not place.scan_cursor:
        why_not = "Lytics gave no cursor to go on at"
    if not why_not:
        return Pass(due=Due.RESUME, why="the last run did not end it")
    return Pass(
        due=Due.WHOLE,
        why=f"the last run did not end its scan, which begins afresh as {why_not}",
    )


def _why_whole(
    place: Place, interval: timedelta, at: datetime, *, redefined: bool
) -> str:
    if place.is_scan_repeated:
        return "the last one saw fewer members than Lytics counts"
    if place.last_whole_scan is None:
        return "there was none yet"
    if redefined:
        return "its definition changed"
    if interval and at - place.last_whole_scan > interval:
        return "full_scan_interval_hours is over"
    return ""
