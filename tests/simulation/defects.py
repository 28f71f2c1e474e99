"""Defects, each a stand-in handed in where the sound part would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from target_bigcommerce.api.creation import email_of
from target_bigcommerce.api.narrowing import CallSize, Way
from target_bigcommerce.api.wire import Call
from target_bigcommerce.client import CUSTOMERS, Client
from target_bigcommerce.errors import UnansweredError
from target_bigcommerce.exits.clearing import ClearGuard
from target_bigcommerce.exits.versions import Seen, Versions
from target_bigcommerce.messages.checkpoint import Checkpoint
from target_bigcommerce.target import TargetBigCommerce

from .memory_file import MemoryFile, WatchedRejects
from .process import Parts, VirtualOpening

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

    from target_bigcommerce.api.calls import Calls
    from target_bigcommerce.api.rows import Row, Written
    from target_bigcommerce.errors import RecordRejectedError
    from target_bigcommerce.rejects import Rejects
    from target_bigcommerce.run.export import Export
    from target_bigcommerce.settings import Settings
    from target_bigcommerce.throttle import Throttle
    from target_bigcommerce.transport import Transport


class HastyCheckpoint(Checkpoint):
    """Takes every STATE for covered, whatever waits before it."""

    @override
    def read(self, state: Any, *, is_all_settled: bool) -> None:
        super().read(state, is_all_settled=True)


class BlindClient(Client):
    """Sends a POST again until it is answered, and looks nobody up."""

    def __init__(self, transport: Transport, calls: Calls) -> None:
        super().__init__(transport, calls)
        self._blindly = transport

    @override
    def create_customers(self, rows: Sequence[Row]) -> Written:
        def send(part: list[Row]) -> list[Row]:
            call = Call(method="POST", path=CUSTOMERS, body=part)
            answer = self._blindly.until(
                lambda: self._blindly.send(call), UnansweredError
            )
            answered: list[Row] = answer.body["data"]
            return answered

        way = Way(send=send, key_of_sent=email_of, key_of_answered=email_of)
        return self._write(rows, way, CallSize(10))


class ForgetfulRejects(WatchedRejects):
    """Drops every seventh reject."""

    def __init__(self, path: str | None, file: MemoryFile) -> None:
        super().__init__(path, file)
        self._count = 0

    @override
    def add(self, message: Mapping[str, Any], why: RecordRejectedError) -> None:
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
    def client(self, transport: Transport, calls: Calls) -> Client:
        return BlindClient(transport, calls)


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
