"""One drain: look up, plan, write what differs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .batch import Batch
from .errors import to_reject
from .lookup import judge_missing, look_up
from .plan import (
    plan_fields,
    plan_values,
    to_creation,
    to_creation_changes,
    to_inline_values,
    to_update,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .api.rows import StoredValue, Written
    from .attributes import AttributeBook
    from .batch import Work
    from .exits.clearing import ClearGuard
    from .plan import Change, Definitions, ValuePlan
    from .store import Store

    Note = Callable[[str, int | None, Sequence[Change]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """What a drain must know of the stream whose records it writes.

    Args:
        stream: its name, which is the audience's slug.
        types: every attribute that it writes, by name, with its type.
        audience: the name of the attribute that holds the slug.
        includes: what a look-up of customers must include.
        may_create: whether a customer who is not found is created.
    """

    stream: str
    types: Mapping[str, str]
    audience: str
    includes: Sequence[str]
    may_create: bool


class Drain:
    """Writes the batches of one stream, and takes note of every value written.

    Every step leaves alone whom an earlier one rejected. A drain that fails may be
    repeated as a whole: it looks up before it writes.
    """

    def __init__(
        self,
        plan: StreamPlan,
        *,
        store: Store,
        book: AttributeBook,
        note: Note,
        guard: ClearGuard,
    ) -> None:
        self._plan = plan
        self._store = store
        self._book = book
        self._note_changes = note
        self._guard = guard

    def run(self, batch: Batch) -> list[Work]:
        """Write a batch; gives what became of each of its customers.

        Raises:
            BigCommerceError: when it cannot be finished.
        """
        return [one for work in self._write(batch) for one in self._apart(work)]

    def _apart(self, work: Work) -> list[Work]:
        """Write a refused customer's records one by one: only the bad are rejected."""
        is_refused = work.rejected is not None and work.rejected.status is not None
        if not is_refused or len(work.arrivals) == 1:
            return [work]
        batches = [Batch.of(arrival) for arrival in work.arrivals]
        return [one for batch in batches for one in self._write(batch)]

    def _write(self, batch: Batch) -> list[Work]:
        found = look_up(
            batch,
            self._store,
            include=self._plan.includes,
            attribute_ids=self._known_ids(),
        )
        works, may_create = found.works, self._plan.may_create
        for work in works:
            work.rejected = judge_missing(work, may_create=may_create)
        self._update([work for work in works if work.row is not None])
        if may_create:
            self._create([work for work in works if work.is_new])
        self._write_values([w for w in works if w.can_have_values], found.values)
        return works

    def _update(self, works: Iterable[Work]) -> None:
        planned = [
            (work, changes)
            for work in works
            if (changes := plan_fields(work.wanted, work.found))
        ]
        if not planned:
            return
        rows = [to_update(work.found["id"], changes) for work, changes in planned]
        written = self._store.update_customers(rows)
        for at, (work, changes) in enumerate(planned):
            if at in written.refused:
                work.rejected = to_reject(written.refused[at])
            else:
                self._note(work, changes)

    def _create(self, works: Sequence[Work]) -> None:
        if not works:
            return
        definitions = self._definitions()
        rows = [to_creation(work.wanted, definitions) for work in works]
        written = self._store.create_customers(rows)
        self._blame_attributes(written)
        lost = []
        for at, (work, row) in enumerate(zip(works, rows, strict=True)):
            if at in written.refused:
                work.rejected = to_reject(written.refused[at])
                continue
            work.create(written.done[at])
            if written.done[at].get("_found"):
                # Of a POST whose answer was lost: compare, then mend.
                lost.append(work)
                continue
            work.inline = to_inline_values(work.found["id"], row)
            self._note(work, to_creation_changes(row, definitions))
        self._update(lost)

    def _write_values(
        self, works: Sequence[Work], found: Sequence[StoredValue]
    ) -> None:
        if not works or self._has_nothing_to_clear(works):
            return
        stored = self._stored(works, found)
        definitions = self._definitions()
        plans = [
            (work, plan_values(number, work.wanted, stored[number], definitions))
            for work in works
            for number in [work.found["id"]]
        ]
        self._upsert(plans)
        plans = [(work, plan) for work, plan in plans if not work.rejected]
        self._delete([(w, *each) for w, plan in plans for each in plan.deletes])
        clears = [(w, *each) for w, plan in plans for each in plan.clears]
        if clears:
            self._guard.admit(
                len(clears),
                attribute=self._plan.audience,
                total=lambda: self._store.count_values(definitions.audience_id),
            )
            self._delete(clears)
            for work, _, _ in clears:
                work.is_cleared = True

    def _has_nothing_to_clear(self, works: Sequence[Work]) -> bool:
        # Exits alone are no reason to create the attribute that they would clear.
        is_all_exits = not any(work.wanted.has_member_record for work in works)
        return is_all_exits and not self._book.known_ids([self._plan.audience])

    def _stored(
        self, works: Sequence[Work], found: Sequence[StoredValue]
    ) -> Mapping[int, list[StoredValue]]:
        """What they have: as found with those who came by id, asked for the others."""
        stored: dict[int, list[StoredValue]] = defaultdict(list)
        known = self._known_ids()
        asked = [work.found["id"] for work in works if work.is_without_values]
        later = self._store.values(asked, known) if asked and known else []
        for value in (*found, *later):
            stored[value.customer_id].append(value)
        for work in works:
            stored[work.found["id"]] += work.inline
        return stored

    def _upsert(self, plans: Sequence[tuple[Work, ValuePlan]]) -> None:
        planned = [(work, *each) for work, plan in plans for each in plan.upserts]
        if not planned:
            return
        written = self._store.upsert_values([value for _, value, _ in planned])
        self._blame_attributes(written)
        for at, (work, _, change) in enumerate(planned):
            if at not in written.refused:
                self._note(work, [change])
            else:
                work.rejected = to_reject(written.refused[at])

    def _blame_attributes(self, written: Written) -> None:
        # The store need not say so, and no record shall be rejected for it.
        if written.refused:
            self._book.look_again(self._plan.types)

    def _delete(self, planned: Sequence[tuple[Work, StoredValue, Change]]) -> None:
        if not planned:
            return
        self._store.delete_values([value.id for _, value, _ in planned])
        for work, _, change in planned:
            self._note(work, [change])

    def _known_ids(self) -> list[int]:
        return self._book.known_ids(list(self._plan.types))

    def _definitions(self) -> Definitions:
        return self._book.ensure(
            self._plan.types, audience=self._plan.audience, slug=self._plan.stream
        )

    def _note(self, work: Work, changes: Sequence[Change]) -> None:
        work.is_changed = True
        self._note_changes(self._plan.stream, work.customer_id, changes)
