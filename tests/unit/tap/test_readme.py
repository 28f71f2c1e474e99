"""The README's table of settings is the one that the settings declare."""

from __future__ import annotations

from pathlib import Path

from documents.tables import settings_table

from tap_lytics.state import StreamState

README = Path(__file__).parents[3] / "tap-lytics" / "README.md"


def test_the_readme_has_the_table_of_the_declared_settings() -> None:
    text = README.read_text(encoding="utf-8")

    _, _, rest = text.partition("<!-- settings -->")
    table, _, _ = rest.partition("<!-- /settings -->")

    assert table.strip() == settings_table("tap-lytics")


def test_the_readme_explains_every_key_of_the_state() -> None:
    text = README.read_text(encoding="utf-8")
    state: dict[str, object] = {}

    StreamState().write(state)

    assert not [key for key in state if f"`{key}`" not in text]
