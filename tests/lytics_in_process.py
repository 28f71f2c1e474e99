"""A transport to a Lytics account in this process, and scans cut off on it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest

from tap_lytics.errors import InterruptedByUserError
from tap_lytics.headers import to_date
from tap_lytics.transport import Answer, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox import Sandbox

T = TypeVar("T")

ID = "bigcommerce_customer_id"  # The field that has it.


def is_scan(call: Call) -> bool:
    """Tell whether a call asks for a page of members."""
    return call.path.endswith("/scan")


class InProcess:
    """A transport to an account in this process; `before` runs before every call."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self.before: Callable[[Call], None] = lambda _: None

    def send(self, call: Call, read: Callable[[Answer], T]) -> T:
        """Answer at once."""
        self.before(call)
        answer = self._box.lytics.handle(
            call.method,
            call.path,
            call.query,
            {
                "Authorization": self._box.options.lytics_token,
                "Content-Type": "text/plain" if call.body else "",
            },
            call.body or "",
        )
        at = to_date(answer.headers.get("Date"))
        return read(Answer(status=answer.status, body=answer.body, at=at))

    @contextmanager
    def cut_off(self, *, at_scan: int) -> Iterator[None]:
        """Cut off the run within as it asks for this page, the first one being 1."""
        scans: list[Call] = []

        def cut(call: Call) -> None:
            scans.extend([call] if is_scan(call) else [])
            if len(scans) == at_scan:
                raise InterruptedByUserError

        self.before = cut
        with pytest.raises(InterruptedByUserError):
            yield
        self.before = lambda _: None
