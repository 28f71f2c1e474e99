"""The state that a run is given: taken out of its wrapping, or refused. No I/O here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping

WRAPPINGS = 2  # Meltano's around that of a Singer message, or the other way round.


def bookmarks(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give each stream's part of the state; nothing for an empty one.

    `meltano state get` prints the state as `singer_state`, a tap's own STATE message
    has it as `value`: both are what a user has at hand, and mean what they hold.

    Raises:
        StateError: for anything else; to take it for no state would start anew.
    """
    for _ in range(WRAPPINGS):
        state = _unwrapped(state)
    if not isinstance(state, dict) or (state and "bookmarks" not in state):
        raise _refusal()
    parts = _filled(state.get("bookmarks"))
    if not isinstance(parts, dict):
        raise _refusal()
    given = {name: _filled(part) for name, part in parts.items()}
    if not all(isinstance(part, dict) for part in given.values()):
        raise _refusal()
    return given


def _unwrapped(state: Any) -> Any:  # noqa: ANN401 - whatever was given
    if not isinstance(state, dict) or "bookmarks" in state:
        return state
    if "singer_state" in state:
        return _filled(state["singer_state"])
    if state.get("type") == "STATE" and "value" in state:
        return _filled(state["value"])
    return state


def _filled(part: Any) -> Any:  # noqa: ANN401 - whatever was given
    return {} if part is None else part  # Cleared means null.


def _refusal() -> StateError:
    return StateError(
        'The state given is no Singer state of this tap; one looks like {"bookmarks":'
        ' {"vip_customers": {"bookmark": "2026-01-31T08:00:00Z"}}}. Mend it, or start'
        " anew without a state (meltano run --full-refresh)."
    )
