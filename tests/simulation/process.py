"""One process of the target, from its start to whatever ends it."""

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
from .strands import VirtualThreadPool
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
class Ended:
    """What a process left behind.

    Args:
        status: its exit status; None if it was killed.
        states: those that it printed.
        read: records it read.
        with_outcome: those that have an outcome.
        changed: customers whom it changed or created.
        errors: what it logged at ERROR.
    """

    status: int | None
    states: list[dict[str, Any]]
    read: int
    with_outcome: int
    changed: int
    errors: list[str]


class Printed(io.StringIO):
    """Standard output; a line is printed unless the process is dead."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    @override
    def write(self, text: str, /) -> int:
        self._world.touch()
        written = super().write(text)
        self._world.touch()
        return written


class ErrorLog(logging.Handler):
    """Keeps what is logged at ERROR."""

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
) -> Ended:
    """Run the target over an input until it ends or is ended."""
    errors = ErrorLog()
    printed = Printed(world)
    status: int | None = None
    with Pipe(world, text) as pipe, _surroundings(errors):
        shutdown = VirtualShutdown(world, pipe)
        # A dry run writes its table to the stderr of its start.
        with contextlib.redirect_stderr(io.StringIO()):
            target = TargetBigCommerce(
                config=dict(config),
                shutdown=shutdown,
                build=partial(
                    build_run,
                    clock=world.now,
                    random=world.chance.random,
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
    return Ended(
        status=status,
        states=[json.loads(line) for line in printed.getvalue().splitlines()],
        read=stats.read,
        with_outcome=stats.outcomes.total(),
        changed=stats.customers_changed,
        errors=errors.lines,
    )


@contextlib.contextmanager
def _surroundings(errors: logging.Handler) -> Iterator[None]:
    """Give the test's own process back its signals and its logs."""
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
