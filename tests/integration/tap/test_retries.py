"""Calls to the sandbox that go wrong, tried again without any real waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import Fault
from tap_lytics.client import Client, Scan
from tap_lytics.errors import (
    AuthError,
    LyticsUnavailableError,
    ProtocolError,
    StaleCursorError,
)
from tap_lytics.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

SCAN = Scan(slug="vip_customers", limit=20)


class Asking:
    """A client of a sandbox, and the waits that it would have made."""

    def __init__(self, box: Sandbox, *, timeout: float = 5) -> None:
        self.naps: list[float] = []
        self.client = Client(
            Transport(
                base_url=box.url,
                token=box.options.lytics_token,
                user_agent="tap-lytics",
                timeout=timeout,
                sleep=self.naps.append,
            )
        )


@pytest.mark.parametrize(
    "kind",
    [
        "429",
        "429_bare",
        "500",
        "502",
        "503",
        "504",
        "cut",
        "cut_after",
        "truncated",
        "not_json",
        "empty_body",
    ],
)
def test_what_may_pass_is_tried_again(kind: str, sandbox: Sandbox) -> None:
    asking = Asking(sandbox)
    sandbox.faults.queue(Fault(kind=kind, times=3))

    page = asking.client.page(SCAN, "")

    assert len(page.members) == 20
    assert len(asking.naps) == 3


def test_an_answer_that_does_not_come_is_tried_again(sandbox: Sandbox) -> None:
    asking = Asking(sandbox, timeout=0.5)
    sandbox.faults.queue(Fault(kind="slow", seconds=30))

    assert asking.client.page(SCAN, "").members
    assert asking.naps


def test_the_wait_that_lytics_asks_for_is_kept(sandbox: Sandbox) -> None:
    asking = Asking(sandbox)
    sandbox.faults.queue(Fault(kind="429_retry_after", seconds=7))

    asking.client.page(SCAN, "")

    assert asking.naps == [7.0]


def test_waits_grow_and_are_bounded(sandbox: Sandbox) -> None:
    asking = Asking(sandbox)
    sandbox.faults.queue(Fault(kind="503", times=10))

    with pytest.raises(LyticsUnavailableError, match="503") as error:
        asking.client.page(SCAN, "")

    assert len(asking.naps) == 9
    assert len(set(asking.naps)) > 1, "jitter"
    assert max(asking.naps) <= 60
    assert "vip_customers" in str(error.value)


def test_a_page_malformed_on_every_try_is_fatal_and_names_its_place(
    sandbox: Sandbox,
) -> None:
    asking = Asking(sandbox)
    cursor = asking.client.page(SCAN, "").next
    sandbox.faults.queue(Fault(kind="not_json", times=10))

    with pytest.raises(ProtocolError) as error:
        asking.client.page(SCAN, cursor)

    for told in ("vip_customers", cursor, "200", "malformed"):
        assert told in str(error.value)


@pytest.mark.parametrize("kind", ["401", "403"])
def test_what_never_passes_is_not_tried_again(kind: str, sandbox: Sandbox) -> None:
    asking = Asking(sandbox)
    sandbox.faults.queue(Fault(kind=kind))

    with pytest.raises(AuthError, match="api_token"):
        asking.client.page(SCAN, "")

    assert not asking.naps


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_cursor_that_lytics_forgot_is_stale(
    status: int, make_sandbox: Callable[..., Sandbox]
) -> None:
    box = make_sandbox(members=50, stale_token_status=status)
    asking = Asking(box)
    cursor = asking.client.page(SCAN, "").next
    box.faults.queue(Fault(kind="stale_cursor"))

    with pytest.raises(StaleCursorError):
        asking.client.page(SCAN, cursor)


def test_a_redirect_carries_the_token_nowhere(sandbox: Sandbox) -> None:
    sandbox.faults.queue(Fault(kind="redirect"))

    with pytest.raises(ProtocolError, match="not followed"):
        Asking(sandbox).client.page(SCAN, "")


def test_the_list_of_audiences_may_come_in_pages(
    make_sandbox: Callable[..., Sandbox],
) -> None:
    box = make_sandbox(members=5, audiences_per_page=1)
    box.lytics.add_audience("a_goal", kind="goal")

    found = [audience.slug for audience in Asking(box).client.audiences()]

    assert sorted(found) == ["newsletter_readers", "nobody_yet", "vip_customers"]
