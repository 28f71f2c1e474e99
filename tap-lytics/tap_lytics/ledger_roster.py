"""Who of the members seen is sent, by a ledger of all of them."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from .ledger_row import FROM_START, LEFT, Row, is_another, stand_in
from .members import encode
from .roster import digest, modified_at
from .seen import BUCKETS, number_of
from .verdict import is_sent, judge, next_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from .ledger import Ledger
    from .members import Shape
    from .roster import Member, Record
    from .seen import SeenMembers
    from .settings import Settings
    from .state import Place

CHUNK = 500  # Members looked up at once.

logger = logging.getLogger("tap-lytics.ledger")


class LedgerRoster:
    """Keeps an audience's members, and so knows who entered, changed and left."""

    keeps_members = True

    def __init__(
        self, ledger: Ledger, *, slug: str, shape: Shape, settings: Settings
    ) -> None:
        self._ledger = ledger
        self._slug = slug
        self._shape = shape
        self._settings = settings
        self._audience: int | None = None
        self._was_there: Callable[[Member], bool] = _never
        self._undecided: list[Row] = []
        self._left_out = 0
        self._left: list[str] = []
        self._at: datetime | None = None

    def open(self, place: Place) -> None:
        """Find the audience in the ledger; if it is not there, a whole scan is due."""
        if self._audience is not None:
            return
        audience_id = place.audience_id or ""
        who = (audience_id, self._slug, self._settings.require_fields)
        found = self._ledger.enroll(*who, place.ledger_generation)
        if found is not None and place.ledger_id:
            self._audience = found
            return
        if place.ledger_id:
            self._tell_of_loss()
        place.drop_scan()
        place.last_whole_scan = None
        keeps = self._settings.existing_users
        self._audience = self._ledger.begin(*who, keeps=keeps)

    def begin(self, place: Place, at: datetime, since: datetime | None) -> None:  # noqa: ARG002 - of the protocol
        """Begin a pass; who is found by the first one was there from the start."""
        self._at = at
        is_first = place.last_whole_scan is None and not self._settings.existing_users
        start = self._settings.start_date
        if place.bookmark:  # The ledger is younger than the job.
            start = place.bookmark - self._settings.overlap
        self._was_there = partial(_is_older, start=start) if is_first else _never

    def admit(self, members: Sequence[Member], *, whole: bool) -> list[Record]:  # noqa: ARG002 - of the protocol
        """Send who entered, and who changed if that is wanted."""
        known = self._ledger.find(self._number, [_key(m) for m in members])
        records = []
        for member in members:
            row = self._same(member, known.get(_key(member)))
            seen, sent = self._decide(member, row)
            known[seen.member] = seen
            if seen != row:
                self._undecided.append(seen)
            if sent:
                records.append(member.record)
        return records

    def keep(self) -> None:
        """Write the rows, so that they last; no state covers them yet."""
        self._ledger.put(self._number, self._undecided)
        self._undecided = []
        self._ledger.secure()

    def replaced(self) -> list[Record]:
        """Give the records that tell which customers the admitted no longer are."""
        keys, self._left = self._left, []
        return self.leave(keys, self._at) if self._at else []

    def leave(self, keys: Sequence[str], at: datetime) -> list[Record]:
        """Strike out who was a member; tell of whom no other has the same values."""
        known = self._ledger.find(self._number, [bytes.fromhex(key) for key in keys])
        leavers = [row for row in known.values() if row.flags != LEFT]
        generation = self._ledger.generation
        self._ledger.put(
            self._number,
            (
                Row(
                    member=row.member,
                    digest=None,
                    required=row.required,
                    generation=generation,
                    flags=LEFT,
                )
                for row in leavers
            ),
        )
        if not self._settings.records_exits:
            return []
        return [
            self._shape.exit_record(row.member.hex(), row.required, at)
            for row in leavers
            if not self._ledger.remains(self._number, row.required)
        ]

    def absent(self, seen: SeenMembers, at: datetime) -> Iterator[list[Record]]:
        """Strike out who was not seen."""
        for first_byte in range(BUCKETS):
            there = seen.bucket(first_byte)
            present = self._ledger.present(self._number, first_byte)
            gone = [m.hex() for m in present if number_of(m) not in there]
            for at_once in range(0, len(gone), CHUNK):
                yield self.leave(gone[at_once : at_once + CHUNK], at)

    def end_scan(self) -> None:
        """Say how many were there from the start, if this was the first scan."""
        if self._left_out:
            logger.info(
                "Left out the %s members of %s who were there from the start, as"
                " existing_users is false.",
                f"{self._left_out:,}",
                self._slug,
            )
            self._left_out = 0

    def cover(self, place: Place) -> None:
        """Commit; the state that is written next covers it."""
        place.ledger_generation = self._ledger.commit()
        place.ledger_id = self._ledger.id

    @property
    def _number(self) -> int:
        if self._audience is None:
            raise RuntimeError("open comes first")
        return self._audience

    def _same(self, member: Member, known: Row | None) -> Row | None:
        """Give the member's row, unless it is of another customer, who left then."""
        if not known or known.flags or not is_another(known.required, member.required):
            return known
        former = stand_in(known, self._ledger.generation)
        self._undecided.append(former)
        self._left.append(former.member.hex())
        return None

    def _decide(self, member: Member, known: Row | None) -> tuple[Row, bool]:
        content = digest(member.record)
        verdict = judge(known, content, sends_existing=self._settings.existing_users)
        was_there = known is None and self._was_there(member)
        self._left_out += was_there
        sent = not was_there and is_sent(
            verdict, sends_changes=self._settings.emit_changes
        )
        seen = Row(
            member=_key(member),
            digest=content,
            required=encode(member.required).decode(),
            generation=self._ledger.generation,
            flags=FROM_START if was_there else 0,
        )
        return next_row(seen, known, sent=sent), sent

    def _tell_of_loss(self) -> None:
        cannot = (
            "everybody in the audience is sent again"
            if self._settings.existing_users
            else "who is in the audience now counts as there from the start, unless"
            " their profile changed since the last pass"
        )
        logger.warning(
            "The ledger of %s was lost, or is older than the state: it is made anew by"
            " a whole scan. It cannot know who left meanwhile, and %s.",
            self._slug,
            cannot,
        )


def _key(member: Member) -> bytes:
    return bytes.fromhex(member.key)


def _never(_: Member) -> bool:
    return False


def _is_older(member: Member, *, start: datetime | None) -> bool:
    modified = modified_at(member)
    return start is None or modified is None or modified < start
