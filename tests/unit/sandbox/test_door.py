"""Who is let in: tokens, scopes, stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.store import MakeBox

CUSTOMERS = "/stores/sandbox1/v3/customers"
NO_SCOPE = "You don't have a required scope to access the endpoint"


@pytest.mark.parametrize("headers", [{}, {"X-Auth-Token": "wrong"}])
def test_a_wrong_store_token_is_a_401(box: Sandbox, headers: dict[str, str]) -> None:
    answer = box.store.handle("GET", CUSTOMERS, headers=headers)

    assert answer.status == 401
    assert answer.json()["title"].startswith("Unauthorized - the v3 Auth client ID")


def test_a_wrong_store_is_a_403(box: Sandbox) -> None:
    headers = {"X-Auth-Token": box.options.store_token}

    answer = box.store.handle("GET", "/stores/other/v3/customers", headers=headers)

    assert answer.status == 403
    assert answer.json()["title"] == NO_SCOPE


def test_a_read_only_token_reads_but_does_not_write(make_box: MakeBox) -> None:
    box = make_box(read_only_token=True)

    reading = box.store.call("GET", "/customers")
    writing = box.store.call("PUT", "/customers", [{"id": 1001}])

    assert reading.status == 200
    assert (writing.status, writing.json()["title"]) == (403, NO_SCOPE)


@pytest.mark.parametrize("token", [None, "wrong", "Bearer sandbox-lytics-token"])
def test_only_the_bare_lytics_token_opens(box: Sandbox, token: str | None) -> None:
    headers = {"Authorization": token} if token else {}

    assert box.lytics.handle("GET", "/v2/segment", headers=headers).status == 401


def test_a_role_that_does_not_reach_is_a_403(make_box: MakeBox) -> None:
    box = make_box(lytics_forbidden=True)

    assert box.lytics.call("GET", "/v2/segment").status == 403


def test_the_date_header_can_be_left_out(make_box: MakeBox) -> None:
    with_date = make_box().lytics.call("GET", "/v2/segment")
    without = make_box(lytics_date_header=False).lytics.call("GET", "/v2/segment")

    assert with_date.headers["Date"] == "Thu, 28 May 2026 20:26:40 GMT"
    assert "Date" not in without.headers
