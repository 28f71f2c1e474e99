"""The settings of both plugins as meltano.yml declares them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import yaml

from documents.declared import settings_of

if TYPE_CHECKING:
    from documents.declared import Setting

INDENT = "    "
WIDTH = 84


def settings_rows(plugin: str) -> list[dict[str, Any]]:
    """Declare every setting of a plugin in Meltano's words."""
    return [_to_row(setting) for setting in settings_of(plugin)]


def settings_yaml(plugin: str) -> str:
    """Write them as they stand below `settings:`."""
    text = yaml.safe_dump(
        settings_rows(plugin), sort_keys=False, allow_unicode=True, width=WIDTH
    )
    return textwrap.indent(text.rstrip("\n"), INDENT)


def _to_row(setting: Setting) -> dict[str, Any]:
    row: dict[str, Any] = {"name": setting.name, "kind": _kind(setting)}
    if setting.is_secret:
        row["sensitive"] = True
    row |= {"label": setting.title, "description": setting.description}
    if setting.default is not None:
        row["value"] = setting.default
    return row


def _kind(setting: Setting) -> str:
    # Not `options` for a choice: Meltano answers a wrong one with a traceback, the
    # plugin with a line.
    return "date_iso8601" if setting.type == "date-time" else setting.type
