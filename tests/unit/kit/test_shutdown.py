"""A signal ends every wait, in every thread, at once."""

from __future__ import annotations

import os
import signal
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from singer_kit.errors import ShutdownRequestedError
from singer_kit.shutdown import BackgroundCall, ShutdownSignal, call_interruptibly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture
def shutdown() -> Iterator[ShutdownSignal]:
    made = ShutdownSignal()
    yield made
    made.close()


WAITS: dict[str, Callable[[ShutdownSignal], None]] = {
    "no wait": lambda shutdown: shutdown.wait(0),
    "one hour": lambda shutdown: shutdown.wait(3600),
    "no limit": lambda shutdown: shutdown.wait_for(None),
}


@pytest.mark.parametrize("wait", WAITS)
def test_every_wait_ends_after_a_signal(shutdown: ShutdownSignal, wait: str) -> None:
    shutdown.set(signal.SIGINT)

    with pytest.raises(ShutdownRequestedError):
        WAITS[wait](shutdown)


def test_signal_ends_the_waits_of_all_threads(shutdown: ShutdownSignal) -> None:
    ended: list[int] = []

    def wait() -> None:
        with pytest.raises(ShutdownRequestedError):
            shutdown.wait(3600)
        ended.append(1)

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()

    shutdown.set(signal.SIGTERM)
    for thread in threads:
        thread.join(30)

    assert len(ended) == 4


def test_first_signal_is_kept(shutdown: ShutdownSignal) -> None:
    shutdown.set(signal.SIGTERM)
    shutdown.set(signal.SIGINT)

    assert shutdown.is_set
    assert shutdown.signal == signal.SIGTERM


def test_wait_without_a_signal_returns(shutdown: ShutdownSignal) -> None:
    shutdown.wait(0.001)

    assert not shutdown.is_set


def test_wait_ends_when_the_descriptor_is_readable(shutdown: ShutdownSignal) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"!")

    shutdown.wait_for(reader, 3600)

    assert not shutdown.is_set
    os.close(reader)
    os.close(writer)


def test_interruptible_call_returns_or_raises(shutdown: ShutdownSignal) -> None:
    def fail() -> None:
        raise LookupError("missing")

    assert call_interruptibly(lambda: 42, shutdown) == 42
    with pytest.raises(LookupError, match="missing"):
        call_interruptibly(fail, shutdown)


def test_signal_interrupts_a_slow_call(shutdown: ShutdownSignal) -> None:
    release = threading.Event()
    call = BackgroundCall(lambda: release.wait(60), shutdown)
    shutdown.set(signal.SIGTERM)

    with pytest.raises(ShutdownRequestedError):
        call.result()

    release.set()


@pytest.mark.parametrize("finishing", [(0,), (2,), (1, 2), (0, 1, 2)])
def test_first_finished_call_is_returned(
    finishing: tuple[int, ...], shutdown: ShutdownSignal
) -> None:
    releases = [threading.Event() for _ in range(3)]
    calls = [BackgroundCall(partial(each.wait, 60), shutdown) for each in releases]
    for number in finishing:
        releases[number].set()
        shutdown.wait_for_any([calls[number].fileno()])

    found = BackgroundCall.first_finished(calls, shutdown)

    assert found is calls[finishing[0]]
    for each in releases:
        each.set()


def test_call_with_known_result_is_finished(shutdown: ShutdownSignal) -> None:
    release = threading.Event()
    slow = BackgroundCall(partial(release.wait, 60), shutdown)
    known = BackgroundCall(lambda: True, shutdown)
    known.result()

    assert BackgroundCall.first_finished([slow, known], shutdown) is known
    assert known.result()
    release.set()


def test_failed_call_is_finished(shutdown: ShutdownSignal) -> None:
    def fail() -> None:
        raise LookupError("missing")

    call = BackgroundCall.first_finished([BackgroundCall(fail, shutdown)], shutdown)

    for _ in range(2):
        with pytest.raises(LookupError, match="missing"):
            call.result()


def test_signal_ends_the_wait_for_several_calls(shutdown: ShutdownSignal) -> None:
    release = threading.Event()
    waiting = [BackgroundCall(partial(release.wait, 60), shutdown) for _ in range(8)]
    threading.Timer(0.1, shutdown.set, [signal.SIGTERM]).start()

    with pytest.raises(ShutdownRequestedError):
        BackgroundCall.first_finished(waiting, shutdown)

    release.set()


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="needs Linux to count open files")
def test_calls_leave_no_pipe_open(shutdown: ShutdownSignal) -> None:
    before = len(list(OPEN_FILES.iterdir()))

    for _ in range(20):
        call_interruptibly(lambda: None, shutdown)
        BackgroundCall(lambda: None, shutdown).abandon()
    for thread in threading.enumerate():
        if thread.name == BackgroundCall.__name__:
            thread.join(30)

    assert len(list(OPEN_FILES.iterdir())) <= before + 1
