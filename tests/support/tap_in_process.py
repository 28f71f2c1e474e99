"""A tap run in this process through its command, in a hundredth of the time."""

from __future__ import annotations

import gc
import io
import itertools
import json
import logging
import signal
import sys
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from singer_kit.shutdown import ShutdownSignal
from tap_lytics.tap import TapLytics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


SECONDS = 20  # A run takes hundredths.
COLLECT_EVERY = 100
RUNS = itertools.count(1)


class HastyShutdown(ShutdownSignal):
    """Waits for responses, but for no time; keeps how long it would have."""

    def __init__(self) -> None:
        super().__init__()
        self.naps: list[float] = []

    @override
    def wait(self, seconds: float) -> None:
        self.naps.append(seconds)
        if self.is_set:
            super().wait(0)


class HastyTap(TapLytics):
    """The tap in no time."""

    opened: ClassVar[list[HastyTap]] = []

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - the tap's
        self.opened.append(self)
        self.hasty = HastyShutdown()
        super().__init__(shutdown=self.hasty, **kwargs)

    def end(self) -> None:
        """Close what a process of its own would by its end."""
        self.close()
        self.hasty.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a run left behind; `log` has the level, the logger and the line."""

    status: int
    stdout: bytes
    log: list[tuple[int, str, str]]
    naps: list[float]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Every line of stdout as JSON."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def errors(self) -> list[str]:
        """What it said at ERROR."""
        return [text for level, _, text in self.log if level >= logging.ERROR]

    @property
    def said(self) -> str:
        """All that it said."""
        return "\n".join(text for _, _, text in self.log)


def run_hasty_tap(args: Sequence[str]) -> Ended:
    """Run a tap's command to its end."""
    heard, stdout = _Heard(), io.BytesIO()
    with ExitStack() as stack:
        stack.enter_context(_one_tap(heard))
        stack.enter_context(redirect_stdout(io.TextIOWrapper(stdout)))
        signal.alarm(SECONDS)  # Pytest-timeout's own bell, for each run.
        status = _invoke(args)
        signal.alarm(0)
        sys.stdout.flush()
        return Ended(
            status=status,
            stdout=stdout.getvalue(),
            log=heard.lines,
            naps=[nap for each in HastyTap.opened for nap in each.hasty.naps],
        )


def _invoke(args: Sequence[str]) -> int:
    command = HastyTap.get_singer_command()
    try:
        return int(command.main(args=list(args), standalone_mode=False) or 0)
    except SystemExit as end:
        return int(end.code or 0)


class _Heard(logging.Handler):
    """Remembers what was said, with its traceback if it has one."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[int, str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one line."""
        self.lines.append((record.levelno, record.name, self.format(record)))


@contextmanager
def _one_tap(heard: _Heard) -> Iterator[None]:
    """Hear what it says, and put back what it takes from its process."""
    signals = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    root, hook, factory = logging.root, sys.excepthook, logging.getLogRecordFactory()
    level, threshold = root.level, gc.get_threshold()
    root.addHandler(heard)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        while HastyTap.opened:
            HastyTap.opened.pop().end()
        root.removeHandler(heard)
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        logging.setLogRecordFactory(factory)
        sys.excepthook = hook
        gc.unfreeze()
        gc.set_threshold(*threshold)
        if next(RUNS) % COLLECT_EVERY == 0:
            gc.collect()  # What was frozen is old, and would not be looked at for long.
        for number, handler in signals.items():
            signal.signal(number, handler)
