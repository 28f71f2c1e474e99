"""One request to BigCommerce, from any thread, repeated while that may help.

A request is repeated only where that is safe: a POST whose outcome is unknown is left
to the caller, who looks its rows up first. After a 429 the throttle waits for all
threads at once, so a retry adds no wait of its own.
"""

from __future__ import annotations

import logging
import random
import threading
from typing import TYPE_CHECKING, TypeVar

import msgspec

from singer_kit.errors import (
    NoResponseError,
    RetriableError,
    UnexpectedResponseError,
)
from singer_kit.http import (
    MAX_ATTEMPTS,
    HttpSession,
    call_with_retries,
    exponential_backoff,
)
from target_bigcommerce.errors import OutcomeUnknownError, ThrottledError

from .responses import outcome_unknown, parse_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_kit.http import HttpSender

    from .models import ApiRequest, ApiResponse
    from .throttle import Throttle

T = TypeVar("T")

HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip"}
HINT = "what was not written is not covered by the state, so the next run writes it."

logger = logging.getLogger("target-bigcommerce.transport")


def open_session(
    base_url: str, *, access_token: str, user_agent: str, timeout_seconds: float
) -> HttpSession:
    """Open a session with a store; `base_url` is `{api_url}/stores/{hash}/v3`."""
    return HttpSession(
        base_url=base_url,
        token_header="X-Auth-Token",  # noqa: S106 - a header's name
        token=access_token,
        user_agent=user_agent,
        timeout_seconds=timeout_seconds,
        headers=HEADERS,
    )


class Transport:
    """Sends requests from any thread and retries them.

    Args:
        base_url: what precedes the path of every request.
        open_session: opens the session of a thread.
        throttle: decides when a request may start.
        sleep: waits between attempts; raises when a shutdown is requested.
        jitter: returns a random number from 0 to 1, for the backoff.
        on_attempt: called after each attempt with endpoint and status, 0 for none; by
            one thread at a time.
    """

    def __init__(
        self,
        *,
        base_url: str,
        open_session: Callable[[], HttpSender],
        throttle: Throttle,
        sleep: Callable[[float], None],
        jitter: Callable[[], float] = random.random,
        on_attempt: Callable[[str, int], None] = lambda _endpoint, _status: None,
    ) -> None:
        self.throttle = throttle
        self._base_url = base_url
        self._open_session = open_session
        self._sleep = sleep
        self._jitter = jitter
        self._on_attempt = on_attempt
        self._local = threading.local()
        self._lock = threading.Lock()
        self._encoder = msgspec.json.Encoder(decimal_format="number")

    def send(self, request: ApiRequest) -> ApiResponse:
        """Send a request until it has a final response.

        Raises:
            AuthError: for a 401 or 403.
            RequestRejectedError: when the store rejects rows, or the length of a list.
            OutcomeUnknownError: when a POST may or may not have been applied.
            RetriesExhaustedError: when every attempt failed.
            UnexpectedResponseError: for any other response.
            ShutdownRequestedError: after a signal; no further attempt starts.
        """
        return self.retry(lambda: self._attempt(request), RetriableError)

    def retry(self, call: Callable[[], T], retry_on: type[Exception]) -> T:
        """Call until it does not raise that error, with a backoff between attempts.

        Raises:
            RetriesExhaustedError: when every attempt failed.
        """
        return call_with_retries(
            call,
            retry_on=retry_on,
            sleep=self._sleep,
            wait=self._wait_before_retry,
            on_retry=self._log_retry,
            hint=HINT,
        )

    def url_length(self, request: ApiRequest) -> int:
        """The length of a request's URL."""
        return len(self._base_url) + len(request.target)

    def _attempt(self, request: ApiRequest) -> ApiResponse:
        body = None if request.body is None else self._encoder.encode(request.body)
        with self.throttle.slot() as slot:
            try:
                response = self._session().send(
                    request.method, request.target, body=body
                )
            except NoResponseError as error:
                self._count(request, 0)
                what = f"got no usable response ({error.reason})"
                raise outcome_unknown(request, what) from None
            except UnexpectedResponseError:
                self._count(request, 0)
                raise
            slot.record(response.status, response.headers)
        self._count(request, response.status)
        return parse_response(request, response)

    def _session(self) -> HttpSender:
        session: HttpSender | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._open_session()
        return session

    def _count(self, request: ApiRequest, status: int) -> None:
        with self._lock:
            self._on_attempt(request.endpoint, status)

    def _wait_before_retry(self, error: Exception, attempt: int) -> float:
        if isinstance(error, ThrottledError):
            return 0.0  # The throttle waits.
        backoff = exponential_backoff(attempt, self._jitter())
        retry_after = None
        if isinstance(error, RetriableError | OutcomeUnknownError):
            retry_after = error.retry_after
        return max(backoff, retry_after or 0.0)

    def _log_retry(self, error: Exception, attempt: int, seconds: float) -> None:
        if isinstance(error, ThrottledError):
            seconds = self.throttle.cooldown_seconds
        logger.warning(
            "%s Attempt %d of %d in %.1f s.", error, attempt, MAX_ATTEMPTS, seconds
        )
