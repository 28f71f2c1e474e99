"""What was asked of the sandbox, and how often."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .messages import Json

Side = Literal["lytics", "store"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call: `rows` are those sent by a write or returned by a read.

    `endpoint` is method and path with ids left out, e.g. `GET /v2/segment/{id}`.
    `extra_keys` names what a write sent that BigCommerce does not take.
    """

    n: int
    at: float
    side: Side
    method: str
    path: str
    endpoint: str
    query: Mapping[str, str]
    status: int
    rows: int
    fault: str
    extra_keys: tuple[str, ...]
    body: bytes

    def sent(self) -> Json:
        """Read the rows that the call carried."""
        return msgspec.json.decode(self.body)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the body, which may hold people's data."""
        row = asdict(self)
        del row["body"]
        return row


class Journal:
    """The last calls, oldest first, and counters over all of them."""

    def __init__(self, length: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=length)
        self._listeners: list[Callable[[Entry], None]] = []
        self.counts: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.total = 0

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, at: int) -> Entry: ...
    @overload
    def __getitem__(self, at: slice) -> list[Entry]: ...
    def __getitem__(self, at: int | slice) -> Entry | list[Entry]:
        return list(self._entries)[at]

    def add(self, entry: Entry) -> None:
        """Write a call down and tell the listeners; it bears the next number."""
        self.total = entry.n
        self._entries.append(entry)
        self.counts[entry.endpoint] += 1
        self.statuses[f"{entry.side} {entry.status}"] += 1
        for listener in self._listeners:
            listener(entry)

    def calls(self, endpoint: str) -> list[Entry]:
        """The remembered calls of one endpoint, e.g. `PUT /customers`."""
        return [entry for entry in self if entry.endpoint == endpoint]

    def since(self, n: int) -> list[Entry]:
        """The remembered calls after number `n`."""
        return [entry for entry in self if entry.n > n]

    def subscribe(self, listener: Callable[[Entry], None]) -> None:
        """Call `listener` after every call, before its answer goes out."""
        self._listeners.append(listener)

    def clear(self) -> None:
        """Forget the calls and the counts; numbers go on."""
        self._entries.clear()
        self.counts.clear()
        self.statuses.clear()
