"""The account's audiences: who is in them, and what Lytics says of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from .clock import stamp


@dataclass(slots=True, kw_only=True)
class Audience:
    """A saved audience: runs of seeded people, and who entered or left since."""

    slug: str
    name: str
    id: str
    filter: str
    created: float
    updated: float
    kind: str = "segment"
    runs: tuple[tuple[int, int], ...] = ()
    entered: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    invalid_reason: str = ""

    def __contains__(self, index: int) -> bool:
        if index in self.left:
            return False
        return index in self.entered or self.seeded(index)

    def seeded(self, index: int) -> bool:
        """Say whether the person was in it from the start."""
        return any(start <= index < stop for start, stop in self.runs)

    @property
    def size(self) -> int:
        """How many members there are."""
        base = sum(stop - start for start, stop in self.runs)
        return base + len(self.entered) - len(self.left)

    def enter(self, index: int) -> None:
        """Let a person in."""
        self.left.discard(index)
        if not self.seeded(index):
            self.entered.add(index)

    def leave(self, index: int) -> None:
        """Let a person out."""
        self.entered.discard(index)
        if self.seeded(index):
            self.left.add(index)

    def copy(self) -> Audience:
        """Freeze who is in it now."""
        twin = Audience(**{name: getattr(self, name) for name in self.__slots__})
        twin.entered, twin.left = set(self.entered), set(self.left)
        return twin

    def to_dict(self, *, sizes: bool) -> dict[str, Any]:
        """Write it as Lytics does."""
        row: dict[str, Any] = {
            "id": self.id,
            "account_id": "5c5ee9d0a1b2c3d4e5f60718293a4b5c",
            "aid": 4242,
            "name": self.name,
            "slug_name": self.slug,
            "description": "",
            "kind": self.kind,
            "table": "user",
            "is_public": True,
            "public_name": self.slug,
            "author_id": "sandbox",
            "created": stamp(self.created),
            "updated": stamp(self.updated),
            "created_ms": int(self.created * 1000),
            "modified_ms": int(self.updated * 1000),
            "tags": [],
            "segment_ql": self.filter,
            "invalid": bool(self.invalid_reason),
            "invalid_reason": self.invalid_reason,
        }
        return {**row, "size": self.size} if sizes else row


def audience_id(slug: str, seed: int) -> str:
    """Make an audience's 32 hex digits."""
    return hashlib.sha256(f"{seed}:{slug}".encode()).hexdigest()[:32]
