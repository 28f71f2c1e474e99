"""An audience's members page by page, ready as records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from . import filterql
from .client import Scan
from .progress import Progress
from .roster import Member
from .scan import Pages
from .schema import MODIFIED

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator

    from .answers import Page
    from .client import Client
    from .interrupt import Interrupt
    from .ledger import Ledger
    from .members import Shape
    from .settings import Settings


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the passes over every audience share."""

    client: Client
    settings: Settings
    interrupt: Interrupt
    ledger: Callable[[], Ledger]
    clock: Callable[[], datetime] = _now


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A page's members, and what stands beside them.

    `cursor` is the next page's, empty if the scan cannot be gone on with there;
    `starts` how often the scan began at its first page; one that `gave_up` ended where
    Lytics gave no end.
    """

    members: list[Member]
    cursor: str
    is_last: bool
    total: int | None
    starts: int
    gave_up: bool


class Reader:
    """Reads one audience, by its slug."""

    def __init__(
        self, around: Surroundings, *, slug: str, shape: Shape, logger: logging.Logger
    ) -> None:
        self._around = around
        self._slug = slug
        self._shape = shape
        self._logger = logger
        self._having = around.settings.require_fields
        # What no later pass could ask for must not wait for it to be refused.
        filterql.members(slug, having=self._having)

    def whole(self, *, cursor: str = "", size: int | None = None) -> Iterator[Batch]:
        """Read everybody, from the cursor's page on."""
        having = self._having
        text = filterql.members(self._slug, having=having) if having else None
        size = None if having else size  # Lytics knows the whole audience's alone.
        yield from self._batches(self._scan(text), cursor=cursor, size=size)

    def changed(self, since: datetime) -> Iterator[Batch]:
        """Read the members whose profile changed since."""
        text = filterql.changed_members(self._slug, since, having=self._having)
        yield from self._batches(self._scan(text))

    def others(self, since: datetime) -> Iterator[list[str]]:
        """Read the keys of those who are no members and whose profile changed since."""
        text = filterql.changed_others(self._slug, since, having=self._having)
        for page in Pages(
            self._around.client,
            self._scan(text, fields=self._shape.key_fields_asked),
            self._around.interrupt,
        ):
            yield [self._shape.key(profile) for profile in page.members]

    def _scan(self, text: str | None, *, fields: tuple[str, ...] | None = None) -> Scan:
        return Scan(
            slug=self._slug,
            filter=text,
            fields=self._shape.fields_asked if fields is None else fields,
            limit=self._around.settings.page_size,
        )

    def _batches(
        self, scan: Scan, *, cursor: str = "", size: int | None = None
    ) -> Iterator[Batch]:
        around = self._around
        pages = Pages(around.client, scan, around.interrupt, cursor=cursor)
        progress = Progress(self._logger, size=size)
        for page in pages:
            yield Batch(
                members=self._members(page),
                cursor=_lasting_cursor(pages, page),
                is_last=not page.next,
                total=page.total,
                starts=pages.starts,
                gave_up=pages.gave_up,
            )
            progress.add(len(page.members), total=page.total)
        self._logger.info("%s.", progress.line())

    def _members(self, page: Page) -> list[Member]:
        shape, members = self._shape, []
        for profile in page.members:
            key = shape.key(profile)
            record = shape.record(profile, key)
            modified = profile.get(MODIFIED)
            members.append(
                Member(
                    key=key,
                    record=record,
                    modified=modified if isinstance(modified, str) else None,
                    required=shape.required(profile),
                )
            )
        return members


def _lasting_cursor(pages: Pages, page: Page) -> str:
    """Give the cursor with which another run finds the next page, if there is one.

    A cursor that stays the same from page to page does not tell where the scan is:
    Lytics keeps that, and is a page further as soon as the next one was asked for.
    """
    return "" if page.next == pages.asked else page.next
