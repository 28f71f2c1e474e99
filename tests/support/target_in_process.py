"""A whole run of the target in this process."""

from __future__ import annotations

import json
import logging
import signal
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from singer_kit.shutdown import ShutdownSignal
from support.plugins import assert_sums
from target_bigcommerce.run import build_run
from target_bigcommerce.target import TargetBigCommerce

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox import Clock

TIMEOUT_SECONDS = 60  # A run takes hundredths of a second.
LOGGER = logging.getLogger("target-bigcommerce")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """The result of a run: exit status, messages logged at ERROR, summary."""

    status: int
    errors: list[str]
    summary: dict[str, Any]

    @property
    def outcomes(self) -> dict[str, int]:
        """Number of records by outcome, without zeros."""
        return {name: n for name, n in self.summary["outcomes"].items() if n}


class VirtualShutdown(ShutdownSignal):
    """A shutdown signal whose waits advance the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    @override
    def wait(self, seconds: float) -> None:
        super().wait(0)
        self._clock.advance(seconds)


def run_in_process(
    text: bytes, config: Mapping[str, Any], *, clock: Clock | None = None
) -> FinishedRun:
    """Run the target over a text and check that it ends in an orderly way.

    It succeeds silently, or fails with one expected error; its outcomes add up. With
    the sandbox's clock, waits take no time: they advance the clock.
    """
    with _open_target(config, clock) as (target, log), tempfile.TemporaryFile() as file:
        file.write(text)
        file.seek(0)
        signal.alarm(TIMEOUT_SECONDS)  # The alarm of pytest-timeout, for each run.

        status = target.run(file)  # type: ignore[arg-type]  # its descriptor is read

        signal.alarm(0)
    summary = json.loads(Path(config["summary_path"]).read_text(encoding="utf-8"))
    assert_sums(summary)
    assert not [line for line in log.errors if line.startswith("Unexpected")], log
    assert (status, len(log.errors)) in {(0, 0), (1, 1)}, log.errors
    return FinishedRun(status=status, errors=log.errors, summary=summary)


class _ErrorLog(logging.Handler):
    """Collects messages logged at ERROR."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(record.getMessage())


@contextmanager
def _open_target(
    config: Mapping[str, Any], clock: Clock | None
) -> Iterator[tuple[TargetBigCommerce, _ErrorLog]]:
    """Create a target and its log; close it and restore the signal handlers."""
    folder = Path(config["summary_path"]).parent
    config = {"history_path": str(folder / "history.sqlite"), **config}
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    shutdown = VirtualShutdown(clock) if clock else ShutdownSignal()
    build = build_run
    if clock:
        build = partial(build_run, clock=clock.now, now=clock.now)
    target = TargetBigCommerce(config=dict(config), shutdown=shutdown, build=build)
    log = _ErrorLog()
    LOGGER.addHandler(log)
    try:
        yield target, log
    finally:
        LOGGER.removeHandler(log)
        target.context.close()
        shutdown.close()
        for number, handler in handlers.items():
            signal.signal(number, handler)
