"""The subcommands: work on a store that is not the sync of a tap's records."""

from __future__ import annotations

import difflib
import logging
import os
import re
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from singer_kit.logs import counted
from singer_kit.plugin import Subcommand

from .errors import AudienceError, HistoryError
from .history import open_history
from .plan import Change
from .run import build_run
from .settings import Settings
from .summary import PROGRESS_INTERVAL_SECONDS, run_to_end

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from singer_kit.shutdown import ShutdownSignal

    from .api.models import StoredValue
    from .drain import Destination
    from .run import RunContext

    Ask = Callable[[str, ShutdownSignal], str | None]

VALUES_PER_PART = 100
MAX_LISTED = 10
# What looks like a slug may be logged. An attribute named by mistake holds anything.
SLUG = re.compile(r"[a-z0-9_-]{1,60}")

logger = logging.getLogger("target-bigcommerce")


def subcommands() -> list[Subcommand]:
    """List the target's subcommands."""
    return [
        Subcommand(
            "clear-audience",
            clear_audience,
            help="Delete the audience's value of all customers, at the end of a"
            " campaign. Works when the audience no longer exists. Values of other"
            " audiences and the attribute itself are kept.",
            params=[
                click.Option(
                    ["--audience"], required=True, help="The audience's slug."
                ),
                click.Option(
                    ["--attribute"],
                    help="The attribute that holds the slug, if it is not that of the"
                    " settings.",
                ),
                click.Option(
                    ["--confirm"],
                    help="The slug again. Required if standard input is no terminal.",
                ),
                click.Option(
                    ["--dry-run"],
                    is_flag=True,
                    help="Only show how many values would be deleted.",
                ),
            ],
        )
    ]


def clear_audience(
    config: dict[str, Any],
    shutdown: ShutdownSignal,
    *,
    build: Callable[..., RunContext] = build_run,
    ask: Ask | None = None,
    **options: Any,  # noqa: ANN401 - the command line's, see `subcommands`
) -> int:
    """Delete every value of an attribute that is an audience's slug.

    The deletions are a run of its own in the history. max_clear_percent neither limits
    nor counts them.

    Args:
        config: the checked settings.
        shutdown: ends it between two calls.
        build: has the signature of `run.build_run`.
        ask: shows a question and returns the answer, None without a terminal.
        options: `audience`, `attribute`, `confirm` and `dry_run`.

    Returns:
        The exit status.

    Raises:
        UsageError: without a confirmation, or with another slug.
        AudienceError: when there is no such attribute or slug, or the answer differs.
    """
    slug, confirm = options["audience"], options["confirm"]
    if not slug.strip():
        raise click.UsageError("--audience must name an audience.")
    if confirm not in {None, slug}:
        raise click.UsageError("--confirm must be the slug that --audience names.")
    # The job's summary is not replaced.
    settings = replace(Settings.from_config(config), summary_path=None, limit=None)
    name = options["attribute"] or settings.audience_attribute_of(slug)
    values = _find(settings, shutdown, build, name=name, slug=slug)
    if not values:
        logger.info("Nothing to clear: no customer has a value of %s.", name)
        return 0
    count = counted(len(values), "customer")
    logger.info("%s is the value of %s for %s.", slug, name, count)
    if options["dry_run"]:
        logger.info("Dry run: nothing was deleted.")
        return 0
    if confirm is None:
        question = (
            f"This deletes the value {slug} of {name} from {count} of the store"
            f" {settings.store_hash}. Type {slug} to confirm: "
        )
        _confirm(slug, (ask or ask_on_terminal)(question, shutdown))
    return _clear(settings, shutdown, build, values=values, name=name)


def _confirm(slug: str, answer: str | None) -> None:
    if answer is None:
        raise click.UsageError(
            f"Standard input is no terminal: confirm with --confirm {slug}."
        )
    if answer.strip() != slug:
        raise AudienceError("Not confirmed. Nothing was deleted.")


def _find(
    settings: Settings,
    shutdown: ShutdownSignal,
    build: Callable[..., RunContext],
    *,
    name: str,
    slug: str,
) -> list[StoredValue]:
    """Read the values to delete; an attribute without any value has none.

    Raises:
        AudienceError: when there is no such attribute, or it has only other values.
    """
    reading = replace(settings, dry_run=True, history=False)
    context = build(reading, shutdown=shutdown)
    try:
        destination = context.destination
        definition = destination.attributes.definitions().get(name)
        if definition is None:
            raise AudienceError(_no_attribute(name, destination))
        found: list[StoredValue] = []
        others: Counter[str] = Counter()
        for value in destination.store.values_of(definition.id):
            if value.value == slug:
                found.append(value)
            else:
                others[value.value] += 1
        if others and not found:
            raise AudienceError(_no_slug(name, slug, others))
        return found
    finally:
        context.close()


def _clear(
    settings: Settings,
    shutdown: ShutdownSignal,
    build: Callable[..., RunContext],
    *,
    values: Sequence[StoredValue],
    name: str,
) -> int:
    _require_history(settings)
    writing = replace(settings, dry_run=False, on_exit="keep")
    context = build(writing, shutdown=shutdown, requires_history=settings.history)
    clearing = _Clearing(context, name, values)
    try:
        end = run_to_end(clearing.run, signal=lambda: shutdown.signal)
        clearing.log_end()
        context.finish(end)
        return end.exit_status or 0
    finally:
        context.close()


class _Clearing:
    """Deletes values in parts and records each part.

    Args:
        context: the run.
        name: the attribute.
        values: the values, of one attribute and with one slug.
    """

    def __init__(
        self, context: RunContext, name: str, values: Sequence[StoredValue]
    ) -> None:
        self._context = context
        self._destination = context.destination
        self._name = name
        self._values = values
        self._slug = values[0].value
        self._statuses: Counter[int] = Counter()  # Of values that were not deleted.
        self._logged_at = context.clock()

    @property
    def _cleared(self) -> int:
        return self._context.stats.values_cleared

    def run(self) -> None:
        """Delete the values that are still the audience's.

        Raises:
            PluginError: when a part fails. What was deleted is recorded.
        """
        self._context.claim_attribute(self._name, self._slug)
        self._destination.recorder.name_job(f"clear-audience {self._slug}")
        self._destination.resolve_ended_runs()
        for start in range(0, len(self._values), VALUES_PER_PART):
            self._clear(self._values[start : start + VALUES_PER_PART])
            self._log_progress()
        if self._statuses:
            raise AudienceError(
                f"BigCommerce did not delete {counted(self._statuses.total(), 'value')}"
                f" of {self._name} ({', '.join(map(str, sorted(self._statuses)))})."
                " Run the command again."
            )

    def log_end(self) -> None:
        """Log how many values were deleted."""
        cleared, total = self._cleared, len(self._values)
        if cleared < total:
            logger.info(
                "Cleared %s of %d of %s.",
                self._name,
                cleared,
                counted(total, "customer"),
            )
            return
        logger.info(
            "Cleared %s of %s. A later sync of the audience writes the values again:"
            " unschedule the job to keep them cleared.",
            self._name,
            counted(total, "customer"),
        )

    def _clear(self, part: Sequence[StoredValue]) -> None:
        # Another job may have written its own audience's value meanwhile.
        current = [
            value
            for value in self._destination.store.values(
                [value.customer_id for value in part], [part[0].attribute_id]
            )
            if value.value == self._slug
        ]
        if not current:
            return
        change = Change(name=self._name, is_attribute=True, old=self._slug)
        planned = [(value.customer_id, None, [change]) for value in current]
        # Not "clear", which max_clear_percent counts.
        recorded = self._destination.recorder.begin(self._slug, "delete", planned)
        written = self._destination.store.delete_values([v.id for v in current])
        self._destination.record(recorded, written)
        self._context.stats.values_cleared += len(written.done)
        self._statuses.update(each.status for each in written.rejected.values())
        if written.error is not None:
            raise written.error

    def _log_progress(self) -> None:
        now = self._context.clock()
        if now - self._logged_at >= PROGRESS_INTERVAL_SECONDS:
            self._logged_at = now
            logger.info("Cleared %d of %d so far.", self._cleared, len(self._values))


def _require_history(settings: Settings) -> None:
    if not settings.history:
        return
    try:
        open_history(settings.history_path, store=settings.store_hash).close()
    except HistoryError as error:
        raise HistoryError(
            f"{error} Nothing was deleted, because it could not be recorded. Name a"
            " file on a local disk that this user may write in history_path, or set"
            " history to false."
        ) from None


def _no_attribute(name: str, destination: Destination) -> str:
    known = destination.attributes.definitions()
    same = [each for each in known if each.lower() == name.lower()]
    close = same or difflib.get_close_matches(name, known, n=3)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    return f"The store has no attribute {name}.{hint} Name it with --attribute."


def _no_slug(name: str, slug: str, others: Counter[str]) -> str:
    listed = [
        (value, count)
        for value, count in others.most_common()
        if SLUG.fullmatch(value) and count > 1
    ][:MAX_LISTED]
    text = f"No customer has the value {slug} of {name}."
    if listed:
        found = ", ".join(f"{value} ({count:,})" for value, count in listed)
        text += f" Its values are {found}"
        more = len(others) - len(listed)
        text += f", and {counted(more, 'other')}." if more else "."
    else:
        text += f" It has {counted(others.total(), 'value')}, all of them others."
    if close := difflib.get_close_matches(slug, [value for value, _ in listed], n=1):
        text += f" Did you mean {close[0]}?"
    return text


def ask_on_terminal(question: str, shutdown: ShutdownSignal) -> str | None:
    """Ask on the terminal; None if there is none, or if its input ends.

    Raises:
        ShutdownRequestedError: as soon as a signal arrives.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    click.echo(question, err=True, nl=False)
    descriptor = sys.stdin.fileno()
    shutdown.wait_for(descriptor)
    return os.read(descriptor, 4096).decode(errors="replace")
