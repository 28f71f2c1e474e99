"""HTTP to one API: a session that cannot leak the token, and a retry loop.

The session follows no redirect, reads no .netrc, keeps no cookie, sends plain http past
any proxy and bounds the size of a body. It makes one attempt; what a failure means, and
whether a request may be repeated, is the caller's decision.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Protocol, TypeVar

import requests
import tenacity
import urllib3
from requests.auth import AuthBase
from requests.utils import check_header_validity
from typing_extensions import override

from .errors import NoResponseError, RetriesExhaustedError, UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 5.0
CHUNK_BYTES = 2**16
MAX_BODY_BYTES = 2**28  # Over twice a Lytics page of 100 profiles of 1 MB.
MAX_ATTEMPTS = 10
MAX_BACKOFF_SECONDS = 60.0
MAX_RETRY_AFTER_SECONDS = 900.0  # A longer wait is not honoured.
SECONDS = re.compile(r"[0-9]+")  # str.isdigit accepts more than float does.

# Their warnings quote URLs and headers, which may hold tokens and email addresses.
for _name in ("connection", "connectionpool", "response"):
    logging.getLogger(f"urllib3.{_name}").addFilter(
        lambda record: record.levelno < logging.WARNING
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """Status, headers (case-insensitive) and the unpacked body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpSender(Protocol):
    """One attempt at one request: an `HttpSession`, or what stands in for it."""

    def send(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> HttpResponse:
        """Send a request; `target` is path and query, already encoded."""

    def close(self) -> None:
        """Close the connections."""


class HttpSession:
    """Connections to one API, for one thread at a time.

    Args:
        base_url: what precedes every target.
        token_header: the header that carries the token.
        token: sent as it is.
        user_agent: sent in `User-Agent`.
        timeout_seconds: for each wait for data; a connection gets 5 seconds at most.
        headers: sent with every request.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token_header: str,
        token: str,
        user_agent: str,
        timeout_seconds: float,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._base_url = base_url
        self._timeouts = (CONNECT_TIMEOUT_SECONDS, timeout_seconds)
        self._session = _Session()
        self._session.auth = _HeaderAuth(token_header, token)
        self._session.headers.update({"User-Agent": user_agent, **(headers or {})})
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        # Proxies and certificates, read from the environment once instead of with
        # every request. Plain http stays on this machine: a proxy would carry the
        # token away.
        self._environment = self._session.merge_environment_settings(
            base_url, {"http": ""}, stream=True, verify=None, cert=None
        )

    def send(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> HttpResponse:
        """Make one attempt.

        Args:
            method: the HTTP method.
            target: path and query, already encoded.
            body: sent with its content type; None for no body.
            content_type: of the body.

        Raises:
            NoResponseError: when no whole response arrived; the request may or may
                not have been processed.
            UnexpectedResponseError: when the request cannot be sent at all, the
                certificate is not valid, or the body is too large.
        """
        endpoint = f"{method} {target.partition('?')[0]}"
        try:
            request = self._session.prepare_request(
                requests.Request(
                    method,
                    self._base_url + target,
                    data=body,
                    headers={} if body is None else {"Content-Type": content_type},
                )
            )
            with self._session.send(
                request,
                timeout=self._timeouts,
                allow_redirects=False,
                **self._environment,
            ) as response:
                content = _read_body(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _failure(endpoint, error) from None
        except ValueError as error:
            raise NoResponseError(type(error).__name__) from None
        if content is None:
            raise UnexpectedResponseError(
                f"{endpoint} returned {response.status_code} with a body of more than"
                f" {MAX_BODY_BYTES >> 20} MiB, which no response has. Check api_url."
            )
        return HttpResponse(
            status=response.status_code, headers=response.headers, body=content
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
        self._session.adapters.clear()


class _HeaderAuth(AuthBase):
    """The token in its header. As an `auth`, so that no .netrc replaces it."""

    def __init__(self, header: str, token: str) -> None:
        self._header = header
        self._token = token

    @override
    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers[self._header] = self._token
        check_header_validity((self._header, self._token))
        return r


class _Session(requests.Session):
    @override
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        # Even with allow_redirects=False, requests parses the Location header, and
        # fails on some.
        return None


def _read_body(response: requests.Response) -> bytes | None:
    """Read and unpack a body; None for one over the cap."""
    chunks, size = [], 0
    for chunk in response.iter_content(CHUNK_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
    return b"".join(chunks)


TRANSIENT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    urllib3.exceptions.HTTPError,
)


def _failure(endpoint: str, error: Exception) -> Exception:
    # The error's own text holds the URL; its class says enough.
    kind = type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return UnexpectedResponseError(
            f"{endpoint} failed: the certificate of the host in api_url could not be"
            " verified. Check api_url, or the proxy in between."
        )
    if isinstance(error, TRANSIENT):
        return NoResponseError(kind)
    return UnexpectedResponseError(
        f"{endpoint} could not be sent ({kind}). Check api_url, the token and"
        " user_agent."
    )


# Retries.


def parse_http_date(header: str | None) -> datetime | None:
    """Read the date of an HTTP header; None if it cannot be read."""
    try:
        at = parsedate_to_datetime(header or "")
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (OverflowError, TypeError, ValueError):
        return None


def parse_retry_after(
    header: str | None, *, now: datetime | None = None
) -> float | None:
    """Read Retry-After, seconds or a date, as seconds from 0 to 900; else None."""
    if header is None:
        return None
    if SECONDS.fullmatch(header.strip()):
        seconds = float(header)
    else:
        at = parse_http_date(header)
        if at is None:
            return None
        seconds = (at - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def exponential_backoff(attempt: int, jitter: float) -> float:
    """Seconds to wait after so many failed attempts: full jitter, 60 at most.

    Args:
        attempt: attempts made so far, from 1.
        jitter: a random number from 0 to 1.
    """
    return jitter * min(MAX_BACKOFF_SECONDS, 2.0 ** min(attempt - 1, 10))


def call_with_retries(
    call: Callable[[], T],
    *,
    retry_on: type[Exception] | tuple[type[Exception], ...],
    sleep: Callable[[float], None],
    wait: Callable[[Exception, int], float],
    on_retry: Callable[[Exception, int, float], None],
    hint: str,
) -> T:
    """Call until it succeeds, at most 10 times.

    Args:
        call: the call.
        retry_on: what it raises when another attempt may succeed.
        sleep: waits so many seconds; what it raises ends the loop.
        wait: seconds to wait, by the error and the number of attempts made.
        on_retry: logs a retry: the error, the next attempt's number, the seconds.
        hint: what the user can rely on, appended to the last error.

    Raises:
        RetriesExhaustedError: when the last attempt failed as well; that error is its
            cause.
    """

    def error_of(state: tenacity.RetryCallState) -> Exception:
        error = state.outcome.exception() if state.outcome else None
        assert isinstance(error, Exception)  # noqa: S101 - only these are retried
        return error

    def before_sleep(state: tenacity.RetryCallState) -> None:
        seconds = state.next_action.sleep if state.next_action else 0.0
        on_retry(error_of(state), state.attempt_number + 1, seconds)

    retrying = tenacity.Retrying(
        sleep=sleep,
        stop=tenacity.stop_after_attempt(MAX_ATTEMPTS),
        wait=lambda state: wait(error_of(state), state.attempt_number),
        retry=tenacity.retry_if_exception_type(retry_on),
        before_sleep=before_sleep,
        reraise=True,
    )
    try:
        return retrying(call)
    except retry_on as last:
        raise RetriesExhaustedError(
            f"{last} Gave up after {MAX_ATTEMPTS} attempts; {hint}"
        ) from last
