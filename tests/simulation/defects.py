"""Defects that the simulation must find, each patched into a plugin while it runs."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from dataclasses import replace
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from tap_lytics import transport
from tap_lytics.ledger import Ledger, Lineage
from tap_lytics.state import ScanCursors
from target_bigcommerce.api import writes
from target_bigcommerce.api.client import BigCommerceClient
from target_bigcommerce.api.limits import CallSize
from target_bigcommerce.api.models import ApiRequest
from target_bigcommerce.api.reads import ListReader
from target_bigcommerce.api.writes import (
    CUSTOMERS,
    Confirmation,
    WriteCall,
    email_of,
)
from target_bigcommerce.errors import OutcomeUnknownError
from target_bigcommerce.exits import ClearGuard, SeenMembers, StreamVersions
from target_bigcommerce.files import RejectsFile
from target_bigcommerce.history import History
from target_bigcommerce.plan import ClearedValues
from target_bigcommerce.state import Checkpoint
from target_bigcommerce.target import TargetBigCommerce

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from singer_kit.errors import PluginError
    from singer_kit.http import HttpResponse
    from tap_lytics.ledger import LedgerAudience
    from tap_lytics.transport import ApiRequest as TapRequest
    from tap_lytics.transport import ApiResponse
    from target_bigcommerce.api.limits import IndexedRow
    from target_bigcommerce.api.models import Row, WriteResult
    from target_bigcommerce.errors import RecordRejectedError

    Defect = Callable[[], AbstractContextManager[object]]


def print_state_before_write() -> AbstractContextManager[object]:
    """Treat every STATE as covered, even with buffered records before it."""
    receive = Checkpoint.receive

    def receive_as_covered(self: Checkpoint, state: Any, *, is_covered: bool) -> None:  # noqa: ANN401 - any JSON
        del is_covered
        receive(self, state, is_covered=True)

    return patch.object(Checkpoint, "receive", receive_as_covered)


def retry_post_blindly() -> AbstractContextManager[object]:
    """Retry a POST with an unknown outcome without looking up its rows."""

    def create(self: BigCommerceClient, rows: Sequence[Row]) -> WriteResult:
        transport = self._transport

        def send(request: ApiRequest) -> Confirmation:
            response = transport.retry(
                lambda: transport.send(request), OutcomeUnknownError
            )
            return Confirmation(rows=response.rows)

        call = WriteCall(
            request=ApiRequest(method="POST", path=CUSTOMERS),
            send=send,
            key_of_sent=email_of,
            key_of_confirmed=email_of,
        )
        return self._write(rows, call, CallSize(10))

    return patch.object(BigCommerceClient, "create_customers", create)


def drop_rejects() -> AbstractContextManager[object]:
    """Drop every seventh reject."""
    add, number = RejectsFile.add, count(1)

    def add_most(
        self: RejectsFile,
        message: Mapping[str, Any],
        why: RecordRejectedError,
        **more: Any,  # noqa: ANN401 - as the method's own
    ) -> None:
        if next(number) % 7:
            add(self, message, why, **more)

    return patch.object(RejectsFile, "add", add_most)


def trust_empty_versions() -> AbstractContextManager[object]:
    """Treat a version without records as complete."""
    members = StreamVersions.members

    def never_empty(self: StreamVersions, stream: str, version: int) -> SeenMembers:
        seen = members(self, stream, version)
        return seen if seen.records else SeenMembers(records=1)

    return patch.object(StreamVersions, "members", never_empty)


def clear_any_share() -> AbstractContextManager[object]:
    """Allow any share of an audience to be cleared."""

    def admit(
        self: ClearGuard, count: int, **_: object
    ) -> AbstractContextManager[None]:
        del self, count
        return nullcontext()

    return patch.object(ClearGuard, "admit", admit)


def forget_former_clears() -> AbstractContextManager[object]:
    """Count only the values that the present run cleared."""

    def cleared(self: History, attribute: str) -> ClearedValues:
        found = self._execute(
            "SELECT count(*) FILTER (WHERE state = 'done'),"
            " count(*) FILTER (WHERE state = 'pending')"
            " FROM changes WHERE action = 'clear' AND name = ? AND run = ?",
            (attribute, self.run),
        ).fetchone()
        return ClearedValues(*found)

    return patch.object(History, "cleared", cleared)


def drain_in_signal_handler() -> AbstractContextManager[object]:
    """Handle signals as the SDK does: drain inside the signal handler."""

    def handle(self: TargetBigCommerce, signum: int, frame: object) -> None:
        del signum, frame
        try:
            self.process_endofpipe()
        finally:
            sys.exit(0)

    return patch.object(TargetBigCommerce, "_handle_termination", handle)


def confirm_refused_rows() -> AbstractContextManager[object]:
    """Take the first row of a refused large call of values as written."""
    refuse = writes._Bisection._refuse_large

    def confirm_first(self: writes._Bisection, rows: list[IndexedRow]) -> None:
        (index, row), *rest = rows
        self._result.done[index] = row
        refuse(self, rest)

    return patch.object(writes._Bisection, "_refuse_large", confirm_first)


def drop_half_a_list() -> AbstractContextManager[object]:
    """Look up only the first half of a list that the store refused."""
    bisect = ListReader._bisect

    def bisect_half(
        self: ListReader,
        parted: object,
        part: list[str],
        request: ApiRequest,
        error: PluginError,
    ) -> object:
        half = part[: len(part) - len(part) // 2]
        return bisect(self, parted, half, request, error)  # type: ignore[arg-type]  # private

    return patch.object(ListReader, "_bisect", bisect_half)


def take_the_ledger() -> AbstractContextManager[object]:
    """Let a run without a state use the lineage that was used last."""
    start = Ledger.start

    def take(self: Ledger, audience: LedgerAudience, at: datetime) -> Lineage:
        row = self._connection.execute(
            "SELECT number, id, generation FROM lineage WHERE audience = ?"
            " ORDER BY used_at DESC LIMIT 1",
            (audience.id,),
        ).fetchone()
        if row is None:
            return start(self, audience, at)
        number, own, generation = row
        self._lock(number, audience.slug)
        return Lineage(self._connection, number, id=own, generation=generation)

    return patch.object(Ledger, "start", take)


def read_errors_as_empty() -> AbstractContextManager[object]:
    """Read an envelope without data under HTTP 200 as a page without members."""
    read = transport.read_response

    def read_empty(request: TapRequest, response: HttpResponse) -> ApiResponse:
        try:
            content = json.loads(response.body)
        except ValueError:
            return read(request, response)
        is_error = response.status == HTTPStatus.OK and content.get("data", ()) is None
        if is_error and request.path.endswith("/scan"):
            empty = b'{"status": 200, "data": [], "total": 0, "_next": ""}'
            response = replace(response, body=empty)
        return read(request, response)

    return patch.object(transport, "read_response", read_empty)


def forget_a_part() -> AbstractContextManager[object]:
    """Take one unfinished part of a scan that is resumed as finished."""
    read = ScanCursors.read.__func__  # type: ignore[attr-defined]  # a class method

    def read_most(cls: type[ScanCursors], text: str) -> ScanCursors:
        saved: ScanCursors = read(cls, text)
        unfinished = [n for n, cursor in enumerate(saved.cursors) if cursor is not None]
        if saved.parts == 1 or not unfinished[1:]:
            return saved
        left = [None if n == unfinished[-1] else c for n, c in enumerate(saved.cursors)]
        return replace(saved, cursors=tuple(left))

    return patch.object(ScanCursors, "read", classmethod(read_most))


DEFECTS: Mapping[str, Defect] = {
    "a state printed before the write": print_state_before_write,
    "a POST retried blindly": retry_post_blindly,
    "a reject dropped": drop_rejects,
    "an exit applied on an unfinished scan": trust_empty_versions,
    "a broken audience cleared": clear_any_share,
    "the signal handler of the stock SDK": drain_in_signal_handler,
    "the guard forgets between runs": forget_former_clears,
    "a refused value is confirmed": confirm_refused_rows,
    "a refused list loses a half": drop_half_a_list,
    "a stateless run takes the ledger": take_the_ledger,
    "an error envelope is an empty audience": read_errors_as_empty,
    "a resumed scan forgets a part": forget_a_part,
}
