"""A job of the tap: its states, and the store that its records reach.

The target is a simple model: it writes a part of what the tap printed, in order, and
returns a state that is covered by what it wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .audience import ID

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping

DELETED_AT = "_sdc_deleted_at"
Message = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Saved:
    """A state, and what the model knows of it.

    `has_baseline` is whether a full sync was completed from it or before it;
    `started_at` when the job's starting point was set, in seconds, if it was.
    """

    state: Message = field(default_factory=dict)
    has_baseline: bool = False
    started_at: float | None = None


class Job:
    """A job.

    `saved` is the state that the next run gets, `former` all earlier ones; `store` the
    records of the customers in the store, by customer id.
    """

    def __init__(self) -> None:
        self.saved = Saved()
        self.former: list[Saved] = []
        self.store: dict[str, Message] = {}

    def deliver(self, messages: list[Message], rng: random.Random | None) -> Message:
        """Write messages to the store; with `rng`, perhaps only a part of them.

        Returns:
            The last state that the target printed; that of `saved` if it printed none.
        """
        written = covered = len(messages)
        if rng and rng.random() < 0.3:
            written = rng.randint(0, len(messages))
            covered = rng.randint(0, written)
        self._write(messages[:written])
        states = [m["value"] for m in messages[:covered] if m["type"] == "STATE"]
        return states[-1] if states else self.saved.state

    def keep(self, saved: Saved) -> None:
        """Keep a new state."""
        self.former.append(self.saved)
        self.saved = saved

    def _write(self, messages: Iterable[Message]) -> None:
        versions: dict[int | None, set[str]] = {}
        for message in messages:
            if message["type"] == "ACTIVATE_VERSION":
                seen = versions.get(message["version"], set(self.store))
                self.store = {c: self.store[c] for c in self.store if c in seen}
            elif message["type"] == "RECORD" and message["record"].get(ID):
                record = message["record"]
                versions.setdefault(message.get("version"), set()).add(record[ID])
                self._write_record(record)

    def _write_record(self, record: Message) -> None:
        self.store.pop(record[ID], None)
        if not record.get(DELETED_AT):
            self.store[record[ID]] = record


def stream_part(state: Mapping[str, Any]) -> Message:
    """Return the only stream's part of a state."""
    parts = list(state.get("bookmarks", {}).values())
    part: Message = parts[0] if parts else {}
    return part


def records(messages: Iterable[Message]) -> list[Message]:
    """Return the records of members."""
    found = [m["record"] for m in messages if m["type"] == "RECORD"]
    return [record for record in found if not record.get(DELETED_AT)]


def members_by_version(messages: Iterable[Message]) -> dict[int, set[str]]:
    """Return the customers that have a record of each version."""
    found: dict[int, set[str]] = {}
    for message in messages:
        if message["type"] == "RECORD" and "version" in message:
            found.setdefault(message["version"], set()).add(message["record"].get(ID))
    return found


def exits(messages: Iterable[Message]) -> list[str]:
    """Return the customers whose exits were reported."""
    found = [m["record"] for m in messages if m["type"] == "RECORD"]
    return [str(record[ID]) for record in found if record.get(DELETED_AT)]
