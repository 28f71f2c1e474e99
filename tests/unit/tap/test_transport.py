"""Requests that are retried, and the progress that is logged, with the time held."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from singer_kit.errors import RetriesExhaustedError
from singer_kit.http import HttpResponse, HttpSession
from tap_lytics.scan import Progress
from tap_lytics.transport import ApiRequest, Transport

if TYPE_CHECKING:
    from singer_kit.http import HttpSender


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
