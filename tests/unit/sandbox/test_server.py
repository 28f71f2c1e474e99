"""The sandbox over HTTP: at once, side by side, opened and closed."""

from __future__ import annotations

import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests

from sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeSandbox = Callable[..., Sandbox]


def customers(box: Sandbox) -> requests.Response:
    return requests.get(
        f"{box.url}/stores/sandbox1/v3/customers",
        headers={"X-Auth-Token": box.options.store_token},
        params={"limit": 1},
        timeout=5,
    )


def test_small_answers_are_sent_at_once(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
    took: list[float] = []

    for _ in range(10):
        begun = time.perf_counter()
        connection.request("GET", "/v2/segment")
        connection.getresponse().read()
        took.append(time.perf_counter() - begun)

    connection.close()
    assert min(took[2:]) < 0.03  # Waiting for acknowledgements takes 0.04.


def test_a_fourth_call_at_a_time_is_refused(make_sandbox: MakeSandbox) -> None:
    box = make_sandbox(members=5, latency_ms=300)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: customers(box), range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 429]


def test_every_call_takes_the_latency(make_sandbox: MakeSandbox) -> None:
    box = make_sandbox(members=5, latency_ms=60)

    assert customers(box).elapsed.total_seconds() >= 0.06


def test_a_closed_sandbox_can_be_opened_where_it_was(sandbox: Sandbox) -> None:
    port = sandbox.port
    customers(sandbox)
    url = sandbox.url
    sandbox.stop()

    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)
    sandbox.start(port)

    assert customers(sandbox).status_code == 200
    assert len(sandbox.journal) == 2


def test_a_sandbox_that_is_not_open_has_no_address() -> None:
    box = Sandbox(Options(members=5))

    with pytest.raises(RuntimeError, match="not open"):
        _ = box.url


def test_the_plugins_are_told_the_same_connection(sandbox: Sandbox) -> None:
    tap, target, env = sandbox.tap_config(), sandbox.target_config(), sandbox.env()

    given = {f"TAP_LYTICS_{name.upper()}": value for name, value in tap.items()}
    given |= {f"TARGET_BIGCOMMERCE_{n.upper()}": value for n, value in target.items()}
    assert given == env
    assert sandbox.target_config(dry_run=True)["dry_run"] is True
