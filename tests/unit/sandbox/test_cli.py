"""The command line, the checks of the demo, and the tables of the README."""

from __future__ import annotations

import ast
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault, Options, Sandbox
from sandbox.cli import build_parser, main
from sandbox.control import Control
from sandbox.demo import DemoError, check_first_run, count_changes
from sandbox.faults import KINDS
from sandbox.http import to_request

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


def run(
    *words: str, command: Sequence[str] = (), folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    tail = ["--", *command] if command else []
    return subprocess.run(
        [*SANDBOX, *words, *tail],
        cwd=folder,
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


def test_each_run_gets_a_new_state_of_meltano() -> None:
    code = (
        "import os; from pathlib import Path\n"
        "uri = os.environ['MELTANO_DATABASE_URI']\n"
        "path = Path(uri.removeprefix('sqlite:///'))\n"
        "print(uri, path.exists(), path.parent.is_dir())\n"
        "print(os.environ['MELTANO_STATE_BACKEND_URI'])\n"
        "path.write_text('a state')"
    )

    runs = [run("run", "--port=0", command=python(code)).stdout for _ in range(2)]

    words = [each.split() for each in runs]
    assert [each[1:] for each in words] == [["False", "True", "systemdb"]] * 2
    folders = {Path(each[0].removeprefix("sqlite:///")).parent for each in words}
    assert len(folders) == 2
    assert not any(folder.exists() for folder in folders)


def test_each_run_starts_without_files_of_the_last(tmp_path: Path) -> None:
    kept = tmp_path / "output" / "kept.jsonl"
    code = (
        "from pathlib import Path\n"
        "folder = Path('output/sandbox/vip')\n"
        "print(folder.exists())\n"
        "folder.mkdir(parents=True, exist_ok=True)\n"
        "(folder / 'rejects.jsonl').write_text('{}')"
    )
    runs = []

    for _ in range(2):
        runs.append(run("run", "--port=0", command=python(code), folder=tmp_path))
        kept.write_text("")

    assert [each.stdout for each in runs] == ["False\n", "False\n"]
    assert "removed the files" not in runs[0].stderr
    assert "removed the files of an earlier run in output/sandbox" in runs[1].stderr
    assert (tmp_path / "output/sandbox/vip/rejects.jsonl").exists()
    assert kept.exists()


def test_linked_output_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "sandbox").symlink_to(tmp_path / "elsewhere")

    run("run", "--port=0", command=python(""), folder=tmp_path)

    assert (tmp_path / "elsewhere" / "file").exists()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
    ],
)
def test_run_exits_with_status_of_command(code: str, status: int) -> None:
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


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        (["--", "no-such-command"], 127, "cannot run no-such-command"),
        ([], 2, "run needs a command"),
    ],
)
def test_run_without_usable_command_fails(
    command: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--port=0", *command]) == status
    assert message in capsys.readouterr().err


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
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310 - the same
            page = json.load(response)

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
def test_invalid_option_is_a_usage_error(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["serve", *words])

    assert end.value.code == 2
    assert message in capsys.readouterr().err


SUMMARY: dict[str, Any] = {
    "records": 1000,
    "outcomes": {"updated": 930, "unchanged": 10, "skipped": 50, "rejected": 10},
    "rejects": {"unknown_customer": 7, "refused": 3},
}


@pytest.fixture
def box() -> Sandbox:
    """A store in which 950 customers have the slug of the audience."""
    box = Sandbox(Options(quota=10_000))
    row = {"name": "LyticsAudience_vip", "type": "string"}
    box.store.call("POST", "/customers/attributes", [row])
    for number in list(box.store.customers)[:950]:
        box.store.values[number, 1] = "vip_customers"
    box.store.call("PUT", "/customers", [{"id": 1001, "company": "New"}])
    return box


def test_expected_result_passes(box: Sandbox) -> None:
    check_first_run(box, SUMMARY)


@pytest.mark.parametrize(
    ("outcomes", "rejects", "missing"),
    [
        ({"updated": 900, "unchanged": 40}, {}, "more than 900 customers updated"),
        ({"skipped": 0, "merged": 50}, {}, "without a customer id skipped"),
        ({"rejected": 0, "merged": 10}, {"unknown_customer": 0}, "records rejected"),
        ({}, {"refused": 2}, "a reason for each reject"),
        ({"merged": 1}, {}, "an outcome for every record"),
    ],
)
def test_unexpected_summary_is_named(
    box: Sandbox, outcomes: dict[str, int], rejects: dict[str, int], missing: str
) -> None:
    summary = deepcopy(SUMMARY)
    summary["outcomes"] |= outcomes
    summary["rejects"] |= rejects

    with pytest.raises(DemoError, match=missing):
        check_first_run(box, summary)


def test_wrong_attribute_value_is_named(box: Sandbox) -> None:
    box.store.values[1001, 1] = "another"

    with pytest.raises(DemoError, match="set to the audience's slug"):
        check_first_run(box, SUMMARY)


def test_updated_customer_without_the_slug_is_named(box: Sandbox) -> None:
    last = max(box.store.customers)
    box.store.call("PUT", "/customers", [{"id": last, "company": "New"}])

    with pytest.raises(DemoError, match="set to the audience's slug"):
        check_first_run(box, SUMMARY)


def test_changes_of_calls_are_counted(box: Sandbox) -> None:
    box.store.mark()
    box.store.call("PUT", "/customers", [{"id": 1001, "company": "Newer"}])
    row = {"customer_id": 1001, "attribute_id": 1, "value": "another"}
    box.store.call("PUT", "/customers/attribute-values", [row])
    box.store.call("POST", "/customers/attributes", [{"name": "New", "type": "string"}])

    assert count_changes(box) == 3


def test_call_without_effect_is_not_counted(box: Sandbox) -> None:
    box.store.mark()

    box.store.call("PUT", "/customers", [{"id": 1001, "company": "New"}])

    assert count_changes(box) == 0


README = Path(__file__).parents[3] / "sandbox" / "README.md"


def table(title: str) -> list[list[str]]:
    """Return the rows of the table in a section, without its header."""
    text = README.read_text(encoding="utf-8")
    section = text.split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [
        [cell.strip(" `") for cell in line[1:-1].split(" | ")] for line in lines[2:]
    ]


def test_every_option_is_in_the_table_with_its_default() -> None:
    listed = {name: ast.literal_eval(default) for name, default, _ in table("Options")}

    options = Options()
    assert listed == {
        field.name: getattr(options, field.name) for field in fields(options)
    }


def test_every_fault_is_in_the_table() -> None:
    listed = {kind: executed for kind, executed, _ in table("Faults")}

    assert listed == {k: "no" if Fault(kind=k).prevents_call else "yes" for k in KINDS}


def test_control_api_is_in_the_table() -> None:
    listed = {call for call, _ in table("Control API")}

    control = Control(Sandbox(Options(members=1)))
    calls = control.handle(to_request("GET", "/_sandbox/what")).json()["calls"]
    assert listed == set(calls)


def test_every_flag_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = README.read_text(encoding="utf-8")

    with pytest.raises(SystemExit):
        build_parser().parse_args(["serve", "--help"])

    flags = re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)
    assert len(flags) > 5
    assert all(f"`{flag}" in text for flag in flags)
