"""One request to Lytics: which responses are errors, and which are retried.

Lytics wraps its responses in an envelope with a status of its own. It has reported
errors in the envelope of a 200 response, so the envelope decides.
"""

from __future__ import annotations

import logging
import random
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import msgspec

from singer_kit.errors import (
    AuthError,
    ConnectionFailedError,
    NoResponseError,
    RetriableError,
    RetriesExhaustedError,
    UnexpectedResponseError,
    UnreachableError,
)
from singer_kit.http import (
    HttpSession,
    call_with_retries,
    exponential_backoff,
    max_attempts,
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
STATUS_TEXT = re.compile(r"\s*([0-9]{3})(\.0+)?\s*")
SUCCESS = range(200, 300)
ERRORS = range(400, 600)
SUCCESS_WORDS = frozenset({"", "ok", "success"})
# The word of a version 2 code, such as UNAUTHORIZED-017, and its status.
CODE_WORD = re.compile(r"[A-Za-z_ ]+")
STATUS_BY_WORD = {
    **{status.name.replace("_", ""): status.value for status in HTTPStatus},
    "INTERNAL": HTTPStatus.INTERNAL_SERVER_ERROR.value,
    "INTERNALERROR": HTTPStatus.INTERNAL_SERVER_ERROR.value,
}

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

    `status` is that of the envelope if it reports an error, else that of HTTP, and
    `http_status` always the latter. `content` is the body, None if it is not a JSON
    object; `date` is the Date header, None without a valid one.
    """

    status: int
    http_status: int
    content: dict[str, Any] | None
    date: datetime | None

    @property
    def outcome(self) -> str:
        """The status for a message."""
        return _outcome(self.status, self.http_status)


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
        self._has_response = False

    def send(self, request: ApiRequest, read: Callable[[ApiResponse], T]) -> T:
        """Send a request, up to ten times, until `read` accepts its response.

        Three times, if no connection is made before the first response of the run.

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
            if isinstance(error, UnreachableError) and not self._has_response:
                raise ConnectionFailedError(request, error) from None
            raise RetriableError(f"{request} got no response ({error}).") from None
        self._has_response = True
        return read_response(request, response)


def open_session(settings: Settings) -> HttpSession:
    """Create the session for Lytics, which expects the token without a scheme."""
    return HttpSession(
        base_url=settings.api_url,
        token_header="Authorization",  # noqa: S106 - a header's name
        token=settings.api_token,
        user_agent=settings.user_agent,
        timeout_seconds=settings.request_timeout_seconds,
    )


def read_response(request: ApiRequest, response: HttpResponse) -> ApiResponse:
    """Read a response by its HTTP status, then by its envelope.

    Raises:
        AuthError: for a 401 or 403.
        RetriableError: for a response worth another attempt.
        UnexpectedResponseError: for a redirect.
    """
    http_status, headers = response.status, response.headers
    if HTTPStatus.MULTIPLE_CHOICES <= http_status < HTTPStatus.BAD_REQUEST:
        raise UnexpectedResponseError(
            f"{request} returned {http_status}, a redirect. It is not followed, because"
            " that would send the token elsewhere: check api_url."
        )
    is_failure = http_status >= HTTPStatus.INTERNAL_SERVER_ERROR
    content = None if is_failure else _decode(response.body)
    status = _status(request, http_status, content or {})
    outcome = _outcome(status, http_status)
    if status in TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise RetriableError(
            f"{request} returned {outcome}.",
            retry_after=parse_retry_after(headers.get("Retry-After")),
        )
    if status in AUTH_ERRORS:
        reason = AUTH_ERRORS[HTTPStatus(status)]
        raise AuthError(f"{request} returned {outcome}: {reason}")
    return ApiResponse(
        status=status,
        http_status=http_status,
        content=content,
        date=parse_http_date(headers.get("Date")),
    )


def _status(request: ApiRequest, http_status: int, content: Mapping[str, Any]) -> int:
    """Return the status of a response by HTTP and by its envelope."""
    try:
        reported = _error_status(content)
    except ValueError:
        if http_status not in SUCCESS:
            return http_status
        raise MalformedResponseError(
            f"{request} returned {http_status} with an unknown status in its body."
        ) from None
    if reported is None and http_status in SUCCESS and _has_error_text(content):
        raise RetriableError(
            f"{request} returned {http_status} with an error and no data."
        )
    return reported or http_status


def _outcome(status: int, http_status: int) -> str:
    shown = str(status)
    return (
        shown if status == http_status else f"{shown} (in the body of a {http_status})"
    )


def _decode(body: bytes) -> dict[str, Any] | None:
    try:
        content = msgspec.json.decode(body)
    except (ValueError, RecursionError):  # Not JSON, not UTF-8, or nested too deeply.
        return None
    return content if isinstance(content, dict) else None


def _error_status(content: Mapping[str, Any]) -> int | None:
    """Return the status of the error that an envelope reports; None without one.

    Version 2 errors have a `code` such as UNAUTHORIZED-017 instead of data.

    Raises:
        ValueError: when its status is not one of HTTP.
    """
    given = content.get("status")
    if given is not None and not _is_success_word(given):
        status = _to_status(given)
        if status in ERRORS:
            return status
        if status not in SUCCESS:
            raise ValueError(given)
    code = content.get("code")
    if code is None or content.get("data") is not None:
        return None
    word = CODE_WORD.match(code) if isinstance(code, str) else None
    if word is None:
        status = _to_status(code)
        return status if status in ERRORS else None
    return STATUS_BY_WORD.get(re.sub("[_ ]", "", word[0]).upper())


def _to_status(value: object) -> int:
    """Read a status: a number, or text such as `"500"`."""
    if isinstance(value, str):
        found = STATUS_TEXT.fullmatch(value)
        return int(found[1]) if found else 0
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else 0


def _has_error_text(content: Mapping[str, Any]) -> bool:
    """Whether an envelope has an error's text and no data.

    An error is never an empty audience, nor an empty list of changes.
    """
    if content.get("data"):
        return False
    texts = (content.get(name) for name in ("message", "error", "errors"))
    return any(text and not _is_success_word(text) for text in texts)


def _is_success_word(value: object) -> bool:
    return isinstance(value, str) and value.strip().lower() in SUCCESS_WORDS


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
        max_attempts(error),
    )
