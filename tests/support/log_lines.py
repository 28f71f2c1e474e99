"""Text that tries to forge a log line, and the check that none is forged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.plugins import Run


LINE = re.compile(r"[0-9-]{10} [0-9:,]{12} \| [A-Z]+ +\| [\w.-]+ +\| .*")
# Ends a line, writes one of its own, and ends with escapes that act on a terminal.
FORGED = (
    "x\n2026-01-01 00:00:00,000 | ERROR    | target-bigcommerce | forged"
    "\x1b[2J\x1b]0;title\x07\u202e\u2028\r"
)


def assert_plain(run: Run) -> None:
    """Check that every log line is printable and written by a logger."""
    lines = run.stderr.split("\n")
    assert lines.pop() == ""
    assert all(line.isprintable() for line in lines), run.stderr
    assert all(LINE.fullmatch(line) for line in lines), run.stderr
    assert not any(" | forged" in line[:80] for line in lines), run.stderr
