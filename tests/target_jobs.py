"""What unit tests of the target ask a job for, and what it leaves behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox

Job = Any  # Of the conftest, which no module can import.


def clearing(make_job: Callable[..., Job], box: Sandbox, **config: object) -> Job:
    """Make a job that clears who left, and by default writes no field."""
    return make_job(box, **{"map_standard_fields": [], "on_exit": "clear", **config})


def rejects_in(folder: Path) -> list[dict[str, Any]]:
    """Read the records that were rejected by a job of this folder."""
    lines = (folder / "rejects.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [row for row in rows if row["type"] == "RECORD"]
