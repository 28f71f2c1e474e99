"""The end of a run: what it did, said once, and its exit status."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any

from singer_kit.errors import PluginError, ShutdownRequestedError
from target_bigcommerce.errors import LimitReachedError, OutputError

from .dry_run import Cost, DryStore, DryTable
from .tally import to_line, write_summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_bigcommerce.api.throttle import Throttle

    from .export import Export

OK, FAILED, SIGNALLED = 0, 1, 128

logger = logging.getLogger("target-bigcommerce")


def run_to_status(work: Callable[[], None], *, signal: Callable[[], int | None]) -> int:
    """Do the work; say in one line what went wrong, and give the exit status."""
    try:
        work()
    except LimitReachedError as reached:
        logger.info("%s", reached)
    except ShutdownRequestedError:
        pass  # The signal's number tells.
    except PluginError as error:
        logger.error("%s", error)  # noqa: TRY400 - one line for the user
        return FAILED
    except Exception as error:
        # The text of any other may quote a person.
        logger.error("%s", _defect(error))  # noqa: TRY400 - the same
        logger.debug("The traceback of it:", exc_info=True)
        return FAILED
    number = signal()
    return OK if number is None else SIGNALLED + number


def close(
    export: Export, throttle: Throttle, *, status: int, left: int, seconds: float
) -> int:
    """Say what the run did; gives the exit status.

    Args:
        export: the run.
        throttle: knows the quota and the waits for it.
        status: the exit status so far.
        left: records that were read and not settled.
        seconds: how long it took.
    """
    summary = export.tally.to_summary(
        left=left,
        waited_seconds=throttle.waited_seconds,
        attributes_created=export.book.created,
        dry_run=export.settings.dry_run,
        exit_status=status,
        seconds=round(seconds, 3),
    )
    logger.info("%s", to_line(summary))
    _warn(export, summary)
    _end_dry_run(export, throttle)
    if export.settings.summary_path:
        try:
            write_summary(export.settings.summary_path, summary)
        except OutputError as error:
            logger.error("%s", error)  # noqa: TRY400 - one line for the user
            return status or FAILED
    return status


def _warn(export: Export, summary: dict[str, Any]) -> None:
    settings = export.settings
    if summary["outcomes"]["rejected"]:
        kept = "" if settings.dry_run else f" They are kept in {settings.rejects_path}."
        logger.warning(
            "%d records were rejected.%s", summary["outcomes"]["rejected"], kept
        )
    if summary["shared_ids"]:
        logger.warning(
            "%d records were of another member with the same customer id; the later"
            " one's values stand.",
            summary["shared_ids"],
        )
    if export.clears_exits and not export.has_told_of_exits:
        logger.warning(
            "on_exit is clear, and the input told of no exit, neither by"
            " _sdc_deleted_at nor by ACTIVATE_VERSION: with tap-lytics, set emit_exits."
        )


def _end_dry_run(export: Export, throttle: Throttle) -> None:
    if not isinstance(export.store, DryStore):
        return
    if not isinstance(export.journal, DryTable):
        return
    share = export.settings.quota_share_percent / 100
    quota, window = throttle.quota, throttle.window_seconds
    export.journal.end(
        Cost(
            reads=export.tally.calls.total(),
            writes=export.store.writes,
            per_minute=60 * quota * share / window if quota and window else None,
        )
    )


def _defect(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    name = where.filename.rpartition("/")[2]
    return (
        f"Unexpected {type(error).__name__} in {name}, line {where.lineno}. This is a"
        " defect: run again with TARGET_BIGCOMMERCE_LOGLEVEL=DEBUG"
        " for the traceback. State stays behind what was not written."
    )
