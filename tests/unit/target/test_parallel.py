"""Tasks that run in parallel threads."""

from __future__ import annotations

import signal
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from singer_kit.errors import AuthError, ShutdownRequestedError, UnexpectedResponseError
from target_bigcommerce.api.parallel import ParallelCalls, ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from singer_kit.shutdown import ShutdownSignal


@pytest.fixture
def parallel(shutdown: ShutdownSignal) -> Iterator[ParallelCalls]:
    made = ParallelCalls(3, shutdown)
    yield made
    made.close()


def test_results_come_in_the_order_of_the_tasks(parallel: ParallelCalls) -> None:
    release = threading.Event()

    def first() -> int:
        release.wait(30)
        return 0

    def last() -> int:
        release.set()
        return 2

    assert parallel.run([first, lambda: 1, last]) == [0, 1, 2]


def test_three_tasks_at_most_run_at_once(parallel: ParallelCalls) -> None:
    lock, inside, most = threading.Lock(), [0], [0]
    together = threading.Barrier(3)

    def task() -> None:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        together.wait(30)
        with lock:
            inside[0] -= 1

    parallel.run([task] * 39)

    assert most[0] == 3


def test_single_task_runs_on_the_calling_thread(parallel: ParallelCalls) -> None:
    assert parallel.run([threading.get_ident]) == [threading.get_ident()]
    assert parallel.run([]) == []


def test_tasks_of_a_task_run_on_its_thread(parallel: ParallelCalls) -> None:
    def outer() -> set[int]:
        return {threading.get_ident(), *parallel.run([threading.get_ident] * 5)}

    for threads in parallel.run([outer] * 6):
        assert len(threads) == 1


class WatchedThreads(ThreadPool):
    """Threads that report when the first of them has no more work."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.is_one_idle = threading.Event()

    @override
    def run_copies(self, call: Callable[[], None], copies: int) -> None:
        def watched() -> None:
            call()
            self.is_one_idle.set()

        super().run_copies(watched, copies)


def test_running_task_ends_and_none_starts_after_a_failure(
    shutdown: ShutdownSignal,
) -> None:
    threads = WatchedThreads(2)
    parallel = ParallelCalls(2, shutdown, threads)
    finished: list[str] = []

    def slow() -> None:
        assert threads.is_one_idle.wait(30)  # The other thread has failed.
        finished.append("slow")

    def fail() -> None:
        raise AuthError("no")

    with pytest.raises(AuthError):
        parallel.run([slow, fail, *[partial(finished.append, "late")] * 20])

    assert finished == ["slow"]
    parallel.close()


@pytest.mark.parametrize(
    ("errors", "raised"),
    [
        ([UnexpectedResponseError("1"), AuthError("2")], UnexpectedResponseError),
        ([KeyError("1"), AuthError("2")], AuthError),
        ([ShutdownRequestedError("1"), AuthError("2")], AuthError),
        ([ShutdownRequestedError("1"), KeyError("2")], KeyError),
    ],
)
def test_most_relevant_error_is_raised(
    parallel: ParallelCalls, errors: list[Exception], raised: type[Exception]
) -> None:
    both = threading.Barrier(2)

    def failing(error: Exception) -> None:
        both.wait(30)
        raise error

    with pytest.raises(raised):
        parallel.run([partial(failing, error) for error in errors])


def test_no_task_starts_after_a_signal(
    parallel: ParallelCalls, shutdown: ShutdownSignal
) -> None:
    done: list[int] = []

    def task() -> None:
        done.append(1)
        shutdown.set(signal.SIGTERM)

    with pytest.raises(ShutdownRequestedError):
        parallel.run([task] * 50)

    assert len(done) <= 3


def test_threads_are_reused(parallel: ParallelCalls) -> None:
    before = threading.active_count()

    for _ in range(20):
        parallel.run([time.monotonic] * 10)

    assert threading.active_count() <= before + 3
