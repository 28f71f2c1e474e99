"""Waiting, trying again, calling ahead and speaking up, with the time held."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from singer_kit.errors import (
    RetriesExhaustedError,
    ShutdownRequestedError,
)
from singer_kit.http import (
    HttpResponse,
    HttpSession,
    parse_http_date,
    parse_retry_after,
)
from singer_kit.shutdown import BackgroundCall, call_interruptibly
from tap_lytics.errors import StaleCursorError
from tap_lytics.scan import Progress
from tap_lytics.transport import ApiRequest, Transport

if TYPE_CHECKING:
    from singer_kit.http import HttpSender
    from singer_kit.shutdown import ShutdownSignal

AT = datetime(2015, 10, 21, 7, 28, tzinfo=UTC)
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
    assert parse_retry_after(header, now=AT) == seconds


def test_the_date_of_an_answer_is_read() -> None:
    assert parse_http_date(DATE) == AT
    assert parse_http_date("today") is None
    assert parse_http_date(None) is None


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
    assert parse_http_date(header) is None


def send(sender: HttpSender, naps: list[float]) -> None:
    request = ApiRequest(method="GET", path="/", detail="the test")
    Transport(sender, sleep=naps.append).send(request, lambda response: response)


def test_attempts_are_bounded_and_the_last_error_says_so() -> None:
    naps: list[float] = []
    session = HttpSession(
        base_url="http://127.0.0.1:9",  # Nothing listens there.
        token_header="Authorization",
        token="none",
        user_agent="test",
        timeout_seconds=1,
    )

    with pytest.raises(RetriesExhaustedError, match="after 10 attempts") as error:
        send(session, naps)

    session.close()
    assert len(naps) == 9
    assert "the test" in str(error.value)


class Busy:
    """A server that asks to wait, once."""

    def __init__(self) -> None:
        self.statuses = [429, 200]

    def send(self, *_: object, **__: object) -> HttpResponse:
        """Respond with the next status."""
        headers = {"Retry-After": "17"}
        return HttpResponse(status=self.statuses.pop(0), headers=headers, body=b"")

    def close(self) -> None:
        """Nothing is open."""


def test_a_wait_that_lytics_asks_for_is_kept() -> None:
    naps: list[float] = []

    send(Busy(), naps)

    assert naps == [17.0]


def test_a_wait_ends_at_once_when_a_signal_came(shutdown: ShutdownSignal) -> None:
    shutdown.set(15)
    shutdown.set(2)

    with pytest.raises(ShutdownRequestedError):
        shutdown.wait(3600)

    assert shutdown.signal == 15
    shutdown.close()


def test_a_wait_takes_its_time_without_one(shutdown: ShutdownSignal) -> None:
    shutdown.wait(0.001)

    assert not shutdown.is_set
    shutdown.close()


def test_a_call_ahead_gives_its_outcome_or_raises_it(shutdown: ShutdownSignal) -> None:
    def fail() -> None:
        raise StaleCursorError("gone")

    assert call_interruptibly(lambda: 42, shutdown) == 42
    with pytest.raises(StaleCursorError, match="gone"):
        call_interruptibly(fail, shutdown)
    shutdown.close()


def test_a_signal_is_heard_while_a_call_ahead_is_slow(shutdown: ShutdownSignal) -> None:
    answer = threading.Event()
    ahead = BackgroundCall(lambda: answer.wait(60), shutdown)
    shutdown.set(15)

    with pytest.raises(ShutdownRequestedError):
        ahead.result()

    answer.set()


def test_progress_is_logged_every_ten_seconds_at_most(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    progress = Progress(logging.getLogger("test"), size=None)

    for _ in range(25):
        now[0] += 1
        progress.add(100, total=5000)

    assert [record.message for record in caplog.records] == [
        "Read 1,000 of 5,000 members, 20 %, 100 per second.",
        "Read 2,000 of 5,000 members, 40 %, 100 per second.",
    ]


@pytest.mark.skipif(not OPEN.exists(), reason="needs Linux to count open files")
def test_no_pipe_is_left_open(shutdown: ShutdownSignal) -> None:
    before = len(list(OPEN.iterdir()))

    for _ in range(20):
        call_interruptibly(lambda: None, shutdown)

    assert len(list(OPEN.iterdir())) <= before + 1
    shutdown.close()
