"""Who of the members seen is sent, when nothing is kept but a memory of the overlap."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .members import encode
from .moments import to_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from .seen import SeenMembers
    from .state import Place

Record = dict[str, Any]

MAX_REMEMBERED = 100_000  # Members, some 25 MB. Beyond it a repeat is simply sent.


class Member(NamedTuple):  # Made for each one: a frozen dataclass costs five times it.
    """A member as a page brought them.

    `modified` is as Lytics writes it, `required` the values of require_fields.
    """

    key: str
    record: Record
    modified: str | None
    required: list[Any]


class Roster(Protocol):
    """Decides who is sent, and keeps what it needs to decide the next time."""

    @property
    def keeps_members(self) -> bool:
        """Whether it can tell who left of those who are not members now."""
        ...

    def open(self, place: Place) -> None:
        """Begin with the audience, in this process, at its place in the state."""
        ...

    def begin(self, place: Place, at: datetime, since: datetime | None) -> None:
        """Begin a pass at this moment that reaches back to `since`, or a whole scan."""
        ...

    def admit(self, members: Sequence[Member], *, whole: bool) -> list[Record]:
        """Give the records to send of a page of members."""
        ...

    def keep(self) -> None:
        """Keep what was decided, lastingly: its records are written next."""
        ...

    def replaced(self) -> list[Record]:
        """Give the records that tell which customers the admitted no longer are."""
        ...

    def leave(self, keys: Sequence[str], at: datetime) -> list[Record]:
        """Give the records that tell who of these was a member."""
        ...

    def absent(self, seen: SeenMembers, at: datetime) -> Iterator[list[Record]]:
        """Give the records that tell which members were not seen."""
        ...

    def cover(self, place: Place) -> None:
        """Make lasting what was kept, as a state is written that covers it."""
        ...

    def end_scan(self) -> None:
        """End a whole scan, and say whom it left out."""
        ...


class Overlap:
    """A memory of who was sent lately, so that overlapping passes repeat nobody.

    Without `is_repeated` no pass follows in this process, and nothing is remembered.
    Only members changed since a pass's reach can come again, so the rest is forgotten
    and the memory stays flat.
    """

    def __init__(self, overlap: timedelta, *, is_repeated: bool = True) -> None:
        self._overlap = overlap
        self._is_repeated = is_repeated
        self._reach: datetime | None = None
        self._sent: dict[str, tuple[bytes, datetime | None]] = {}
        self._undecided: list[Member] = []

    @property
    def keeps_members(self) -> bool:
        """No: it remembers only whom it sent lately."""
        return False

    def open(self, place: Place) -> None:
        """Begin with nothing in mind; a ledger of before would know nothing of this."""
        place.ledger_id = place.ledger_generation = None

    def begin(self, place: Place, at: datetime, since: datetime | None) -> None:  # noqa: ARG002 - of the protocol
        """Begin a pass.

        Forgets whom this pass cannot bring again; whom the next one cannot either is
        not even remembered.
        """
        if since is not None:
            self._sent = {
                key: sent
                for key, sent in self._sent.items()
                if _reaches(sent[1], since)
            }
        self._reach = at - self._overlap

    def admit(self, members: Sequence[Member], *, whole: bool) -> list[Record]:
        """Send everybody in a whole scan; else whose content is not as last sent."""
        self._undecided = [m for m in members if whole or not self._is_repeat(m)]
        return [member.record for member in self._undecided]

    def keep(self) -> None:
        """Remember who was sent and can come again."""
        self._remember(self._undecided)
        self._undecided = []

    def replaced(self) -> list[Record]:
        """None: it does not know which customers they were."""
        return []

    def leave(self, keys: Sequence[str], at: datetime) -> list[Record]:  # noqa: ARG002 - of the protocol
        """Nobody: it does not know who was a member."""
        return []

    def absent(self, seen: SeenMembers, at: datetime) -> Iterator[list[Record]]:  # noqa: ARG002 - of the protocol
        """Nobody: it does not know who was a member."""
        return iter(())

    def cover(self, place: Place) -> None:
        """Make nothing lasting."""

    def end_scan(self) -> None:
        """Leave nobody out."""

    def _is_repeat(self, member: Member) -> bool:
        sent = self._sent.get(member.key)
        return sent is not None and sent[0] == digest(member.record)

    def _remember(self, members: Iterable[Member]) -> None:
        if not self._is_repeated:
            return
        for member in members:
            modified = modified_at(member)
            full = len(self._sent) >= MAX_REMEMBERED and member.key not in self._sent
            if not full and _reaches(modified, self._reach):
                self._sent[member.key] = (digest(member.record), modified)


def digest(record: dict[str, Any]) -> bytes:
    """Make eight bytes that tell one content from another."""
    return hashlib.blake2b(encode(record), digest_size=8).digest()


def modified_at(member: Member) -> datetime | None:
    """Read when the member's profile last changed; None if that cannot be read."""
    try:
        return to_moment(member.modified) if member.modified else None
    except (TypeError, ValueError):
        return None


def _reaches(modified: datetime | None, reach: datetime | None) -> bool:
    return modified is None or reach is None or modified >= reach
