"""The state of each stream: what it holds, and in what form a run accepts it.

Values are scalars, and a cleared key is null, not removed: Meltano merges states key
by key and fails where a null meets an object. A state that cannot be read completely
is refused, because a key that is ignored would send members again or lose them.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from .errors import StateError
from .records import format_timestamp, parse_timestamp

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Container,
        Iterable,
        Mapping,
        MutableMapping,
        Sequence,
    )

MAX_QUOTED = 40  # Characters of an unknown key.
MAX_COUNT = 2**53  # SQLite's integers have 63 bits.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # Much earlier ones leave datetime's range.
MAX_WRAPPERS = 2  # Meltano's around a Singer message's, or the other way round.
PASS_STATUS: Final = "pass_status"  # noqa: S105 - not a password
RUNNING: Final = "running"
COMPLETE: Final = "complete"
FINGERPRINT: Final = "fingerprint"
SCAN_CURSOR: Final = "scan_cursor"
PARTS_KEYS = ("parts", "cursors", "totals")  # Of the text of several cursors.
TIME = "a timestamp such as 2026-01-31T08:00:00Z"
COUNTS = ("scan_read", "short_scans", "ledger_generation", "resend_before")
FLAGS = ("is_baseline_open",)
TIMESTAMPS = ("bookmark", "scan_started_at", "last_whole_scan", "starting_point")
SOLUTION = (
    "See it with `meltano state get STATE_ID`, and correct it with `meltano state set`;"
    " to start over, remove it with `meltano state clear STATE_ID` (--full-refresh"
    " alone does not remove it, because Meltano merges states)."
)


@dataclass(slots=True, kw_only=True)
class StreamState:
    """How far an audience was exported. The fields are the keys of the state.

    `starting_point` is when a job that does not send its first members began; None if
    it sent them. `is_baseline_open` is whether the first full sync with a ledger still
    sets the baseline. `scan_cursor` is a text of `ScanCursors`. `resend_before` is the
    generation up to which ledger rows are sent again. `fingerprint` holds what the
    records depend on, as `JobSettings` does.
    """

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
    starting_point: datetime | None = None
    is_baseline_open: bool | None = None
    resend_before: int | None = None
    fingerprint: str | None = None
    pass_status: str | None = None

    @classmethod
    def read(cls, stream: str, state: Mapping[str, Any]) -> StreamState:
        """Read it from the stream's part of the state.

        Raises:
            StateError: when a key or a value is not one that this tap writes.
        """
        names = [f.name for f in fields(cls)]
        try:
            for key in state:
                _require_known(key, names)
            return cls(**{name: _read(name, state.get(name)) for name in names})
        except ValueError as error:
            raise StateError(
                f"The state of stream {stream} was not written by this tap: {error}."
                f" {SOLUTION}"
            ) from None

    def write(self, state: MutableMapping[str, Any]) -> None:
        """Write every key into the stream's part of the state."""
        for name, value in asdict(self).items():
            is_time = isinstance(value, datetime)
            state[name] = format_timestamp(value) if is_time else value

    def start_full_sync(self, at: datetime, settings: str | None = None) -> None:
        """Start a full sync, which depends on these settings, at its first page."""
        self._clear_scan()
        self.scan_started_at, self.scan_read, self.scan_settings = at, 0, settings

    def end_full_sync(self, *, is_incomplete: bool) -> None:
        """End a full sync. The next sync reads what changed since it started.

        An incomplete one is repeated once: a second one in a row is accepted, because
        the size that Lytics reports may be wrong permanently.
        """
        self.bookmark = self.scan_started_at
        self.short_scans = (self.short_scans or 0) + 1 if is_incomplete else None
        if not self.repeats_full_sync:
            self.last_whole_scan = self.scan_started_at
            self.is_baseline_open = self.resend_before = None
        self._clear_scan()

    @property
    def repeats_full_sync(self) -> bool:
        """Whether the next sync is a full one because the last was incomplete."""
        return self.short_scans == 1

    def discard_full_sync(self) -> None:
        """Discard an unfinished full sync, if there is one; it stays due."""
        if self.scan_started_at:
            self.last_whole_scan = None
        self.resend_before = None
        self._clear_scan()

    def stop_sending_first_members(self) -> None:
        """Adapt to `existing_users` false, after it was true.

        If the first full sync is unfinished, those it did not reach are not sent.
        """
        if self.scan_started_at and self.bookmark is None:
            self.bookmark = self.starting_point = self.scan_started_at
            self.is_baseline_open = True if self.ledger_id else None

    def _clear_scan(self) -> None:
        self.scan_cursor = self.scan_started_at = None
        self.scan_settings = self.scan_read = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanCursors:
    """Where an unfinished scan goes on: with one cursor, or one for each of its parts.

    A cursor is empty for a part that has not begun, and None for a finished one;
    `totals` are the latest counts that Lytics reported for the parts, None without one.
    The text of a single cursor is the cursor itself.
    """

    cursors: tuple[str | None, ...]
    totals: tuple[int | None, ...]

    @property
    def parts(self) -> int:
        """How many parts the scan has."""
        return len(self.cursors)

    @classmethod
    def read(cls, text: str) -> ScanCursors:
        """Read the text.

        Raises:
            ValueError: when it begins like that of several cursors, and is not valid.
        """
        if not text.startswith("{"):
            return cls(cursors=(text,), totals=(None,))
        try:
            content = json.loads(text)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        parts, cursors, totals = (content.pop(key, None) for key in PARTS_KEYS)
        if (
            content
            or not (_is_list(cursors, _is_cursor) and _is_list(totals, _is_total))
            or not (type(parts) is int and parts == len(cursors) == len(totals))
            or not (parts > 1 or any(cursors))
        ):
            raise ValueError("not cursors of the parts of a scan")
        return cls(cursors=tuple(cursors), totals=tuple(totals))

    def write(self) -> str:
        """Return the text; empty for a single cursor that leads nowhere."""
        plain = self.cursors[0] or ""
        if self.parts == 1 and not plain.startswith("{"):
            return plain
        values = (self.parts, self.cursors, self.totals)
        content = dict(zip(PARTS_KEYS, values, strict=True))
        return json.dumps(content, separators=(",", ":"))


def start_pass(
    bookmarks: Mapping[str, MutableMapping[str, Any]], streams: Container[str]
) -> None:
    """Mark the streams of a pass as running.

    A stream of an earlier run that is not part of this one has no status.
    """
    for name, part in bookmarks.items():
        if name in streams:
            part[PASS_STATUS] = RUNNING
        elif part.get(PASS_STATUS):
            part[PASS_STATUS] = None


def add_streams(
    bookmarks: MutableMapping[str, dict[str, Any]], streams: Iterable[str]
) -> None:
    """Add the streams that have no state yet, so that they do not look complete.

    They get no other key: Meltano's merge would overwrite what an older state has.
    """
    for name in streams:
        bookmarks.setdefault(name, {}).setdefault(PASS_STATUS, RUNNING)


def absent_streams(
    bookmarks: Mapping[str, Mapping[str, Any]], streams: Container[str]
) -> dict[str, str]:
    """Map audience ids to those streams of the state that this run does not have."""
    return {
        str(part["audience_id"]): name
        for name, part in bookmarks.items()
        if name not in streams and part.get("audience_id")
    }


def known_ids(state: object) -> dict[str, str]:
    """Map the streams of a given state to the ids of their audiences.

    Raises:
        StateError: as `read_bookmarks` does.
    """
    bookmarks = read_bookmarks(state) if isinstance(state, dict) else {}
    ids = {name: part.get("audience_id") for name, part in bookmarks.items()}
    return {name: each for name, each in ids.items() if isinstance(each, str)}


def read_bookmarks(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each stream's part of a given state; an empty state has none.

    Accepts what `meltano state get` prints (`singer_state`) and the tap's own STATE
    message (`value`).

    Raises:
        StateError: for anything else, because treating it as empty would start over.
            Also for parts that `StreamState` does not read.
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
    for name, part in bookmarks.items():
        StreamState.read(name, part)
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
        f" {SOLUTION}"
    )


def _require_known(key: str, names: Sequence[str]) -> None:
    if key not in names:
        close = difflib.get_close_matches(key, names, n=1)
        hint = f", perhaps instead of {close[0]}" if close else ""
        raise ValueError(f"it has a key {key[:MAX_QUOTED]!r}{hint}")


def _read(name: str, value: object) -> Any:  # noqa: ANN401 - by the field's own type
    if value is None:
        return None
    if not _is_valid(name, value):
        raise ValueError(f"{name} is not {_expected(name)}")
    if name not in TIMESTAMPS:
        return value
    return max(parse_timestamp(str(value)), EPOCH)


def _is_valid(name: str, value: object) -> bool:
    if name in COUNTS:
        return type(value) is int and 0 <= value < MAX_COUNT
    if name in FLAGS:
        return isinstance(value, bool)
    if not isinstance(value, str):
        return False
    if name in TIMESTAMPS:
        return _is_timestamp(value)
    checks = {
        FINGERPRINT: _is_object,
        SCAN_CURSOR: _has_cursors,
        PASS_STATUS: {RUNNING, COMPLETE}.__contains__,
    }
    return name not in checks or checks[name](value)


def _expected(name: str) -> str:
    if name in COUNTS:
        return "a whole number from 0 on"
    special = {
        PASS_STATUS: f"{RUNNING} or {COMPLETE}",
        FINGERPRINT: "JSON in a text",
        SCAN_CURSOR: "a cursor, or the cursors of a scan's parts as JSON in a text",
    }
    kinds = dict.fromkeys(FLAGS, "true or false") | dict.fromkeys(TIMESTAMPS, TIME)
    return (special | kinds).get(name, "a text")


def _has_cursors(text: str) -> bool:
    try:
        ScanCursors.read(text)
    except ValueError:
        return False
    return True


def _is_list(values: object, is_valid: Callable[[Any], bool]) -> bool:
    return isinstance(values, list) and all(map(is_valid, values))


def _is_cursor(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_total(value: object) -> bool:
    return value is None or (type(value) is int and value >= 0)


def _is_timestamp(text: str) -> bool:
    try:
        parse_timestamp(text)
    except ValueError:
        return False
    return True


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
