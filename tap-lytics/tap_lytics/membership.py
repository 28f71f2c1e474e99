"""Which of the members read are sent, and who left.

Two implementations: `RecentMemory` knows what this process sent lately and only avoids
repeats; `LedgerTracker` knows every member of the audience.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Protocol

from singer_kit.logs import counted

from .coverage import BUCKETS, number_of
from .ledger import (
    BASELINE,
    FORMER,
    LEFT,
    LedgerAudience,
    LedgerRow,
    is_other_customer,
    placeholder_row,
)
from .records import encode, parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from .coverage import SeenMembers
    from .ledger import Ledger, Lineage
    from .records import Member, Record, RecordBuilder
    from .settings import Settings
    from .state import StreamState

MAX_REMEMBERED = 100_000  # Members, some 25 MB. Beyond it, repeats are sent.
CHUNK = 500  # Members whose exits are looked up at once.

logger = logging.getLogger("tap-lytics.ledger")


class MembershipTracker(Protocol):
    """Decides which records are sent, and remembers what the next sync needs."""

    @property
    def knows_members(self) -> bool:
        """Whether it knows all members, and so can detect exits."""

    def open(self, state: StreamState, at: datetime) -> str:
        """Prepare for a sync that continues from this state and starts now.

        Returns:
            Why a full sync is due that finds who is missing here; empty if none is.
        """

    def resend(self, state: StreamState) -> None:
        """Let the sync that starts now send members again that were sent before."""

    def start_read(
        self, state: StreamState, at: datetime, since: datetime | None
    ) -> None:
        """Prepare for reading members.

        Args:
            state: the stream's state.
            at: when the sync started.
            since: from when on changed members are read; None if all are.
        """

    def select(self, members: Sequence[Member], *, is_full: bool) -> list[Record]:
        """Return the records to send from a page of members."""

    def save(self) -> None:
        """Save what was selected, before its records are written."""

    def replaced(self) -> list[Record]:
        """Return exit records of customers whose profile now belongs to another one."""

    def exits(self, keys: Sequence[str], at: datetime) -> list[Record]:
        """Return exit records of those of these profiles that were members."""

    def unseen_exits(self, seen: SeenMembers, at: datetime) -> Iterator[list[Record]]:
        """Yield exit records of the members that a full sync did not see."""

    def checkpoint(self, state: StreamState) -> None:
        """Update the state, which is written next, to cover what was saved."""

    def end_full_sync(self, *, is_repeated: bool) -> None:
        """End a full sync, and log what it did not send.

        Args:
            is_repeated: whether another one follows, because it was incomplete.
        """


class RecentMemory:
    """Remembers what was sent lately, so that overlapping syncs repeat nothing.

    Only members who changed within the overlap can be read again; the others are
    forgotten, so the memory does not grow.

    Args:
        overlap: the lookback window of incremental syncs.
        is_repeated: whether another sync follows in this process; if not, nothing is
            remembered.
    """

    knows_members = False

    def __init__(self, overlap: timedelta, *, is_repeated: bool = True) -> None:
        self._overlap = overlap
        self._is_repeated = is_repeated
        self._reach: datetime | None = None
        self._sent: dict[str, tuple[bytes, datetime | None]] = {}
        self._selected: list[Member] = []

    def open(self, state: StreamState, at: datetime) -> str:  # noqa: ARG002 - of the protocol
        """Detach the state from any ledger, which would miss what is sent now."""
        state.ledger_id = state.ledger_generation = None
        state.is_baseline_open = None
        return ""

    def resend(self, state: StreamState) -> None:
        """Forget what was sent."""
        self._sent.clear()
        state.resend_before = 0  # An interrupted full sync sends the others again, too.

    def start_read(
        self,
        state: StreamState,  # noqa: ARG002 - of the protocol
        at: datetime,
        since: datetime | None,
    ) -> None:
        """Forget the members who cannot be read again."""
        if since is not None:
            self._sent = {
                key: sent
                for key, sent in self._sent.items()
                if _reaches(sent[1], since)
            }
        self._reach = at - self._overlap

    def select(self, members: Sequence[Member], *, is_full: bool) -> list[Record]:
        """Select all members in a full sync, else those whose content is new."""
        self._selected = [m for m in members if is_full or not self._is_repeat(m)]
        return [member.record for member in self._selected]

    def save(self) -> None:
        """Remember the selected members who can be read again."""
        self._remember(self._selected)
        self._selected = []

    def replaced(self) -> list[Record]:
        """Return none: it does not know the customers."""
        return []

    def exits(self, keys: Sequence[str], at: datetime) -> list[Record]:  # noqa: ARG002 - of the protocol
        """Return none: it does not know the members."""
        return []

    def unseen_exits(self, seen: SeenMembers, at: datetime) -> Iterator[list[Record]]:  # noqa: ARG002 - of the protocol
        """Yield none: it does not know the members."""
        return iter(())

    def checkpoint(self, state: StreamState) -> None:
        """Nothing is saved beyond this process."""

    def end_full_sync(self, *, is_repeated: bool) -> None:
        """Log nothing: all members were sent."""

    def _is_repeat(self, member: Member) -> bool:
        sent = self._sent.get(member.key)
        return sent is not None and sent[0] == content_digest(member.record)

    def _remember(self, members: Iterable[Member]) -> None:
        if not self._is_repeated:
            return
        for member in members:
            modified = modified_at(member)
            full = len(self._sent) >= MAX_REMEMBERED and member.key not in self._sent
            if not full and _reaches(modified, self._reach):
                self._sent[member.key] = (content_digest(member.record), modified)


class LedgerTracker:
    """Compares members with the ledger, and so knows who entered, changed and left."""

    knows_members = True

    def __init__(
        self, ledger: Ledger, *, slug: str, builder: RecordBuilder, settings: Settings
    ) -> None:
        self._ledger = ledger
        self._slug = slug
        self._builder = builder
        self._settings = settings
        self._opened: Lineage | None = None
        self._is_baseline: Callable[[Member], bool] = _never
        self._resend_before = -1
        self._unsaved: list[LedgerRow] = []
        self._baseline_count = 0
        self._replaced: list[str] = []
        self._at: datetime | None = None

    def open(self, state: StreamState, at: datetime) -> str:
        """Open the lineage that the state names, or start one."""
        if self._opened is not None:
            self._opened.touch(at)
            return ""
        audience = LedgerAudience(
            id=state.audience_id or "",
            slug=self._slug,
            fields=self._settings.require_fields,
        )
        named, covered = state.ledger_id, state.ledger_generation or 0
        found = self._ledger.resume(named, covered, audience, at) if named else None
        self._opened = found or self._ledger.start(audience, at)
        self._replaced = [key.hex() for key in self._opened.pending]
        if named == self._opened.id:
            return ""
        state.discard_full_sync()
        state.last_whole_scan = state.resend_before = None
        state.is_baseline_open = (
            not named and state.starting_point is not None
        ) or None
        if not named:
            if state.starting_point and state.bookmark:
                # The job ran without this ledger, and read this far back.
                state.starting_point -= self._settings.overlap
            return "the ledger has yet to record the members"
        self._log_loss(named, is_restored=found is not None)
        return "the ledger does not hold what the state names"

    def resend(self, state: StreamState) -> None:
        """Let all rows so far be sent again, except those of the baseline."""
        state.resend_before = self._lineage.committed

    def start_read(
        self,
        state: StreamState,
        at: datetime,
        since: datetime | None,  # noqa: ARG002 - of the protocol
    ) -> None:
        """In the first full sync, find who belongs to the baseline."""
        self._at = at
        self._resend_before = -1
        if state.resend_before is not None:
            self._resend_before = state.resend_before
        is_open = state.is_baseline_open and not self._settings.existing_users
        older = partial(
            _is_older,
            start=state.starting_point,
            is_inclusive=state.starting_point != self._settings.start_date,
        )
        self._is_baseline = older if is_open else _never

    def select(self, members: Sequence[Member], *, is_full: bool) -> list[Record]:  # noqa: ARG002 - of the protocol
        """Select who entered, and who changed if emit_changes is set."""
        known = self._lineage.find([_key(m) for m in members])
        records = []
        for member in members:
            row = self._same_customer(member, known.get(_key(member)))
            new, sent = self._decide(member, row)
            known[new.member] = new
            if new != row:
                self._unsaved.append(new)
            if sent:
                records.append(member.record)
        return records

    def save(self) -> None:
        """Commit the rows. No state covers them yet."""
        self._lineage.put(self._unsaved)
        self._unsaved = []

    def replaced(self) -> list[Record]:
        """Return exit records of customers whose profile now belongs to another one."""
        keys, self._replaced = self._replaced, []
        return self.exits(keys, self._at) if self._at else []

    def exits(self, keys: Sequence[str], at: datetime) -> list[Record]:
        """Mark members as left; return exit records unless another has their values."""
        known = self._lineage.find([bytes.fromhex(key) for key in keys])
        leavers = [row for row in known.values() if not row.has_left]
        generation = self._lineage.generation
        self._lineage.put(
            [
                LedgerRow(
                    member=row.member,
                    digest=None,
                    required=row.required,
                    generation=generation,
                    flags=LEFT | row.flags & FORMER,
                )
                for row in leavers
            ]
        )
        if not self._settings.reports_exits_by_record:
            return []
        return [
            self._builder.exit_record(row.member.hex(), row.required, at)
            for row in leavers
            if not self._lineage.has_member_with(row.required)
        ]

    def unseen_exits(self, seen: SeenMembers, at: datetime) -> Iterator[list[Record]]:
        """Mark the members that a full sync did not see as left."""
        for first_byte in range(BUCKETS):
            present = seen.bucket(first_byte)
            members = self._lineage.members(first_byte)
            gone = [m.hex() for m in members if number_of(m) not in present]
            inherited = self._lineage.inherited(
                first_byte, self._settings.require_fields
            )
            former = [row for row in inherited if number_of(row.member) not in present]
            self._lineage.put(former)
            gone += [row.member.hex() for row in former]
            for start in range(0, len(gone), CHUNK):
                yield self.exits(gone[start : start + CHUNK], at)
        self._lineage.end_inheritance()

    def checkpoint(self, state: StreamState) -> None:
        """Let the state, which is written next, cover what was committed."""
        state.ledger_generation = self._lineage.committed
        state.ledger_id = self._lineage.id

    def end_full_sync(self, *, is_repeated: bool) -> None:
        """Log the size of the baseline, if this was the first full sync."""
        if not is_repeated:
            self._lineage.end_full_sync()
        if self._baseline_count:
            logger.info(
                "Baseline: recorded %s of %s without sending any, because"
                " existing_users is false.",
                counted(self._baseline_count, "member"),
                self._slug,
            )
            self._baseline_count = 0

    @property
    def _lineage(self) -> Lineage:
        if self._opened is None:
            raise RuntimeError("open() was not called")
        return self._opened

    def _same_customer(
        self, member: Member, known: LedgerRow | None
    ) -> LedgerRow | None:
        """Return the member's row, unless the profile belongs to another customer."""
        if (
            not known
            or known.flags
            or not is_other_customer(known.required, member.required)
        ):
            return known
        former = placeholder_row(known, self._lineage.generation)
        self._unsaved.append(former)
        self._replaced.append(former.member.hex())
        return None

    def _decide(
        self, member: Member, known: LedgerRow | None
    ) -> tuple[LedgerRow, bool]:
        digest = content_digest(member.record)
        change = classify(
            known,
            digest,
            sends_existing=self._settings.existing_users,
            is_doubtful=known is not None and self._is_doubtful(member, known),
        )
        is_baseline = known is None and self._is_baseline(member)
        self._baseline_count += is_baseline
        sent = not is_baseline and is_sent(
            change, sends_changes=self._settings.emit_changes
        )
        new = LedgerRow(
            member=_key(member),
            digest=digest,
            required=encode(member.required).decode(),
            generation=self._lineage.generation,
            flags=BASELINE if is_baseline else 0,
        )
        return next_row(new, known, sent=sent), sent

    def _is_doubtful(self, member: Member, known: LedgerRow) -> bool:
        """Whether the target may have another record than the row says."""
        if known.generation <= self._resend_before:
            return True
        copy = self._lineage.restored_copy
        if copy is None or known.generation > copy.generation:
            return False
        modified = modified_at(member)
        return modified is None or modified > copy.used_at

    def _log_loss(self, named: str, *, is_restored: bool) -> None:
        logger.warning(
            "The ledger %s %s. A full sync is due: members who are not in the ledger"
            " are sent. It cannot know who left in the meantime. If you have the right"
            " file, stop this run, put the file there and run again.",
            self._ledger.path,
            f"is older than the state of {self._slug}, such as a restored copy"
            if is_restored
            else f"does not hold lineage {named}, which the state of {self._slug}"
            " names: the file was lost or replaced, or this state was not used for a"
            " long time",
        )


# Decisions by the ledger. Pure.


class MemberChange(Enum):
    """How a member compares with the ledger."""

    ENTERED = "entered"
    CHANGED = "changed"
    UNCERTAIN = "sent before, but perhaps never written, or to be sent again"
    SAME = "unchanged since it was sent"
    BASELINE = "a member when the job first ran, and not sent"


def classify(
    known: LedgerRow | None,
    digest: bytes,
    *,
    sends_existing: bool,
    is_doubtful: bool = False,
) -> MemberChange:
    """Compare a member with the ledger.

    Args:
        known: the member's row, if there is one.
        digest: the `content_digest` of the member's record.
        sends_existing: whether members of the baseline are sent as well.
        is_doubtful: whether the row does not say what the target has.
    """
    if known is None or known.has_left:
        return MemberChange.ENTERED
    if known.is_baseline:
        return MemberChange.UNCERTAIN if sends_existing else MemberChange.BASELINE
    if known.digest is None or is_doubtful:
        return MemberChange.UNCERTAIN
    return MemberChange.SAME if known.digest == digest else MemberChange.CHANGED


def is_sent(change: MemberChange, *, sends_changes: bool) -> bool:
    """Whether the member's record is sent."""
    if change is MemberChange.CHANGED:
        return sends_changes
    return change in {MemberChange.ENTERED, MemberChange.UNCERTAIN}


def next_row(new: LedgerRow, known: LedgerRow | None, *, sent: bool) -> LedgerRow:
    """Return the row to store for a member.

    Args:
        new: the row with the member's content and the current generation.
        known: the stored row, if there is one.
        sent: whether the record is sent. If not, the target still has the record that
            was sent before, and there is nothing to roll back.
    """
    if sent or known is None:
        return new
    return replace(known, required=new.required)


def content_digest(record: Record) -> bytes:
    """Return an eight-byte hash of a record."""
    return hashlib.blake2b(encode(record), digest_size=8).digest()


def modified_at(member: Member) -> datetime | None:
    """Return when the member's profile last changed; None if unreadable."""
    try:
        return parse_timestamp(member.modified) if member.modified else None
    except (TypeError, ValueError):
        return None


def _reaches(modified: datetime | None, reach: datetime | None) -> bool:
    return modified is None or reach is None or modified >= reach


def _key(member: Member) -> bytes:
    return bytes.fromhex(member.key)


def _never(_: Member) -> bool:
    return False


def _is_older(
    member: Member, *, start: datetime | None, is_inclusive: bool = False
) -> bool:
    """Whether a member was not modified since the job's starting point.

    A start_date belongs to the time from which members are sent, the time of the first
    run does not.
    """
    modified = modified_at(member)
    if start is None or modified is None:
        return True
    return modified < start or (is_inclusive and modified == start)
