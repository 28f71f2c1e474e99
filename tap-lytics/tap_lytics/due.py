"""Which sync of an audience is due, from when on it reads, and what it sends again.

Pure. Hides what a run concludes from the state of the last one: changed settings,
unfinished scans, and times that cannot be right.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from .state import EPOCH, ScanCursors

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from .client import Audience
    from .settings import Settings
    from .state import StreamState

FINGERPRINT_DIGITS = 16
# Clocks differ by so much, even those of Lytics' own servers.
MAX_CLOCK_SKEW = timedelta(minutes=1)
FALLBACK = timedelta(days=30)  # How far a sync reads without a usable bookmark.
# Settings after whose change all members are sent again, and the other ones.
RESENDING = {
    "existing_users": "existing_users is now true",
    "selection": "the selected fields changed",
    "schema": "the types of the fields changed",
    "stream_maps": "stream_maps or the flattening changed",
}
COMPARING = {
    "require_fields": "require_fields changed",
    "emit_changes": "emit_changes changed",
}


class SyncKind(Enum):
    """The kinds of syncs, as the log announces them."""

    BASELINE = "Setting the baseline"
    FULL = "Starting a full sync"
    RESUMED = "Resuming the full sync"
    INCREMENTAL = "Starting an incremental sync"


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSync:
    """Which sync is due, and why, in words for the log.

    `since` is from when on an incremental sync reads, without the overlap, and None for
    others; `resends` whether members that were sent before are sent again.
    """

    kind: SyncKind
    reason: str
    since: datetime | None = None
    resends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a run finds before its first sync, beside the state.

    `changed` are the keys of the fingerprint that changed, `distrusted` those of the
    state whose times cannot be right, `why_full` why the ledger needs a full sync,
    `is_new` whether the state had nothing, `resend` the setting.
    """

    changed: Collection[str] = ()
    distrusted: Collection[str] = ()
    why_full: str = ""
    is_new: bool = False
    resend: bool = False

    def why_resend(self, state: StreamState) -> str:
        """Say why all members are sent again; empty if they are not."""
        reasons = [text for name, text in RESENDING.items() if name in self.changed]
        # Otherwise an unfinished sync is sending them again already.
        if self.resend and state.resend_before is None:
            reasons.append("resend is set")
        return " and ".join(reasons)

    @property
    def why_compare(self) -> str:
        """Say why all members are compared with the ledger; empty if they are not."""
        reasons = [text for name, text in COMPARING.items() if name in self.changed]
        return " and ".join(reasons)


def due_sync(
    state: StreamState,
    audience: Audience,
    settings: Settings,
    at: datetime,
    found: Findings,
) -> DueSync:
    """Decide which sync is due by the audience's state and its current definition.

    Args:
        state: how far the audience was exported.
        audience: the audience as Lytics describes it now.
        settings: the settings.
        at: the current time.
        found: what else the run found.
    """
    why = found.why_resend(state)
    is_resending = state.scan_started_at and state.resend_before is not None
    never_sent_all = state.starting_point is not None
    if not settings.has_full_syncs and (never_sent_all or not (why or is_resending)):
        return _without_full_syncs(state, settings, at, found)
    if why:
        reason = f"{why}, so members are sent again"
        return DueSync(kind=SyncKind.FULL, reason=reason, resends=True)
    why = found.why_full or found.why_compare
    if state.scan_started_at and not is_redefined(state, audience):
        return _unfinished(state, settings, why)
    why = why or _why_full(state, audience, settings, at, found)
    if why:
        return DueSync(kind=SyncKind.FULL, reason=why)
    return DueSync(
        kind=SyncKind.INCREMENTAL,
        reason="no full sync is due",
        since=_not_later(state.bookmark or at, at),
    )


def is_new(state: StreamState) -> bool:
    """Whether no run has come to a sync of this state's stream."""
    return not (state.bookmark or state.scan_started_at or state.starting_point)


def is_redefined(state: StreamState, audience: Audience) -> bool:
    """Whether the audience's definition changed since the last sync."""
    return state.audience_updated not in {None, audience.updated}


def distrust_later_times(
    state: StreamState, settings: Settings, at: datetime
) -> list[str]:
    """Remove times from the state that are later than now. Return their keys.

    They come from a clock that was wrong once; changes until then would be lost. What
    depends on them is due again.
    """
    later = {
        name: value
        for name, value in (
            ("bookmark", state.bookmark),
            ("last_whole_scan", state.last_whole_scan),
            ("scan_started_at", state.scan_started_at),
            ("starting_point", state.starting_point),
        )
        if value is not None and value > at + MAX_CLOCK_SKEW
    }
    if not later:
        return []
    resend_before = state.resend_before
    state.discard_full_sync()
    state.last_whole_scan, state.resend_before = None, resend_before
    if "bookmark" in later:
        state.bookmark = None
    if "starting_point" in later:
        state.starting_point = fallback(settings, at)
    return list(later)


def fallback(settings: Settings, at: datetime) -> datetime:
    """Return from when on a sync reads if the state does not say it."""
    return start_date(settings, at) or at - FALLBACK


def start_date(settings: Settings, at: datetime) -> datetime | None:
    """Return the setting, unless it is in the future."""
    start = settings.start_date
    return None if start is None or start > at else max(start, EPOCH)


# Fingerprints.


def fingerprint(settings: Settings, shape: Mapping[str, Any]) -> dict[str, Any]:
    """Summarize what a job's records depend on.

    Args:
        settings: the settings.
        shape: `selection`, `schema` and `stream_maps`, as JSON.
    """
    return {
        "existing_users": settings.existing_users,
        "emit_changes": settings.emit_changes,
        "require_fields": _hash(sorted(settings.require_fields)),
        **{name: _hash(value) for name, value in shape.items()},
    }


def changed_keys(before: str | None, now: Mapping[str, Any]) -> list[str]:
    """List what changed since the fingerprint in the state, if it has one."""
    known = json.loads(before) if before else {}
    return [name for name in now if name in known and known[name] != now[name]]


def settings_fingerprint(settings: Settings) -> str:
    """Hash the settings that a scan's cursor depends on.

    If one of them changes, Lytics rejects the cursor, or the scan would skip members.
    """
    return _hash(
        [
            settings.require_fields,
            settings.page_size,
            settings.ledger_path is not None,
        ]
    )


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_DIGITS]


# The kinds of syncs.


def _without_full_syncs(
    state: StreamState, settings: Settings, at: datetime, found: Findings
) -> DueSync:
    start = start_date(settings, at)
    if found.is_new and start is None:
        return DueSync(kind=SyncKind.BASELINE, reason="existing_users is false")
    why = found.why_resend(state) or found.why_compare
    if why:
        return DueSync(
            kind=SyncKind.INCREMENTAL,
            reason=f"{why}, so all members who changed since the starting point are"
            " sent again",
            since=start or state.starting_point or fallback(settings, at),
            resends=True,
        )
    since = state.bookmark or start
    if since is None and not found.distrusted:
        since = state.starting_point
    return DueSync(
        kind=SyncKind.INCREMENTAL,
        reason="without full syncs, members who enter only because time passed are not"
        " found",
        since=_not_later(since or fallback(settings, at), at),
    )


def _not_later(bookmark: datetime, at: datetime) -> datetime:
    return bookmark if bookmark <= at else at - MAX_CLOCK_SKEW


def _unfinished(state: StreamState, settings: Settings, why_restart: str) -> DueSync:
    if state.scan_settings not in {None, settings_fingerprint(settings)}:
        why_restart = why_restart or "settings changed"
    elif not state.scan_cursor:
        why_restart = why_restart or (
            "it has read no members"
            if state.scan_read == 0
            else "Lytics gave no cursor to resume from"
        )
    elif ScanCursors.read(state.scan_cursor).parts not in {
        1,
        settings.scan_parallelism,
    }:
        why_restart = why_restart or "scan_parallelism changed"
    if not why_restart:
        return DueSync(kind=SyncKind.RESUMED, reason="the last run did not finish it")
    return DueSync(
        kind=SyncKind.FULL,
        reason=f"the unfinished one cannot be resumed, because {why_restart}",
    )


def _why_full(
    state: StreamState,
    audience: Audience,
    settings: Settings,
    at: datetime,
    found: Findings,
) -> str:
    interval, last = settings.full_sync_interval, state.last_whole_scan
    reasons = {
        f"{' and '.join(found.distrusted)} of the state cannot be right": (
            found.distrusted
        ),
        "the last one saw fewer members than Lytics counts": state.repeats_full_sync,
        "none has finished yet": last is None,
        "the state has no bookmark": state.bookmark is None,
        "the audience's definition changed": is_redefined(state, audience),
        "the last one is older than full_scan_interval_hours": (
            interval and last and at - last > interval
        ),
    }
    return next((reason for reason, applies in reasons.items() if applies), "")
