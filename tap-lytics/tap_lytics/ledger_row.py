"""What the ledger has of a member. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass
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
