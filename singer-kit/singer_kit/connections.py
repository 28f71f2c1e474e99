"""Connections to one host: bounded in time, and failures named with their fix.

`requests` and `urllib3` bound each read, so a response that arrives byte by byte never
times out, and the texts of their errors quote the URL. Both are handled here.
"""

from __future__ import annotations

import errno
import http.client
import io
import ipaddress
import os
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from typing_extensions import override

from .errors import NoResponseError, UnexpectedResponseError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CONNECT_TIMEOUT_SECONDS = 5.0
TRANSIENT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    urllib3.exceptions.HTTPError,
)

# Responses bounded in time.


class BoundedAdapter(HTTPAdapter):
    """Lets the read timeout bound the whole response: status, headers and body."""

    @override
    def get_connection_with_tls_context(
        self,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        kind = pool.ConnectionCls
        if not issubclass(kind, _Bounded):
            pool.ConnectionCls = type(kind.__name__, (_Bounded, kind), {})
        return pool


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, **options: Any) -> None:  # noqa: ANN401 - http.client's
        super().__init__(sock, **options)
        seconds = sock.gettimeout()  # urllib3 sets it before it reads a response.
        if seconds is not None:
            end = time.monotonic() + seconds
            self.fp = io.BufferedReader(_BoundedReader(sock, self.fp.detach(), end))


class _Bounded:
    """Mixed into a connection of urllib3."""

    response_class = _BoundedResponse


class _BoundedReader(io.RawIOBase):
    """Reads from a socket until a point in time."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, end: float) -> None:
        super().__init__()
        self._socket = sock
        self._raw = raw
        self._end = end

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)
        return self._raw.readinto(buffer)

    @override
    def close(self) -> None:
        super().close()
        self._raw.close()


# Failures.

UNREACHABLE = frozenset(
    {
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.EHOSTDOWN,
        errno.EADDRNOTAVAIL,
        errno.EACCES,
        errno.EPERM,
    }
)
# OpenSSL's names of what a server sends that does not speak TLS.
NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"})
NO_CERTIFICATES = frozenset({"NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "PEM_LIB"})
TLS_ALERT = "\\x15\\x03"  # Begins what a TLS server responds to plain http, quoted.

# What means that no connection was made, and how it is reported.
PROBLEMS: tuple[tuple[Callable[[BaseException], bool], str], ...] = (
    (
        lambda e: isinstance(
            e, socket.gaierror | urllib3.exceptions.NameResolutionError
        ),
        "the host {host} is unknown on this machine (name resolution)",
    ),
    (
        lambda e: isinstance(e, ConnectionRefusedError),
        "{address} refused the connection",
    ),
    (
        lambda e: isinstance(e, requests.ConnectTimeout),
        f"{{address}} did not accept a connection within {CONNECT_TIMEOUT_SECONDS:g} s",
    ),
    (
        lambda e: isinstance(e, TimeoutError) and "handshake" in str(e),
        (
            "{address} did not complete the handshake of https within"
            f" {CONNECT_TIMEOUT_SECONDS:g} s"
        ),
    ),
    (
        lambda e: (
            isinstance(e, OSError)
            and not isinstance(e, ssl.SSLError)  # Whose errno is OpenSSL's.
            and e.errno in UNREACHABLE
        ),
        "{address} cannot be reached ({cause})",
    ),
    (
        lambda e: isinstance(e, OSError) and "Tunnel connection failed" in str(e),
        "the proxy {address} refused to connect to {api}",
    ),
    (
        lambda e: isinstance(e, ssl.SSLError) and e.reason in NO_TLS,
        "{address} does not speak https",
    ),
    (
        lambda e: isinstance(e, http.client.BadStatusLine) and TLS_ALERT in repr(e),
        "{address} speaks https, not http",
    ),
)


class Endpoint:
    """The host and port that a session connects to, for messages.

    Args:
        base_url: the URL of the API.
        proxies: the proxies in use, by scheme.
    """

    def __init__(self, base_url: str, proxies: Mapping[str, str] | None) -> None:
        url = urlsplit(base_url)
        self.is_loopback = is_loopback(url.hostname or "")
        self.address = _address(base_url)
        proxy = select_proxy(base_url, dict(proxies or {}))
        self.proxy = _address(proxy) if proxy else None

    def failure(self, call: str, error: Exception) -> Exception:
        """Return our error for one of `requests` or `urllib3`.

        Args:
            call: method and path, for the message.
            error: the error. Its text contains the URL and is not used.

        Returns:
            UnexpectedResponseError if another attempt cannot succeed, UnreachableError
            if no connection was made, else NoResponseError.
        """
        found = list(_chain(error))
        for each in found:
            if problem := self._certificate_problem(each):
                return UnexpectedResponseError(f"{call} failed: {problem}")
            if reason_and_fix := self._connection_problem(each, error):
                return UnreachableError(*reason_and_fix)
        if isinstance(error, TRANSIENT):
            return NoResponseError(self._reason(error, found))
        return UnexpectedResponseError(
            f"{call} could not be sent ({type(error).__name__}). Check api_url, the"
            " token and user_agent."
        )

    def _certificate_problem(self, error: BaseException) -> str:
        """Return problem and fix if the error is one of certificates."""
        if isinstance(error, ssl.SSLError) and error.reason in NO_CERTIFICATES:
            return ca_bundle_problem()
        if not isinstance(error, ssl.SSLCertVerificationError):
            return ""
        # The codes are OpenSSL's X509_V_ERR_*.
        name = f"the certificate of {self.address}"
        if error.verify_code in {9, 10}:
            state = "is not valid yet" if error.verify_code == 9 else "has expired"  # noqa: PLR2004 - see above
            return (
                f"{name} {state}. Check this machine's clock and, if it is set, the"
                " file in REQUESTS_CA_BUNDLE; otherwise the host's owner must replace"
                " the certificate."
            )
        if error.verify_code in {62, 64}:
            return f"{name} is for another host. Check the host name in api_url."
        return (
            f"{name} is not trusted on this machine ({error.verify_message}). If your"
            " own proxy or authority issued it, set REQUESTS_CA_BUNDLE to a file with"
            " that authority's certificate; otherwise check api_url."
        )

    def _connection_problem(
        self, each: BaseException, error: Exception
    ) -> tuple[str, str] | None:
        """Return reason and fix if this means that no connection was made."""
        is_proxy = isinstance(error, requests.exceptions.ProxyError)
        address = (self.proxy if is_proxy else None) or self.address
        template = next((text for is_it, text in PROBLEMS if is_it(each)), None)
        if template is None:
            return None
        cause = os.strerror(getattr(each, "errno", None) or 0)
        problem = template.format(
            address=address,
            host=address.rpartition(":")[0],
            api=self.address,
            cause=cause,
        )
        return problem, self._fix(problem, is_proxy=is_proxy)

    def _fix(self, problem: str, *, is_proxy: bool) -> str:
        if is_proxy:
            return "Check the variables https_proxy and no_proxy."
        if "https" in problem:
            return "Check the scheme and the port in api_url."
        if self.is_loopback:
            return (
                "api_url is a loopback address: start the sandbox (python -m sandbox"
                " run -- COMMAND), or run Meltano with --environment=production for"
                " your accounts."
            )
        if "unknown" in problem:
            return "Check the host in api_url, and this machine's network and DNS."
        return "Check api_url, and whether a firewall requires a proxy (https_proxy)."

    def _reason(self, error: Exception, found: list[BaseException]) -> str:
        for kinds, reason in (
            (
                (TimeoutError, urllib3.exceptions.ReadTimeoutError),
                "timed out after request_timeout_seconds",
            ),
            (
                http.client.RemoteDisconnected,
                f"{self.address} closed the connection without a response",
            ),
            (
                (ConnectionResetError, BrokenPipeError, ConnectionAbortedError),
                f"{self.address} reset the connection",
            ),
            (
                (http.client.IncompleteRead, urllib3.exceptions.IncompleteRead),
                "the response was cut off",
            ),
        ):
            if any(isinstance(each, kinds) for each in found):
                return reason
        return type(error).__name__


def ca_bundle_problem() -> str:
    """Return the message for a file of certificates that cannot be used."""
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if path := os.environ.get(variable):
            return (
                f"{variable} names {path}, which does not exist or holds no certificate"
                " in PEM form. Correct the variable, or unset it."
            )
    return "the certificates of this machine cannot be read. Install certifi again."


def is_loopback(host: str) -> bool:
    """Whether a host name or address is of this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(url: str) -> str:
    """Return host and port of a URL, without user and password."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 80)
    return f"{host}:{port}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors that it wraps, each once."""
    left, seen = [error], set()
    while left:
        each = left.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (*each.args, getattr(each, "reason", None))
        inner = (*inner, each.__cause__, each.__context__)
        left += [one for one in inner if isinstance(one, BaseException)]
