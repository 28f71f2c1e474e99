"""What became of every record: counted once, told at the end."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pyroaring import BitMap64

from target_bigcommerce.errors import OutputError

if TYPE_CHECKING:
    from target_bigcommerce.errors import RejectCode

Outcome = Literal[
    "updated",
    "unchanged",
    "created",
    "cleared",
    "kept",
    "merged",
    "skipped",
    "rejected",
]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(slots=True, kw_only=True)
class Tally:
    """The run's figures.

    Args:
        read: records read, whatever became of them.
        outcomes: records by what became of them.
        rejects: rejected records by code.
        calls: requests by endpoint.
        changes: values written, by customer field or attribute.
        customers: the ids of those updated or created; a million take megabytes.
        shared_ids: records of another member with the same customer id.
        cleared_by_version: values cleared on ACTIVATE_VERSION, which no record told of.
    """

    read: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    rejects: Counter[RejectCode] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    customers: BitMap64 = field(default_factory=BitMap64)
    shared_ids: int = 0
    cleared_by_version: int = 0

    @property
    def left(self) -> int:
        """Records that were read and not settled; the next run reads them again."""
        return self.read - self.outcomes.total()

    @property
    def customers_changed(self) -> int:
        """How many customers were updated or created, however often."""
        return len(self.customers)

    def change(self, customer_id: int) -> None:
        """Take note of a customer who was updated or created."""
        # In a dry run those who would be created have ids below zero.
        self.customers.add(customer_id % 2**64)

    def settle(self, outcome: Outcome) -> None:
        """Count what became of a record."""
        self.outcomes[outcome] += 1

    def count_call(self, endpoint: str, status: int) -> None:
        """Count a request that was answered, or that was not (status 0)."""
        del status
        self.calls[endpoint] += 1

    def to_summary(
        self,
        *,
        left: int,
        waited_seconds: float,
        **more: Any,  # noqa: ANN401 - JSON
    ) -> dict[str, Any]:
        """Give everything as one JSON object.

        `records` are those accounted for; `left` were read and come again.
        """
        return {
            "records": self.read - left,
            "outcomes": {name: self.outcomes[name] for name in OUTCOMES},
            "rejects": {code.value: n for code, n in self.rejects.most_common()},
            "changes": dict(self.changes.most_common()),
            "calls": dict(sorted(self.calls.items())),
            "quota_wait_seconds": round(waited_seconds, 3),
            "customers_changed": self.customers_changed,
            "shared_ids": self.shared_ids,
            "cleared_by_version": self.cleared_by_version,
            "left": left,
            **more,
        }


def to_line(summary: dict[str, Any]) -> str:
    """Say the summary in one line."""
    parts = [f"{summary['records']:,} records"]
    parts += [f"{n:,} {name}" for name, n in summary["outcomes"].items() if n]
    line = f"{parts[0]}: {', '.join(parts[1:]) or 'none'}"
    line += f"; rejects {_listed(summary['rejects'])}" if summary["rejects"] else ""
    line += f"; calls {_listed(summary['calls'])}" if summary["calls"] else ""
    line += f"; waited {summary['quota_wait_seconds']:.1f} s for the store's quota"
    if summary["left"]:
        line += f"; {summary['left']:,} more were read and come again"
    return line + "."


def write_summary(path: str, summary: dict[str, Any]) -> None:
    """Write the summary as a whole: a reader never sees half of it.

    Raises:
        OutputError: when the file cannot be written.
    """
    place = Path(path)
    # A device, a pipe or a link stays what it is: it is not replaced, but written to.
    is_plain = not place.is_symlink() and (place.is_file() or not place.exists())
    draft = Path(f"{path}.{os.getpid()}.part") if is_plain else place
    try:
        draft.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        if is_plain:
            draft.replace(place)
    except OSError as error:
        text = f"summary_path cannot be written: {error.strerror}."
        raise OutputError(text) from None


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.items())
