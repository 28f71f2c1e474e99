"""HTTP to one API: a session that cannot leak the token, and a retry loop.

The session follows no redirects, ignores .netrc, stores no cookies, bypasses proxies
for plain http and limits the size of a response body. It makes a single attempt; the
caller decides what a failure means and whether the request may be repeated.
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

from .connections import (
    CONNECT_TIMEOUT_SECONDS,
    BoundedAdapter,
    Endpoint,
    ca_bundle_problem,
)
from .errors import (
    ConnectionFailedError,
    NoResponseError,
    RetriesExhaustedError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

CHUNK_BYTES = 2**16
MAX_BODY_BYTES = 2**28  # Over twice a Lytics page of 100 profiles of 1 MB.
MAX_ATTEMPTS = 10
MAX_CONNECTION_ATTEMPTS = 3
MAX_BACKOFF_SECONDS = 60.0
MAX_RETRY_AFTER_SECONDS = 900.0  # Longer waits are cut to this.
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
    """Sends one request, once: `HttpSession` or a replacement for it."""

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
    """Connections to one API; up to 10 threads may send at the same time.

    So many connections are kept open: the size of a pool of `requests`.

    Args:
        base_url: prefix of every target.
        token_header: name of the header that carries the token.
        token: sent unchanged.
        user_agent: value of the `User-Agent` header.
        timeout_seconds: limit for a whole response, from its first header to the end of
            its body. The connect timeout is 5 seconds.
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
        self._session.mount("https://", BoundedAdapter())
        self._session.mount("http://", BoundedAdapter())
        self._session.auth = _HeaderAuth(token_header, token)
        self._session.headers.update({"User-Agent": user_agent, **(headers or {})})
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        # Read proxies and certificates from the environment once, not per request.
        # Plain http is only used on this machine; a proxy would receive the token.
        self._environment = self._session.merge_environment_settings(
            base_url, {"http": ""}, stream=True, verify=None, cert=None
        )
        self._endpoint = Endpoint(base_url, self._environment["proxies"])

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
            body: request body; None for no body.
            content_type: media type of the body.

        Raises:
            UnreachableError: when no connection was made, so nothing was sent.
            NoResponseError: when no complete response arrived; the request may or may
                not have been processed.
            UnexpectedResponseError: when the request cannot be sent, the certificate
                is invalid, or the response body is too large.
        """
        call = f"{method} {target.partition('?')[0]}"
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
            raise self._endpoint.failure(call, error) from None
        except OSError:  # Of the file of certificates.
            raise UnexpectedResponseError(
                f"{call} failed: {ca_bundle_problem()}"
            ) from None
        except ValueError as error:
            raise NoResponseError(type(error).__name__) from None
        if content is None:
            raise UnexpectedResponseError(
                f"{call} returned {response.status_code} with a body of more than"
                f" {MAX_BODY_BYTES >> 20} MiB, more than any response of"
                " this API. Check api_url."
            )
        return HttpResponse(
            status=response.status_code, headers=response.headers, body=content
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
        self._session.adapters.clear()


class _HeaderAuth(AuthBase):
    """Sets the token header. Without an `auth`, requests would read .netrc."""

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
        # fails on a malformed one.
        return None


def _read_body(response: requests.Response) -> bytes | None:
    """Read and decompress a body; None if it exceeds `MAX_BODY_BYTES`."""
    chunks, size = [], 0
    for chunk in response.iter_content(CHUNK_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
    return b"".join(chunks)


# Retries.


def parse_http_date(header: str | None) -> datetime | None:
    """Parse an HTTP date; None if it is absent or malformed."""
    try:
        at = parsedate_to_datetime(header or "")
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (OverflowError, TypeError, ValueError):
        return None


def parse_retry_after(
    header: str | None, *, now: datetime | None = None
) -> float | None:
    """Parse Retry-After (seconds or a date) to 0 to 900 seconds; None if invalid."""
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
    """Return the seconds to wait after a failed attempt: full jitter, at most 60.

    Args:
        attempt: number of attempts made so far, starting at 1.
        jitter: a random number from 0 to 1.
    """
    return jitter * min(MAX_BACKOFF_SECONDS, 2.0 ** min(attempt - 1, 10))


def max_attempts(error: BaseException | None) -> int:
    """Return how many attempts are made while a call fails with this error."""
    is_connection = isinstance(error, ConnectionFailedError)
    return MAX_CONNECTION_ATTEMPTS if is_connection else MAX_ATTEMPTS


def call_with_retries(  # noqa: PLR0913 - one loop for both plugins
    call: Callable[[], T],
    *,
    retry_on: type[Exception] | tuple[type[Exception], ...],
    sleep: Callable[[float], None],
    wait: Callable[[Exception, int], float],
    on_retry: Callable[[Exception, int, float], None],
    hint: str,
    counted_attempts: int = MAX_ATTEMPTS,
    is_counted: Callable[[Exception], bool] = lambda _error: True,
) -> T:
    """Call until it succeeds, at most 10 times; 3 times if no connection is made.

    Args:
        call: the call.
        retry_on: errors after which another attempt may succeed.
        sleep: waits for a number of seconds; an error that it raises ends the loop.
        wait: returns the seconds to wait, given the error and the number of attempts
            made.
        on_retry: called before each wait with the error, the number of the next
            attempt and the seconds.
        hint: completes the final error, after the number of attempts.
        counted_attempts: number of counted attempts; below 10 to give up earlier.
        is_counted: whether an attempt that failed with this error is counted.

    Raises:
        RetriesExhaustedError: when every attempt failed; its cause is the last error.
    """

    def error_of(state: tenacity.RetryCallState) -> Exception:
        error = state.outcome.exception() if state.outcome else None
        assert isinstance(error, Exception)  # noqa: S101 - only these are retried
        return error

    counted = 0

    def is_last(state: tenacity.RetryCallState) -> bool:
        nonlocal counted
        error = error_of(state)
        counted += is_counted(error)
        most = max_attempts(error)
        return counted >= counted_attempts or state.attempt_number >= most

    def before_sleep(state: tenacity.RetryCallState) -> None:
        seconds = state.next_action.sleep if state.next_action else 0.0
        on_retry(error_of(state), state.attempt_number + 1, seconds)

    retrying = tenacity.Retrying(
        sleep=sleep,
        stop=is_last,
        wait=lambda state: wait(error_of(state), state.attempt_number),
        retry=tenacity.retry_if_exception_type(retry_on),
        before_sleep=before_sleep,
        reraise=True,
    )
    try:
        return retrying(call)
    except retry_on as last:
        ending = f"Gave up after {retrying.statistics['attempt_number']} attempts"
        if isinstance(last, ConnectionFailedError):
            ending = f"{last.fix} {ending}."
        else:
            ending = f"{ending}; {hint}"
        raise RetriesExhaustedError(f"{last} {ending}") from last
