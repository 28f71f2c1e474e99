"""Whole numbers in whatever form JSON has them. No I/O."""

from __future__ import annotations

import re

DIGITS = re.compile(r"[0-9]{1,18}")  # No wider than any id.
FIRST_INEXACT = 2.0**53  # From here on a fraction may have been rounded off.


def whole(value: object) -> int | None:
    """Read a whole number, be it written as text or as `1.0`; None for all else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if DIGITS.fullmatch(value) else None
    if isinstance(value, float):
        is_exact = value.is_integer() and abs(value) < FIRST_INEXACT
        return int(value) if is_exact else None
    return value if isinstance(value, int) else None
