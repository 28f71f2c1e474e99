"""One process of the target, from its start to whatever ends it."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import signal
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from target_bigcommerce.run.opening import Opening
from target_bigcommerce.target import TargetBigCommerce

from .memory_file import MemoryFile, WatchedRejects
from .pipe import Pipe, VirtualReader
from .strands import VirtualThreadPool
from .world import DeadError, ViolationError, VirtualInterrupt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from target_bigcommerce.interrupt import Interrupt
    from target_bigcommerce.rejects import Rejects

    from .wire import Wire
    from .world import World

LOGGERS = [
    logging.getLogger(name)
    for name in ("target-bigcommerce", "singer_sdk", "singer_sdk.metrics")
]


class VirtualOpening(Opening):
    """The target's own rooms in a virtual world."""

    def __init__(self, world: World, wire: Wire, file: MemoryFile) -> None:
        super().__init__(
            interrupt=VirtualInterrupt(world),
            clock=world.now,
            chance=world.chance.random,
            open_session=wire.open,
            open_threads=partial(VirtualThreadPool, world=world),
        )
        self.file = file

    @override
    def rejects(self, path: str | None) -> Rejects:
        return WatchedRejects(path, self.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a simulation drives; a defective stand-in is handed in here."""

    target: type[TargetBigCommerce] = TargetBigCommerce
    opening: type[VirtualOpening] = VirtualOpening


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a process left behind.

    Args:
        status: its exit status; None if it was killed.
        states: those that it printed.
        read: records that it read.
        settled: those that have an outcome.
        changed: customers whom it changed or created.
        complaints: what it said at ERROR.
    """

    status: int | None
    states: list[dict[str, Any]]
    read: int
    settled: int
    changed: int
    complaints: list[str]


class Printed(io.StringIO):
    """Standard output: a line that is written is out, unless the process is dead."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    @override
    def write(self, text: str, /) -> int:
        self._world.touch()
        written = super().write(text)
        self._world.touch()
        return written


class Complaints(logging.Handler):
    """Keeps what is said at ERROR."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def run_process(
    world: World,
    opening: VirtualOpening,
    parts: Parts,
    *,
    config: Mapping[str, Any],
    text: bytes,
) -> Ended:
    """Run the target over an input until it ends or is ended."""
    complaints = Complaints()
    printed = Printed(world)
    status: int | None = None
    with Pipe(world, text) as pipe, _surroundings(complaints, opening.interrupt):
        # A dry run writes its table to stderr, of which it takes hold at once.
        with contextlib.redirect_stderr(io.StringIO()):
            target = parts.target(
                config=dict(config),
                opening=opening,
                message_reader=VirtualReader(world, pipe),
            )
        try:
            with contextlib.redirect_stdout(printed):
                status = target.run(pipe)  # type: ignore[arg-type]  # all it reads
        except SystemExit as exited:
            status = exited.code  # type: ignore[assignment]
        except (DeadError, ViolationError):
            pass
    _give_back(target)
    if world.violation:
        raise world.violation
    tally = target.export.tally
    return Ended(
        status=status,
        states=[json.loads(line) for line in printed.getvalue().splitlines()],
        read=tally.read,
        settled=sum(tally.outcomes.values()),
        changed=tally.customers_changed,
        complaints=complaints.lines,
    )


def _give_back(target: TargetBigCommerce) -> None:
    """Close what a process of its own would by its end."""
    lines = target.export.rejects._file
    if lines is not None and lines._descriptor is not None:
        os.close(lines._descriptor)


@contextlib.contextmanager
def _surroundings(complaints: logging.Handler, interrupt: Interrupt) -> Iterator[None]:
    """Give the test's own process back its signals and its logs."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = [signal.getsignal(number) for number in numbers]
    levels = [logger.level for logger in LOGGERS]
    for logger in LOGGERS:
        logger.setLevel(logging.ERROR)
    LOGGERS[0].addHandler(complaints)
    LOGGERS[0].propagate = False
    try:
        yield
    finally:
        LOGGERS[0].propagate = True
        LOGGERS[0].removeHandler(complaints)
        for logger, level in zip(LOGGERS, levels, strict=True):
            logger.setLevel(level)
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
        interrupt.close()
