"""One request to BigCommerce, tried until it is answered or there is no hope."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec
import requests
import tenacity

from .api.answers import read_json
from .api.session import open_session
from .api.verdicts import judge, unanswered
from .api.wire import Answer
from .errors import (
    BigCommerceError,
    PassingError,
    ProtocolError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .api.session import OpenSession
    from .api.wire import Call
    from .interrupt import Interrupt
    from .throttle import Throttle

T = TypeVar("T")

MAX_TRIES = 10
LONGEST_WAIT_SECONDS = 60.0
CONNECT_SECONDS = 5.0
PASSING = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)

logger = logging.getLogger("target-bigcommerce.transport")


class Transport:
    """Sends calls from any thread; retries what may pass.

    Args:
        base_url: what stands before every path: `{api_url}/stores/{hash}/v3`.
        access_token: sent in `X-Auth-Token`.
        user_agent: sent in `User-Agent`.
        timeout_seconds: for each wait for an answer.
        throttle: says when a call may start.
        interrupt: ends every wait.
        backoff: how long to wait before the next try, by the number of tries made.
        open_session: connects a thread, by the token and the user agent.
        on_call: told each try's endpoint and status, 0 for no answer; one at a time.
    """

    def __init__(  # noqa: PLR0913 - what a request is made of
        self,
        *,
        base_url: str,
        access_token: str,
        user_agent: str,
        timeout_seconds: float,
        throttle: Throttle,
        interrupt: Interrupt,
        backoff: Callable[[tenacity.RetryCallState], float] | None = None,
        open_session: OpenSession = open_session,
        on_call: Callable[[str, int], None] = lambda _endpoint, _status: None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._open = partial(open_session, access_token, user_agent)
        self._timeouts = (CONNECT_SECONDS, timeout_seconds)
        self.throttle = throttle
        self._interrupt = interrupt
        self._backoff = backoff or tenacity.wait_random_exponential(
            max=LONGEST_WAIT_SECONDS
        )
        self._on_call = on_call
        self._here = threading.local()
        self._lock = threading.Lock()
        self._encoder = msgspec.json.Encoder(decimal_format="number")

    def send(self, call: Call) -> Answer:
        """Send a call until it is answered.

        Raises:
            AuthError: for a 401 or 403.
            RefusedError: when the rows, or the length of a list, are refused.
            UnansweredError: when a POST may or may not have been applied.
            UnavailableError: when all tries failed.
            ProtocolError: for any other answer.
            InterruptedByUserError: when a signal came; no further try begins.
        """
        return self.until(lambda: self._try_once(call), PassingError)

    def until(self, act: Callable[[], T], *passing: type[Exception]) -> T:
        """Act until it does not raise what may pass, with back-off between tries.

        Raises:
            UnavailableError: when all tries failed.
        """
        retrying = tenacity.Retrying(
            sleep=self._interrupt.wait,
            stop=tenacity.stop_after_attempt(MAX_TRIES),
            wait=self._pause,
            retry=tenacity.retry_if_exception_type(passing),
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            return retrying(act)
        except passing as last:
            raise UnavailableError(
                f"{last} Gave up after {MAX_TRIES} tries; what was not written stays"
                " behind the state, and the next run goes on from there."
            ) from None

    def url(self, call: Call) -> str:
        """The whole address of a call."""
        return self._base_url + call.target

    def _try_once(self, call: Call) -> Answer:
        with self.throttle.slot() as slot:
            try:
                response = self._request(call)
            except (requests.RequestException, ValueError) as error:
                self._count(call, 0)
                raise _no_answer(call, error) from None
            slot.observe(response.status_code, response.headers)
        self._count(call, response.status_code)
        refused = judge(call, response.status_code, response.content)
        if refused:
            raise refused
        return Answer(
            status=response.status_code,
            body=read_json(response.content),
            headers=response.headers,
        )

    def _request(self, call: Call) -> requests.Response:
        body = None if call.body is None else self._encoder.encode(call.body)
        return self._session().request(
            call.method,
            self.url(call),
            data=body,
            headers={} if body is None else {"Content-Type": "application/json"},
            timeout=self._timeouts,
            allow_redirects=False,  # A redirect would carry the token elsewhere.
            # Plain http is for this machine: a proxy would carry the token away.
            proxies={"http": ""},
        )

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._here, "session", None)
        if session is None:
            session = self._here.session = self._open()
        return session

    def _count(self, call: Call, status: int) -> None:
        with self._lock:
            self._on_call(call.endpoint, status)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        # After a 429 the throttle waits, for all threads at once.
        return 0.0 if _is_throttled(state) else float(self._backoff(state))

    def _tell(self, state: tenacity.RetryCallState) -> None:
        waits = state.next_action.sleep if state.next_action else 0.0
        if _is_throttled(state):
            waits = self.throttle.hold_seconds
        logger.warning(
            "%s Try %d of %d in %.1f s.",
            _error_of(state),
            state.attempt_number + 1,
            MAX_TRIES,
            waits,
        )


def _no_answer(call: Call, error: Exception) -> BigCommerceError:
    # The error's own text holds the address with its list; its kind says enough.
    kind = type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return ProtocolError(
            f"The certificate of the host in api_url could not be verified"
            f" ({call.endpoint}): check api_url, or the proxy in between."
        )
    if isinstance(error, PASSING):
        return unanswered(call, None, kind)
    return ProtocolError(
        f"{call.endpoint} could not be sent ({kind}): check the settings api_url,"
        " access_token and user_agent."
    )


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _is_throttled(state: tenacity.RetryCallState) -> bool:
    error = _error_of(state)
    return isinstance(error, PassingError) and error.throttled
