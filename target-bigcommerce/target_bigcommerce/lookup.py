"""From a batch to its customers as the store knows them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from .batch import Work, to_work
from .codes import Code
from .fields import NEEDED_TO_CREATE
from .mapping import RejectedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .batch import Arrival, Batch, Key
    from .rows import Row
    from .store import Store


def look_up(
    batch: Batch, store: Store, *, include: Sequence[str], may_create: bool
) -> list[Work]:
    """Find the batch's customers, by id or by email, and judge who is not there."""
    ids = [key for key in batch.by_key if isinstance(key, int)]
    emails = [key for key in batch.by_key if isinstance(key, str)]
    rows = dict(store.customers_by_id(ids, include)) if ids else {}
    by_email = store.customers_by_email(emails, include) if emails else {}
    rows |= {row["id"]: row for row in by_email.values()}
    works = [
        to_work(arrivals, key, rows.get(key))
        if isinstance(key, int)
        else to_work(arrivals, None, None)
        for key, arrivals in _grouped(batch.by_key, by_email).items()
    ]
    for work in works:
        work.rejected = _judge(work, may_create=may_create)
    return works


def _grouped(
    by_key: Mapping[Key, list[Arrival]], by_email: Mapping[str, Row]
) -> dict[Key, list[Arrival]]:
    """Bring those matched by email together with those who came by id."""
    grouped: dict[Key, list[Arrival]] = defaultdict(list)
    for key, arrivals in by_key.items():
        row = by_email.get(key) if isinstance(key, str) else None
        grouped[row["id"] if row else key] += arrivals
    return grouped


def _judge(work: Work, *, may_create: bool) -> RejectedError | None:
    if work.row is not None:
        return None
    if work.customer_id is not None:
        reason = "the store has no customer of this id"
        return RejectedError(Code.UNKNOWN_CUSTOMER, reason)
    fields = work.wanted.fields
    missing = [name for name in NEEDED_TO_CREATE if name not in fields]
    if may_create and missing:
        reason = f"a new customer needs {', '.join(missing)} too"
        return RejectedError(Code.INCOMPLETE_CUSTOMER, reason)
    return None
