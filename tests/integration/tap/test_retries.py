"""Faults of the sandbox that the client retries or reports, without sleeping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import Fault
from singer_kit.errors import AuthError, UnexpectedResponseError
from singer_kit.http import HttpSession
from tap_lytics.client import LyticsClient, Scan
from tap_lytics.errors import StaleCursorError
from tap_lytics.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

SCAN = Scan(audience_id="vip_customers", slug="vip_customers", limit=20)


class Caller:
    """A client of a sandbox that records its waits instead of sleeping."""

    def __init__(self, box: Sandbox, *, timeout: float = 5) -> None:
        self.waits: list[float] = []
        self.client = LyticsClient(
            Transport(
                HttpSession(
                    base_url=box.url,
                    token_header="Authorization",
                    token=box.options.lytics_token,
                    user_agent="tap-lytics",
                    timeout_seconds=timeout,
                ),
                sleep=self.waits.append,
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
def test_transient_fault_is_retried(kind: str, sandbox: Sandbox) -> None:
    caller = Caller(sandbox)
    sandbox.faults.queue(Fault(kind=kind, times=3))

    page = caller.client.page(SCAN, "")

    assert len(page.members) == 20
    assert len(caller.waits) == 3


def test_timeout_is_retried(sandbox: Sandbox) -> None:
    caller = Caller(sandbox, timeout=0.2)
    sandbox.faults.queue(Fault(kind="slow", seconds=30))

    assert caller.client.page(SCAN, "").members
    assert caller.waits


def test_persistently_malformed_page_is_fatal(sandbox: Sandbox) -> None:
    caller = Caller(sandbox)
    cursor = caller.client.page(SCAN, "").next
    sandbox.faults.queue(Fault(kind="not_json", times=10))

    with pytest.raises(UnexpectedResponseError) as error:
        caller.client.page(SCAN, cursor)

    for part in ("vip_customers", cursor, "200", "malformed"):
        assert part in str(error.value)


@pytest.mark.parametrize("kind", ["401", "403"])
def test_auth_error_is_not_retried(kind: str, sandbox: Sandbox) -> None:
    caller = Caller(sandbox)
    sandbox.faults.queue(Fault(kind=kind))

    with pytest.raises(AuthError, match="api_token"):
        caller.client.page(SCAN, "")

    assert not caller.waits


@pytest.mark.parametrize("status", [400, 404, 410])
def test_expired_cursor_is_stale(
    status: int, make_sandbox: Callable[..., Sandbox]
) -> None:
    box = make_sandbox(members=50, stale_token_status=status)
    caller = Caller(box)
    cursor = caller.client.page(SCAN, "").next
    box.faults.queue(Fault(kind="stale_cursor"))

    with pytest.raises(StaleCursorError):
        caller.client.page(SCAN, cursor)


def test_audience_list_can_be_paged(make_sandbox: Callable[..., Sandbox]) -> None:
    box = make_sandbox(members=5, audiences_per_page=1)
    box.lytics.add_audience("a_goal", kind="goal")

    found = [audience.slug for audience in Caller(box).client.audiences()]

    assert sorted(found) == ["newsletter_readers", "nobody_yet", "vip_customers"]
