"""What a sighting of a member means, by what the ledger has of them. No I/O here."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from .ledger_row import FROM_START, LEFT, Row


class Verdict(Enum):
    """What becomes of a member who was seen."""

    ENTERED = "entered"
    CHANGED = "changed"
    UNCERTAIN = "sent before, perhaps never written"
    SAME = "as it was sent"
    FROM_START = "there from the start, and not sent"


def judge(known: Row | None, digest: bytes, *, sends_existing: bool) -> Verdict:
    """Judge a sighting.

    Args:
        known: the member's row in the ledger, if there is one.
        digest: of the content that the member has now.
        sends_existing: whether those who were there from the start are sent, too.
    """
    if known is None or known.flags == LEFT:
        return Verdict.ENTERED
    if known.flags == FROM_START:
        return Verdict.UNCERTAIN if sends_existing else Verdict.FROM_START
    if known.digest is None:
        return Verdict.UNCERTAIN
    return Verdict.SAME if known.digest == digest else Verdict.CHANGED


def is_sent(verdict: Verdict, *, sends_changes: bool) -> bool:
    """Say whether the member's record is sent."""
    if verdict is Verdict.CHANGED:
        return sends_changes
    return verdict in {Verdict.ENTERED, Verdict.UNCERTAIN}


def next_row(seen: Row, known: Row | None, *, sent: bool) -> Row:
    """Write the member's next row.

    Args:
        seen: the row by the sighting alone, with the present generation.
        known: the row until now.
        sent: whether the record was sent; if not, there is nothing to undo, and the
            generation stays.
    """
    if sent or known is None:
        return seen
    return replace(seen, generation=known.generation, flags=known.flags)
