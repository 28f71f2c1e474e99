"""Faults: which call gets one, what it responds, and whether it is executed."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
import requests

from sandbox import Fault
from sandbox.faults import KINDS, OF_LYTICS, Faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from sandbox.http import Response
    from support.store import MakeBox

ROW = {"id": 1001, "company": "Written"}
SCAN = "/api/segment/vip_customers/scan"
NOT_APPLIED = ["429", "429_bare", "429_retry_after", "400", "401", "403", "404"]
NOT_APPLIED += ["405", "409", "415", "423", "500", "501", "502", "503", "504", "507"]
NOT_APPLIED += ["cut", "redirect"]
APPLIED = ["500_after", "502_after", "503_after", "504_after", "slow", "cut_after"]
APPLIED += ["truncated", "not_json", "empty_body", "row_missing", "drip"]


def put(box: Sandbox) -> Response:
    return box.store.call("PUT", "/customers", [ROW])


def company(box: Sandbox) -> str:
    return str(box.store.customers[1001]["company"])


def test_every_kind_is_tested_here() -> None:
    assert {*NOT_APPLIED, *APPLIED, *OF_LYTICS} == set(KINDS)


@pytest.mark.parametrize("kind", NOT_APPLIED)
def test_fault_without_execution(box: Sandbox, kind: str) -> None:
    box.faults.queue(Fault(kind=kind))

    response = put(box)

    assert company(box) != "Written"
    assert response.status == {"cut": 0, "redirect": 302}.get(kind) or int(kind[:3])
    assert put(box).status == 200


@pytest.mark.parametrize("kind", APPLIED)
def test_fault_after_execution(box: Sandbox, kind: str) -> None:
    box.faults.queue(Fault(kind=kind))

    response = put(box)

    assert company(box) == "Written"
    assert response.status == (int(kind[:3]) if kind[0] == "5" else 200)
    assert response != put(box)


@pytest.mark.parametrize(
    "kind", ["429", "429_bare", "429_retry_after", "500", "503_after", "not_json"]
)
def test_lytics_has_the_same_faults(box: Sandbox, kind: str) -> None:
    box.faults.queue(Fault(kind=kind))

    response = box.lytics.call("GET", SCAN)

    assert response.status == (200 if kind == "not_json" else int(kind[:3]))
    assert box.lytics.call("GET", SCAN).status == 200


def test_429_kinds_have_their_headers(box: Sandbox) -> None:
    kinds = ("429", "429_bare", "429_retry_after")
    box.faults.queue(*(Fault(kind=kind, seconds=7) for kind in kinds))

    full, bare, short = (put(box).headers for _ in kinds)

    assert full["X-Rate-Limit-Requests-Left"] == "0"
    assert not [name for name in bare if name.startswith("X-Rate")]
    assert short["X-Retry-After"] == "7"


def test_lytics_429_can_have_retry_after(box: Sandbox) -> None:
    box.faults.queue(Fault(kind="429_retry_after", seconds=7))

    assert box.lytics.call("GET", SCAN).headers["Retry-After"] == "7"


def test_missing_row_is_written_but_not_returned(box: Sandbox) -> None:
    box.faults.queue(Fault(kind="row_missing"))

    response = box.store.call("PUT", "/customers", [ROW, {"id": 1003}])

    assert [row["id"] for row in response.json()["data"]] == [1001]
    assert response.status == 200


def test_scan_fault_waits_for_matching_page(box: Sandbox) -> None:
    box.faults.queue(Fault(kind="stale_cursor"))

    store = put(box).status
    first = box.lytics.call("GET", SCAN)
    cursor = first.json()["_next"]
    stale = box.lytics.call("GET", SCAN, start=cursor)

    assert (store, first.status, stale.status) == (200, 200, 400)
    assert stale.json()["message"] == "invalid start token"
    assert box.lytics.call("GET", SCAN, start=cursor).status == 200


def test_empty_page_fault_keeps_cursor(box: Sandbox) -> None:
    box.faults.queue(Fault(kind="empty_page"))

    page = box.lytics.call("GET", SCAN).json()

    assert (page["data"], page["total"]) == ([], 250)
    assert page["_next"]


def test_same_next_fault_repeats_page(box: Sandbox) -> None:
    box.faults.queue(Fault(kind="same_next"))
    cursor = box.lytics.call("GET", SCAN).json()["_next"]

    page = box.lytics.call("GET", SCAN, start=cursor).json()
    again = box.lytics.call("GET", SCAN, start=cursor).json()

    assert page["_next"] == cursor != again["_next"]
    assert page["data"] == again["data"]


def test_empty_scan_fault_hits_first_pages(box: Sandbox) -> None:
    box.faults.queue(Fault(kind="empty_scan", times=2))
    pages = [box.lytics.call("GET", SCAN).json() for _ in range(3)]

    assert pages[0] == pages[1]
    assert (pages[0]["data"], pages[0]["total"], pages[0]["_next"]) == ([], 0, "")
    assert pages[2]["total"] == 250


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("error_envelope", False, {"status": 500, "data": None, "total": 0}),
        ("error_envelope", True, {"status": "500", "data": None, "total": 0}),
        ("null_data", False, {"data": None, "total": 0}),
        ("error_code", False, {"code": "TIMEOUT-001", "level": "error"}),
    ],
)
@pytest.mark.parametrize("path", [SCAN, "/v2/segment/vip_customers"])
def test_error_comes_with_status_200(
    make_box: MakeBox, kind: str, path: str, *, text: bool, found: dict[str, object]
) -> None:
    box = make_box(status_as_text=text)
    box.faults.queue(Fault(kind=kind))

    response = box.lytics.call("GET", path)
    shown = response.json()

    assert (response.status, shown.pop("message")) == (200, "backend timeout")
    assert {name: shown.pop(name) for name in found} == found
    assert shown.keys() <= {"timestamp"}
    assert box.lytics.call("GET", path).json()["data"]


def test_envelope_faults_are_not_for_the_store(box: Sandbox) -> None:
    box.faults.queue(*(Fault(kind=kind) for kind in sorted(OF_LYTICS)))

    assert put(box).status == 200
    assert len(box.faults.queued) == len(OF_LYTICS)


def test_date_header_can_be_ahead(make_box: MakeBox) -> None:
    box = make_box()
    box.faults.queue(Fault(kind="date_ahead", seconds=90 * 86_400))

    once, then = (box.lytics.call("GET", SCAN).headers["Date"] for _ in range(2))

    assert (once, then) == (
        "Wed, 26 Aug 2026 20:26:40 GMT",
        "Thu, 28 May 2026 20:26:40 GMT",
    )
    ahead = make_box(lytics_clock_ahead_seconds=90 * 86_400)
    assert ahead.lytics.call("GET", SCAN).headers["Date"] == once


@pytest.mark.parametrize("by_id", [True, False])
def test_audience_is_renamed_between_pages(box: Sandbox, *, by_id: bool) -> None:
    name = box.lytics.audiences["vip_customers"].id if by_id else "vip_customers"
    path = f"/api/segment/{name}/scan"
    token = box.lytics.call("GET", path).json()["_next"]
    box.faults.queue(Fault(kind="audience_renamed"))

    response = box.lytics.call("GET", path, start=token)

    assert response.status == (200 if by_id else 404)
    assert "vip_customers_renamed" in box.lytics.audiences


def test_queued_faults_apply_in_order(box: Sandbox) -> None:
    box.faults.queue(
        Fault(kind="503", match="PUT /customers", times=2),
        Fault(kind="500", match="PUT /customers*"),
    )

    reading = box.store.call("GET", "/customers").status
    writing = [put(box).status for _ in range(4)]

    assert reading == 200
    assert writing == [503, 503, 500, 200]
    assert box.faults.queued == ()


def test_random_faults_depend_on_seed() -> None:
    def picked(seed: int) -> list[bool]:
        faults = Faults({"503@PUT /customers": 0.3}, seed=seed, seconds=1)
        return [faults.pick("PUT /customers") is not None for _ in range(200)]

    assert picked(1) == picked(1) != picked(2)
    assert 40 <= sum(picked(1)) <= 80


def test_fault_rates_are_an_option(make_box: MakeBox) -> None:
    box = make_box(fault_rates={"502@PUT /customers": 1.0})

    assert put(box).status == 502
    assert box.store.call("GET", "/customers").status == 200
    assert box.journal[-2].fault == "502"


def test_unknown_fault_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fault kind"):
        Fault(kind="418")


def test_clear_ends_all_faults(make_box: MakeBox) -> None:
    box = make_box(fault_rates={"503": 1.0})
    box.faults.queue(Fault(kind="500"))

    box.faults.clear()

    assert put(box).status == 200


@pytest.mark.parametrize("kind", ["cut", "cut_after", "truncated"])
def test_connection_fault_breaks_http(
    make_sandbox: Callable[..., Sandbox], kind: str
) -> None:
    box = make_sandbox(members=50)
    box.faults.queue(Fault(kind=kind))
    url = f"{box.url}/stores/sandbox1/v3/customers"
    headers = {"X-Auth-Token": box.options.store_token}

    with pytest.raises(requests.RequestException):
        requests.put(url, json=[ROW], headers=headers, timeout=5)

    assert (company(box) == "Written") == (kind != "cut")


def test_slow_fault_outlasts_client_timeout(
    make_sandbox: Callable[..., Sandbox],
) -> None:
    box = make_sandbox(members=50)
    box.faults.queue(Fault(kind="slow", seconds=30))
    url = f"{box.url}/v2/segment"
    headers = {"Authorization": box.options.lytics_token}

    with pytest.raises(requests.ReadTimeout):
        requests.get(url, headers=headers, timeout=0.1)


@pytest.mark.parametrize("side", ["lytics", "store"])
def test_drip_outlasts_read_timeout(
    make_sandbox: Callable[..., Sandbox], side: str
) -> None:
    box = make_sandbox(members=50)
    box.faults.queue(Fault(kind="drip", seconds=0.01))
    url, name = f"{box.url}/v2/segment", "lytics_token"
    if side == "store":
        url, name = f"{box.url}/stores/sandbox1/v3/customers?limit=1", "store_token"
    token = getattr(box.options, name)
    headers = {"Authorization": token, "X-Auth-Token": token}

    response = requests.get(url, headers=headers, timeout=1, stream=True)
    began = time.monotonic()
    body = response.content

    assert json.loads(body)["data"]
    assert time.monotonic() - began >= 0.01 * (len(body) - 1)
