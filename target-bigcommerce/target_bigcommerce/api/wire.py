"""A call and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

LEGIBLE = ":,@/"  # Characters that a query may hold as they are.


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked: where, how, and what for, in the words of an error."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    what: str = ""

    @property
    def endpoint(self) -> str:
        """How messages and counts name it."""
        return f"{self.method} {self.path}"

    @property
    def target(self) -> str:
        """Path and query, legible where they may be."""
        pairs = [f"{k}={quoted(v)}" for k, v in self.query.items()]
        return f"{self.path}{'?' if pairs else ''}{'&'.join(pairs)}"

    @property
    def has_list(self) -> bool:
        """Whether it may be refused for the length of a list."""
        return any(name.endswith(":in") for name in self.query)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A success: whatever else BigCommerce says is raised."""

    status: int
    body: Any
    headers: Mapping[str, str]


def quoted(value: str) -> str:
    """Write a value as a query may hold it."""
    return quote(value, safe=LEGIBLE)
