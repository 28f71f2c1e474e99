"""Defects, each a stand-in handed in where the sound part would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from target_bigcommerce.api.client import BigCommerceClient
from target_bigcommerce.api.models import ApiRequest
from target_bigcommerce.api.reads import CallSize
from target_bigcommerce.api.writes import CUSTOMERS, WriteCall, email_of
from target_bigcommerce.errors import OutcomeUnknownError
from target_bigcommerce.exits.clearing import ClearGuard
from target_bigcommerce.exits.versions import Seen, Versions
from target_bigcommerce.messages.checkpoint import Checkpoint
from target_bigcommerce.records.confirming import INCLUDES, has_fields
from target_bigcommerce.target import TargetBigCommerce

from .memory_file import MemoryFile, WatchedRejects
from .process import Parts, VirtualOpening

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

    from target_bigcommerce.api.models import Row, WriteResult
    from target_bigcommerce.api.parallel import ParallelCalls
    from target_bigcommerce.api.throttle import Throttle
    from target_bigcommerce.api.transport import Transport
    from target_bigcommerce.records.codes import RejectedError
    from target_bigcommerce.rejects import Rejects
    from target_bigcommerce.run.export import Export
    from target_bigcommerce.settings import Settings


class HastyCheckpoint(Checkpoint):
    """Takes every STATE for covered, whatever waits before it."""

    @override
    def read(self, state: Any, *, is_all_settled: bool) -> None:
        super().read(state, is_all_settled=True)


class BlindClient(BigCommerceClient):
    """Sends a POST again until it is answered, and looks nobody up."""

    def __init__(self, transport: Transport, parallel: ParallelCalls) -> None:
        super().__init__(transport, parallel, is_applied=has_fields, include=INCLUDES)
        self._blindly = transport

    @override
    def create_customers(self, rows: Sequence[Row]) -> WriteResult:
        def send(part: list[Row]) -> list[Row]:
            request = ApiRequest(method="POST", path=CUSTOMERS, body=part)
            answer = self._blindly.retry(
                lambda: self._blindly.send(request), OutcomeUnknownError
            )
            answered: list[Row] = answer.body["data"]
            return answered

        call = WriteCall(send=send, key_of_sent=email_of, key_of_confirmed=email_of)
        return self._write(rows, call, CallSize(10))


class ForgetfulRejects(WatchedRejects):
    """Drops every seventh reject."""

    def __init__(self, path: str | None, file: MemoryFile) -> None:
        super().__init__(path, file)
        self._count = 0

    @override
    def add(self, message: Mapping[str, Any], why: RejectedError) -> None:
        self._count += 1
        if self._count % 7:
            super().add(message, why)


class TrustingVersions(Versions):
    """Takes a version for whole of which nothing was read yet."""

    @override
    def of(self, stream: str, version: int) -> Seen:
        seen = super().of(stream, version)
        return seen if seen.records else Seen(records=1)


class OpenGuard(ClearGuard):
    """Lets everything be cleared."""

    @override
    def admit(self, count: int, *, attribute: str, total: Callable[[], int]) -> None:
        pass


class HastyOpening(VirtualOpening):
    """Opens a run that prints states before the writes."""

    @override
    def checkpoint(self) -> Checkpoint:
        return HastyCheckpoint()


class BlindOpening(VirtualOpening):
    """Opens a run that repeats a POST blindly."""

    @override
    def client(
        self, transport: Transport, parallel: ParallelCalls
    ) -> BigCommerceClient:
        return BlindClient(transport, parallel)


class ForgetfulOpening(VirtualOpening):
    """Opens a run that drops rejects."""

    @override
    def rejects(self, path: str | None) -> Rejects:
        return ForgetfulRejects(path, self.file)


class TrustingOpening(VirtualOpening):
    """Opens a run that clears after a scan that did not end."""

    @override
    def versions(self) -> Versions:
        return TrustingVersions()


class CarelessOpening(VirtualOpening):
    """Opens a run that clears whatever the share."""

    @override
    def export(self, settings: Settings) -> tuple[Export, Throttle]:
        export, throttle = super().export(settings)
        export.guard = OpenGuard(settings.max_clear_percent)
        return export, throttle


class StockHandler(TargetBigCommerce):
    """Handles signals as the SDK does: drains at once, wherever it is."""

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        super(TargetBigCommerce, self)._handle_termination(signum, frame)


DEFECTS = {
    "a state printed before the write": Parts(opening=HastyOpening),
    "a POST retried blindly": Parts(opening=BlindOpening),
    "a reject dropped": Parts(opening=ForgetfulOpening),
    "an exit applied on an unfinished scan": Parts(opening=TrustingOpening),
    "a broken audience cleared": Parts(opening=CarelessOpening),
    "the signal handler of the stock SDK": Parts(target=StockHandler),
}
