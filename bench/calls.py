"""The target's calls for 1,000 customers, counted in the store's journal.

python -m bench.calls

Each job writes all customers, then the same records, then 5 % changed ones. A job
differs from the one with the same attributes above it in what the store takes in a call
or in the size of its batches.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.records import TARGET, lines, members, run, writable, write_config
from sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MEMBERS = 1000
CHANGED = ("email", "first_name", "last_name")
STATES: Mapping[str, Sequence[str]] = {"all new": (), "unchanged": (), "5 %": CHANGED}
ATTRIBUTES = [
    {"from": name, "to": name, "type": "string"} for name in ("first_name", "last_name")
]
PATH = "/customers"
VALUES = f"{PATH}/attribute-values"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A job: its attributes (with the audience's), batches, mapping, and store."""

    attributes: int
    batch: int = 100
    is_mapped: bool = True
    store: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Name the job."""
        plural = "s" if self.attributes > 1 else ""
        parts = [f"{self.attributes} attribute{plural}, batch {self.batch}"]
        parts += [] if self.is_mapped else ["no field"]
        return ", ".join(parts + [name for name in SWITCHES if name in self.store])

    def settings(self) -> dict[str, object]:
        """Return the target's settings."""
        settings: dict[str, object] = {
            "batch_size_rows": self.batch,
            "map_custom_attributes": ATTRIBUTES[: self.attributes - 1],
        }
        return settings | ({} if self.is_mapped else {"map_standard_fields": []})


SWITCHES = ("cap_counts_customers", "in_list_limit")
BY_CUSTOMER = {"cap_counts_customers": True}
CASES = (
    Case(attributes=1),
    Case(attributes=1, batch=250, store={"in_list_limit": 100}),
    Case(attributes=1, batch=250),
    Case(attributes=1, batch=250, is_mapped=False),
    Case(attributes=3),
    Case(attributes=3, store=BY_CUSTOMER),
    Case(attributes=3, batch=250, store=BY_CUSTOMER),
    Case(attributes=3, batch=250, is_mapped=False, store=BY_CUSTOMER),
)


def count(case: Case, folder: Path) -> Iterator[Counter[str]]:
    """Yield the calls of each state, by kind."""
    with Sandbox(writable(MEMBERS, email_differing=0, **case.store)) as box:
        arguments, people = write_config(box, folder, case.settings()), members(box)
        for changed in STATES.values():
            source = folder / "records.jsonl"
            source.write_text("".join(lines(people, changed)), encoding="utf-8")
            box.journal.clear()
            run([*TARGET, *arguments], source, folder)
            refused = sum(e.status >= HTTPStatus.BAD_REQUEST for e in box.journal)
            yield box.journal.counts | Counter(refused=refused)


def main() -> None:
    """Count and print."""
    print(f"target, calls for {MEMBERS:,} customers: reads of customers and of values,")
    print("writes of customers and of values, others; refused; total and ratio")
    baseline: dict[tuple[int, str], int] = {}
    for case in CASES:
        with tempfile.TemporaryDirectory() as name:
            for state, calls in zip(STATES, count(case, Path(name)), strict=True):
                total = calls.total() - calls["refused"]
                off = baseline.setdefault((case.attributes, state), total)
                row = f"{_shown(calls, total)} {off / total:5.1f}x"
                print(f"{f'{case}, {state}':<68}{row}", flush=True)


def _shown(calls: Counter[str], total: int) -> str:
    names = (f"{method} {path}" for method in ("GET", "PUT") for path in (PATH, VALUES))
    parts = [calls[name] for name in names]
    numbers = (*parts, total - sum(parts), calls["refused"], total)
    return " ".join(f"{number:4,}" for number in numbers)


if __name__ == "__main__":
    main()
