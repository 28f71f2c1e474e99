"""Requests are retried with bounded waits."""

from __future__ import annotations

from collections import deque

import pytest

from singer_kit.errors import RetriesExhaustedError
from singer_kit.http import HttpResponse, HttpSession
from tap_lytics.transport import ApiRequest, Transport

REQUEST = ApiRequest(method="GET", path="/", detail="the test")


class Statuses:
    """A server that responds with these statuses in turn, the last one forever."""

    def __init__(self, *statuses: int, **headers: str) -> None:
        self._statuses = deque(statuses)
        self._headers = {
            name.replace("_", "-"): value for name, value in headers.items()
        }

    def send(self, *_: object, **__: object) -> HttpResponse:
        """Respond with the next status."""
        status = self._statuses[0]
        if len(self._statuses) > 1:
            self._statuses.popleft()
        return HttpResponse(status=status, headers=self._headers, body=b"")

    def close(self) -> None:
        """Nothing is open."""


def test_retries_are_bounded_with_jitter() -> None:
    waits: list[float] = []
    transport = Transport(Statuses(503), sleep=waits.append)

    with pytest.raises(
        RetriesExhaustedError, match=r"the test.*503.*after 10 attempts"
    ):
        transport.send(REQUEST, lambda response: response)

    assert len(waits) == 9
    assert len(set(waits)) > 1, "jitter"
    assert max(waits) <= 60


def test_refused_connection_is_retried() -> None:
    waits: list[float] = []
    session = HttpSession(
        base_url="http://127.0.0.1:9",  # No server listens there.
        token_header="Authorization",
        token="none",
        user_agent="test",
        timeout_seconds=1,
    )

    with pytest.raises(RetriesExhaustedError, match="after 10 attempts"):
        Transport(session, sleep=waits.append).send(REQUEST, lambda found: found)

    session.close()
    assert len(waits) == 9


def test_retry_after_is_obeyed() -> None:
    waits: list[float] = []
    sender = Statuses(429, 200, Retry_After="17")

    Transport(sender, sleep=waits.append).send(REQUEST, lambda response: response)

    assert waits == [17.0]
