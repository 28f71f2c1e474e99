"""The journal: the last calls to both vendors, and counts of all of them."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Side = Literal["lytics", "store"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call.

    `at` is seconds since 1970; `endpoint` is method and path with ids replaced,
    e.g. `GET /v2/segment/{id}`; `rows` counts the rows a write sent or a read
    returned; `extra_keys` names keys of a write that BigCommerce does not document.
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

    def sent(self) -> Any:  # noqa: ANN401 - any JSON value
        """Decode the body that the call sent."""
        return msgspec.json.decode(self.body)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the body, which may hold personal data."""
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
        """Record a call and pass it to the listeners."""
        self.total = entry.n
        self._entries.append(entry)
        self.counts[entry.endpoint] += 1
        self.statuses[f"{entry.side} {entry.status}"] += 1
        for listener in self._listeners:
            listener(entry)

    def calls(self, endpoint: str) -> list[Entry]:
        """Return the recorded calls of one endpoint, e.g. `PUT /customers`."""
        return [entry for entry in self if entry.endpoint == endpoint]

    def since(self, n: int) -> list[Entry]:
        """Return the recorded calls after number `n`."""
        return [entry for entry in self if entry.n > n]

    def subscribe(self, listener: Callable[[Entry], None]) -> None:
        """Call `listener` after every call, before its response is sent."""
        self._listeners.append(listener)

    def clear(self) -> None:
        """Remove the calls and the counts; numbering continues."""
        self._entries.clear()
        self.counts.clear()
        self.statuses.clear()
