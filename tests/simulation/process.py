"""Runs one process of the target until it ends or is killed."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import signal
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from target_bigcommerce.run import build_run
from target_bigcommerce.target import TargetBigCommerce

from .memory_file import WatchedFile
from .pipe import Pipe, VirtualShutdown
from .virtual_threads import VirtualThreadPool
from .world import DeadError, ViolationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .memory_file import MemoryFile
    from .wire import Wire
    from .world import World

LOGGERS = [
    logging.getLogger(name)
    for name in ("target-bigcommerce", "singer_sdk", "singer_sdk.metrics")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessResult:
    """The result of a process.

    Args:
        status: its exit status; None if it was killed.
        states: the STATE values that it printed.
        read: number of records read.
        with_outcome: number of records with an outcome.
        changed: number of customers changed or created.
        errors: messages logged at ERROR.
    """

    status: int | None
    states: list[dict[str, Any]]
    read: int
    with_outcome: int
    changed: int
    errors: list[str]


class Printed(io.StringIO):
    """Standard output; a killed process cannot write to it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    @override
    def write(self, text: str, /) -> int:
        self._world.step()
        written = super().write(text)
        self._world.step()
        return written


class ErrorLog(logging.Handler):
    """Collects messages logged at ERROR."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def run_process(
    world: World,
    wire: Wire,
    file: MemoryFile,
    *,
    config: Mapping[str, Any],
    text: bytes,
) -> ProcessResult:
    """Run the target on an input until it ends or is killed."""
    errors = ErrorLog()
    printed = Printed(world)
    status: int | None = None
    with Pipe(world, text) as pipe, _isolated_logs_and_signals(errors):
        shutdown = VirtualShutdown(world, pipe)
        # A dry run keeps the stderr of its start for its table.
        with contextlib.redirect_stderr(io.StringIO()):
            target = TargetBigCommerce(
                config=dict(config),
                shutdown=shutdown,
                build=partial(
                    build_run,
                    clock=world.now,
                    random=world.rng.random,
                    open_session=wire.open,
                    open_threads=partial(VirtualThreadPool, world=world),
                    open_file=partial(WatchedFile, memory=file),
                ),
            )
        try:
            with contextlib.redirect_stdout(printed):
                status = target.run(pipe)  # type: ignore[arg-type]  # all it reads
        except SystemExit as exited:
            status = exited.code  # type: ignore[assignment]
        except (DeadError, ViolationError):
            pass
        finally:
            shutdown.close()
    if world.violation:
        raise world.violation
    stats = target.context.stats
    return ProcessResult(
        status=status,
        states=[json.loads(line) for line in printed.getvalue().splitlines()],
        read=stats.read,
        with_outcome=stats.outcomes.total(),
        changed=stats.customers_changed,
        errors=errors.lines,
    )


@contextlib.contextmanager
def _isolated_logs_and_signals(errors: logging.Handler) -> Iterator[None]:
    """Restore the signal handlers and loggers of the test process."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = [signal.getsignal(number) for number in numbers]
    levels = [logger.level for logger in LOGGERS]
    for logger in LOGGERS:
        logger.setLevel(logging.ERROR)
    LOGGERS[0].addHandler(errors)
    LOGGERS[0].propagate = False
    try:
        yield
    finally:
        LOGGERS[0].propagate = True
        LOGGERS[0].removeHandler(errors)
        for logger, level in zip(LOGGERS, levels, strict=True):
            logger.setLevel(level)
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
