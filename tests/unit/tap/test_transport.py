"""Waiting, trying again, calling ahead and speaking up, with the time held."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tenacity

from tap_lytics.errors import (
    InterruptedByUserError,
    LyticsUnavailableError,
    RetriableError,
    StaleCursorError,
)
from tap_lytics.headers import retry_after, to_date
from tap_lytics.prefetch import Ahead, ask
from tap_lytics.progress import Progress
from tap_lytics.transport import Call, Transport

if TYPE_CHECKING:
    from tap_lytics.interrupt import Interrupt

AT = datetime(2015, 10, 21, 7, 28, tzinfo=timezone.utc)
OPEN = Path("/proc/self/fd")
DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("7", 7.0),
        ("99999", 900.0),
        (DATE, 0.0),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        ("9" * 500, 900.0),
        ("\u00b2", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(
    header: str | None, seconds: float | None
) -> None:
    assert retry_after(header, now=AT) == seconds


def test_the_date_of_an_answer_is_read() -> None:
    assert to_date(DATE) == AT
    assert to_date("today") is None
    assert to_date(None) is None


@pytest.mark.parametrize(
    "header",
    [
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2020 00:00:00 +99999999999",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 31 Feb 2020 00:00:00 GMT",
    ],
)
def test_a_date_beyond_the_calendar_is_none(header: str) -> None:
    assert to_date(header) is None


def test_tries_are_bounded_and_the_last_error_says_so() -> None:
    naps: list[float] = []
    transport = Transport(
        base_url="http://127.0.0.1:9",  # Nothing listens there.
        token="none",
        user_agent="test",
        timeout=1,
        sleep=naps.append,
        wait=tenacity.wait_fixed(3),
    )
    call = Call(method="GET", path="/", what="the test")

    with pytest.raises(LyticsUnavailableError, match="Gave up after 10 tries") as error:
        transport.send(call, lambda answer: answer)

    assert naps == [3.0] * 9
    assert "the test" in str(error.value)


def test_a_wait_that_lytics_asks_for_is_kept() -> None:
    naps: list[float] = []
    transport = Transport(
        base_url="http://127.0.0.1:9",
        token="none",
        user_agent="test",
        timeout=1,
        sleep=naps.append,
    )
    error = RetriableError("busy", retry_after=17)
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    state.set_exception((RetriableError, error, None))  # type: ignore[arg-type]  # no traceback

    assert transport._wait(state) == 17


def test_a_wait_ends_at_once_when_a_signal_came(interrupt: Interrupt) -> None:
    interrupt.set(15)
    interrupt.set(2)

    with pytest.raises(InterruptedByUserError):
        interrupt.wait(3600)

    assert interrupt.signal == 15
    interrupt.close()


def test_a_wait_takes_its_time_without_one(interrupt: Interrupt) -> None:
    interrupt.wait(0.001)

    assert not interrupt.is_set
    interrupt.close()


def test_a_call_ahead_gives_its_outcome_or_raises_it(interrupt: Interrupt) -> None:
    def fail() -> None:
        raise StaleCursorError("gone")

    assert ask(lambda: 42, interrupt) == 42
    with pytest.raises(StaleCursorError, match="gone"):
        ask(fail, interrupt)
    interrupt.close()


def test_a_signal_is_heard_while_a_call_ahead_is_slow(interrupt: Interrupt) -> None:
    answer = threading.Event()
    ahead = Ahead(lambda: answer.wait(60), interrupt)
    interrupt.set(15)

    with pytest.raises(InterruptedByUserError):
        ahead.result()

    answer.set()


def test_progress_speaks_every_ten_seconds_at_most(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    now = [0.0]
    progress = Progress(logging.getLogger("test"), size=None, clock=lambda: now[0])

    for _ in range(25):
        now[0] += 1
        progress.add(100, total=5000)

    assert [record.message for record in caplog.records] == [
        "Read 1,000 of 5,000 members, 20 %, 100 a second.",
        "Read 2,000 of 5,000 members, 40 %, 100 a second.",
    ]


@pytest.mark.skipif(not OPEN.exists(), reason="needs Linux to count open files")
def test_no_pipe_is_left_open(interrupt: Interrupt) -> None:
    before = len(list(OPEN.iterdir()))

    for _ in range(20):
        ask(lambda: None, interrupt)

    assert len(list(OPEN.iterdir())) <= before + 1
    interrupt.close()
