"""What BigCommerce takes as an attribute's value. No I/O."""

from __future__ import annotations

import re

LONGEST = 255
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
DATE = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"
)


def value_error(value: object, kind: str, *, any_form: bool) -> str | None:
    """BigCommerce's word for what is wrong with a value, None if it is taken."""
    if not isinstance(value, str):
        return "error.expected.jsstring"
    if len(value) > LONGEST:
        return "error.maxLength"
    if any_form or not value:
        return None
    if kind == "number" and not NUMBER.fullmatch(value):
        return "error.expected.jsnumber"
    if kind == "date" and not DATE.fullmatch(value):
        return "error.expected.date.isoformat"
    return None
