"""The customers waiting for the next drain, each with its records."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Self

from .mapping import DesiredCustomer, merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .api.rows import Row, StoredValue
    from .errors import RecordRejectedError
    from .run.tally import Outcome

Key = int | str  # A customer's id or, where there is none, the email to match.


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A record on its way to a customer.

    Args:
        order: its place among the records of its stream.
        wanted: what it wants.
        message: the RECORD message, should it be rejected.
        member: which member it speaks of, as far as the stream's keys tell.
    """

    order: int
    wanted: DesiredCustomer
    message: Mapping[str, Any]
    member: Any = None


class Batch:
    """Arrivals by customer."""

    def __init__(self) -> None:
        self.by_key: dict[Key, list[Arrival]] = {}
        self.records = 0

    @classmethod
    def of(cls, arrival: Arrival) -> Self:
        """Make one of a single record."""
        batch = cls()
        batch.add(arrival)
        return batch

    def add(self, arrival: Arrival) -> None:
        """Take a record whose id, or email to match, is known."""
        wanted = arrival.wanted
        key = wanted.email if wanted.customer_id is None else wanted.customer_id
        if key is None:
            raise ValueError("an arrival needs an id or an email")
        self.by_key.setdefault(key, []).append(arrival)
        self.records += 1

    @property
    def size(self) -> int:
        """Customers waiting."""
        return len(self.by_key)


@dataclass(slots=True, kw_only=True)
class Work:
    """One customer in a drain.

    Args:
        arrivals: the records, in order.
        wanted: what they want together.
        customer_id: None until it is created.
        row: the customer as found; None for one to be created.
        inline: values that its creation brought.
        rejected: why nothing more is written for it.
    """

    arrivals: list[Arrival]
    wanted: DesiredCustomer
    customer_id: int | None = None
    row: Row | None = None
    is_changed: bool = False
    is_created: bool = False
    is_cleared: bool = False
    rejected: RecordRejectedError | None = None
    inline: list[StoredValue] = field(default_factory=list)

    @property
    def found(self) -> Row:
        """The customer; there must be one."""
        if self.row is None:
            raise ValueError("the customer was not found")
        return self.row

    @property
    def is_new(self) -> bool:
        """Whether it is to be created."""
        return self.row is None and self.customer_id is None and not self.rejected

    @property
    def can_have_values(self) -> bool:
        """Whether attribute values can be written for it."""
        return self.row is not None and not self.rejected

    @property
    def is_without_values(self) -> bool:
        """Whether its attribute values are unknown: it came by email, not by id."""
        came_by_id = any(a.wanted.customer_id is not None for a in self.arrivals)
        return not came_by_id and not self.inline

    def create(self, row: Row) -> None:
        """Take the answer to its creation."""
        self.row, self.customer_id, self.is_created = row, row["id"], True

    @property
    def outcome(self) -> Outcome:
        """What became of the last of its records."""
        if not self.arrivals[-1].wanted.is_member and self.is_cleared:
            return "cleared"
        if self.is_created:
            return "created"
        return "updated" if self.is_changed else "unchanged"


def to_work(
    arrivals: Iterable[Arrival], customer_id: int | None, row: Row | None
) -> Work:
    """Merge a customer's records in the order in which they came."""
    ordered = sorted(arrivals, key=lambda arrival: arrival.order)
    wanted = reduce(merge, (arrival.wanted for arrival in ordered))
    return Work(arrivals=ordered, wanted=wanted, customer_id=customer_id, row=row)
