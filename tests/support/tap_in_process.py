"""Runs the tap's command in this process, without waits and start-up."""

from __future__ import annotations

import gc
import io
import itertools
import json
import logging
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from singer_kit.shutdown import BackgroundCall, ShutdownSignal
from tap_lytics.tap import TapLytics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TIMEOUT_SECONDS = 20  # A run takes hundredths of a second.
COLLECT_EVERY = 100
RUNS = itertools.count(1)


class InstantShutdownSignal(ShutdownSignal):
    """Waits for responses, but does not sleep.

    Args:
        on_wait: is called with the seconds of each wait instead.
    """

    def __init__(self, on_wait: Callable[[float], object]) -> None:
        super().__init__()
        self._on_wait = on_wait

    @override
    def wait(self, seconds: float) -> None:
        self._on_wait(seconds)
        if self.is_set:
            super().wait(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """What a run wrote and how long it would have waited.

    `log` has the level, the logger and the formatted line of every log record.
    """

    status: int
    stdout: bytes
    log: list[tuple[int, str, str]]
    waits: list[float]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Every line of stdout as JSON."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records of all streams, in order."""
        return [m["record"] for m in self.messages if m["type"] == "RECORD"]

    @property
    def states(self) -> list[dict[str, Any]]:
        """All states, in order."""
        return [m["value"] for m in self.messages if m["type"] == "STATE"]

    @property
    def covered(self) -> list[dict[str, Any]]:
        """The records before the last state."""
        kinds = [m["type"] for m in self.messages]
        last = len(kinds) - kinds[::-1].index("STATE") if "STATE" in kinds else 0
        return [m["record"] for m in self.messages[:last] if m["type"] == "RECORD"]

    @property
    def errors(self) -> list[str]:
        """The lines logged at ERROR."""
        return [text for level, _, text in self.log if level >= logging.ERROR]

    @property
    def log_text(self) -> str:
        """The whole log."""
        return "\n".join(text for _, _, text in self.log)


def run_tap_in_process(
    args: Sequence[str], *, on_wait: Callable[[float], object] = lambda _: None
) -> FinishedRun:
    """Run the tap's command to its end; `on_wait` is called instead of sleeping."""
    log, stdout, waits = _LogHandler(), io.BytesIO(), list[float]()

    def wait(seconds: float) -> None:
        waits.append(seconds)
        on_wait(seconds)

    with ExitStack() as stack:
        stack.enter_context(_restored_process(log))
        stack.enter_context(redirect_stdout(io.TextIOWrapper(stdout)))
        command = stack.enter_context(_instant_tap(wait))
        signal.alarm(TIMEOUT_SECONDS)
        status = _invoke(command, args)
        signal.alarm(0)
        sys.stdout.flush()
        return FinishedRun(
            status=status, stdout=stdout.getvalue(), log=log.lines, waits=waits
        )


@contextmanager
def _instant_tap(on_wait: Callable[[float], object]) -> Iterator[type[TapLytics]]:
    """Give a tap that does not wait; close what its process's end would close."""
    opened: list[tuple[TapLytics, ShutdownSignal]] = []

    class InstantTap(TapLytics):
        def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - the tap's
            shutdown = InstantShutdownSignal(on_wait)
            opened.append((self, shutdown))
            super().__init__(shutdown=shutdown, **kwargs)

    try:
        yield InstantTap
    finally:
        # A page may still be prefetched; its response would outlive the session.
        for thread in threading.enumerate():
            if thread.name == BackgroundCall.__name__:
                thread.join(TIMEOUT_SECONDS)
        for tap, shutdown in opened:
            tap.close()
            shutdown.close()


def _invoke(tap: type[TapLytics], args: Sequence[str]) -> int:
    command = tap.get_singer_command()
    try:
        return int(command.main(args=list(args), standalone_mode=False) or 0)
    except SystemExit as end:
        return int(end.code or 0)


class _LogHandler(logging.Handler):
    """Keeps log lines, with their tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[int, str, str]] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelno, record.name, self.format(record)))


@contextmanager
def _restored_process(log: logging.Handler) -> Iterator[None]:
    """Handle log records, and restore what the tap changes in its process."""
    signals = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    root, hook, factory = logging.root, sys.excepthook, logging.getLogRecordFactory()
    level, threshold = root.level, gc.get_threshold()
    root.addHandler(log)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(log)
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        logging.setLogRecordFactory(factory)
        sys.excepthook = hook
        gc.unfreeze()
        gc.set_threshold(*threshold)
        if next(RUNS) % COLLECT_EVERY == 0:
            gc.collect()  # Unfrozen objects are in the oldest generation.
        for number, handler in signals.items():
            signal.signal(number, handler)
