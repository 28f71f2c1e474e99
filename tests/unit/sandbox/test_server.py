"""The sandbox over HTTP: latency, parallel requests, start and stop."""

from __future__ import annotations

import http.client
import threading
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


def test_small_responses_are_not_delayed(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
    took: list[float] = []

    for _ in range(10):
        began = time.perf_counter()
        connection.request("GET", "/v2/segment")
        connection.getresponse().read()
        took.append(time.perf_counter() - began)

    connection.close()
    assert min(took[2:]) < 0.03  # Waiting for acknowledgements takes 0.04.


def test_fourth_parallel_request_is_refused(make_sandbox: MakeSandbox) -> None:
    box = make_sandbox(members=5, latency_ms=300)
    together = threading.Barrier(4)

    def request(_: int) -> requests.Response:
        together.wait()
        return customers(box)

    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(request, range(4)))

    assert sorted(response.status_code for response in responses) == [
        200,
        200,
        200,
        429,
    ]


def test_every_call_has_the_latency(make_sandbox: MakeSandbox) -> None:
    box = make_sandbox(members=5, latency_ms=60)

    url, token = f"{box.url}/v2/segment", {"Authorization": box.options.lytics_token}
    audiences = requests.get(url, headers=token, timeout=5)

    assert audiences.status_code == 200
    assert audiences.elapsed.total_seconds() >= 0.06
    assert customers(box).elapsed.total_seconds() >= 0.06


def test_stopped_sandbox_restarts_on_same_port(sandbox: Sandbox) -> None:
    port = sandbox.port
    customers(sandbox)
    url = sandbox.url
    sandbox.stop()

    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)
    sandbox.start(port)

    assert customers(sandbox).status_code == 200
    assert len(sandbox.journal) == 2


def test_sandbox_that_is_not_started_has_no_url() -> None:
    box = Sandbox(Options(members=5))

    with pytest.raises(RuntimeError, match="not open"):
        _ = box.url


def test_configs_and_environment_agree(sandbox: Sandbox) -> None:
    tap, target, env = sandbox.tap_config(), sandbox.target_config(), sandbox.env()

    given = {f"TAP_LYTICS_{name.upper()}": value for name, value in tap.items()}
    given |= {f"TARGET_BIGCOMMERCE_{n.upper()}": value for n, value in target.items()}
    assert given == env
    assert sandbox.target_config(dry_run=True)["dry_run"] is True
