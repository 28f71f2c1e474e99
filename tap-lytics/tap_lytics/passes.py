"""The passes over one audience: what is read, what is sent, when the state moves on."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from .absence import Sighting, doubt, is_short
from .due import Due, is_redefined, next_pass, scan_settings
from .errors import ProtocolError

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable

    from .client import Look
    from .lookout import Lookout
    from .outlet import Outlet
    from .reader import Batch, Reader, Surroundings
    from .roster import Roster
    from .state import Place

CLOCKS_APART = timedelta(minutes=1)
CLOCK_BROKEN = timedelta(days=366)  # A bookmark far ahead would lose what changes.
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class AudiencePasses:
    """The passes over one audience in this process, one after the other."""

    def __init__(
        self,
        reader: Reader,
        *,
        around: Surroundings,
        lookout: Lookout,
        outlet: Outlet,
        roster: Roster,
        logger: logging.Logger,
    ) -> None:
        self._reader = reader
        self._settings = around.settings
        self._clock = around.clock
        self._lookout = lookout
        self._outlet = outlet
        self._roster = roster
        self._logger = logger
        self._judges_absence = roster.keeps_members or self._settings.versions_scans
        self._has_told_of_clocks = False

    def run(self, place: Place) -> None:
        """Make the pass that is due from this place on, and move the place on.

        Raises:
            InterruptedByUserError: when a stop is wished for; the state written last
                covers what was written before it.
        """
        look = self._lookout.look(place.audience_id)
        at = self._moment_of(look)
        place.audience_id = look.audience.id
        self._roster.open(place)
        due = next_pass(place, look.audience, self._settings, at)
        self._logger.info("This pass %s: %s.", due.due.value, due.why)
        if due.due is Due.START:
            self._tell_of_start(look.audience.size)
            self._end(place, look, at)
        elif due.due is Due.CHANGES:
            self._changes(place, at)
            self._end(place, look, at)
        else:
            self._whole(place, look, at, resumes=due.due is Due.RESUME)

    def _changes(self, place: Place, at: datetime) -> None:
        last = place.bookmark or self._settings.start_date or at
        since = max(last, EPOCH) - self._reach  # Before it, calendars end.
        self._send_changed(place, at, since)
        if self._roster.keeps_members:
            for keys in self._reader.others(since):
                self._write(self._roster.leave(keys, at), place)

    def _send_changed(
        self,
        place: Place,
        at: datetime,
        since: datetime,
        sighting: Sighting | None = None,
    ) -> None:
        self._roster.begin(place, at, since)
        for batch in self._reader.changed(since):
            self._send(batch, place, whole=False)
            if sighting:
                sighting.add(member.key for member in batch.members)

    def _end(self, place: Place, look: Look, at: datetime) -> None:
        place.bookmark, place.audience_updated = at, look.audience.updated
        place.drop_scan()  # One of other settings, as these have none.
        self._checkpoint(place)

    def _whole(self, place: Place, look: Look, at: datetime, *, resumes: bool) -> None:
        began = (place.scan_started_at if resumes else None) or at
        if not resumes:
            place.begin_scan(at)
        place.scan_settings = scan_settings(self._settings)
        place.audience_updated = look.audience.updated
        sighting = Sighting(starts=0 if resumes else 1, read_before=place.scan_read)
        self._scan(place, began, sighting, look.audience.size)
        self._catch_up(place, began, sighting)
        if self._judges_absence:
            self._judge_absence(place, began, sighting)
        self._roster.end_scan()
        place.end_scan(is_short=is_short(sighting))
        if place.short_scans:
            self._tell_of_shortness(place, sighting)
        self._checkpoint(place)

    def _scan(
        self, place: Place, began: datetime, sighting: Sighting, size: int | None
    ) -> None:
        self._roster.begin(place, began, None)
        for batch in self._reader.whole(cursor=place.scan_cursor or "", size=size):
            sighting.turn(batch.starts, batch.total)
            sighting.gave_up = batch.gave_up
            sighting.add(member.key for member in batch.members)
            self._send(batch, place, whole=True)
            place.scan_cursor, place.scan_read = batch.cursor or None, sighting.read
            if not batch.is_last:
                self._checkpoint(place)

    def _catch_up(self, place: Place, began: datetime, sighting: Sighting) -> None:
        """Read who changed while the scan ran: they move in its order, and are missed.

        It matters where absence is judged; else the next pass finds them.
        """
        since = began - self._reach
        if self._judges_absence and sighting.starts:
            self._send_changed(place, began, since, sighting)
        elif is_short(sighting):
            # The scan itself is done: that it stays short is all that a failure means.
            with suppress(ProtocolError):
                self._send_changed(place, began, since, sighting)

    def _judge_absence(self, place: Place, began: datetime, sighting: Sighting) -> None:
        if not sighting.starts:
            self._tell_of_doubt(doubt(sighting, size_after=None, redefined=False))
            return
        after = self._lookout.look(place.audience_id).audience
        redefined = is_redefined(place, after)
        why_not = doubt(sighting, size_after=after.size, redefined=redefined)
        if why_not:
            self._tell_of_doubt(why_not)
        elif self._settings.versions_scans:
            self._outlet.activate(_version(began))
        else:
            for exits in self._roster.absent(sighting.seen, began):
                self._write(exits, place)

    def _send(self, batch: Batch, place: Place, *, whole: bool) -> None:
        self._write(self._roster.admit(batch.members, whole=whole), place)
        self._write(self._roster.replaced(), place)

    def _write(self, records: Iterable[dict[str, object]], place: Place) -> None:
        self._roster.keep()  # Whatever ends this run, the next must know who was told.
        began = place.scan_started_at or place.last_whole_scan
        is_versioned = self._settings.versions_scans and began is not None
        version = _version(began) if is_versioned and began else None
        self._outlet.write(list(records), version=version)

    def _checkpoint(self, place: Place) -> None:
        self._roster.cover(place)
        self._outlet.checkpoint(place)

    @property
    def _reach(self) -> timedelta:
        return self._settings.overlap

    def _tell_of_doubt(self, why: str) -> None:
        self._logger.warning(
            "Who left is not told after this scan, but after the next whole one: %s.",
            why,
        )

    def _tell_of_shortness(self, place: Place, sighting: Sighting) -> None:
        counted = sighting.expected
        self._logger.warning(
            "This scan saw %s of the %s members that Lytics counts. %s",
            f"{sighting.seen_in_all:,}",
            "unknown number of" if counted is None else f"{counted:,}",
            "The next pass scans the whole audience once more."
            if place.is_scan_repeated
            else "So did the one before, and it is left at that until the next whole"
            " scan is due. If members are missing, ask Lytics.",
        )

    def _tell_of_start(self, size: int | None) -> None:
        self._logger.info(
            "Left out the %s members of the audience, as existing_users is false. From"
            " now on members whose profile changes are sent; who enters by mere passing"
            " of time is not seen without ledger_path.",
            "unknown number of" if size is None else f"{size:,}",
        )

    def _moment_of(self, look: Look) -> datetime:
        own = self._clock()
        if look.at is None:
            return own
        apart = abs(look.at - own)
        is_broken = apart > CLOCK_BROKEN
        if apart > CLOCKS_APART and not self._has_told_of_clocks:
            self._has_told_of_clocks = True
            self._logger.warning(
                "The clocks of Lytics and of this machine are %.0f seconds apart;"
                " bookmarks go by that of %s.",
                apart.total_seconds(),
                "this machine" if is_broken else "Lytics",
            )
        return own if is_broken else look.at


def _version(began: datetime) -> int:
    return int(began.timestamp())
