"""From a batch to its customers as the store knows them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .batch import to_work
from .errors import RecordRejectedError, RejectCode
from .fields import REQUIRED_TO_CREATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .api.rows import Row, StoredValue
    from .batch import Arrival, Batch, Key, Work
    from .store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look-up gave.

    Args:
        works: the customers, each with its records.
        values: what those who came by id have of the attributes.
    """

    works: list[Work]
    values: list[StoredValue]


def look_up(
    batch: Batch, store: Store, *, include: Sequence[str], attribute_ids: Sequence[int]
) -> Found:
    """Find the batch's customers, by id or by email, and values in the same breath."""
    ids = [key for key in batch.by_key if isinstance(key, int)]
    emails = [key for key in batch.by_key if isinstance(key, str)]
    rows: dict[int, Row] = {}
    by_email: dict[str, Row] = {}
    values: list[StoredValue] = []
    tasks: list[Callable[[], object]] = []
    if ids:
        tasks.append(lambda: rows.update(store.customers_by_id(ids, include)))
    if ids and attribute_ids:
        tasks.append(lambda: values.extend(store.values(ids, attribute_ids)))
    if emails:
        tasks.append(lambda: by_email.update(store.customers_by_email(emails, include)))
    store.together(tasks)
    rows |= {row["id"]: row for row in by_email.values()}
    return Found(works=_to_works(batch, rows, by_email), values=values)


def judge_missing(work: Work, *, may_create: bool) -> RecordRejectedError | None:
    """Say why a customer who was not found cannot be written; None if that is well."""
    if work.row is not None:
        return None
    if work.customer_id is not None:
        reason = "the store has no customer of this id"
        return RecordRejectedError(RejectCode.UNKNOWN_CUSTOMER, reason)
    fields = work.wanted.fields
    missing = [name for name in REQUIRED_TO_CREATE if name not in fields]
    if may_create and missing:
        reason = f"a new customer needs {', '.join(missing)} too"
        return RecordRejectedError(RejectCode.INCOMPLETE_CUSTOMER, reason)
    return None


def _to_works(
    batch: Batch, rows: Mapping[int, Row], by_email: Mapping[str, Row]
) -> list[Work]:
    return [
        to_work(arrivals, key, rows.get(key))
        if isinstance(key, int)
        else to_work(arrivals, None, None)
        for key, arrivals in _grouped(batch.by_key, rows, by_email).items()
    ]


def _grouped(
    by_key: Mapping[Key, list[Arrival]],
    rows: Mapping[int, Row],
    by_email: Mapping[str, Row],
) -> dict[Key, list[Arrival]]:
    """Bring those matched by email together with those who came by id."""
    # Who is about to get an address that nobody has yet is matched by it as well.
    owners: dict[Key, Key] = {
        arrival.wanted.email: key
        for key, arrivals in by_key.items()
        if key in rows
        for arrival in arrivals
        if arrival.wanted.email
    }
    owners |= {email: row["id"] for email, row in by_email.items()}
    grouped: dict[Key, list[Arrival]] = defaultdict(list)
    for key, arrivals in by_key.items():
        grouped[owners.get(key, key)] += arrivals
    return grouped
