"""One request to Lytics: which responses are errors, and which are retried."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from singer_kit.errors import (
    AuthError,
    NoResponseError,
    RetriableError,
    RetriesExhaustedError,
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

from .errors import MalformedResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from singer_kit.http import HttpResponse, HttpSender

    from .settings import Settings

T = TypeVar("T")

AUTH_ERRORS = {
    HTTPStatus.UNAUTHORIZED: "the token is invalid or expired. Create one under Account"
    " > Security and set api_token.",
    HTTPStatus.FORBIDDEN: "the token's role does not permit this. Set api_token to a"
    " token whose role can read segments, tables and schemas.",
}
TRANSIENT = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)

logger = logging.getLogger("tap-lytics.transport")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """A request. Logs and errors name it by method, path and `detail`."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    detail: str = ""

    def __str__(self) -> str:
        name = f"{self.method} {self.path}"
        return f"{name} ({self.detail})" if self.detail else name

    @property
    def target(self) -> str:
        """The path and the encoded query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """A response that is neither an error of the token nor worth a retry.

    `date` is its Date header, None without a valid one.
    """

    status: int
    body: bytes
    date: datetime | None


class Transport:
    """Sends requests, and retries what may succeed on another attempt.

    Args:
        sender: makes one attempt.
        sleep: waits this many seconds between attempts; raises
            ShutdownRequestedError to end the run.
    """

    def __init__(self, sender: HttpSender, *, sleep: Callable[[float], None]) -> None:
        self._sender = sender
        self._sleep = sleep

    def send(self, request: ApiRequest, read: Callable[[ApiResponse], T]) -> T:
        """Send a request, up to ten times, until `read` accepts its response.

        `read` raises RetriableError for a response worth another attempt.

        Raises:
            AuthError: for a 401 or 403.
            RetriesExhaustedError: when all attempts failed.
            UnexpectedResponseError: for a certificate that cannot be verified, a
                redirect, or a response that was malformed on the last attempt.
            ShutdownRequestedError: when a signal ended a wait.
        """
        try:
            return call_with_retries(
                lambda: read(self._attempt(request)),
                retry_on=RetriableError,
                sleep=self._sleep,
                wait=_seconds_to_wait,
                on_retry=_log_retry,
                hint="what was read so far is in the state, and the next run continues"
                " from there.",
            )
        except RetriesExhaustedError as error:
            if isinstance(error.__cause__, MalformedResponseError):
                raise UnexpectedResponseError(*error.args) from None
            raise

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def _attempt(self, request: ApiRequest) -> ApiResponse:
        body = None if request.body is None else request.body.encode()
        try:
            response = self._sender.send(
                request.method, request.target, body=body, content_type="text/plain"
            )
        except NoResponseError as error:
            raise RetriableError(f"{request} got no response ({error}).") from None
        return _check(request, response)


def open_session(settings: Settings) -> HttpSession:
    """Create the session for Lytics, which expects the token without a scheme."""
    return HttpSession(
        base_url=settings.api_url,
        token_header="Authorization",  # noqa: S106 - a header's name
        token=settings.api_token,
        user_agent=settings.user_agent,
        timeout_seconds=settings.request_timeout_seconds,
    )


def _check(request: ApiRequest, response: HttpResponse) -> ApiResponse:
    status, headers = response.status, response.headers
    if status in TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise RetriableError(
            f"{request} returned {status}.",
            retry_after=parse_retry_after(headers.get("Retry-After")),
        )
    if status in AUTH_ERRORS:
        reason = AUTH_ERRORS[HTTPStatus(status)]
        raise AuthError(f"{request} returned {status}: {reason}")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise UnexpectedResponseError(
            f"{request} returned {status}, a redirect. It is not followed, because that"
            " would send the token elsewhere: check api_url."
        )
    return ApiResponse(
        status=status, body=response.body, date=parse_http_date(headers.get("Date"))
    )


def _seconds_to_wait(error: Exception, attempts: int) -> float:
    if isinstance(error, RetriableError) and error.retry_after is not None:
        return error.retry_after
    jitter = random.random()  # noqa: S311 - not a secret
    return exponential_backoff(attempts, jitter)


def _log_retry(error: Exception, attempt: int, seconds: float) -> None:
    logger.warning(
        "%s Retrying in %.1f s (attempt %d of %d).",
        error,
        seconds,
        attempt,
        MAX_ATTEMPTS,
    )
