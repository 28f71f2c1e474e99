"""Runs one process of the target, with its input, files and waits in memory.

A process ends by itself, by a signal, or is killed.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import signal
import sqlite3
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

from typing_extensions import override

from singer_kit.errors import ShutdownRequestedError
from singer_kit.shutdown import ShutdownSignal
from target_bigcommerce.files import LineFile
from target_bigcommerce.run import build_run
from target_bigcommerce.target import TargetBigCommerce

from .scheduler import VirtualThreadPool
from .world import DeadError, ViolationError

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

    from .wire import Wire
    from .world import World

MAX_CHUNK_BYTES = 3000
SILENCES = (0.0, 0.0, 0.0, 0.05, 1.0, 20.0, 90.0)
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


class MemoryFile:
    """A file in memory that has a path."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("rejects")
        self._kept = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    @property
    def path(self) -> str:
        """The path under which it can be opened."""
        return f"/proc/self/fd/{self._descriptor}"

    def keep(self) -> None:
        """Protect the current content from a power failure, as fsync does."""
        self._kept = os.fstat(self._descriptor).st_size

    def lose(self, rng: random.Random) -> None:
        """Lose part of the unprotected content, as in a power failure."""
        size = os.fstat(self._descriptor).st_size
        os.ftruncate(self._descriptor, rng.randint(self._kept, size))

    def lines(self) -> list[dict[str, Any]]:
        """Read all complete lines."""
        size = os.fstat(self._descriptor).st_size
        whole = os.pread(self._descriptor, size, 0).rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines()]


@contextlib.contextmanager
def memory_folder() -> Iterator[Path]:
    """Create a folder for files that cannot be descriptors, in memory if possible."""
    where = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - in memory
    with tempfile.TemporaryDirectory(dir=where) as folder:
        yield Path(folder)


class WatchedFile(LineFile):
    """The target's file of lines; marks the content as safe when it is synced."""

    def __init__(self, path: str, setting: str, *, memory: MemoryFile) -> None:
        super().__init__(path, setting)
        self._memory = memory

    @override
    def sync(self) -> None:
        super().sync()
        self._memory.keep()


class Pipe:
    """The input pipe; the target reads from it."""

    def __init__(self, world: World, text: bytes) -> None:
        self._world = world
        self._left = text
        self._reader, self._writer = os.pipe()
        self.silence = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._reader)
        self._end()

    def fileno(self) -> int:
        """The descriptor of the reading end."""
        return self._reader

    def deliver(self) -> None:
        """Write the next chunk, or close the pipe at the end."""
        length = self._world.rng.randint(1, MAX_CHUNK_BYTES)
        piece, self._left = self._left[:length], self._left[length:]
        self.silence = self._world.rng.choice(SILENCES)
        if piece:
            os.write(self._writer, piece)
        else:
            self._end()

    def _end(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1


class VirtualShutdown(ShutdownSignal):
    """A shutdown signal that waits in virtual time."""

    def __init__(self, world: World, pipe: Pipe) -> None:
        super().__init__()
        self._world = world
        self._pipe = pipe

    @override
    def wait_for(self, descriptor: int | None, seconds: float | None = None) -> bool:
        if self._world.scheduler.current.is_in_call:
            self._world.violate("a call starts inside a call of the same thread")
        is_readable = False
        if not self.is_set and descriptor is None:
            self._world.sleep(seconds or 0.0)
        elif not self.is_set:
            is_readable = self._wait_for_input(seconds)
        if self.is_set:
            raise ShutdownRequestedError("Stopped by a signal.")
        return is_readable

    def _wait_for_input(self, seconds: float | None) -> bool:
        silence = self._pipe.silence
        if seconds is not None and seconds < silence:
            self._pipe.silence -= seconds
            self._world.sleep(seconds)
            return False
        self._world.sleep(silence)
        self._pipe.silence = 0.0
        if not self.is_set:
            self._pipe.deliver()
        return True


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
    clock_ahead: float = 0.0,
) -> ProcessResult:
    """Run the target on an input until it ends or is killed.

    `clock_ahead` is how many seconds this machine's clock is ahead of the store's.
    """
    errors = ErrorLog()
    printed = Printed(world)
    status: int | None = None
    with (
        Pipe(world, text) as pipe,
        isolated_logs_and_signals(errors, LOGGERS),
        _watched_histories(world) as connection,
    ):
        shutdown = VirtualShutdown(world, pipe)
        # A dry run keeps the stderr of its start for its table.
        with contextlib.redirect_stderr(io.StringIO()):
            target = TargetBigCommerce(
                config=dict(config),
                shutdown=shutdown,
                build=partial(
                    build_run,
                    clock=world.now,
                    now=lambda: world.clock.now() + clock_ahead,
                    random=world.rng.random,
                    open_session=wire.open,
                    open_threads=partial(VirtualThreadPool, world=world),
                    open_file=partial(WatchedFile, memory=file),
                ),
            )
        try:
            connection.has_steps = True
            with contextlib.redirect_stdout(printed):
                status = target.run(pipe)  # type: ignore[arg-type]  # all it reads
        except SystemExit as exited:
            status = exited.code  # type: ignore[assignment]
        except (DeadError, ViolationError):
            pass
        finally:
            target.context.close()
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


class WatchedConnection(sqlite3.Connection):
    """A connection to a history; a killed process cannot write to it.

    There is a step before and after each commit, once the target has started.
    """

    world: World
    has_steps = False

    @override
    def execute(self, sql: str, /, *args: Any) -> sqlite3.Cursor:
        is_commit = sql == "COMMIT" and self.has_steps
        if is_commit:
            self.world.step()
        if self.world.is_dead:
            raise DeadError
        done = super().execute(sql, *args)
        if is_commit:
            self.world.step()
        return done


@contextlib.contextmanager
def _watched_histories(world: World) -> Iterator[type[WatchedConnection]]:
    class Watched(WatchedConnection):
        pass

    Watched.world = world
    connect = partial(sqlite3.connect, factory=Watched)
    with patch("target_bigcommerce.history.sqlite3.connect", connect):
        yield Watched


@contextlib.contextmanager
def isolated_logs_and_signals(
    errors: logging.Handler, loggers: Sequence[logging.Logger]
) -> Iterator[None]:
    """Restore the signal handlers and loggers of the test process.

    `errors` handles what the first of the loggers logs.
    """
    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = [signal.getsignal(number) for number in numbers]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    loggers[0].addHandler(errors)
    loggers[0].propagate = False
    try:
        yield
    finally:
        loggers[0].propagate = True
        loggers[0].removeHandler(errors)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
