"""A response is bounded in time, and a connection that cannot work names its fix."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from singer_kit import http
from singer_kit.errors import (
    ConnectionFailedError,
    NoResponseError,
    RetriesExhaustedError,
    UnexpectedResponseError,
    UnreachableError,
)
from singer_kit.http import HttpSession, call_with_retries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\n{}"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, *map(str.upper, PROXIES), *BUNDLES):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def served(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve connections one after the other; yield host and port."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
                with connection:
                    talk(connection)
            except ssl.SSLError:
                continue  # A client that refuses the certificate.
            except OSError:
                if listening.fileno() < 0:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def send(url: str, *, seconds: float = 5, times: int = 1) -> list[bytes]:
    """Send requests over one session; return the bodies."""
    session = HttpSession(
        base_url=url,
        token_header="X-Token",
        token="t0ken",
        user_agent="test",
        timeout_seconds=seconds,
    )
    try:
        return [session.send("GET", "/x?email=a@b.c").body for _ in range(times)]
    finally:
        session.close()


# Responses bounded in time.


def drip(head: bytes, pieces: bytes, *, size: int = 1) -> Callable[..., None]:
    """Send the head at once, and the pieces again and again, slowly."""

    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(head)
        for at in range(0, 10**6, size):
            time.sleep(0.02)
            start = at % len(pieces)
            connection.sendall(pieces[start : start + size])

    return talk


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ZIPPED = OK + b"Content-Encoding: gzip\r\nContent-Length: 99999999\r\n\r\n"
DRIPS = {
    "status line": drip(b"", b"HTTP/1.1 200 " + b"O" * 10**5),
    "header": drip(OK, b"X-Long: " + b"a" * 10**5),
    "headers": drip(OK, b"X: a\r\n", size=6),
    "interim responses": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n", size=25),
    "body": drip(OK + b"Content-Length: 99999999\r\n\r\n", b"a"),
    "body without length": drip(OK + b"Connection: close\r\n\r\n", b"a"),
    "chunks": drip(CHUNKED, b"1\r\na\r\n", size=6),
    "size of a chunk": drip(CHUNKED, b"0" * 10**5),
    "trailer": drip(CHUNKED + b"0\r\n", b"X: a\r\n", size=6),
    "gzip": drip(ZIPPED, gzip.compress(bytes(10**8), 1)),
}


@pytest.mark.parametrize("talk", DRIPS.values(), ids=DRIPS)
def test_slow_response_ends_in_time(talk: Callable[..., None]) -> None:
    started = time.monotonic()
    with served(talk) as address, pytest.raises(NoResponseError) as caught:
        send(f"http://{address}", seconds=0.3)

    assert time.monotonic() - started < 3
    assert caught.value.reason == "timed out after request_timeout_seconds"


def test_each_response_has_its_own_time() -> None:
    def talk(connection: socket.socket) -> None:
        while connection.recv(4096):
            for at in range(0, len(WHOLE), 10):
                time.sleep(0.1)
                connection.sendall(WHOLE[at : at + 10])

    with served(talk) as address:
        bodies = send(f"http://{address}", seconds=1.5, times=4)

    assert bodies == [b"{}"] * 4


# Connections that cannot work.


def closed_port() -> str:
    """Return the address of a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


def respond(content: bytes) -> Callable[[socket.socket], None]:
    """Send a response to whatever comes."""

    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(content)

    return talk


def failure_of(url: str) -> UnreachableError:
    """Send a request that makes no connection; return the error."""
    started = time.monotonic()
    with pytest.raises(UnreachableError) as caught:
        send(url)
    assert time.monotonic() - started < 8
    assert "a@b.c" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_refused_loopback_names_sandbox_and_production(scheme: str) -> None:
    address = closed_port()

    error = failure_of(f"{scheme}://{address}")

    assert error.reason == f"{address} refused the connection"
    assert "python -m sandbox" in error.fix
    assert "--environment=production" in error.fix


@pytest.mark.parametrize("host", ["api.example.invalid", "api.example.invalid:8443"])
def test_unknown_host_is_named(host: str) -> None:
    error = failure_of(f"https://{host}")

    assert "the host api.example.invalid is unknown" in error.reason
    assert "api_url" in error.fix


@pytest.mark.parametrize("content", [b"HTTP/1.1 400 Bad\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_https_to_another_protocol_names_the_scheme(content: bytes) -> None:
    with served(respond(content)) as address:
        error = failure_of(f"https://{address}")

    assert error.reason == f"{address} does not speak https"
    assert "scheme" in error.fix


def test_http_to_https_names_the_scheme() -> None:
    alert = b"\x15\x03\x03\x00\x02\x02\x46"

    with served(respond(alert)) as address:
        error = failure_of(f"http://{address}")

    assert error.reason == f"{address} speaks https, not http"


def test_silent_handshake_ends_after_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CONNECT_TIMEOUT_SECONDS", 0.3)

    def talk(connection: socket.socket) -> None:
        while connection.recv(4096):
            pass

    with served(talk) as address:
        error = failure_of(f"https://{address}")

    assert f"{address} did not complete the handshake" in error.reason


@pytest.mark.parametrize("kind", ["closed", "unknown", "407"])
def test_proxy_that_fails_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(respond(b"HTTP/1.1 407 Proxy Authentication\r\n\r\n")) as address:
        proxies = {
            "closed": closed_port(),
            "unknown": "proxy.invalid:8",
            "407": address,
        }
        proxy = proxies[kind]
        monkeypatch.setenv("https_proxy", f"http://user:s3cret@{proxy}")
        error = failure_of("https://api.example.com")

    assert proxy.partition(":")[0] in error.reason
    assert "https_proxy" in error.fix
    assert "s3cret" not in f"{error.reason} {error.fix}"


# Certificates.


def openssl(folder: Path, *args: str) -> None:
    """Run openssl in a folder."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    subprocess.run([program, *args], check=True, cwd=folder, capture_output=True)


def certify(folder: Path, *, days: int, name: str) -> ssl.SSLContext:
    """Create cert.pem, signed by itself; return the context of a server."""
    (folder / "names").write_text(f"subjectAltName={name}")
    curve = ("-pkeyopt", "ec_paramgen_curve:prime256v1")
    request = ("-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=test")
    openssl(folder, "req", "-new", "-newkey", "ec", *curve, "-nodes", *request)
    signed = ("-signkey", "key.pem", "-extfile", "names", "-days", str(days))
    openssl(folder, "x509", "-req", "-in", "request.pem", *signed, "-out", "cert.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@contextmanager
def served_securely(context: ssl.SSLContext) -> Iterator[str]:
    """Serve a complete response over TLS; yield host and port."""

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(WHOLE)

    with served(talk) as address:
        yield address


@pytest.mark.parametrize(
    ("days", "name", "is_trusted", "words"),
    [
        (2, "IP:127.0.0.1", False, ["not trusted", "set REQUESTS_CA_BUNDLE"]),
        (-1, "IP:127.0.0.1", True, ["has expired", "clock", "REQUESTS_CA_BUNDLE"]),
        (2, "IP:127.0.0.2", True, ["for another host", "api_url"]),
        (2, "DNS:api.example.com", True, ["for another host", "api_url"]),
    ],
    ids=["untrusted", "expired", "other address", "other name"],
)
def test_bad_certificate_is_named_with_its_fix(
    days: int,
    name: str,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_trusted: bool,
) -> None:
    context = certify(tmp_path, days=days, name=name)
    if is_trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))

    with (
        served_securely(context) as address,
        pytest.raises(UnexpectedResponseError) as caught,
    ):
        send(f"https://{address}")

    message = str(caught.value)
    assert message.startswith(f"GET /x failed: the certificate of {address} ")
    assert [word for word in words if word not in message] == []


def test_trusted_certificate_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = certify(tmp_path, days=2, name="IP:127.0.0.1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))

    with served_securely(context) as address:
        assert send(f"https://{address}") == [b"{}"]


@pytest.mark.parametrize("variable", BUNDLES)
@pytest.mark.parametrize("content", [None, "not a certificate", ""])
def test_unusable_bundle_is_named(
    variable: str,
    content: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv(variable, str(path))

    with (
        served(respond(WHOLE)) as address,
        pytest.raises(
            UnexpectedResponseError, match=rf"{variable} names .*bundle\.pem"
        ),
    ):
        send(f"https://{address}")


# Attempts.


def test_failed_connection_is_tried_three_times() -> None:
    waits: list[float] = []
    error = UnreachableError("x.invalid:443 refused the connection", "Check api_url.")

    def call() -> None:
        raise ConnectionFailedError("GET /x", error)

    with pytest.raises(RetriesExhaustedError) as caught:
        call_with_retries(
            call,
            retry_on=ConnectionFailedError,
            sleep=waits.append,
            wait=lambda _error, attempts: 1.0 * attempts,
            on_retry=lambda *_: None,
            hint="the state is kept.",
        )

    assert waits == [1, 2]
    assert str(caught.value) == (
        "GET /x failed: x.invalid:443 refused the connection. Check api_url. Gave up"
        " after 3 attempts."
    )
