"""The README describes what the state holds."""

from __future__ import annotations

from pathlib import Path

from tap_lytics.state import StreamState

README = Path(__file__).parents[3] / "tap-lytics" / "README.md"


def test_the_readme_explains_every_key_of_the_state() -> None:
    text = README.read_text(encoding="utf-8")
    state: dict[str, object] = {}

    StreamState().write(state)

    assert not [key for key in state if f"`{key}`" not in text]
