"""What the ledger has of a member. No I/O here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

FROM_START = 1  # Was there when the job first ran, and was never sent.
LEFT = 2  # Kept until a state covers that it was told.


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A member of an audience.

    `flags` is 0, FROM_START or LEFT; no digest: what the target has is unknown.
    """

    member: bytes
    digest: bytes | None
    required: str
    generation: int
    flags: int


def rearranged(required: str, before: Sequence[str], after: Sequence[str]) -> str:
    """Give the values of other required fields; one that the row lacks is null."""
    values = dict(zip(before, msgspec.json.decode(required), strict=True))
    row = [values.get(name) for name in after]
    return msgspec.json.encode(row, order="deterministic").decode()


def is_another(before: str, now: Sequence[object]) -> bool:
    """Say whether a member has none of the required values that they had before.

    Such a one is another customer now: the former one left, and this one entered.
    """
    values = msgspec.json.decode(before)
    pairs = zip(values, now, strict=True)
    return bool(values) and all(a != b and b is not None for a, b in pairs)


def stand_in(left: Row, generation: int) -> Row:
    """Make a member of values that nobody has any more: one whom no scan sees."""
    key = hashlib.blake2b(left.required.encode(), digest_size=16).digest()
    return replace(left, member=key, digest=None, generation=generation)
