"""Records every value that a run writes, in the history and in `changes_path`.

Also finds out what became of changes whose outcome is unknown, such as those of a run
that was killed, by reading the store.
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from singer_kit.logs import were

from .api.limits import StoreFacts
from .errors import HistoryError
from .fields import ATTRIBUTE_TYPES, CUSTOMER_FIELDS, INCLUDES
from .history import DAY_SECONDS, to_json
from .plan import ClearedValues, RecordedChange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from .api.client import StoreApi
    from .api.models import AttributeDefinition, Row
    from .errors import RecordRejectedError
    from .files import ChangeLog
    from .history import History, RunStatus
    from .plan import Action, Change
    from .summary import RunStats

SECRET_FIELDS = frozenset({"authentication"})  # Has a new customer's password.
NOT_RECORDED = "(not recorded)"
Planned = tuple[int | None, str | None, "Sequence[Change]"]

logger = logging.getLogger("target-bigcommerce")


class ChangeRecorder:
    """Records the changes of a run: before each call as pending, then with the outcome.

    Args:
        log: gets a line for every value written.
        stats: counts every value written.
        now: returns seconds since 1970.
        history: the history; None without one.
        is_required: whether the run ends when the history fails. Otherwise it goes on
            without, because a history must not keep a job from working.
        history_days: age at which the history is purged.
        is_dry_run: whether nothing is written; the history is then only read.
        facts: limits of the store that the run finds out; the history keeps them.
    """

    def __init__(  # noqa: PLR0913 - what a run consists of
        self,
        *,
        log: ChangeLog,
        stats: RunStats,
        now: Callable[[], float],
        history: History | None,
        is_required: bool,
        history_days: int,
        is_dry_run: bool = False,
        facts: StoreFacts | None = None,
    ) -> None:
        self.log = log
        self._facts = facts or StoreFacts()
        self._stats = stats
        self._now = now
        self._history = history
        self._is_required = is_required
        self._is_dry_run = is_dry_run
        self._history_days = history_days
        self._purged_at = now()
        self._cleared: Counter[str] = Counter()  # Of a dry run, by attribute.
        self._unsynced: list[RecordedChange] = []  # Have a line, maybe not on disk.

    # Before and after a call.

    def begin(
        self, stream: str, action: Action, planned: Iterable[Planned]
    ) -> list[list[RecordedChange]]:
        """Record changes before the call that writes them.

        Args:
            stream: the stream.
            action: what the call does.
            planned: for each customer its id, or None and its email, and the changes.

        Returns:
            The recorded changes of each customer.

        Raises:
            HistoryError: when the history fails and is required; do not make the call.
        """
        at = self._now()
        if action == "clear" and self._history is not None:
            at = self._history.latest_now()
        recorded = [
            [
                RecordedChange(
                    at=at,
                    stream=stream,
                    action=action,
                    change=_without_secret(change),
                    customer=customer,
                    email=email if customer is None else None,
                )
                for change in changes
            ]
            for customer, email, changes in planned
        ]
        every = [each for one in recorded for each in one]
        self._keep_facts()
        if self._is_dry_run:
            self._cleared.update(e.change.name for e in every if e.action == "clear")
        else:
            self._try(lambda history: history.add_pending(every))
        return recorded

    def settle(
        self, done: Sequence[RecordedChange], dropped: Sequence[RecordedChange] = ()
    ) -> None:
        """Record the outcome of changes.

        Args:
            done: changes that the store confirmed.
            dropped: changes that it rejected.

        Raises:
            HistoryError: when the history fails and is required.
            OutputError: when `changes_path` cannot be written.
        """
        self._stats.changes.update(each.change.name for each in done)
        # The line comes first: if the process is killed between the two, the next run
        # finds the line by its id.
        self.log.add(done)
        self._unsynced += done
        self._keep_facts()
        self._try(lambda history: history.settle(done, dropped))

    # Values in another form.

    def without_known_forms(
        self, planned: Sequence[tuple[int, Sequence[Change]]]
    ) -> list[list[Change]]:
        """Leave out changes of values that the store keeps in another form.

        An earlier change wrote the same value, and the store returned it in the form
        that it holds now.

        Args:
            planned: customers with their changes.
        """
        known: set[tuple[int, str, bool, Any, Any]] = set()
        ids = sorted({customer for customer, changes in planned if changes})
        if ids and self._is_dry_run and self._history is not None:
            with suppress(HistoryError):
                known = self._history.other_forms(ids)
        elif ids:
            self._try(lambda history: known.update(history.other_forms(ids)))
        return [
            [change for change in changes if _to_form(customer, change) not in known]
            for customer, changes in planned
        ]

    # The guard.

    def cleared(self, attribute: str) -> ClearedValues:
        """Count the values of an attribute cleared, or about to be, in 24 hours."""
        found = ClearedValues()
        if self._history is not None:
            with _needed():
                found = self._history.cleared(attribute)
        return found._replace(pending=found.pending + self._cleared[attribute])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep other runs from recording changes during a block."""
        if self._history is None or self._is_dry_run:
            yield
            return
        with _needed(), self._history.transaction(is_durable=True):
            yield

    # Unknown outcomes.

    def resolve_ended_runs(
        self,
        store: StoreApi,
        definitions: Callable[[], Mapping[str, AttributeDefinition]],
    ) -> None:
        """Resolve what runs that ended left pending, and write the lines they owe.

        Args:
            store: is read.
            definitions: returns the store's attributes by name.
        """
        if self._is_dry_run:
            return
        pending: list[RecordedChange] = []
        self._try(lambda history: pending.extend(history.pending(history.ended_runs())))
        if pending:
            done, dropped = self._compare(pending, store, definitions)
            self._try(lambda history: history.settle(done, dropped))
            logger.info(
                "Earlier runs ended before %s confirmed. The store holds %d of %d;"
                " others were not written.",
                were(len(pending), "change"),
                len(done),
                len(pending),
            )
        self._try(self._write_missing_lines)

    def resolve(
        self,
        unknown: Sequence[RecordedChange],
        store: StoreApi,
        definitions: Callable[[], Mapping[str, AttributeDefinition]],
    ) -> None:
        """Record the outcome of changes as the store shows it."""
        if unknown:
            self.settle(*self._compare(unknown, store, definitions))

    def _compare(
        self,
        unknown: Sequence[RecordedChange],
        store: StoreApi,
        definitions: Callable[[], Mapping[str, AttributeDefinition]],
    ) -> tuple[list[RecordedChange], list[RecordedChange]]:
        found = _StoreContent(unknown, store, definitions)
        done: list[RecordedChange] = []
        dropped: list[RecordedChange] = []
        for each in unknown:
            is_done = found.holds(each) or self._was_seen(each)
            (done if is_done else dropped).append(each)
        return done, dropped

    def _was_seen(self, recorded: RecordedChange) -> bool:
        """Whether a later change found the value in the store and replaced it."""
        if self._history is None or recorded.customer is None or recorded.id is None:
            return False
        later = self._history.later_old(recorded)
        return any(_is_same(recorded.change, old) for old in later)

    def _write_missing_lines(self, history: History) -> None:
        if missing := history.unlogged():
            self.log.add_missing(missing)
            self.log.sync()
            history.mark_logged(missing)

    # The run.

    def add_reject(
        self, stream: str, why: RecordRejectedError, customer: int | None
    ) -> None:
        """Record a reject, without its record."""
        self._try(
            lambda history: history.add_reject(
                stream,
                code=why.code.value,
                reason=why.reason,
                status=why.status,
                customer=customer,
            )
        )

    def sync(self) -> None:
        """Flush to disk, before a STATE that covers the changes is printed."""
        self.log.sync()
        self._keep_facts()
        self._try(self._commit)
        if self._now() - self._purged_at >= DAY_SECONDS:
            self._try(self._purge)

    def name_job(self, job: str) -> None:
        """Change the name of the run's job in the history."""
        self._try(lambda history: history.name_job(job))

    def finish(
        self,
        *,
        status: RunStatus,
        input: str,  # noqa: A002 - as in the summary
        counts: Mapping[str, Any],
    ) -> None:
        """Record the end of the run, and purge what is old."""
        self._is_required = False  # Every change has been recorded.
        self._keep_facts()
        self._try(
            lambda history: history.finish_run(
                status=status, input=input, counts=counts
            )
        )
        self._try(self._purge)

    def close(self) -> None:
        """Close the files."""
        self.log.close()
        if self._history is not None:
            self._history.close()

    def _keep_facts(self) -> None:
        # The threads that find them out cannot use the history's connection.
        if found := self._facts.take_new():
            self._try(lambda history: history.lower_facts(found))

    def _commit(self, history: History) -> None:
        history.commit_rejects()
        history.mark_logged(self._unsynced)
        self._unsynced = []

    def _purge(self, history: History) -> None:
        # This machine's clock alone may be wrong, and purge what is new.
        if history.knows_store_time:
            history.purge(self._history_days)
        self._purged_at = self._now()

    def _try(self, work: Callable[[History], object]) -> None:
        if self._history is None or self._is_dry_run:
            return
        try:
            work(self._history)
        except HistoryError as error:
            if self._is_required:
                raise needed_history(error) from None
            logger.warning("%s This run continues without a history.", error)
            self._history.close()
            self._history = None


def needed_history(error: HistoryError) -> HistoryError:
    """Return the error that ends a run which cannot do without the history."""
    if error.is_explained:
        return error
    hint = (
        "on_exit clear needs it, to limit how many values are cleared in 24 hours."
        " Name a file on a local disk that this user may write, or set on_exit to keep."
    )
    return HistoryError(f"{error} {hint}", is_explained=True)


@contextmanager
def _needed() -> Iterator[None]:
    try:
        yield
    except HistoryError as error:
        raise needed_history(error) from None


class _StoreContent:
    """What the store holds of the customers and attributes of some changes.

    Sets the customer of changes that were to create it, if the store has it.
    """

    def __init__(
        self,
        changes: Sequence[RecordedChange],
        store: StoreApi,
        definitions: Callable[[], Mapping[str, AttributeDefinition]],
    ) -> None:
        _find_created(changes, store)
        ids = sorted({each.customer for each in changes if each.customer is not None})
        names = {each.change.name for each in changes if each.change.is_attribute}
        self._rows: Mapping[int, Row] = {}
        if any(not each.change.is_attribute for each in changes) and ids:
            self._rows = store.customers_by_id(ids, INCLUDES)
        self._definitions = definitions() if names else {}
        known = [self._definitions[name].id for name in names & {*self._definitions}]
        values = store.values(ids, known) if ids and known else []
        self._values = {(v.customer_id, v.attribute_id): v.value for v in values}

    def holds(self, recorded: RecordedChange) -> bool:
        """Whether the store holds the new value."""
        change, customer = recorded.change, recorded.customer
        if customer is None:
            return False
        if not change.is_attribute:
            row = self._rows.get(customer)
            return row is not None and _is_same(change, row.get(change.name))
        definition = self._definitions.get(change.name)
        stored = definition and self._values.get((customer, definition.id))
        kind = definition.type if definition else "string"
        return _is_same(change, stored, kind=kind)


def _find_created(changes: Sequence[RecordedChange], store: StoreApi) -> None:
    created = [each for each in changes if each.customer is None and each.email]
    if not created:
        return
    found = store.customers_by_email(sorted({each.email or "" for each in created}))
    for each in created:
        rows = found.get((each.email or "").lower(), [])
        if len(rows) == 1:
            each.customer = rows[0]["id"]


def _to_form(
    customer: int, change: Change
) -> tuple[int, str, bool, str | None, str | None]:
    new, old = to_json(change.new), to_json(change.old)
    return customer, change.name, change.is_attribute, new, old


def _is_same(change: Change, stored: Any, *, kind: str = "string") -> bool:  # noqa: ANN401 - any JSON
    """Whether a value read from the store is the new value of a change."""
    if change.is_attribute:
        if change.new is None or stored is None:
            return stored is change.new
        return ATTRIBUTE_TYPES[kind].is_same(stored, change.new)
    rules = CUSTOMER_FIELDS[change.name]
    # What GET does not return was written with the rest of the new customer.
    return rules.is_creation_only or rules.is_same(stored, change.new)


def _without_secret(change: Change) -> Change:
    if change.is_attribute or change.name not in SECRET_FIELDS:
        return change
    return replace(change, old=None, new=NOT_RECORDED)
