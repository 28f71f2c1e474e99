"""The state of each stream: what it holds, and in what form a run accepts it.

Values are scalars, and a cleared key is null, not removed: Meltano merges states key
by key and fails where a null meets an object.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .errors import StateError
from .records import format_timestamp, parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, MutableMapping

MAX_WRAPPERS = 2  # Meltano's around a Singer message's, or the other way round.
TEXTS = (
    "audience_id",
    "audience_updated",
    "scan_cursor",
    "scan_settings",
    "ledger_id",
)
COUNTS = ("scan_read", "short_scans", "ledger_generation")
TIMESTAMPS = ("bookmark", "scan_started_at", "last_whole_scan")


@dataclass(slots=True, kw_only=True)
class StreamState:
    """How far an audience was exported. The fields are the keys of the state."""

    audience_id: str | None = None
    audience_updated: str | None = None
    bookmark: datetime | None = None
    scan_cursor: str | None = None
    scan_started_at: datetime | None = None
    scan_settings: str | None = None
    scan_read: int | None = None
    last_whole_scan: datetime | None = None
    short_scans: int | None = None
    ledger_id: str | None = None
    ledger_generation: int | None = None

    @classmethod
    def read(cls, stream: str, state: Mapping[str, Any]) -> StreamState:
        """Read it from the stream's part of the state.

        Raises:
            StateError: when a value is not one that this tap writes.
        """
        try:
            return cls(
                **{f.name: _read(f.name, state.get(f.name)) for f in fields(cls)}
            )
        except ValueError as error:
            raise StateError(
                f"The state of stream {stream} was not written by this tap: {error}."
                " Correct it, or start over without a state (meltano run"
                " --full-refresh)."
            ) from None

    def write(self, state: MutableMapping[str, Any]) -> None:
        """Write every key into the stream's part of the state."""
        for name, value in asdict(self).items():
            is_time = isinstance(value, datetime)
            state[name] = format_timestamp(value) if is_time else value

    def start_full_sync(self, at: datetime) -> None:
        """Start a full sync at its first page."""
        self._clear_scan()
        self.scan_started_at, self.scan_read = at, 0

    def end_full_sync(self, *, is_incomplete: bool) -> None:
        """End a full sync. The next sync reads what changed since it started.

        An incomplete one is repeated once: a second one in a row is accepted, because
        the size that Lytics reports may be wrong permanently.
        """
        self.bookmark = self.scan_started_at
        self.short_scans = (self.short_scans or 0) + 1 if is_incomplete else None
        if not self.repeats_full_sync:
            self.last_whole_scan = self.scan_started_at
        self._clear_scan()

    @property
    def repeats_full_sync(self) -> bool:
        """Whether the next sync is a full one because the last was incomplete."""
        return self.short_scans == 1

    def discard_full_sync(self) -> None:
        """Discard an unfinished full sync, if there is one; it stays due."""
        if self.scan_started_at:
            self.last_whole_scan = None
        self._clear_scan()

    def _clear_scan(self) -> None:
        self.scan_cursor = self.scan_started_at = None
        self.scan_settings = self.scan_read = None


def absent_streams(
    bookmarks: Mapping[str, Mapping[str, Any]], streams: Container[str]
) -> dict[str, str]:
    """Map audience ids to those streams of the state that this run does not have."""
    return {
        str(part["audience_id"]): name
        for name, part in bookmarks.items()
        if name not in streams and part.get("audience_id")
    }


def read_bookmarks(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each stream's part of a given state; an empty state has none.

    Accepts what `meltano state get` prints (`singer_state`) and the tap's own STATE
    message (`value`).

    Raises:
        StateError: for anything else, because treating it as empty would start over.
    """
    for _ in range(MAX_WRAPPERS):
        state = _unwrap(state)
    if not isinstance(state, dict) or (state and "bookmarks" not in state):
        raise _not_a_state()
    parts = _or_empty(state.get("bookmarks"))
    if not isinstance(parts, dict):
        raise _not_a_state()
    bookmarks = {name: _or_empty(part) for name, part in parts.items()}
    if not all(isinstance(part, dict) for part in bookmarks.values()):
        raise _not_a_state()
    return bookmarks


def _unwrap(state: Any) -> Any:  # noqa: ANN401 - whatever was given
    if not isinstance(state, dict) or "bookmarks" in state:
        return state
    if "singer_state" in state:
        return _or_empty(state["singer_state"])
    if state.get("type") == "STATE" and "value" in state:
        return _or_empty(state["value"])
    return state


def _or_empty(part: Any) -> Any:  # noqa: ANN401 - whatever was given
    return {} if part is None else part  # A cleared part is null.


def _not_a_state() -> StateError:
    return StateError(
        "The given state is not a Singer state of this tap, such as"
        ' {"bookmarks": {"vip_customers": {"bookmark": "2026-01-31T08:00:00Z"}}}.'
        " Correct it, or start over without a state (meltano run --full-refresh)."
    )


def _read(name: str, value: object) -> Any:  # noqa: ANN401 - by the field's own type
    if value is None:
        return None
    if name in TIMESTAMPS and isinstance(value, str):
        try:
            return parse_timestamp(value)
        except ValueError:
            raise ValueError(f"{name} is not a timestamp") from None
    if name in TEXTS and isinstance(value, str):
        return value
    if name in COUNTS and isinstance(value, int):
        return value
    raise ValueError(f"{name} has the wrong type")
