"""Reference tables for the documents, read from the code.

cog runs the blocks that call these functions: `make generate` rewrites them, and
`make check` fails if one is out of date.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from tap_lytics.tap import TapLytics
from target_bigcommerce.errors import REMEDIES
from target_bigcommerce.fields import CUSTOMER_FIELDS
from target_bigcommerce.target import TargetBigCommerce

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from singer_kit.plugin import SingerPlugin
    from target_bigcommerce.fields import CustomerField

PLUGINS: dict[str, type[SingerPlugin]] = {
    plugin.name: plugin for plugin in (TapLytics, TargetBigCommerce)
}
# Settings that the SDK adds to every plugin, and describes in its own documentation.
SDK_SETTINGS = ("stream_map", "faker_config", "flattening_")
YAML_WIDTH = 84  # Without the indentation in meltano.yml, which cog adds.


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting that a plugin declares."""

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
    def is_from_sdk(self) -> bool:
        """Whether the SDK adds it to every plugin."""
        return self.name.startswith(SDK_SETTINGS)


def settings_of(plugin: str) -> list[Setting]:
    """Read a plugin's settings, including the SDK's, in the order of declaration."""
    schema = PLUGINS[plugin].settings_schema()
    required = schema.get("required", [])
    return [
        _to_setting(name, row, is_required=name in required)
        for name, row in schema["properties"].items()
    ]


def capabilities_of(plugin: str) -> set[str]:
    """Read the capabilities that a plugin declares."""
    return {capability.value for capability in PLUGINS[plugin].capabilities}


# Blocks in the documents, as cog inserts them.


def settings_table(plugin: str) -> str:
    """Tabulate a plugin's settings, without those that the SDK adds."""
    rows = [_setting_row(each) for each in settings_of(plugin) if not each.is_from_sdk]
    return _table(("Setting", "Type", "Default", "Meaning"), rows)


def fields_table() -> str:
    """Tabulate the customer fields to which a mapping can write."""
    rows = [_field_row(each) for each in CUSTOMER_FIELDS.values()]
    return _table(("Field", "Value", "Length", "Written", "Can be emptied"), rows)


def codes_table() -> str:
    """Tabulate the codes of rejected records."""
    rows = [(f"`{code.value}`", remedy) for code, remedy in REMEDIES.items()]
    return _table(("Code", "Meaning and remedy"), rows)


def settings_yaml(plugin: str) -> str:
    """List a plugin's settings as meltano.yml declares them."""
    rows = [_meltano_row(setting) for setting in settings_of(plugin)]
    return yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=YAML_WIDTH)


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


def _setting_row(setting: Setting) -> tuple[str, ...]:
    return (
        f"`{setting.name}`",
        _type_text(setting),
        _default_text(setting),
        setting.description,
    )


def _type_text(setting: Setting) -> str:
    low, high = setting.range
    if setting.choices:
        return ", ".join(f"`{choice}`" for choice in setting.choices)
    text = f"{setting.type}, secret" if setting.is_secret else setting.type
    if low is None:
        return text
    return f"{text}, {low} or more" if high is None else f"{text}, {low} to {high}"


def _default_text(setting: Setting) -> str:
    if setting.is_required:
        return "required"
    if setting.default is None:
        return "none"
    text = setting.default
    return f"`{text if isinstance(text, str) else json.dumps(text)}`"


def _meltano_row(setting: Setting) -> dict[str, Any]:
    # A choice is a string rather than Meltano's `options`: Meltano reports an invalid
    # choice with a traceback, the plugin with one line.
    kind = "date_iso8601" if setting.type == "date-time" else setting.type
    row: dict[str, Any] = {"name": setting.name, "kind": kind}
    if setting.is_secret:
        row["sensitive"] = True
    row |= {"label": setting.title, "description": setting.description}
    if setting.default is not None:
        row["value"] = setting.default
    return row


def _field_row(field: CustomerField) -> tuple[str, ...]:
    shortest, longest = field.schema.get("minLength"), field.max_length
    length = f"{shortest} to {longest}" if longest else "any" if shortest == 0 else ""
    return (
        f"`{field.name}`",
        field.coerces_to,
        length,
        "on creation only" if field.is_creation_only else "on update and creation",
        "yes" if field.can_be_emptied else "",
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Render a Markdown table between blank lines, which set it off from comments."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"
