"""One attempt at a request, and the loop that repeats it."""

from __future__ import annotations

import gzip
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from singer_kit import http
from singer_kit.errors import (
    NoResponseError,
    RetriableError,
    RetriesExhaustedError,
    ShutdownRequestedError,
    UnexpectedResponseError,
)
from singer_kit.http import (
    MAX_ATTEMPTS,
    HttpSession,
    call_with_retries,
    exponential_backoff,
    parse_http_date,
    parse_retry_after,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

AT = datetime(2015, 10, 21, 7, 28, tzinfo=UTC)
DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


class Handler(BaseHTTPRequestHandler):
    """Responds by the path; keeps the requests."""

    requests: list[tuple[str, str, dict[str, str], bytes]]

    def do_GET(self) -> None:
        """Call the method that the path names."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        kept = (self.command, self.path, dict(self.headers), body)
        self.requests.append(kept)
        getattr(self, self.path.strip("/").partition("?")[0])()

    do_POST = do_PUT = do_GET  # noqa: N815 - the server's names

    def plain(self) -> None:
        """Respond with a cookie."""
        self._respond(200, b"{}", {"Set-Cookie": "a=b", "X-Count": "7"})

    def zipped(self) -> None:
        """Respond with a compressed body."""
        self._respond(200, gzip.compress(b"z" * 5000), {"Content-Encoding": "gzip"})

    def redirect(self) -> None:
        """Respond with a redirect to an invalid URL."""
        self._respond(302, b"", {"Location": "http://[::1"})

    def cut(self) -> None:
        """Close the connection within the body."""
        self._respond(200, b"half", {"Content-Length": "100"})

    def malformed(self) -> None:
        """Claim a compression that the body does not have."""
        self._respond(200, b"plain", {"Content-Encoding": "gzip"})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Stay silent."""

    def _respond(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


class Server:
    """A server on a loopback port."""

    def __init__(self) -> None:
        class Kept(Handler):
            requests: list[tuple[str, str, dict[str, str], bytes]] = []  # noqa: RUF012

        self.requests = Kept.requests
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Kept)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@contextmanager
def session_to(url: str) -> Iterator[HttpSession]:
    session = HttpSession(
        base_url=url,
        token_header="X-Token",
        token="t0ken",
        user_agent="test",
        timeout_seconds=60,
        headers={"Accept": "application/json"},
    )
    try:
        yield session
    finally:
        session.close()


@pytest.fixture
def session(server: Server) -> Iterator[HttpSession]:
    with session_to(server.url) as made:
        yield made


def test_request_carries_token_agent_and_body(
    session: HttpSession, server: Server
) -> None:
    response = session.send("PUT", "/plain?id:in=1,2", body=b"[1]")

    [(method, path, headers, body)] = server.requests
    assert (method, path, body) == ("PUT", "/plain?id:in=1,2", b"[1]")
    assert headers["X-Token"] == "t0ken"
    assert headers["User-Agent"] == "test"
    assert headers["Accept"] == "application/json"
    assert headers["Content-Type"] == "application/json"
    assert (response.status, response.body) == (200, b"{}")
    assert response.headers["x-count"] == "7"


def test_no_cookie_is_kept(session: HttpSession, server: Server) -> None:
    session.send("GET", "/plain")
    session.send("GET", "/plain")

    assert all("Cookie" not in headers for _, _, headers, _ in server.requests)


@pytest.mark.guarantee("token-stays-on-host")
def test_netrc_and_proxy_are_not_used(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password pass")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)

    with session_to(server.url) as session:
        session.send("GET", "/plain")

    [(_, _, headers, _)] = server.requests
    assert "Authorization" not in headers


def test_redirect_is_returned_not_followed(
    session: HttpSession, server: Server
) -> None:
    assert session.send("GET", "/redirect").status == 302
    assert len(server.requests) == 1


def test_body_is_unpacked(session: HttpSession) -> None:
    assert session.send("GET", "/zipped").body == b"z" * 5000


def test_body_over_the_cap_is_refused(
    session: HttpSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 4999)

    with pytest.raises(UnexpectedResponseError, match="GET /zipped returned 200"):
        session.send("GET", "/zipped")


@pytest.mark.parametrize("path", ["/cut", "/malformed"])
def test_broken_response_is_no_response(session: HttpSession, path: str) -> None:
    with pytest.raises(NoResponseError):
        session.send("GET", path)


@pytest.mark.parametrize("name", ["connection", "connectionpool", "response"])
def test_client_warnings_stay_out_of_the_log(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger(f"urllib3.{name}").warning("url=…?email:in=o.brien@example.com")

    assert not caplog.records


# Headers.


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


def test_http_date_is_read_in_utc() -> None:
    assert parse_http_date(DATE) == AT
    assert parse_http_date("Wed, 21 Oct 2015 07:28:00") == AT


@pytest.mark.parametrize(
    "header",
    [
        None,
        "today",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2020 00:00:00 +99999999999",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 31 Feb 2020 00:00:00 GMT",
    ],
)
def test_unreadable_http_date_is_none(header: str | None) -> None:
    assert parse_http_date(header) is None


# Threads.


class KeepingHandler(Handler):
    """Keeps connections, and responds when eight requests have arrived."""

    protocol_version = "HTTP/1.1"
    all_sent = threading.Barrier(8, timeout=30)
    connections: list[object] = []  # noqa: RUF012 - those of the test

    def setup(self) -> None:
        """Count the connection."""
        self.connections.append(self.client_address)
        super().setup()

    def do_GET(self) -> None:
        """Respond with the path."""
        self.all_sent.wait()
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.path)))
        self.end_headers()
        self.wfile.write(self.path.encode())


def test_threads_share_kept_connections() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), KeepingHandler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bodies: list[bytes] = []

    url = f"http://127.0.0.1:{server.server_port}"
    with session_to(url) as session, ThreadPoolExecutor(8) as threads:
        for start in range(0, 40, 8):
            targets = [f"/{number}" for number in range(start, start + 8)]
            sent = threads.map(lambda target: session.send("GET", target), targets)
            bodies += [response.body for response in sent]
    server.shutdown()
    server.server_close()

    assert bodies == [b"/%d" % number for number in range(40)]
    assert len(KeepingHandler.connections) == 8


# Retries.


class Attempts:
    """A call that fails with the given errors, then returns 42."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.sleeps: list[float] = []
        self.retries: list[tuple[str, int, float]] = []

    def __call__(self) -> int:
        """Fail or return."""
        if self.errors:
            raise self.errors.pop(0)
        return 42

    def run(
        self,
        sleep: Callable[[float], None] | None = None,
        *,
        counted_attempts: int = MAX_ATTEMPTS,
    ) -> int:
        """Call with retries."""
        return call_with_retries(
            self,
            retry_on=RetriableError,
            sleep=sleep or self.sleeps.append,
            wait=lambda _error, attempts: 3.0 * attempts,
            on_retry=lambda *retry: self.retries.append((str(retry[0]), *retry[1:])),
            hint="the state is kept.",
            counted_attempts=counted_attempts,
            is_counted=lambda error: "Busy" not in str(error),
        )


def test_call_is_retried_until_it_succeeds() -> None:
    attempts = Attempts(RetriableError("Busy."), RetriableError("Still busy."))

    assert attempts.run() == 42
    assert attempts.sleeps == [3.0, 6.0]
    assert attempts.retries == [("Busy.", 2, 3.0), ("Still busy.", 3, 6.0)]


def test_attempts_are_bounded_and_the_error_says_so() -> None:
    attempts = Attempts(*[RetriableError("GET /x returned 503.")] * 10)

    with pytest.raises(RetriesExhaustedError) as caught:
        attempts.run()

    assert str(caught.value) == (
        "GET /x returned 503. Gave up after 10 attempts; the state is kept."
    )
    assert len(attempts.sleeps) == 9


BUSY, DOWN = RetriableError("Busy."), RetriableError("Down.")


@pytest.mark.parametrize(
    ("errors", "made"),
    [
        ([DOWN, DOWN], 2),
        ([BUSY, DOWN, BUSY, DOWN], 4),
        ([BUSY] * 10, 10),
        ([DOWN, *[BUSY] * 9], 10),
    ],
)
def test_only_counted_attempts_end_the_retries(
    errors: list[Exception], made: int
) -> None:
    attempts = Attempts(*errors)

    with pytest.raises(RetriesExhaustedError, match=f"after {made} attempts"):
        attempts.run(counted_attempts=2)

    assert not attempts.errors


def test_other_errors_are_not_retried() -> None:
    attempts = Attempts(LookupError("missing"))

    with pytest.raises(LookupError):
        attempts.run()

    assert not attempts.sleeps


def test_shutdown_ends_the_retries() -> None:
    attempts = Attempts(*[RetriableError("Busy.")] * 10)

    def interrupted(_seconds: float) -> None:
        raise ShutdownRequestedError

    with pytest.raises(ShutdownRequestedError):
        attempts.run(interrupted)

    assert len(attempts.errors) == 9


def test_backoff_doubles_up_to_a_minute() -> None:
    waits = [exponential_backoff(n, 1.0) for n in range(1, 9)]

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert exponential_backoff(10**6, 0.5) == 30.0
