"""Statistics of a run, its summary and its exit status.

Every record has one outcome. The summary is a log line and, with `summary_path`, a JSON
file.
"""

from __future__ import annotations

import json
import logging
import os
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pyroaring import BitMap64

from singer_kit.errors import OutputError, PluginError, ShutdownRequestedError

from .errors import LimitReachedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .errors import RejectCode
    from .settings import Settings

SUCCESS, FAILURE, SIGNAL_BASE = 0, 1, 128
PROGRESS_INTERVAL_SECONDS = 30.0

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
        cleared_by_version: values cleared by ACTIVATE_VERSION, without a record.
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

    def to_summary(
        self,
        *,
        waited_seconds: float,
        **more: Any,  # noqa: ANN401 - JSON
    ) -> dict[str, Any]:
        """Return the summary as a JSON object.

        `records` is the number with an outcome, `left` the number without one.

        Args:
            waited_seconds: time in which requests waited for the store's quota.
            more: further keys.
        """
        return {
            "records": self.outcomes.total(),
            "outcomes": {name: self.outcomes[name] for name in OUTCOMES},
            "rejects": {code.value: n for code, n in self.rejects.most_common()},
            "changes": dict(self.changes.most_common()),
            "calls": dict(sorted(self.calls.items())),
            "quota_wait_seconds": round(waited_seconds, 3),
            "customers_changed": self.customers_changed,
            "shared_ids": self.shared_ids,
            "cleared_by_version": self.cleared_by_version,
            "left": self.unfinished,
            **more,
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
        logger.info("So far %s records: %s.", f"{read:,}", ", ".join(parts))


# The end of a run.


def run_to_status(work: Callable[[], None], *, signal: Callable[[], int | None]) -> int:
    """Run the work, log an error as one line and return the exit status.

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
    except PluginError as error:
        logger.error("%s", error)  # noqa: TRY400 - no traceback
        return FAILURE
    except Exception as error:
        # The text of an unexpected error may quote personal data.
        logger.error("%s", _describe_bug(error))  # noqa: TRY400 - no traceback
        logger.debug("Traceback:", exc_info=True)
        return FAILURE
    number = signal()
    return SUCCESS if number is None else SIGNAL_BASE + number


class RunReport:
    """Logs and writes the summary of a run.

    Args:
        settings: the typed settings.
        summary: the result of `RunStats.to_summary`.
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
            kept = "" if self._settings.dry_run else f" They are kept in {path}."
            logger.warning("%d records were rejected.%s", rejected, kept)
        if shared := self._summary["shared_ids"]:
            logger.warning(
                "%d records had the same customer id as another member's record; the"
                " values of the later record apply.",
                shared,
            )
        if self._lacks_exits:
            logger.warning(
                "on_exit is clear, but the input reported no exits, neither by"
                " _sdc_deleted_at nor by ACTIVATE_VERSION. With tap-lytics, set"
                " emit_exits."
            )

    def write(self) -> int:
        """Write the summary file, if configured; return the exit status."""
        status: int = self._summary["exit_status"]
        path = self._settings.summary_path
        if path:
            try:
                write_summary(path, self._summary)
            except OutputError as error:
                logger.error("%s", error)  # noqa: TRY400 - no traceback
                return status or FAILURE
        return status


def to_line(summary: dict[str, Any]) -> str:
    """Format the summary as one line for the log."""
    parts = [f"{summary['records']:,} records"]
    parts += [f"{n:,} {name}" for name, n in summary["outcomes"].items() if n]
    line = f"{parts[0]}: {', '.join(parts[1:]) or 'none'}"
    line += f"; rejects {_listed(summary['rejects'])}" if summary["rejects"] else ""
    line += f"; calls {_listed(summary['calls'])}" if summary["calls"] else ""
    line += f"; waited {summary['quota_wait_seconds']:.1f} s for the store's quota"
    if summary["left"]:
        line += f"; {summary['left']:,} more were read and will be read again"
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


def _describe_bug(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    name = where.filename.rpartition("/")[2]
    return (
        f"Unexpected {type(error).__name__} in {name}, line {where.lineno}. This is a"
        " bug in target-bigcommerce: run again with TARGET_BIGCOMMERCE_LOGLEVEL=DEBUG"
        " for the traceback. STATE covers only what was written."
    )
