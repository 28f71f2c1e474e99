"""The settings that a plugin declares, as its `--about` tells them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PLUGINS = ("tap-lytics", "target-bigcommerce")
# What the SDK declares for every plugin: its own documents describe them.
OF_THE_SDK = ("stream_map", "faker_config", "flattening_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One declared setting."""

    name: str
    title: str
    description: str
    type: str
    choices: tuple[str, ...]
    range: tuple[int | None, int | None]
    default: Any
    is_required: bool
    is_secret: bool

    @property
    def is_ours(self) -> bool:
        """Whether the plugin declares it itself, and not the SDK for it."""
        return not self.name.startswith(OF_THE_SDK)


@cache
def about(plugin: str) -> dict[str, Any]:
    """Ask a plugin about itself."""
    command = [str(Path(sys.executable).parent / plugin), "--about", "--format=json"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def settings_of(plugin: str) -> list[Setting]:
    """Read the plugin's settings, in the order in which it declares them."""
    schema = about(plugin)["settings"]
    required = schema.get("required", [])
    return [
        _to_setting(name, row, is_required=name in required)
        for name, row in schema["properties"].items()
    ]


def _to_setting(name: str, row: dict[str, Any], *, is_required: bool) -> Setting:
    return Setting(
        name=name,
        title=row.get("title", name),
        description=row.get("description", ""),
        type=_type(row),
        choices=tuple(each for each in row.get("enum", []) if each is not None),
        range=(row.get("minimum"), row.get("maximum")),
        default=row.get("default"),
        is_required=is_required,
        is_secret=bool(row.get("secret")),
    )


def _type(row: dict[str, Any]) -> str:
    if row.get("format") == "date-time":
        return "date-time"
    types = row["type"] if isinstance(row["type"], list) else [row["type"]]
    [only] = [each for each in types if each != "null"]
    return str(only)
