"""After a drain: every record of it gets exactly one outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .batch import Work
    from .errors import RecordRejectedError
    from .run.export import Export


def settle(export: Export, stream: str, works: Iterable[Work]) -> None:
    """Count what became of each customer's records, and keep the rejected ones."""
    for work in works:
        members = {arrival.member for arrival in work.arrivals}
        export.tally.shared_ids += len(members) - 1
        if work.customer_id is not None and (work.is_changed or work.is_created):
            export.tally.change(work.customer_id)
        if work.rejected:
            _reject(export, work, work.rejected)
        elif work.row is None:
            _count_skipped(export, work)
        else:
            _count_written(export, work)
        _see(export, stream, work)


def _count_written(export: Export, work: Work) -> None:
    for _ in work.arrivals[:-1]:
        export.tally.settle("merged")
    export.tally.settle(work.outcome)


def _count_skipped(export: Export, work: Work) -> None:
    for _ in work.arrivals:  # Nobody has this email, and nobody is to be created.
        export.tally.settle("skipped")


def _reject(export: Export, work: Work, why: RecordRejectedError) -> None:
    for arrival in work.arrivals:
        if arrival.wanted.is_member:
            export.reject(arrival.message, why)
        else:
            export.tally.settle("unchanged")  # There was nothing to clear.


def _see(export: Export, stream: str, work: Work) -> None:
    """A customer who was matched or created is seen under its records' versions."""
    for arrival in work.arrivals:
        version = arrival.message.get("version")
        if version is not None and work.customer_id and arrival.wanted.is_member:
            export.versions.of(stream, version).customers.add(work.customer_id)
