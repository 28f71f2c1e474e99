"""Every guarantee has a test, and every mark names a guarantee."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_each_guarantee_is_held_by_a_test() -> None:
    page = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    tests = (ROOT / "tests").rglob("test_*.py")
    sources = "".join(path.read_text(encoding="utf-8") for path in tests)

    guaranteed = set(re.findall(r"^### `([a-z-]+)`", page, re.MULTILINE))
    marked = set(re.findall(r'mark\.guarantee\("([a-z-]+)"\)', sources))

    assert guaranteed
    assert marked == guaranteed
