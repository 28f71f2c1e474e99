"""Why records were rejected, and which customers the store may have written."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .entries import Who
    from .simulation import Simulation

EXCUSES = {"unconfirmed"}  # BigCommerce kept the row out of a 200, twice.


def codes_by_record(simulation: Simulation) -> dict[int, set[str]]:
    """Read the rejects: under which codes each record stands there."""
    codes: dict[int, set[str]] = defaultdict(set)
    for line in simulation.file.lines():
        if line["type"] == "RECORD":
            codes[line["record"]["n"]].add(line["reject"]["code"])
    return codes


def unconfirmed(simulation: Simulation) -> set[Who | None]:
    """Return the customers of whom the store did not confirm a write."""
    rejected = codes_by_record(simulation)
    numbers = {n for n, codes in rejected.items() if codes & EXCUSES}
    return {entry.who for entry in simulation.scenario.entries if entry.n in numbers}
