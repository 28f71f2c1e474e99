"""Reads an audience's members page by page, and fetches the next page ahead.

Hides cursors: when a scan ends although Lytics returns another cursor, when it
restarts, and which cursor another run may resume from.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from singer_kit.errors import UnexpectedResponseError
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from singer_kit.shutdown import ShutdownSignal

    from .client import Audience, LyticsClient
    from .records import Member, RecordBuilder
    from .settings import Settings

MAX_IDLE_PAGES = 10  # In a row, while there is still a cursor.
MIN_RATED = 100  # Members; of fewer, a rate says nothing.
PROGRESS_SECONDS = 10.0  # Minimum time between two lines in the log.

logger = logging.getLogger("tap-lytics.scan")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPage:
    """The members of a page.

    `cursor` is that of the next page, empty if another run cannot resume there;
    `total` the count that Lytics reported with it, if any; `starts` how often the scan
    started at its first page; `gave_up` whether it ended although Lytics returned
    another cursor.
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

    def members(self, audience: Audience, *, cursor: str = "") -> Iterator[MemberPage]:
        """Read all members, from the cursor's page on.

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
        yield from self._pages(scan, cursor=cursor, size=size)

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
        size: int | None = None,
        noun: str = "member",
    ) -> Iterator[MemberPage]:
        pages = ScanPages(self._client, scan, self._shutdown, cursor=cursor)
        progress = Progress(self._logger, size=size, noun=noun)
        for page in pages:
            yield MemberPage(
                members=self._builder.members(page.members),
                cursor=pages.resumable_cursor(page),
                is_last=not page.next,
                total=page.total,
                starts=pages.starts,
                gave_up=pages.gave_up,
            )
            progress.add(len(page.members), total=page.total)
        self._logger.info("%s.", progress)


class ScanPages:
    """The pages of a scan. While one is processed, the next is fetched.

    Never more than one page ahead: the next is requested when this one is yielded.
    """

    def __init__(
        self,
        client: LyticsClient,
        scan: Scan,
        shutdown: ShutdownSignal,
        *,
        cursor: str = "",
    ) -> None:
        self._client = client
        self._scan = scan
        self._shutdown = shutdown
        self._first_cursor = cursor
        self._cursor = cursor  # That of the last page yielded.
        self.starts = 0 if cursor else 1  # How often it started at the first page.
        self.gave_up = False  # Whether it ended although there was another cursor.

    def __iter__(self) -> Iterator[Page]:
        """Iterate over the pages. The first stale cursor restarts the scan.

        Raises:
            UnexpectedResponseError: for the second stale cursor.
            ShutdownRequestedError: when a signal arrives.
        """
        try:
            yield from self._pages(self._first_cursor)
        except StaleCursorError as stale:
            logger.warning("%s The scan restarts at its first page.", stale)
            self.starts += 1
            yield from self._restarted()

    def resumable_cursor(self, page: Page) -> str:
        """Return the cursor from which another run can resume; empty if it cannot.

        A cursor that is the same on every page does not say where the scan is: Lytics
        keeps that position, and moves it when the next page is requested.
        """
        return "" if page.next == self._cursor else page.next

    def _restarted(self) -> Iterator[Page]:
        try:
            yield from self._pages("")
        except StaleCursorError as stale:
            raise UnexpectedResponseError(
                f"{stale} This is the second time in one scan, so the run ends. Run"
                " again, and contact Lytics support if that does not help."
            ) from None

    def _pages(self, cursor: str) -> Iterator[Page]:
        page, idle = self._fetch(cursor).result(), IdlePages()
        self._cursor = cursor
        while True:
            ahead = self._fetch(page.next) if page.next else None
            yield page
            if ahead is None:
                return
            previous, page = page, ahead.result()
            self._cursor = previous.next
            if _is_repeated(previous, page):
                return
            if idle.is_limit_reached(page):
                yield self._give_up()
                return

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

    def _fetch(self, cursor: str) -> BackgroundCall[Page]:
        call = partial(self._client.page, self._scan, cursor)
        return BackgroundCall(call, self._shutdown)


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
