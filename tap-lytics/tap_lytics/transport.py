"""One request to Lytics, tried until it is answered or there is no hope."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import requests
import tenacity
import urllib3

from .errors import AuthError, ProtocolError, RetriableError
from .headers import retry_after, to_date
from .session import open_session, read_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

T = TypeVar("T")

MAX_TRIES = 10  # As Lytics' own client.
LONGEST_WAIT_SECONDS = 60.0
REFUSALS = {
    401: "the setting api_token holds a wrong or expired token. Make one in Lytics"
    " under Account > Security.",
    403: "the role of the token in the setting api_token does not reach; it must be"
    " able to read segments, tables and schemas.",
}
TRANSIENT = frozenset({408, 425, 429})

logger = logging.getLogger("tap-lytics.transport")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked: where, how, and what for, in the words of an error."""

    method: str
    path: str
    what: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, whatever its status below 500."""

    status: int
    body: bytes
    at: datetime | None


class Transport:
    """Sends calls; retries what may pass, gives back what is for the client to judge.

    Args:
        base_url: what stands before every path.
        token: sent in `Authorization`.
        user_agent: sent in `User-Agent`.
        timeout: seconds for a connection, and again for each wait for an answer.
        sleep: waits between two tries; raises when the user wants to stop.
        wait: how long to wait before the next try, by the number of tries made.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: str,
        user_agent: str,
        timeout: float,
        sleep: Callable[[float], None],
        wait: tenacity.wait.wait_base | None = None,
    ) -> None:
        self._base_url = base_url
        self._timeout = timeout
        self._sleep = sleep
        self._backoff = wait or tenacity.wait_random_exponential(
            max=LONGEST_WAIT_SECONDS
        )
        self._session = open_session(token, user_agent)
        # Proxies and certificates: read from the environment once, not with every call.
        # Plain http is for this machine: a proxy would carry the token away.
        self._environment = self._session.merge_environment_settings(
            base_url, {"http": ""}, stream=True, verify=None, cert=None
        )

    def send(self, call: Call, read: Callable[[Answer], T]) -> T:
        """Send a call until `read` makes something of its answer.

        `read` raises RetriableError for an answer that another try may better.

        Raises:
            AuthError: for a 401 or 403.
            LyticsUnavailableError: when all tries failed.
            InterruptedByUserError: when a wait between two tries was.
        """
        retrying = tenacity.Retrying(
            sleep=self._sleep,
            stop=tenacity.stop_after_attempt(MAX_TRIES),
            wait=self._wait,
            retry=tenacity.retry_if_exception_type(RetriableError),
            before_sleep=_tell_of_retry,
            reraise=True,
        )
        try:
            return retrying(lambda: read(self._try_once(call)))
        except RetriableError as last:
            raise last.finally_(
                f"{last} Gave up after {MAX_TRIES} tries; what was read so far is in"
                " the state, and the next run goes on from there."
            ) from None

    def _try_once(self, call: Call) -> Answer:
        try:
            with self._session.send(
                self._session.prepare_request(self._request(call)),
                timeout=self._timeout,
                allow_redirects=False,
                **self._environment,
            ) as response:
                return _admit(call, response, read_body(response))
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            ValueError,
        ) as e:
            # Its text holds the address with the cursor; its kind says enough.
            raise RetriableError(
                f"No answer from Lytics to {call.what} ({type(e).__name__})."
            ) from None

    def _request(self, call: Call) -> requests.Request:
        return requests.Request(
            call.method,
            self._base_url + call.path,
            params=dict(call.query),
            data=None if call.body is None else call.body.encode(),
            headers={} if call.body is None else {"Content-Type": "text/plain"},
        )

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, RetriableError) else None
        return self._backoff(state) if asked is None else asked


def _admit(call: Call, response: requests.Response, body: bytes | None) -> Answer:
    status, headers = response.status_code, response.headers
    if status in TRANSIENT or status >= 500:  # noqa: PLR2004 - server errors
        raise RetriableError(
            f"Lytics answered {status} to {call.what}.",
            retry_after=retry_after(headers.get("Retry-After")),
        )
    if status in REFUSALS:
        raise AuthError(f"Lytics answered {status} to {call.what}: {REFUSALS[status]}")
    if 300 <= status < 400:  # noqa: PLR2004 - redirects
        raise ProtocolError(
            f"Lytics answered {call.what} with a redirect ({status}), which is not"
            " followed as it would carry the token along: check api_url."
        )
    if body is None:
        raise ProtocolError(f"Lytics answered {call.what} with more than it can have.")
    return Answer(status=status, body=body, at=to_date(headers.get("Date")))


def _tell_of_retry(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0.0
    logger.warning(
        "%s Try %d of %d in %.1f s.",
        error,
        state.attempt_number + 1,
        MAX_TRIES,
        seconds,
    )
