"""Blocks between two markers: where they stand, and what belongs into them."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from documents.project import settings_yaml
from documents.tables import codes_table, fields_table, settings_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Blocks = Mapping[str, Callable[[], str]]

ROOT = Path(__file__).parents[2]
TAP, TARGET = "tap-lytics", "target-bigcommerce"
DOCUMENTS: Mapping[str, Blocks] = {
    "README.md": {
        f"settings {TAP}": partial(settings_table, TAP),
        f"settings {TARGET}": partial(settings_table, TARGET),
    },
    f"{TAP}/README.md": {"settings": partial(settings_table, TAP)},
    f"{TARGET}/README.md": {
        "settings": partial(settings_table, TARGET),
        "fields": fields_table,
        "codes": codes_table,
    },
    "meltano.yml": {
        f"settings {TAP}": partial(settings_yaml, TAP),
        f"settings {TARGET}": partial(settings_yaml, TARGET),
    },
}


def renewed(document: str) -> str:
    """Give a document's text with all of its blocks as they should be.

    Raises:
        ValueError: when the document lacks the markers of a block.
    """
    text = (ROOT / document).read_text(encoding="utf-8")
    for label, content in DOCUMENTS[document].items():
        text = _replace(text, label, content(), in_yaml=document.endswith(".yml"))
    return text


def _replace(text: str, label: str, content: str, *, in_yaml: bool) -> str:
    start, end = _markers(label, in_yaml=in_yaml)
    block = re.compile(
        rf"(?P<start>^ *{re.escape(start)}\n).*?(?P<end>^ *{re.escape(end)}$)",
        re.DOTALL | re.MULTILINE,
    )
    blank = "" if in_yaml else "\n"
    new, found = block.subn(
        lambda match: f"{match['start']}{blank}{content}\n{blank}{match['end']}", text
    )
    if found != 1:
        raise ValueError(f"{label!r} stands {found} times between its markers")
    return new


def _markers(label: str, *, in_yaml: bool) -> tuple[str, str]:
    kind = label.partition(" ")[0]
    if in_yaml:
        return f"# {label}: written by `make docs`.", f"# /{kind}"
    return f"<!-- {label} -->", f"<!-- /{kind} -->"
