"""An audience's place in the Singer state: scalars only, cleared by null."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import moments
from .errors import StateError

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, MutableMapping

TEXTS = (
    "audience_id",
    "audience_updated",
    "scan_cursor",
    "scan_settings",
    "ledger_id",
)
COUNTS = ("scan_read", "short_scans", "ledger_generation")
MOMENTS = ("bookmark", "scan_started_at", "last_whole_scan")


@dataclass(slots=True, kw_only=True)
class Place:
    """How far an audience was exported.

    No value is an object and no key is ever removed: Meltano merges states key by key
    and stumbles over a null that meets an object.
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

    @classmethod
    def read(cls, stream: str, state: Mapping[str, Any]) -> Place:
        """Read it from the stream's part of the state.

        Raises:
            StateError: when a value is not what the tap writes there.
        """
        try:
            return cls(
                **{f.name: _read(f.name, state.get(f.name)) for f in fields(cls)}
            )
        except ValueError as error:
            raise StateError(
                f"The state of stream {stream} is not of this tap: {error}."
                " Mend it, or start anew without a state (meltano run --full-refresh)."
            ) from None

    def write(self, state: MutableMapping[str, Any]) -> None:
        """Write it into the stream's part of the state, every key."""
        for name, value in asdict(self).items():
            is_moment = isinstance(value, datetime)
            state[name] = moments.to_text(value) if is_moment else value

    def begin_scan(self, at: datetime) -> None:
        """Begin a whole scan at its first page."""
        self._clear_scan()
        self.scan_started_at, self.scan_read = at, 0

    def end_scan(self, *, is_short: bool) -> None:
        """End a whole scan: who changes after its beginning is found by passes.

        One that fell short is made once more; a second one in a row has to do, as
        what Lytics counts may be wrong for ever.
        """
        self.bookmark = self.scan_started_at
        self.short_scans = (self.short_scans or 0) + 1 if is_short else None
        if not self.is_scan_repeated:
            self.last_whole_scan = self.scan_started_at
        self._clear_scan()

    @property
    def is_scan_repeated(self) -> bool:
        """Whether the next pass scans the whole audience since the last fell short."""
        return self.short_scans == 1

    def drop_scan(self) -> None:
        """Give up a whole scan that is under way, if one is; it stays due."""
        if self.scan_started_at:
            self.last_whole_scan = None
        self._clear_scan()

    def _clear_scan(self) -> None:
        self.scan_cursor = self.scan_started_at = None
        self.scan_settings = self.scan_read = None


def formers(
    bookmarks: Mapping[str, Mapping[str, Any]], streams: Container[str]
) -> dict[str, str]:
    """Give the streams of a state that a run does not have, by their audiences' ids."""
    return {
        str(part["audience_id"]): name
        for name, part in bookmarks.items()
        if name not in streams and part.get("audience_id")
    }


def _read(name: str, value: object) -> Any:  # noqa: ANN401 - by the field's own type
    if value is None:
        return None
    if name in MOMENTS and isinstance(value, str):
        try:
            return moments.to_moment(value)
        except ValueError:
            raise ValueError(f"{name} is no moment") from None
    if name in TEXTS and isinstance(value, str):
        return value
    if name in COUNTS and isinstance(value, int):
        return value
    raise ValueError(f"{name} is of the wrong type")
