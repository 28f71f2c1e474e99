"""The command line, as processes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

SANDBOX = (sys.executable, "-m", "sandbox")
WRITES = """
import os, json, urllib.request as http
base = os.environ["TARGET_BIGCOMMERCE_API_URL"] + "/stores/sandbox1/v3/customers"
token = os.environ["TARGET_BIGCOMMERCE_ACCESS_TOKEN"]
headers = {"X-Auth-Token": token, "Content-Type": "application/json"}
def call(method, path, rows):
    body = json.dumps(rows).encode()
    http.urlopen(http.Request(base + path, body, headers, method=method))
call("POST", "/attributes", [{"name": "Tier", "type": "string"}])
call("PUT", "", [{"id": 1001, "company": "By the command"}])
value = {"attribute_id": 1, "customer_id": 1001, "value": "gold"}
call("PUT", "/attribute-values", [value])
"""


def run(*words: str, command: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    tail = ["--", *command] if command else []
    return subprocess.run(
        [*SANDBOX, *words, *tail],
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_run_sets_plugin_variables_and_leaves_stdout_alone() -> None:
    code = (
        "import os; print(*sorted(n for n in os.environ if n[:4] in ('TAP_', 'TARG')))"
    )

    done = run("run", "--port=0", command=python(code))

    assert done.returncode == 0
    assert done.stdout.split() == [
        "TAP_LYTICS_API_TOKEN",
        "TAP_LYTICS_API_URL",
        "TARGET_BIGCOMMERCE_ACCESS_TOKEN",
        "TARGET_BIGCOMMERCE_API_URL",
        "TARGET_BIGCOMMERCE_STORE_HASH",
    ]


def test_run_prints_what_the_command_changed() -> None:
    done = run("run", "--port=0", command=python(WRITES))

    lines = [line.split() for line in done.stderr.splitlines()]
    assert ["customers", "updated", "1"] in lines
    assert ["attributes", "created", "1", "(Tier)"] in lines
    assert ["values", "set", "1"] in lines
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
    ],
)
def test_run_exits_with_the_command_s_status(code: str, status: int) -> None:
    assert run("run", "--port=0", command=python(code)).returncode == status


def test_run_forwards_signals() -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "print('up', flush=True)\n"
        "time.sleep(30)"
    )
    words = [*SANDBOX, "run", "--port=0", "--", *python(code)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as it:
        assert it.stdout is not None
        it.stdout.readline()

        it.send_signal(signal.SIGTERM)

        assert it.wait(10) == 5


def test_missing_command_gives_127() -> None:
    done = run("run", "--port=0", command=["no-such-command"])

    assert done.returncode == 127
    assert "cannot run no-such-command" in done.stderr


def test_run_needs_a_command() -> None:
    done = run("run", "--port=0")

    assert done.returncode == 2
    assert "run needs a command" in done.stderr


def test_port_in_use_is_logged_and_replaced() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code = "import os; print(os.environ['TAP_LYTICS_API_URL'])"

        done = run("run", f"--port={port}", command=python(code))

    assert done.returncode == 0
    assert f"port {port} is in use" in done.stderr
    assert not done.stdout.strip().endswith(f":{port}")


def test_serve_runs_until_terminated() -> None:
    words = [*SANDBOX, "serve", "--port=0", "--members=7", "--set=page_limit=3"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, encoding="utf-8") as it:
        assert it.stdout is not None
        exports = [it.stdout.readline().removeprefix("export ") for _ in range(5)]
        env = dict(line.strip().split("=", 1) for line in exports)
        request = urllib.request.Request(  # noqa: S310 - it is the sandbox's
            env["TAP_LYTICS_API_URL"] + "/api/segment/vip_customers/scan?limit=100",
            headers={"Authorization": env["TAP_LYTICS_API_TOKEN"]},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - the same
            page = json.load(answer)

        it.send_signal(signal.SIGTERM)

        assert it.wait(10) == 0
    assert (len(page["data"]), page["total"]) == (3, 7)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fault=418=0.1"], "unknown fault kind '418'"),
        (["--set=colour=blue"], "unknown option 'colour'"),
        (["--set=fault_rates={}"], "unknown option 'fault_rates'"),
        (["--set=quota=many"], "quota must be of type int"),
        (["--set=scan_end=soon"], "scan_end must be one of empty, missing"),
        (["--members=-1"], "must be at least 0"),
        (["--window=0"], "window_seconds must be above 0"),
        (["--set=refused=0.99"], "add up to more than 1"),
    ],
)
def test_invalid_option_is_a_usage_error(words: list[str], message: str) -> None:
    done = run("serve", *words)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
