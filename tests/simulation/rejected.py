"""Reject codes by record, and customers with an unconfirmed write."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .entries import Who
    from .simulation import Simulation

UNAVOIDABLE_CODES = {
    "unconfirmed"
}  # BigCommerce left the row out of two 200 responses.


def codes_by_record(simulation: Simulation) -> dict[int, set[str]]:
    """Return the reject codes of each record in the rejects."""
    codes: dict[int, set[str]] = defaultdict(set)
    for line in simulation.file.lines():
        if line["type"] == "RECORD":
            codes[line["record"]["n"]].add(line["reject"]["code"])
    return codes


def unconfirmed(simulation: Simulation) -> set[Who | None]:
    """Return the customers with a write that the store did not confirm."""
    rejected = codes_by_record(simulation)
    numbers = {n for n, codes in rejected.items() if codes & UNAVOIDABLE_CODES}
    return {entry.who for entry in simulation.scenario.entries if entry.n in numbers}
