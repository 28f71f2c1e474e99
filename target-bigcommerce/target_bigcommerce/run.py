"""The context that the target and its sinks share during a run, and its construction.

`build_run` is the one place that connects settings, HTTP, threads and files. Tests call
it with another clock, session or files.
"""

from __future__ import annotations

import logging
import random
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from singer_kit.errors import OutputError
from singer_kit.logs import were

from .api.client import BigCommerceClient
from .api.limits import StoreFacts
from .api.parallel import ParallelCalls, ThreadPool
from .api.transport import Throttle, Transport, open_session
from .drain import Destination
from .dry_run import DryRun
from .errors import (
    HistoryError,
    InputError,
    LimitReachedError,
    TooManyRejectsError,
)
from .exits import ClearGuard, ExitBuffer, StreamVersions
from .fields import INCLUDES, has_fields
from .files import (
    ChangesFile,
    LineFile,
    NoChangeLog,
    RejectsFile,
    check_writable,
    utc_now,
)
from .history import open_history, open_to_read
from .recording import ChangeRecorder, needed_history
from .state import Checkpoint, InputTracker
from .summary import (
    FAILURE,
    SUCCESS,
    RunEnd,
    RunFacts,
    RunReport,
    RunStats,
    SummaryFile,
    to_summary,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from singer_kit.http import HttpSender
    from singer_kit.shutdown import ShutdownSignal

    from .errors import RecordRejectedError
    from .files import ChangeLog
    from .history import History
    from .settings import Settings

logger = logging.getLogger("target-bigcommerce")


class RunContext:
    """The statistics, files and limits of a run; outlives the sinks of its streams.

    Args:
        settings: the typed settings.
        clock: returns monotonic seconds.
        stats: the run's statistics.
        rejects: receives rejected records.
        destination: what drains write to.
        throttle: delays calls to stay within the store's quota.
        dry_run: None unless `dry_run` is set.
        resources: closed by `close`.
        now: returns the time in RFC 3339.
    """

    def __init__(  # noqa: PLR0913 - what a run consists of
        self,
        settings: Settings,
        *,
        clock: Callable[[], float],
        stats: RunStats,
        rejects: RejectsFile,
        destination: Destination,
        throttle: Throttle,
        dry_run: DryRun | None,
        resources: ExitStack,
        now: Callable[[], str] = utc_now,
    ) -> None:
        self.settings = settings
        self.stats = stats
        self.rejects = rejects
        self.destination = destination
        self.throttle = throttle
        self.dry_run = dry_run
        self.checkpoint = Checkpoint(clock=clock)
        self.input = InputTracker()
        self.summary_file = SummaryFile(settings.summary_path, clock=clock)
        self.versions = StreamVersions()
        self.exits = ExitBuffer(clock=clock)
        self.can_report_exits = False  # Whether the input shows that the tap can.
        self.close = resources.close
        self.clock = clock
        self._started_at = clock()
        self._now = now
        self._start = now()
        self._buffered_at: float | None = None
        self._buffered_customers: dict[str, int] = {}
        self._attribute_streams: dict[str, str] = {}

    @property
    def seconds(self) -> float:
        """Seconds since the run started."""
        return self.clock() - self._started_at

    @property
    def clears_exits(self) -> bool:
        """Whether values of members who left are cleared; never with `limit`."""
        return self.settings.on_exit == "clear" and self.settings.limit is None

    @property
    def prints_state(self) -> bool:
        """Whether STATE may be printed; never with `dry_run` or `limit`."""
        return not self.settings.dry_run and self.settings.limit is None

    def claim_attribute(self, attribute: str, stream: str) -> None:
        """Reserve an audience attribute for a stream.

        Raises:
            InputError: when another stream has reserved it.
        """
        if self.settings.job_id is None and attribute not in self._attribute_streams:
            names = [*self._attribute_streams.values(), stream]
            self.destination.recorder.name_job(", ".join(names))
        owner = self._attribute_streams.setdefault(attribute, stream)
        if owner != stream:
            raise InputError(
                f"The streams {owner} and {stream} would both write the audience"
                f" attribute {attribute!r}. Leave out audience_attribute and job_id, or"
                " run a separate job for each audience."
            )

    def reject(
        self,
        message: Mapping[str, Any],
        why: RecordRejectedError,
        *,
        identity: Mapping[str, Any] | None = None,
        customer: int | None = None,
    ) -> None:
        """Write a record to the rejects and count it, as `RejectsFile.add` does.

        Args:
            message: the record to write.
            why: the reason.
            identity: what counts as the same record, if not the record.
            customer: its customer, if known.
        """
        self.rejects.add(message, why, identity=identity)
        self.stats.count("rejected")
        self.stats.rejects[why.code] += 1
        self.destination.recorder.add_reject(message["stream"], why, customer)

    # Buffered records.

    def buffered(self, stream: str, customers: int) -> None:
        """Set the number of buffered customers of a stream."""
        self._buffered_customers[stream] = customers
        self.await_drain()

    def await_drain(self) -> None:
        """Start the countdown to the next drain, unless it is running."""
        if self._buffered_at is None:
            self._buffered_at = self.clock()

    def seconds_to_drain(self) -> float | None:
        """Return the seconds until the next drain is due; None if none is needed."""
        ages = [self.exits.age]
        if self._buffered_at is not None:
            ages.append(self.clock() - self._buffered_at)
        known = [age for age in ages if age is not None]
        limit = self.settings.batch_wait_limit_seconds
        return max(0.0, limit - max(known)) if known else None

    @property
    def exits_are_due(self) -> bool:
        """Whether an exit has waited for `batch_wait_limit_seconds`."""
        age = self.exits.age
        return age is not None and age >= self.settings.batch_wait_limit_seconds

    def max_customers(self, stream: str) -> int:
        """Return how many customers of a stream may be buffered.

        All streams are drained together and share the rest of `limit`.
        """
        limit = self.settings.limit
        if limit is None:
            return self.settings.batch_size_rows
        others = sum(
            n for name, n in self._buffered_customers.items() if name != stream
        )
        left = limit - self.stats.customers_changed - others
        return max(1, min(self.settings.batch_size_rows, left))

    def commit(self) -> None:
        """Sync the files and advance the checkpoint; only exits may still wait."""
        self.rejects.sync()
        self.destination.recorder.sync()
        self.checkpoint.advance(exits_wait=not self.exits.is_empty)
        self._buffered_at = None
        self._buffered_customers.clear()

    @property
    def has_too_many_rejects(self) -> bool:
        """Whether more records were rejected than `max_rejects`."""
        return self.rejects.distinct > self.settings.max_rejects

    def check_limits(self) -> None:
        """Stop the run if it has reached a limit; called after a drain.

        Raises:
            TooManyRejectsError: for more rejects than `max_rejects`.
            LimitReachedError: when `limit` customers were changed.
        """
        if self.has_too_many_rejects:
            raise TooManyRejectsError(
                f"{were(self.rejects.distinct, 'record')} rejected, more than"
                f" max_rejects {self.settings.max_rejects} allows. See the reasons in"
                f" {self.settings.rejects_path}. The rest was not read, and STATE does"
                " not cover it."
            )
        limit = self.settings.limit
        if limit is not None and self.stats.customers_changed >= limit:
            raise LimitReachedError(f"limit {limit} reached; no more is read.")

    # The summary.

    def start(self) -> None:
        """Write the first summary.

        Raises:
            OutputError: when it cannot be written.
        """
        self.summary_file.write(self._summary(RunEnd()))

    def write_progress(self) -> None:
        """Write the summary of a run that continues, at most every 30 seconds."""
        if self.summary_file.is_due:
            with suppress(OutputError):  # Reported at the end, if it lasts.
                self.summary_file.write(self._summary(RunEnd()))

    def report(self, end: RunEnd) -> int:
        """Log and write the summary; return the exit status.

        Args:
            end: how the run ended; another status if the summary cannot be written.
        """
        summary = self.finish(end)
        # The tap had nothing to report if it sent no record at all.
        is_quiet = self.can_report_exits or not self.stats.read
        lacks_exits = self.clears_exits and not is_quiet
        RunReport(self.settings, summary, lacks_exits=lacks_exits).log()
        if self.dry_run is not None:
            self.dry_run.report(is_finished=end.exit_status == SUCCESS)
        status: int = summary["exit_status"]
        try:
            self.summary_file.write(summary)
        except OutputError as error:
            logger.error("%s", error)  # noqa: TRY400 - no traceback
            return status or FAILURE
        return status

    def finish(self, end: RunEnd) -> dict[str, Any]:
        """Record the end of the run in the history; return the summary."""
        summary = self._summary(end)
        self.destination.recorder.finish(
            status=summary["status"],
            input=summary["input"],
            counts=summary,
        )
        return summary

    def _summary(self, end: RunEnd) -> dict[str, Any]:
        streams = list(self._attribute_streams.values())
        attributes = self.destination.attributes
        is_running = end.exit_status is None
        found = self.input.status
        # In the middle of a sync, or with `limit`, the input is not cut off.
        is_unread = is_running or (not end.exit_status and not self.input.has_ended)
        facts = RunFacts(
            job=self.settings.job_id or ", ".join(streams) or None,
            store=self.settings.store_hash,
            audiences=streams,
            start=self._start,
            end=None if is_running else self._now(),
            seconds=round(self.seconds, 3),
            dry_run=self.settings.dry_run,
            attribute_ids=attributes.ids,
            attributes_created=attributes.created,
            quota_wait_seconds=round(self.throttle.waited_seconds, 3),
            input="unknown" if is_unread and found == "cut_off" else found,
        )
        return to_summary(end, facts, self.stats)


def build_run(  # noqa: PLR0913 - what differs between a run and a test
    settings: Settings,
    *,
    shutdown: ShutdownSignal,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], float] = time.time,
    random: Callable[[], float] = random.random,
    open_session: Callable[..., HttpSender] = open_session,
    open_threads: Callable[[int], ThreadPool] = ThreadPool,
    open_file: Callable[[str, str], LineFile] = LineFile,
    requires_history: bool = False,
) -> RunContext:
    """Build the objects of a run, without making a call.

    Args:
        settings: the typed settings.
        shutdown: ends every wait.
        clock: returns monotonic seconds.
        now: returns seconds since 1970.
        random: returns a number from 0 to 1, for the jitter of waits.
        open_session: opens the session of a thread; has the signature of
            `api.transport.open_session`.
        open_threads: creates a pool with a number of threads.
        open_file: opens a file of lines, given its path and the setting that names it.
        requires_history: whether a failure of the history ends the run, as it does if
            `on_exit` is clear.

    Raises:
        ConfigError: when a file of the run cannot be written.
        HistoryError: when the history cannot be opened, and `on_exit` is clear.
    """
    check_writable(settings)
    resources = ExitStack()
    stats = RunStats()
    share = settings.quota_share_percent / 100
    threads = open_threads(settings.max_in_flight)
    throttle = Throttle(
        share=share,
        max_in_flight=settings.max_in_flight,
        clock=clock,
        wait=shutdown.wait,
        jitter=random,
        changed=threads.condition(),
    )
    base_url = f"{settings.api_url}/stores/{settings.store_hash}/v3"
    transport = Transport(
        base_url=base_url,
        open_session=lambda: open_session(
            base_url,
            access_token=settings.access_token,
            user_agent=settings.user_agent,
            timeout_seconds=settings.request_timeout_seconds,
        ),
        throttle=throttle,
        sleep=shutdown.wait,
        jitter=random,
        on_attempt=stats.count_call,
    )
    facts = StoreFacts()
    history = _open_history(
        settings, now=now, store_time=transport.store_time, facts=facts
    )
    client = BigCommerceClient(
        transport,
        ParallelCalls(settings.max_in_flight, shutdown, threads),
        is_applied=has_fields,
        include=INCLUDES,
        facts=facts,
    )
    resources.callback(client.close)
    log: ChangeLog = NoChangeLog()
    dry_run = None
    if settings.dry_run:
        dry_run = DryRun(client, stats=stats, throttle=throttle, share=share)
        rejects = RejectsFile(None)
        log = dry_run.changes
    else:
        rejects = RejectsFile(open_file(settings.rejects_path, "rejects_path"))
        if settings.changes_path:
            log = ChangesFile(open_file(settings.changes_path, "changes_path"))
    recorder = ChangeRecorder(
        log=log,
        stats=stats,
        now=now,
        history=history,
        is_required=requires_history or settings.on_exit == "clear",
        history_days=settings.history_days,
        is_dry_run=settings.dry_run,
        facts=facts,
    )
    destination = Destination(
        store=dry_run.store if dry_run else client,
        guard=ClearGuard(settings.max_clear_percent, recorder),
        recorder=recorder,
        stats=stats,
    )
    resources.callback(rejects.close)
    resources.callback(recorder.close)
    return RunContext(
        settings,
        clock=clock,
        stats=stats,
        rejects=rejects,
        destination=destination,
        throttle=throttle,
        dry_run=dry_run,
        resources=resources,
    )


def _open_history(
    settings: Settings,
    *,
    now: Callable[[], float],
    store_time: Callable[[], float | None],
    facts: StoreFacts,
) -> History | None:
    if not settings.history:
        return None
    open_file = open_to_read if settings.dry_run else open_history
    try:
        history = open_file(
            settings.history_path,
            store=settings.store_hash,
            now=now,
            store_time=store_time,
        )
        if history is not None:
            _start_run(history, settings, facts)
    except HistoryError as error:
        if settings.on_exit == "clear":
            raise needed_history(error) from None
        logger.warning("%s This run continues without a history.", error)
        return None
    return history


def _start_run(history: History, settings: Settings, facts: StoreFacts) -> None:
    try:
        facts.load(history.facts())
        if settings.dry_run:
            return
        history.start_run(settings.job_id or "", changes_path=settings.changes_path)
    except BaseException:
        history.close()
        raise
    if history.is_new and settings.on_exit == "clear":
        logger.info(
            "history_path %s has no earlier run of this store. max_clear_percent counts"
            " the values that this run and later ones clear.",
            settings.history_path,
        )
