"""Decides whether a call failed because of one of its rows, so that it is bisected.

BigCommerce rejects rows with 413 and 422. With other statuses, and with errors that
last, either a row or the whole call can be at fault. The call is blamed if a read fails
as well, or if several rows in a row fail alone.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from singer_kit.errors import (
    AuthError,
    PluginError,
    RetriesExhaustedError,
    ShutdownRequestedError,
)
from target_bigcommerce.errors import (
    EndpointFailedError,
    ErrorDetails,
    FailedCallError,
    ForbiddenError,
    OutcomeUnknownError,
    RefusedCallError,
    ThrottledError,
)

from .models import ApiRequest
from .responses import SCOPE, STOPPED

if TYPE_CHECKING:
    from collections.abc import Callable

    from .transport import Transport

T = TypeVar("T")

BISECT_ATTEMPTS = 2  # Of each call while bisecting.
SUCCESS = range(200, 300)
MAX_ROWS_ALONE = 3  # In a row, with the same status.
CONTROL_READ = ApiRequest(
    method="GET", path="/customers", query={"limit": "1"}, attempts=BISECT_ATTEMPTS
)

logger = logging.getLogger("target-bigcommerce")


@dataclass(slots=True, kw_only=True)
class _Streak:
    """Rows in a row that failed alone with the same status."""

    status: int
    customers: set[object] = field(default_factory=set)
    rejections: list[Callable[[], object]] = field(default_factory=list)


class RowErrors:
    """Distinguishes bad rows from failing endpoints. Shared by all threads of a run.

    Args:
        transport: makes the control reads.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._has_written = False
        self._alone: dict[str, _Streak] = {}  # By kind of request.
        self._lock = threading.Lock()

    def record_success(self, request: ApiRequest) -> None:
        """Record that the store accepted rows, or returned what was asked for."""
        with self._lock:
            self._has_written |= request.method != "GET"
            self._alone.pop(_kind(request), None)

    def details_of(
        self, request: ApiRequest, error: PluginError, *, is_large: bool = False
    ) -> ErrorDetails:
        """Return the details of an error that one row of the call may have caused.

        Args:
            request: the call.
            error: its error.
            is_large: whether its size may be the cause, which smaller calls show.

        Raises:
            PluginError: the error itself, when a row cannot be the cause.
            EndpointFailedError: when only this endpoint is throttled.
        """
        details = _details(request, error)
        is_throttled = isinstance(error.__cause__, ThrottledError)
        if details is None and not is_throttled:
            raise error
        if isinstance(error, ForbiddenError) and not (self._has_written or is_large):
            raise error
        if not self._can_read():
            raise self._explain(error, request) from error.__cause__
        if details is None:
            raise EndpointFailedError(str(error)) from error
        logger.warning(
            "%s %s, although reads succeed: looking for a row that causes it.",
            request.endpoint,
            _describe(details),
        )
        return details

    def record_rejected(
        self,
        request: ApiRequest,
        details: ErrorDetails,
        customer: object,
        withdraw: Callable[[], object],
    ) -> None:
        """Record that a row failed alone.

        Args:
            request: the call with the row.
            details: the error.
            customer: whose row it is. One customer who comes again and again does not
                show that the call fails for others.
            withdraw: takes the rejection back, if the call turns out to be at fault.

        Raises:
            EndpointFailedError: for the third customer in a row with the same status.
        """
        with self._lock:
            streak = self._alone.get(_kind(request))
            if streak is None or streak.status != details.status:
                streak = self._alone[_kind(request)] = _Streak(status=details.status)
            streak.customers.add(customer)
            streak.rejections.append(withdraw)
            if len(streak.customers) < MAX_ROWS_ALONE:
                return
            for each in streak.rejections:
                each()
        raise EndpointFailedError(
            f"{request.endpoint} {_describe(details)}, for the third customer in a row"
            " whose row was sent alone, although reads succeed: it fails for every row,"
            f" not for a bad one. {_advice(details.status)} {STOPPED}"
        )

    def _can_read(self) -> bool:
        try:
            self._transport.send(CONTROL_READ)
        except ShutdownRequestedError:
            raise
        except PluginError:
            return False
        return True

    def _explain(self, error: PluginError, request: ApiRequest) -> PluginError:
        if not isinstance(error, ForbiddenError):
            return error
        return AuthError(
            f"{request.endpoint} {_describe(error.details)}, and reads fail as well,"
            " although writes of this run succeeded before: access_token was revoked or"
            f" its scope was changed during the run. Create a token with {SCOPE} and"
            " set access_token."
        )


def attempts_after(error: PluginError) -> int | None:
    """Return how often calls are tried when bisecting after this error."""
    # A 4xx is not retried, so what is retried then has nothing to do with it.
    return BISECT_ATTEMPTS if isinstance(error, RetriesExhaustedError) else None


def call_twice(call: Callable[[], T], *, when: bool) -> T:
    """Make a call, and make it again if the store refuses it with a 4xx.

    Args:
        call: the call.
        when: whether it is made again; otherwise the first error is raised.
    """
    try:
        return call()
    except (RefusedCallError, ForbiddenError):
        if not when:
            raise
    return call()


def _details(request: ApiRequest, error: PluginError) -> ErrorDetails | None:
    if isinstance(error, RefusedCallError | ForbiddenError):
        return error.details
    cause = error.__cause__
    if not isinstance(error, RetriesExhaustedError) or not isinstance(
        cause, FailedCallError | OutcomeUnknownError
    ):
        return None
    # A list that lacks rows says nothing about the values that were asked for.
    is_short_list = request.method == "GET" and cause.details.status in SUCCESS
    return None if is_short_list else cause.details


def _kind(request: ApiRequest) -> str:
    """All writes count together; the reads of each endpoint count separately."""
    return request.endpoint if request.method == "GET" else "write"


def _describe(details: ErrorDetails) -> str:
    what = f"returned {details.status}" if details.status else "got no usable response"
    stated = f" (x-request-id {details.request_id})" if details.request_id else ""
    return what + stated


def _advice(status: int) -> str:
    if status == HTTPStatus.FORBIDDEN:
        return (
            f"access_token no longer has {SCOPE}: create a token that has it and set"
            " access_token."
        )
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return "Check api_url, and a proxy or firewall in between."
    return "Run again later; if it lasts, contact BigCommerce with the x-request-id."
