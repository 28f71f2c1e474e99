"""Statistics of a run, its summary and its exit status.

Every record has one outcome. The summary is a log line and, with `summary_path`, a JSON
file.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pyroaring import BitMap64

from singer_kit.errors import OutputError, PluginError, ShutdownRequestedError
from singer_kit.logs import counted, were

from .errors import LimitReachedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .errors import RejectCode
    from .settings import Settings
    from .state import Input

SUCCESS, FAILURE, SIGNAL_BASE = 0, 1, 128
PROGRESS_INTERVAL_SECONDS = 30.0
SHOWN_WAIT_SECONDS = 0.1
STORE = re.compile(r"[A-Za-z0-9]{1,20}")  # Tokens are longer.

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
Status = Literal["running", "succeeded", "incomplete", "failed", "stopped"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

logger = logging.getLogger("target-bigcommerce")


@dataclass(slots=True, kw_only=True)
class RunStats:
    """The statistics of a run.

    Args:
        read: records read, with or without an outcome.
        outcomes: records by outcome.
        rejects: rejected records by code.
        calls: HTTP requests by endpoint.
        changes: values written, by customer field or attribute.
        customers: ids of customers updated or created; a million take a few megabytes.
        shared_ids: records whose customer id another member's record also has.
        values_cleared: values of members who left, deleted from the store.
        cleared_by_version: those of them that ACTIVATE_VERSION cleared, without a
            record.
    """

    read: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    rejects: Counter[RejectCode] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    customers: BitMap64 = field(default_factory=BitMap64)
    shared_ids: int = 0
    values_cleared: int = 0
    cleared_by_version: int = 0

    @property
    def unfinished(self) -> int:
        """Number of records without an outcome; the next run reads them again."""
        return self.read - self.outcomes.total()

    @property
    def customers_changed(self) -> int:
        """Number of distinct customers updated or created."""
        return len(self.customers)

    def count(self, outcome: Outcome) -> None:
        """Count a record's outcome."""
        self.outcomes[outcome] += 1

    def count_customer(self, customer_id: int) -> None:
        """Count a customer that was updated or created."""
        # Customers of a dry run have negative ids.
        self.customers.add(customer_id % 2**64)

    def count_call(self, endpoint: str, status: int) -> None:
        """Count an HTTP attempt; its status is 0 if there was no response."""
        del status
        self.calls[endpoint] += 1

    def to_summary(self) -> dict[str, Any]:
        """Return the statistics as a JSON object.

        `records` is the number with an outcome, `left` the number without one.
        """
        return {
            "records": self.outcomes.total(),
            "outcomes": {name: self.outcomes[name] for name in OUTCOMES},
            "rejects": {code.value: n for code, n in self.rejects.most_common()},
            "changes": dict(self.changes.most_common()),
            "calls": dict(sorted(self.calls.items())),
            "customers_changed": self.customers_changed,
            "shared_ids": self.shared_ids,
            "values_cleared": self.values_cleared,
            "cleared_by_version": self.cleared_by_version,
            "left": self.unfinished,
        }


class Progress:
    """Logs the outcomes so far, at most every 30 seconds."""

    def __init__(
        self, stats: RunStats, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stats = stats
        self._clock = clock
        self._logged_at = clock()
        self._logged_read = 0

    def log(self) -> None:
        """Log if 30 seconds have passed and more records were read."""
        now, read = self._clock(), self._stats.read
        is_early = now - self._logged_at < PROGRESS_INTERVAL_SECONDS
        if is_early or read == self._logged_read:
            return
        self._logged_at, self._logged_read = now, read
        counts = self._stats.outcomes
        parts = [f"{counts[name]:,} {name}" for name in OUTCOMES if counts[name]]
        done = ", ".join(parts) or "none is written yet"
        logger.info("So far %s: %s.", counted(read, "record"), done)


# The end of a run.


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended.

    Args:
        exit_status: the exit status; None while it runs.
        error: the error that ended it, as logged; None if there was none.
    """

    exit_status: int | None = None
    error: str | None = None

    def status(self, input: Input) -> Status:  # noqa: A002 - as in the summary
        """Say how it ended; with input that was cut off it is incomplete."""
        if self.exit_status is None:
            return "running"
        if self.exit_status == SUCCESS:
            return "incomplete" if input == "cut_off" else "succeeded"
        return "failed" if self.exit_status == FAILURE else "stopped"


def run_to_end(work: Callable[[], None], *, signal: Callable[[], int | None]) -> RunEnd:
    """Run the work and log an error as one line.

    Args:
        work: reads and writes everything.
        signal: returns the number of the signal received, if any.
    """
    try:
        work()
    except LimitReachedError as reached:
        logger.info("%s", reached)
    except ShutdownRequestedError:
        pass  # The exit status is 128 plus the signal.
    except Exception as error:
        text = describe_error(error)
        logger.error("%s", text)  # noqa: TRY400 - no traceback
        if not isinstance(error, PluginError):
            logger.debug("Traceback:", exc_info=True)
        return RunEnd(exit_status=FAILURE, error=text)
    number = signal()
    return RunEnd(exit_status=SUCCESS if number is None else SIGNAL_BASE + number)


def describe_error(error: Exception) -> str:
    """Describe the error that ended a run; an unexpected one may quote data."""
    if isinstance(error, PluginError):
        return " ".join(str(line) for line in error.args)
    where = traceback.extract_tb(error.__traceback__)[-1]
    name = where.filename.rpartition("/")[2]
    return (
        f"Unexpected {type(error).__name__} in {name}, line {where.lineno}. This is a"
        " bug in target-bigcommerce: run again with TARGET_BIGCOMMERCE_LOGLEVEL=DEBUG"
        " for the traceback. STATE covers only what was written."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the summary says of a run besides its statistics.

    Args:
        job: `job_id`, or the names of the streams.
        store: the store's hash.
        audiences: the streams' names, which are the audiences' slugs.
        start: when the run started, in RFC 3339.
        end: when it ended; None while it runs.
        seconds: how long it has run.
        dry_run: whether it writes nothing.
        attribute_ids: ids of the attributes it writes, by name.
        attributes_created: names of those it created.
        quota_wait_seconds: time in which calls waited for the store's quota.
        input: whether the tap got to its end.
    """

    job: str | None = None
    store: str | None = None
    audiences: list[str] = field(default_factory=list)
    start: str | None = None
    end: str | None = None
    seconds: float = 0.0
    dry_run: bool = False
    attribute_ids: Mapping[str, int] = field(default_factory=dict)
    attributes_created: list[str] = field(default_factory=list)
    quota_wait_seconds: float = 0.0
    input: Input = "unknown"


def to_summary(end: RunEnd, facts: RunFacts, stats: RunStats) -> dict[str, Any]:
    """Return the summary of a run as a JSON object."""
    return {
        "status": end.status(facts.input),
        "exit_status": end.exit_status,
        "error": end.error,
        **asdict(facts),
        **stats.to_summary(),
    }


class RunReport:
    """Logs the summary of a run.

    Args:
        settings: the typed settings.
        summary: the result of `to_summary`.
        lacks_exits: whether `on_exit` is clear and the input reported no exits.
    """

    def __init__(
        self, settings: Settings, summary: dict[str, Any], *, lacks_exits: bool
    ) -> None:
        self._settings = settings
        self._summary = summary
        self._lacks_exits = lacks_exits

    def log(self) -> None:
        """Log the summary and its warnings."""
        logger.info("%s", to_line(self._summary))
        if rejected := self._summary["outcomes"]["rejected"]:
            path = self._settings.rejects_path
            they = "It is" if rejected == 1 else "They are"
            kept = "" if self._settings.dry_run else f" {they} kept in {path}."
            logger.warning("%s rejected.%s", were(rejected, "record"), kept)
        if shared := self._summary["shared_ids"]:
            logger.warning(
                "%s had the same customer id as another member's record; the values of"
                " the later record apply.",
                counted(shared, "record"),
            )
        if self._lacks_exits:
            logger.warning(
                "on_exit is clear, but the input reported no exits, neither by"
                " _sdc_deleted_at nor by ACTIVATE_VERSION. With tap-lytics, set"
                " emit_exits."
            )
        if self._summary["input"] == "cut_off" and not self._summary["exit_status"]:
            self._warn_of_cut_off_input()

    def _warn_of_cut_off_input(self) -> None:
        if self._summary["records"]:
            what = "What it sent was handled"
        else:
            what = "It sent no records"
        logger.warning(
            "The input was cut off: the tap ended before its sync was complete. %s; its"
            " next run continues. See the tap's own error above or in its log.",
            what,
        )


class SummaryFile:
    """The file that `summary_path` names.

    Args:
        path: the path; None writes no file.
        clock: returns monotonic seconds.
    """

    def __init__(
        self, path: str | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._clock = clock
        self._written_at = float("-inf")

    @property
    def is_due(self) -> bool:
        """Whether 30 seconds have passed since it was written."""
        return self._clock() - self._written_at >= PROGRESS_INTERVAL_SECONDS

    def write(self, summary: dict[str, Any]) -> None:
        """Replace the file.

        Raises:
            OutputError: when it cannot be written.
        """
        if self._path:
            write_summary(self._path, summary)
        self._written_at = self._clock()


def write_failed_start(config: Mapping[str, Any], error: Exception, at: str) -> None:
    """Write the summary of a run that failed before it had valid settings.

    Args:
        config: the settings, as far as they can be read. They may be invalid.
        error: why the run failed.
        at: the time in RFC 3339.
    """
    path, store, job = (
        config.get(name) for name in ("summary_path", "store_hash", "job_id")
    )
    if not isinstance(path, str) or not path.strip():
        return
    facts = RunFacts(
        job=job if isinstance(job, str) else None,
        # Any other text may be a token in the wrong place.
        store=store if isinstance(store, str) and STORE.fullmatch(store) else None,
        start=at,
        end=at,
        dry_run=config.get("dry_run") is True,
    )
    end = RunEnd(exit_status=FAILURE, error=describe_error(error))
    with suppress(OSError, OutputError, ValueError):  # The error itself is logged.
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_summary(path, to_summary(end, facts, RunStats()))


def to_line(summary: dict[str, Any]) -> str:
    """Format the summary as one line for the log."""
    parts = [f"{n:,} {name}" for name, n in summary["outcomes"].items() if n]
    line = counted(summary["records"], "record")
    line += f": {', '.join(parts)}" if parts else ""
    line += f"; rejects {_listed(summary['rejects'])}" if summary["rejects"] else ""
    line += f"; calls {_listed(summary['calls'])}" if summary["calls"] else ""
    if (waited := summary["quota_wait_seconds"]) >= SHOWN_WAIT_SECONDS:
        line += f"; waited {waited:.1f} s for the store's quota"
    if left := summary["left"]:
        line += f"; {left:,} more will be read again"
    return line + "."


def write_summary(path: str, summary: dict[str, Any]) -> None:
    """Write the summary file atomically.

    Raises:
        OutputError: when the file cannot be written.
    """
    place = Path(path)
    # A device, a pipe or a link is written to instead of being replaced.
    is_regular = not place.is_symlink() and (place.is_file() or not place.exists())
    draft = Path(f"{path}.{os.getpid()}.part") if is_regular else place
    try:
        draft.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        if is_regular:
            draft.replace(place)
    except OSError as error:
        text = f"summary_path cannot be written: {error.strerror}."
        raise OutputError(text) from None


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.items())
