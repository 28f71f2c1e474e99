"""Tables of settings, customer fields and codes, in Markdown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from documents.declared import settings_of
from target_bigcommerce.errors import REMEDIES
from target_bigcommerce.fields import CUSTOMER_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from documents.declared import Setting
    from target_bigcommerce.fields import CustomerField


def settings_table(plugin: str) -> str:
    """Tabulate what a plugin declares itself."""
    rows = [_setting_row(each) for each in settings_of(plugin) if each.is_ours]
    return _table(("Setting", "Type", "Default", "Meaning"), rows)


def fields_table() -> str:
    """Tabulate the customer fields that a mapping can name."""
    rows = [_field_row(each) for each in CUSTOMER_FIELDS.values()]
    return _table(("Field", "Value", "Length", "Written", "Can be emptied"), rows)


def codes_table() -> str:
    """Tabulate why records are rejected, and what helps."""
    rows = [(f"`{code.value}`", cure) for code, cure in REMEDIES.items()]
    return _table(("Code", "Meaning and remedy"), rows)


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
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
