"""Reads an audience's members page by page, and fetches the next page ahead.

Hides cursors: how many a scan uses, when it ends although Lytics returns another
cursor, when it restarts, and where another run may resume.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from singer_kit.errors import RetriesExhaustedError, UnexpectedResponseError
from singer_kit.logs import counted
from singer_kit.shutdown import BackgroundCall, call_interruptibly

from .client import (
    Page,
    Scan,
    changed_members_filter,
    changed_non_members_filter,
    changed_profiles_filter,
    field_name,
    members_filter,
)
from .errors import StaleCursorError
from .state import ScanCursors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from singer_kit.shutdown import ShutdownSignal

    from .client import Audience, LyticsClient
    from .records import Member, RecordBuilder
    from .settings import Settings

MAX_IDLE_PAGES = 10  # In a row, while there is still a cursor.
MAX_UNDIVIDED = 1000  # Members; of fewer, reading parts saves too little time.
# By how much the parts' totals may differ from the whole, as members come and go.
MAX_DIFFERENCE = 0.01
MIN_DIFFERENCE = 10  # Members.
MAX_GROWTH = 1.5  # Of a part between two pages; of two parts, the whole has twice.
MIN_RATED = 100  # Members; of fewer, a rate says nothing.
PROGRESS_SECONDS = 10.0  # Minimum time between two lines in the log.

logger = logging.getLogger("tap-lytics.scan")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPage:
    """The members of a page.

    `cursor` is where another run can resume, as the text of `ScanCursors`, empty if it
    cannot; `total` the count that Lytics reports for the whole scan, if any; `starts`
    how often the scan started at its first page; `gave_up` whether it ended although
    Lytics returned another cursor.
    """

    members: list[Member]
    cursor: str
    is_last: bool
    total: int | None
    starts: int
    gave_up: bool


class AudienceReader:
    """Reads the members of an audience.

    Args:
        client: the Lytics API.
        shutdown: interrupts requests.
        builder: makes the records.
        settings: `require_fields` and `page_size`.
        logger: gets the progress.

    Raises:
        ConfigError: when a required field cannot be used in a filter.
    """

    def __init__(
        self,
        client: LyticsClient,
        shutdown: ShutdownSignal,
        *,
        builder: RecordBuilder,
        settings: Settings,
        logger: logging.Logger,
    ) -> None:
        self._client = client
        self._shutdown = shutdown
        self._builder = builder
        self._required = settings.require_fields
        self._page_size = settings.page_size
        self._logger = logger
        # Fail now rather than in the first sync that needs a filter.
        for name in self._required:
            field_name(name)

    def members(
        self, audience: Audience, *, cursor: str = "", parallelism: int = 1
    ) -> Iterator[MemberPage]:
        """Read all members, from where the cursor says, with up to so many cursors.

        Raises:
            ConfigError: when the audience cannot be named in a filter.
            UnexpectedResponseError: when Lytics refuses a second cursor.
            ShutdownRequestedError: when a signal arrives.
        """
        required = self._required
        text = members_filter(audience, required=required)
        # The size is that of the whole audience.
        size = None if required else audience.size
        scan = self._scan(audience, text if required else None)
        yield from self._pages(scan, cursor=cursor, parallelism=parallelism, size=size)

    def changed_members(
        self, audience: Audience, since: datetime
    ) -> Iterator[MemberPage]:
        """Read the members whose profile changed at or after `since`."""
        text = changed_members_filter(audience, since, required=self._required)
        pages = self._pages(self._scan(audience, text), noun="changed member")
        yield from pages

    def changed_non_members(
        self, audience: Audience, since: datetime
    ) -> Iterator[list[str]]:
        """Read the keys of the non-members whose profile changed since."""
        text = changed_non_members_filter(audience, since, required=self._required)
        scan = self._scan(audience, text, fields=self._builder.key_query_fields)
        for page in ScanPages(self._client, scan, self._shutdown):
            yield [self._builder.key(profile) for profile in page.members]

    def has_changed_profiles(self, audience: Audience, since: datetime) -> bool:
        """Whether a profile changed since, of a member or not. This takes one call."""
        text = changed_profiles_filter(since, required=self._required)
        scan = replace(self._scan(audience, text, fields=("_modified",)), limit=1)
        call = partial(self._client.page, scan, "")
        page = call_interruptibly(call, self._shutdown)
        return bool(page.members or page.next or page.total)

    def _scan(
        self,
        audience: Audience,
        text: str | None,
        *,
        fields: tuple[str, ...] | None = None,
    ) -> Scan:
        return Scan(
            audience_id=audience.id,
            slug=audience.slug,
            filter=text,
            fields=self._builder.query_fields if fields is None else fields,
            limit=self._page_size,
        )

    def _pages(
        self,
        scan: Scan,
        *,
        cursor: str = "",
        parallelism: int = 1,
        size: int | None = None,
        noun: str = "member",
    ) -> Iterator[MemberPage]:
        pages = ScanPages(
            self._client,
            scan,
            self._shutdown,
            cursor=cursor,
            parallelism=parallelism,
        )
        progress = Progress(self._logger, size=size, noun=noun)
        for page in pages:
            yield MemberPage(
                members=self._builder.members(page.members),
                cursor=pages.cursor,
                is_last=pages.is_over,
                total=pages.total,
                starts=pages.starts,
                gave_up=pages.gave_up,
            )
            progress.add(len(page.members), total=pages.total)
        self._logger.info("%s.", progress)


class ScanPages:
    """The pages of a scan, by one cursor or by several that each read a part of it.

    After each page, its attributes describe the scan.

    Args:
        client: the Lytics API.
        scan: what to read.
        shutdown: interrupts requests.
        cursor: where to go on, as the attribute of that name said; empty to start.
        parallelism: how many cursors to use for a large scan. Lytics must divide it
            into parts that add up to the whole; otherwise it is read by one cursor.

    Attributes:
        total: how many profiles the scan matches, None if Lytics did not report it.
        is_over: whether the page was the last one.
        starts: how often the scan started at its first page.
    """

    def __init__(
        self,
        client: LyticsClient,
        scan: Scan,
        shutdown: ShutdownSignal,
        *,
        cursor: str = "",
        parallelism: int = 1,
    ) -> None:
        self._client = client
        self._scan = scan
        self._shutdown = shutdown
        self._resumed_at = cursor
        self._parallelism = parallelism
        self._parts: list[CursorPages] = []
        self._is_restarted = False
        self.total: int | None = None
        self.is_over = False
        self.starts = 0 if cursor else 1

    def __iter__(self) -> Iterator[Page]:
        """Iterate over the pages. A stale cursor restarts the scan.

        Raises:
            UnexpectedResponseError: for a stale cursor of a restarted scan.
            ShutdownRequestedError: when a signal arrives.
        """
        pages = self._resume() if self._resumed_at else self._start()
        try:
            while True:
                try:
                    yield from pages
                except StaleCursorError as stale:
                    self._prepare_restart(stale)
                    pages = self._start()
                else:
                    return
        finally:
            self._abandon(self._parts)

    @property
    def cursor(self) -> str:
        """From where another run can resume; empty if it cannot."""
        if not all(part.is_resumable for part in self._parts):
            return ""
        cursors = tuple(part.cursor for part in self._parts)
        totals = tuple(part.total for part in self._parts)
        return ScanCursors(cursors=cursors, totals=totals).write()

    @property
    def gave_up(self) -> bool:
        """Whether it ended although Lytics returned another cursor."""
        return any(part.gave_up for part in self._parts)

    def _start(self) -> Iterator[Page]:
        whole = CursorPages(self._fetch, self._scan)
        self._parts = [whole]
        total = whole.peek().total
        if self._parallelism > 1 and total is not None and total > MAX_UNDIVIDED:
            parts = self._divide(total)
            if parts:
                logger.info("The %s is read with %d cursors.", self._scan, len(parts))
                self._parts = parts
                yield from self._merge()
                return
        yield from self._follow(whole)

    def _resume(self) -> Iterator[Page]:
        saved = ScanCursors.read(self._resumed_at)
        is_divided = saved.parts > 1
        scans = self._scan.divide(saved.parts) if is_divided else [self._scan]
        self._parts = [
            CursorPages(self._fetch, scan, cursor=cursor, total=total)
            for scan, cursor, total in zip(
                scans, saved.cursors, saved.totals, strict=True
            )
        ]
        yield from self._merge() if is_divided else self._follow(self._parts[0])

    def _prepare_restart(self, stale: StaleCursorError) -> None:
        is_divided = len(self._parts) > 1
        if self._is_restarted and not is_divided:
            raise UnexpectedResponseError(
                f"{stale} This is the second time in one scan, so the run ends. Run"
                " again, and contact Lytics support if that does not help."
            ) from None
        self._abandon(self._parts)
        if is_divided and self.starts:
            # Perhaps Lytics does not take new cursors either, together with splits.
            self._parallelism = 1
        logger.warning("%s The scan restarts at its first page.", stale)
        self._is_restarted = True
        self.starts += 1

    def _follow(self, pages: CursorPages) -> Iterator[Page]:
        for page in pages:
            self.total, self.is_over = page.total, not page.next
            yield page

    def _merge(self) -> Iterator[Page]:
        """Yield the pages of all parts as they arrive, then an empty last one.

        The last one has the total of the undivided scan: if members belong to no part,
        the scan is not complete.
        """
        waiting = {part: iter(part) for part in self._parts if part.ahead}
        while waiting:
            part = self._first_ready(waiting)
            pages = waiting.pop(part)
            page = next(pages, None)
            if part.ahead:
                waiting[part] = pages  # Behind those that wait longer.
            if page:
                self.total = _sum([part.total for part in self._parts])
                yield page
        total = self._count_whole()
        self.total, self.is_over = None if self.gave_up else total, True
        yield Page(members=[], next="", total=self.total)

    def _first_ready(self, parts: Iterable[CursorPages]) -> CursorPages:
        by_call = {part.ahead: part for part in parts if part.ahead}
        return by_call[BackgroundCall.first_finished([*by_call], self._shutdown)]

    def _divide(self, total: int) -> list[CursorPages]:
        """Request the first page of every part; return none if one cursor is used."""
        scans = self._scan.divide(self._parallelism)
        parts = [CursorPages(self._fetch, scan) for scan in scans]
        try:
            totals = [part.peek().total for part in parts]
            reason = self._why_undivided(total, totals)
        except (
            StaleCursorError,
            RetriesExhaustedError,
            UnexpectedResponseError,
        ) as error:
            reason = f"Lytics does not return its parts. {error}"
        if not reason:
            for part in parts:
                part.skip_if_empty()
            return parts
        self._abandon(parts)
        logger.info("The %s is read with one cursor: %s", self._scan, reason)
        return []

    def _why_undivided(self, total: int, totals: Sequence[int | None]) -> str:
        """Explain why the parts are not the whole; empty if they are.

        Members may enter or leave between the requests, so a small difference is
        accepted, but not that the parts have fewer members than the whole twice. The
        whole is counted before and after the parts, so that members who enter do not
        hide that others belong to no part: those would seem to have left.
        """
        found, after = _sum(totals), self._count_whole()
        whole = _max(total, after)
        if whole and found is not None and 0 < whole - found <= _tolerance(whole):
            found = _sum(self._count(self._scan.divide(self._parallelism)))
            whole = _max(after, self._count_whole())
        if whole is None or found is None:
            return "Lytics does not report how many members its parts have."
        if 0 <= found - whole <= _tolerance(whole):
            return ""
        return (
            f"Lytics counts {counted(whole, 'member')}, and {found:,} in all its parts."
        )

    def _count_whole(self) -> int | None:
        return self._count([self._scan])[0]

    def _count(self, scans: Sequence[Scan]) -> list[int | None]:
        calls = [self._fetch(replace(scan, limit=1), "") for scan in scans]
        return [call.result().total for call in calls]

    def _fetch(self, scan: Scan, cursor: str) -> BackgroundCall[Page]:
        return BackgroundCall(partial(self._client.page, scan, cursor), self._shutdown)

    def _abandon(self, parts: Iterable[CursorPages]) -> None:
        for part in parts:
            if part.ahead:
                part.ahead.abandon()


class CursorPages:
    """The pages that one cursor leads to. While one is processed, the next is fetched.

    Never more than one page ahead: the next is requested when this one is yielded.

    Args:
        fetch: requests the page of a cursor.
        scan: what to read: a whole scan or a part of one.
        cursor: where to go on; empty to start, None if it is finished.
        total: how many profiles it matched when it was interrupted, if it was.

    Attributes:
        ahead: the request of the next page, None after the last one.
        cursor: where to go on, as the argument.
        is_resumable: whether another run can resume at the cursor.
        total: how many profiles it matches, None if Lytics did not report it.
        gave_up: whether it ended although Lytics returned another cursor.
    """

    def __init__(
        self,
        fetch: Callable[[Scan, str], BackgroundCall[Page]],
        scan: Scan,
        *,
        cursor: str | None = "",
        total: int | None = None,
    ) -> None:
        self._scan = scan
        self._fetch = partial(fetch, scan)
        self.ahead = None if cursor is None else self._fetch(cursor)
        self.cursor = cursor
        self.is_resumable = True
        self.total = total
        self.gave_up = cursor is None and total is None

    def peek(self) -> Page:
        """Wait for the first page, before it is yielded."""
        assert self.ahead is not None  # noqa: S101 - it has not begun
        page = self.ahead.result()
        self.total = page.total
        return page

    def skip_if_empty(self) -> None:
        """Finish a part without members, even if Lytics returns a cursor."""
        page = self.peek()
        if page.total == 0 and not page.members:
            self.ahead = self.cursor = None

    def __iter__(self) -> Iterator[Page]:
        """Iterate over the pages.

        Raises:
            StaleCursorError: when Lytics does not accept a cursor, or returns more than
                the part for it.
            ShutdownRequestedError: when a signal arrives.
        """
        previous, idle = None, IdlePages()
        while self.ahead:
            page = self.ahead.result()
            if previous and _is_repeated(previous, page):
                self.ahead, self.cursor, self.is_resumable = None, None, True
                return
            self._check_part(page)
            if previous and idle.is_limit_reached(page):
                page = self._give_up()
            # A cursor that is the same on every page does not say where the scan is:
            # Lytics keeps that, and moves it when the next page is requested.
            self.is_resumable = not page.next or page.next != self.cursor
            self.cursor, self.total = page.next or None, page.total
            self.ahead = self._fetch(page.next) if page.next else None
            yield page
            previous = page

    def _check_part(self, page: Page) -> None:
        """Check that a later page is of the part, if this is one.

        Whether Lytics applies `splits` to a page with a cursor is not documented.
        """
        if not self._scan.splits or page.total is None or self.total is None:
            return
        if page.total > MAX_GROWTH * self.total + MIN_DIFFERENCE:
            raise StaleCursorError(
                f"Lytics counted {counted(self.total, 'member')} in the {self._scan},"
                f" and {page.total:,} with a later page."
            )

    def _give_up(self) -> Page:
        self.gave_up = True
        logger.warning(
            "The last %d pages of the %s had no new members, so it ends although Lytics"
            " returned another cursor. If members are missing, contact Lytics support.",
            MAX_IDLE_PAGES,
            self._scan,
        )
        # Without a total, no unseen member counts as having left.
        return Page(members=[], next="", total=None)


def _tolerance(members: int) -> float:
    return max(members * MAX_DIFFERENCE, MIN_DIFFERENCE)


def _max(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


def _sum(totals: Sequence[int | None]) -> int | None:
    known = [total for total in totals if total is not None]
    return sum(known) if len(known) == len(totals) else None


class IdlePages:
    """Detects an endless scan by pages that are empty or repeated.

    Cursors do not show it: Lytics may return the same one with every page.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._in_row = 0

    def is_limit_reached(self, page: Page) -> bool:
        """Add a page; return whether MAX_IDLE_PAGES in a row had no new members."""
        fingerprint = _page_fingerprint(page)
        is_idle = not page.members or fingerprint in self._seen
        self._seen.add(fingerprint)
        self._in_row = self._in_row + 1 if is_idle else 0
        return self._in_row == MAX_IDLE_PAGES


def _is_repeated(previous: Page, page: Page) -> bool:
    if previous.next != page.next or not page.members:
        return False
    fingerprints = [list(map(_fingerprint, p.members)) for p in (previous, page)]
    return fingerprints[0] == fingerprints[1]


def _page_fingerprint(page: Page) -> int:
    # From three members: hashing all of them would cost too much.
    members = page.members
    some = members[:1] + members[len(members) // 2 :][:1] + members[-1:]
    return hash((len(members), *map(_fingerprint, some)))


def _fingerprint(member: Mapping[str, object]) -> int:
    # From hashable values only: the others may be nested to any depth.
    return hash(tuple(v for v in member.values() if isinstance(v, (str, int, float))))


class Progress:
    """Counts members and logs how far a scan is, at most every 10 seconds."""

    def __init__(
        self, logger: logging.Logger, *, size: int | None, noun: str = "member"
    ) -> None:
        self._logger = logger
        self._size = size
        self._noun = noun
        self._read = 0
        self._started_at = self._logged_at = time.monotonic()

    def add(self, members: int, *, total: int | None = None) -> None:
        """Add a page. Its total replaces the audience's size."""
        self._read += members
        self._size = self._size if total is None else total
        now = time.monotonic()
        if now - self._logged_at >= PROGRESS_SECONDS:
            self._logged_at = now
            self._logger.info("%s.", self)

    def __str__(self) -> str:
        if not self._size:
            read = (
                counted(self._read, self._noun) if self._read else f"no {self._noun}s"
            )
            return f"Read {read}{self._rate}"
        percent = min(100 * self._read / self._size, 100)
        size = counted(self._size, self._noun)
        return f"Read {self._read:,} of {size}, {percent:.0f} %{self._rate}"

    @property
    def _rate(self) -> str:
        if self._read < MIN_RATED:
            return ""
        seconds = max(time.monotonic() - self._started_at, 1e-9)
        return f", {self._read / seconds:,.0f} per second"
