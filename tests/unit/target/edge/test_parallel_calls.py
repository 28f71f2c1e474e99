"""Tasks side by side, and the signal that ends waits."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from target_bigcommerce.api.calls import Calls
from target_bigcommerce.errors import AuthError, InterruptedByUserError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from target_bigcommerce.interrupt import Interrupt


@pytest.fixture
def calls(interrupt: Interrupt) -> Iterator[Calls]:
    made = Calls(3, interrupt)
    yield made
    made.close()


def test_results_come_in_the_order_of_the_tasks(calls: Calls) -> None:
    release = threading.Event()

    def first() -> int:
        release.wait(5)
        return 0

    def last() -> int:
        release.set()
        return 2

    assert calls.run([first, lambda: 1, last]) == [0, 1, 2]


def test_never_more_than_three_tasks_run_at_once(calls: Calls) -> None:
    lock, inside, most = threading.Lock(), [0], [0]
    together = threading.Barrier(3)

    def task() -> None:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        together.wait(30)
        with lock:
            inside[0] -= 1

    calls.run([task] * 39)

    assert most[0] == 3


def test_a_single_task_runs_on_the_calling_thread(calls: Calls) -> None:
    assert calls.run([threading.get_ident]) == [threading.get_ident()]
    assert calls.run([]) == []


def test_tasks_within_a_task_run_on_its_thread_without_a_deadlock(
    calls: Calls,
) -> None:
    def outer() -> set[int]:
        return {threading.get_ident(), *calls.run([threading.get_ident] * 5)}

    for threads in calls.run([outer] * 6):
        assert len(threads) == 1


def test_after_a_failure_no_further_task_begins_and_those_under_way_finish(
    calls: Calls,
) -> None:
    started, failed = threading.Event(), threading.Event()
    finished: list[str] = []

    def slow() -> None:
        started.set()
        failed.wait(5)
        time.sleep(0.2)  # Until the failure is known.
        finished.append("slow")

    def failing() -> None:
        started.wait(5)
        failed.set()
        raise AuthError("no")

    tasks: list[Callable[[], None]] = [
        slow,
        failing,
        slow,
        *[partial(finished.append, "late")] * 20,
    ]
    with pytest.raises(AuthError):
        calls.run(tasks)

    assert finished.count("slow") in {1, 2}
    assert "late" not in finished[2:]


@pytest.mark.parametrize(
    ("errors", "raised"),
    [
        ([ProtocolError("1"), AuthError("2")], ProtocolError),
        ([KeyError("1"), AuthError("2")], AuthError),
        ([InterruptedByUserError("1"), AuthError("2")], AuthError),
        ([InterruptedByUserError("1"), KeyError("2")], KeyError),
    ],
)
def test_of_several_errors_the_one_that_matters_most_is_raised(
    calls: Calls, errors: list[Exception], raised: type[Exception]
) -> None:
    both = threading.Barrier(2)

    def failing(error: Exception) -> None:
        both.wait(5)
        raise error

    with pytest.raises(raised):
        calls.run([partial(failing, error) for error in errors])


def test_no_task_begins_after_a_signal(calls: Calls, interrupt: Interrupt) -> None:
    done: list[int] = []

    def task() -> None:
        done.append(1)
        interrupt.set(signal.SIGTERM)

    with pytest.raises(InterruptedByUserError):
        calls.run([task] * 50)

    assert len(done) <= 3


def test_one_pool_serves_many_runs(calls: Calls) -> None:
    before = threading.active_count()

    for _ in range(20):
        calls.run([time.monotonic] * 10)

    assert threading.active_count() <= before + 3


def waits(interrupt: Interrupt) -> list[Callable[[], None]]:
    return [
        lambda: interrupt.wait(0),
        lambda: interrupt.wait(3600),
        lambda: interrupt.wait_for(None, None),
    ]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_every_wait_after_a_signal_ends_at_once(
    interrupt: Interrupt, which: int
) -> None:
    interrupt.set(signal.SIGINT)

    with pytest.raises(InterruptedByUserError):
        waits(interrupt)[which]()


def test_a_signal_ends_the_waits_of_all_threads(interrupt: Interrupt) -> None:
    ended: list[int] = []

    def wait() -> None:
        with pytest.raises(InterruptedByUserError):
            interrupt.wait(3600)
        ended.append(1)

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()

    interrupt.set(signal.SIGTERM)
    for thread in threads:
        thread.join(5)

    assert len(ended) == 4


def test_the_first_signal_is_remembered(interrupt: Interrupt) -> None:
    interrupt.set(signal.SIGTERM)
    interrupt.set(signal.SIGINT)

    assert interrupt.signal == signal.SIGTERM


def test_a_wait_ends_when_the_descriptor_can_be_read(interrupt: Interrupt) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"!")

    interrupt.wait_for(reader, 3600)

    assert not interrupt.is_set
    os.close(reader)
    os.close(writer)
