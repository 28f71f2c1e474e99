"""How the sync of an audience runs, and how a run is composed."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from singer_kit.errors import UnexpectedResponseError

from .catalog import AudienceCheck
from .client import LyticsClient
from .coverage import (
    ScanCoverage,
    count_missing,
    is_incomplete,
    why_exits_are_uncertain,
)
from .due import (
    MAX_CLOCK_SKEW,
    Findings,
    SyncKind,
    changed_keys,
    distrust_later_times,
    due_sync,
    fingerprint,
    is_new,
    is_redefined,
    settings_fingerprint,
    start_date,
)
from .membership import LedgerTracker, RecentMemory
from .records import format_timestamp
from .scan import AudienceReader
from .state import COMPLETE, EPOCH, RUNNING
from .transport import Transport, open_session

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from singer_kit.http import HttpSender
    from singer_kit.shutdown import ShutdownSignal

    from .client import Audience, AudienceSnapshot
    from .coverage import SeenMembers
    from .due import DueSync
    from .ledger import Ledger
    from .membership import MembershipTracker
    from .output import Output
    from .records import Record, RecordBuilder
    from .scan import MemberPage
    from .settings import Settings
    from .state import StreamState

MAX_EMPTY_SCANS = 3  # Of an audience whose size is above 0.


# Composition.


def utc_now() -> datetime:
    """Read this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What the syncs of all audiences in one run share."""

    settings: Settings
    client: LyticsClient
    shutdown: ShutdownSignal
    clock: Callable[[], datetime]


def build_run(
    settings: Settings,
    *,
    shutdown: ShutdownSignal,
    sender: HttpSender | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> RunContext:
    """Build what a run needs.

    Args:
        settings: the settings.
        shutdown: interrupts waits and requests.
        sender: makes HTTP requests; by default over connections of its own.
        clock: this machine's clock.
    """
    transport = Transport(sender or open_session(settings), sleep=shutdown.wait)
    return RunContext(
        settings=settings,
        client=LyticsClient(transport),
        shutdown=shutdown,
        clock=clock,
    )


def build_sync(  # noqa: PLR0913 - what one audience adds to a run
    run: RunContext,
    *,
    slug: str,
    audience_id: str | None,
    builder: RecordBuilder,
    ledger: Ledger | None,
    absent_streams: Mapping[str, str],
    output: Output,
    logger: logging.Logger,
    shape: Mapping[str, Any] | None = None,
) -> AudienceSync:
    """Build the sync of one audience.

    Args:
        run: what the run shares.
        slug: the audience's slug.
        audience_id: its id according to the catalog, if known.
        builder: builds the records.
        ledger: the open ledger, if there is one.
        absent_streams: see `AudienceCheck`.
        output: receives records and states.
        logger: the stream's.
        shape: what the records depend on, see `due.fingerprint`.
    """
    settings = run.settings
    tracker: MembershipTracker
    if ledger is None:
        tracker = RecentMemory(settings.overlap, is_repeated=settings.may_repeat_syncs)
    else:
        tracker = LedgerTracker(ledger, slug=slug, builder=builder, settings=settings)
    return AudienceSync(
        AudienceReader(
            run.client,
            run.shutdown,
            builder=builder,
            settings=settings,
            logger=logger,
        ),
        run=run,
        check=AudienceCheck(
            run.client,
            run.shutdown,
            slug=slug,
            audience_id=audience_id,
            absent_streams=absent_streams,
        ),
        output=output,
        tracker=tracker,
        logger=logger,
        fingerprint=fingerprint(settings, shape or {}),
    )


# Running it.


class AudienceSync:
    """The syncs of one audience in this process, one after the other."""

    def __init__(  # noqa: PLR0913 - what one audience adds to a run
        self,
        reader: AudienceReader,
        *,
        run: RunContext,
        check: AudienceCheck,
        output: Output,
        tracker: MembershipTracker,
        logger: logging.Logger,
        fingerprint: Mapping[str, Any],
    ) -> None:
        self._reader = reader
        self._settings = run.settings
        self._clock = run.clock
        self._check = check
        self._output = output
        self._tracker = tracker
        self._logger = logger
        self._finds_exits = (
            tracker.knows_members or run.settings.reports_exits_by_version
        )
        self._fingerprint = fingerprint
        self._resend = run.settings.resend  # Once in a process.
        self._warned_about_clocks = False
        self._found_changes = False  # In the last pass.

    def run(self, state: StreamState) -> None:
        """Run the sync that is due from this state, and advance the state.

        Raises:
            ShutdownRequestedError: when a signal arrives; the state written last
                covers what was written before it.
        """
        snapshot = self._check.run(state.audience_id)
        at = self._start_time(snapshot)
        audience = snapshot.audience
        state.audience_id, state.pass_status = audience.id, RUNNING
        due = self._prepare(state, audience, at)
        if due.kind is SyncKind.BASELINE:
            self._log_baseline(audience.size, at)
            self._end_incremental(state, audience, at)
        elif due.kind is SyncKind.INCREMENTAL:
            is_complete = self._sync_incrementally(state, audience, at)
            # What a scan lacked is read by the next one.
            self._end_incremental(state, audience, at if is_complete else None)
        else:
            is_resumed = due.kind is SyncKind.RESUMED
            self._sync_fully(state, audience, at, is_resumed=is_resumed)
        self._resend = False

    def _prepare(self, state: StreamState, audience: Audience, at: datetime) -> DueSync:
        """Find which sync is due, and update the state for it.

        The state then says what is due, even if this run does not finish it.
        """
        settings, new = self._settings, is_new(state)
        distrusted = distrust_later_times(state, settings, at)
        if distrusted:
            self._log_distrusted(distrusted, at)
        if new and not settings.existing_users:
            state.starting_point = start_date(settings, at) or at
        found = Findings(
            changed=self._changed(state),
            distrusted=distrusted,
            why_full=self._tracker.open(state, at),
            is_new=new,
            resend=self._resend,
        )
        due = due_sync(state, audience, settings, at, found)
        self._logger.info("%s: %s.", due.kind.value, due.reason)
        state.fingerprint = json.dumps(self._fingerprint)
        if due.resends:
            self._tracker.resend(state)
        if due.since is not None:
            state.bookmark = due.since
        if due.kind is SyncKind.INCREMENTAL and due.resends:
            self._checkpoint(state)
        return due

    def _changed(self, state: StreamState) -> list[str]:
        changed = changed_keys(state.fingerprint, self._fingerprint)
        if "existing_users" in changed and not self._settings.existing_users:
            state.stop_sending_first_members()
            changed.remove("existing_users")
        return changed

    def sample(self) -> Iterator[Record]:
        """Read all members' records, sending and saving nothing."""
        audience = self._check.run(None).audience
        for page in self._reader.members(audience):
            yield from (member.record for member in page.members)

    def _sync_incrementally(
        self, state: StreamState, audience: Audience, at: datetime
    ) -> bool:
        """Send who changed and who left; return whether no member was missing.

        A scan that returns fewer members than it counts itself is repeated once.
        """
        since = max(state.bookmark or at, EPOCH) - self._settings.overlap
        self._logger.info(
            "Reading members whose profile changed since %s.", format_timestamp(since)
        )
        if self._has_no_changes(audience, since):
            self._logger.info("No profile has changed.")
            self._tracker.start_read(state, at, since)
            self._write(self._tracker.replaced(), state)
            return True
        self._found_changes = False
        missing = self._send_changed(state, audience, at, since)
        if missing:
            self._log_missing(missing, "The scan is repeated.")
            missing = self._send_changed(state, audience, at, since)
        if missing:
            self._log_missing(missing, "The next sync reads from the same time on.")
        self._send_changed_exits(state, audience, at, since)
        return not missing

    def _has_no_changes(self, audience: Audience, since: datetime) -> bool:
        """Ask whether a profile changed, which takes one call instead of two scans.

        After a pass that found changes this would only be one more call, because the
        lookback window returns the same profiles again.
        """
        if not self._tracker.knows_members or self._found_changes:
            return False
        return not self._reader.has_changed_profiles(audience, since)

    def _send_changed(
        self,
        state: StreamState,
        audience: Audience,
        at: datetime,
        since: datetime,
        coverage: ScanCoverage | None = None,
    ) -> int:
        """Send the changed members; return how many fewer they are than counted."""
        self._tracker.start_read(state, at, since)
        own = ScanCoverage(starts=1)
        for page in self._reader.changed_members(audience, since):
            self._send(page, state, is_full=False)
            own.start_page(page.starts, page.total)
            own.add(member.key for member in page.members)
            self._found_changes |= bool(page.members)
            if coverage:
                coverage.add(member.key for member in page.members)
        return count_missing(own)

    def _end_incremental(
        self, state: StreamState, audience: Audience, at: datetime | None
    ) -> None:
        state.bookmark = at or state.bookmark
        state.audience_updated = audience.updated
        state.discard_full_sync()  # Left by a run with settings that have full syncs.
        self._end_pass(state)

    def _sync_fully(
        self, state: StreamState, audience: Audience, at: datetime, *, is_resumed: bool
    ) -> None:
        started_at = (state.scan_started_at if is_resumed else None) or at
        state.audience_updated = audience.updated
        if not is_resumed:
            state.start_full_sync(at, settings_fingerprint(self._settings))
            self._checkpoint(state)  # It stays due until it is finished.
        coverage = self._scan(state, audience, started_at, is_resumed=is_resumed)
        if coverage is None:
            # Still unfinished, so the next sync is a full one, from the first page on.
            self._end_pass(state)
            return
        self._catch_up(state, audience, started_at, coverage)
        if is_incomplete(coverage) and coverage.size is not None:
            coverage.lower_size(self._check.size(audience.id))
        if self._finds_exits:
            self._send_exits(state, audience, started_at, coverage)
        self._end_full_sync(state, coverage)

    def _end_full_sync(self, state: StreamState, coverage: ScanCoverage) -> None:
        state.end_full_sync(is_incomplete=is_incomplete(coverage))
        if self._settings.existing_users and not state.repeats_full_sync:
            state.starting_point = None  # Everybody was sent.
        self._tracker.end_full_sync(is_repeated=state.repeats_full_sync)
        if state.short_scans:
            self._log_incomplete(state, coverage)
        self._end_pass(state)

    def _scan(
        self,
        state: StreamState,
        audience: Audience,
        started_at: datetime,
        *,
        is_resumed: bool,
    ) -> ScanCoverage | None:
        """Scan all members. A scan without any is repeated if the audience has members.

        Returns:
            What the scan saw; None if it is empty each time, which is not believed.
        """
        size = audience.size
        for attempt in range(1, MAX_EMPTY_SCANS + 1):
            coverage = ScanCoverage(
                starts=0 if is_resumed else 1, read_before=state.scan_read
            )
            # One cursor, if it must be known whether several missed members.
            is_repeated = state.repeats_full_sync or attempt > 1
            parallelism = 1 if is_repeated else self._settings.scan_parallelism
            self._read_members(state, audience, started_at, coverage, parallelism)
            if coverage.seen_in_total:
                is_whole = not self._settings.require_fields
                coverage.size = size if is_whole else None
                return coverage
            size = 0 if size == 0 else self._check.size(audience.id)
            if not size:
                return coverage
            self._log_empty(size, attempt)
            state.scan_cursor, state.scan_read, is_resumed = None, 0, False
        return None

    def _read_members(
        self,
        state: StreamState,
        audience: Audience,
        started_at: datetime,
        coverage: ScanCoverage,
        parallelism: int,
    ) -> None:
        self._tracker.start_read(state, started_at, None)
        cursor = state.scan_cursor or ""
        for page in self._reader.members(
            audience, cursor=cursor, parallelism=parallelism
        ):
            coverage.start_page(page.starts, page.total)
            coverage.gave_up = page.gave_up
            coverage.add(member.key for member in page.members)
            self._send(page, state, is_full=True)
            state.scan_cursor, state.scan_read = page.cursor or None, coverage.read
            if not page.is_last:
                self._checkpoint(state)

    def _catch_up(
        self,
        state: StreamState,
        audience: Audience,
        started_at: datetime,
        coverage: ScanCoverage,
    ) -> None:
        """Read the members who changed during the scan, which may have missed them.

        A changed member moves in the scan order. Where exits are not reported, the
        next incremental sync reads these members.
        """
        since = started_at - self._settings.overlap
        if self._finds_exits and coverage.starts:
            self._send_changed(state, audience, started_at, since, coverage)
        elif is_incomplete(coverage):
            # The scan itself is done; after a failure here it stays incomplete.
            with suppress(UnexpectedResponseError):
                self._send_changed(state, audience, started_at, since, coverage)

    def _send_exits(
        self,
        state: StreamState,
        audience: Audience,
        started_at: datetime,
        coverage: ScanCoverage,
    ) -> None:
        reason = self._why_no_exits(state, audience, coverage)
        if reason:
            self._log_no_exits(reason)
            # The bookmark moves to the start of this sync, which did not find them.
            since = max(state.bookmark or started_at, EPOCH) - self._settings.overlap
            self._send_changed_exits(
                state, audience, started_at, since, seen=coverage.seen
            )
        elif self._settings.reports_exits_by_version:
            self._output.activate_version(_version(started_at))
        else:
            for exits in self._tracker.unseen_exits(coverage.seen, started_at):
                self._write(exits, state)

    def _why_no_exits(
        self, state: StreamState, audience: Audience, coverage: ScanCoverage
    ) -> str:
        if not coverage.starts:
            return why_exits_are_uncertain(coverage, size_after=None, redefined=False)
        after = self._check.repeat(audience.id)
        redefined = is_redefined(state, after)
        return why_exits_are_uncertain(
            coverage, size_after=after.size, redefined=redefined
        )

    def _send_changed_exits(
        self,
        state: StreamState,
        audience: Audience,
        at: datetime,
        since: datetime,
        *,
        seen: SeenMembers | None = None,
    ) -> None:
        """Find who left among the changed profiles, if the members are known.

        Members whom this sync has seen may have left since; the next one finds them.
        """
        if self._tracker.knows_members:
            for keys in self._reader.changed_non_members(audience, since):
                self._found_changes |= bool(keys)
                unseen = [key for key in keys if seen is None or key not in seen]
                self._write(self._tracker.exits(unseen, at), state)

    def _send(self, page: MemberPage, state: StreamState, *, is_full: bool) -> None:
        self._write(self._tracker.select(page.members, is_full=is_full), state)
        self._write(self._tracker.replaced(), state)

    def _write(self, records: Iterable[Record], state: StreamState) -> None:
        # Save first: if this run is killed, the next must know what was sent.
        self._tracker.save()
        started_at = state.scan_started_at or state.last_whole_scan
        version = None
        if self._settings.reports_exits_by_version and started_at is not None:
            version = _version(started_at)
        self._output.write(list(records), version=version)

    def _end_pass(self, state: StreamState) -> None:
        state.pass_status = COMPLETE
        self._checkpoint(state)

    def _checkpoint(self, state: StreamState) -> None:
        self._tracker.checkpoint(state)
        self._output.checkpoint(state)

    def _start_time(self, snapshot: AudienceSnapshot) -> datetime:
        """Return the earlier one of Lytics' time and this machine's.

        Reading too much is harmless, too little is not.
        """
        own = self._clock()
        if snapshot.date is None:
            return own
        skew = abs(snapshot.date - own)
        if skew > MAX_CLOCK_SKEW and not self._warned_about_clocks:
            self._warned_about_clocks = True
            self._logger.warning(
                "The clocks of Lytics (%s) and this machine (%s) differ by %s seconds."
                " The earlier one is used.",
                format_timestamp(snapshot.date),
                format_timestamp(own),
                f"{skew.total_seconds():,.0f}",
            )
        return max(min(own, snapshot.date), EPOCH)

    # Log lines.

    def _log_distrusted(self, names: Iterable[str], at: datetime) -> None:
        self._logger.warning(
            "%s of the state cannot be right: it is now %s. It is not used, and what"
            " may have changed since then is read again.",
            " and ".join(names),
            format_timestamp(at),
        )

    def _log_no_exits(self, reason: str) -> None:
        self._logger.warning(
            "Exits are not reported after this full sync, but after the next one: %s.",
            reason,
        )

    def _log_empty(self, size: int, attempt: int) -> None:
        is_last = attempt == MAX_EMPTY_SCANS
        fields = ", ".join(self._settings.require_fields)
        self._logger.warning(
            "The scan returned no members, although Lytics reports %s in the audience"
            "%s. %s",
            f"{size:,}",
            f" (require_fields: {fields})" if fields else "",
            "This result is not used: the bookmark does not move, no exits are reported"
            " and the next sync is another full one. If no member has the required"
            " fields, correct require_fields; otherwise run again later."
            if is_last
            else f"Repeating it (attempt {attempt + 1} of {MAX_EMPTY_SCANS}).",
        )

    def _log_missing(self, missing: int, consequence: str) -> None:
        self._logger.warning(
            "The scan of changed members lacks %d that Lytics counts. %s",
            missing,
            consequence,
        )

    def _log_incomplete(self, state: StreamState, coverage: ScanCoverage) -> None:
        expected = coverage.expected
        self._logger.warning(
            "This full sync is incomplete: it saw %s of the %s members that Lytics"
            " counts. %s",
            f"{coverage.seen_in_total:,}",
            "unknown number of" if expected is None else f"{expected:,}",
            "The next sync is another full sync."
            if state.repeats_full_sync
            else "So was the one before; the next one runs when it is due. If members"
            " are missing, contact Lytics support.",
        )

    def _log_baseline(self, size: int | None, at: datetime) -> None:
        self._logger.info(
            "The audience's present members (%s) are not sent, because existing_users"
            " is false. Members whose profile changes from %s on are sent; members who"
            " enter only because time passed are not found without ledger_path.",
            "number unknown" if size is None else f"{size:,}",
            format_timestamp(at),
        )


def _version(started_at: datetime) -> int:
    return int(started_at.timestamp())
