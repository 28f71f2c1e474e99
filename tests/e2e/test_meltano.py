"""`meltano run tap-lytics target-bigcommerce`, compared with a pipe and repeated."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sandbox import Options, Sandbox
from support.meltano import MeltanoProject, copy_project, declared_mapping
from support.plugins import BIN, Run, run_pipe, run_tap
from support.store import contents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)  # Meltano starts slowly on a busy machine.

MEMBERS = 250
JOB = ("run", "tap-lytics", "target-bigcommerce")
STATE_ID = "sandbox:tap-lytics-to-target-bigcommerce"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRun:
    """A sandbox and the first run of the main job into it."""

    box: Sandbox
    project: MeltanoProject
    run: Run


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirstRun]:
    with Sandbox(Options(members=MEMBERS)) as box:
        project = copy_project(tmp_path_factory.mktemp("project"), box.env())
        run = project.run(*JOB)
        assert run.status == 0, run.stderr
        assert accepted_writes(box)
        yield FirstRun(box=box, project=project, run=run)


def accepted_writes(box: Sandbox) -> list[int]:
    """Number the writes that the store accepted; every run resends rejected rows."""
    written = (e for e in box.journal if e.side == "store" and e.method != "GET")
    return [entry.n for entry in written if entry.status < 300]


def test_pipe_and_meltano_leave_the_same_store(first: FirstRun) -> None:
    with Sandbox(Options(members=MEMBERS)) as piped:
        untouched = contents(piped)
        tap = piped.tap_config(audiences=["vip_customers"], existing_users=True)
        catalog = json.loads(run_tap(tap, args=["--discover"]).stdout)
        target = piped.target_config(**declared_mapping())

        runs = run_pipe(tap, target, catalog=catalog)

        assert [run.status for run in runs] == [0, 0]
        assert contents(piped) == contents(first.box) != untouched


def test_meltano_run_does_not_contact_the_hub(first: FirstRun) -> None:
    assert "hub" not in first.run.stderr.lower()


def test_meltano_stores_the_state_of_the_target(first: FirstRun) -> None:
    output = first.project.run("state", "get", STATE_ID)

    bookmark = json.loads(output.stdout)["singer_state"]["bookmarks"]["vip_customers"]
    assert bookmark["bookmark"]
    assert bookmark["scan_cursor"] is None
    assert not any(isinstance(value, dict) for value in bookmark.values())


@pytest.mark.guarantee("writes-only-differences")
@pytest.mark.parametrize("option", [[], ["--full-refresh"]])
def test_further_run_writes_nothing(option: list[str], first: FirstRun) -> None:
    before = accepted_writes(first.box)

    run = first.project.run(JOB[0], *option, *JOB[1:])

    assert run.status == 0, run.stderr
    assert accepted_writes(first.box) == before


def test_sandbox_runs_of_a_job_have_the_same_result(tmp_path: Path) -> None:
    project = copy_project(tmp_path, {})
    words = [sys.executable, "-m", "sandbox", "run", "--port=0", "--members=30", "--"]
    command = [*words, str(BIN / "meltano"), "run", "vip-customers"]

    runs = [
        subprocess.run(
            command,
            cwd=project.folder,
            env=project.environment({}),
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        for _ in range(2)
    ]

    changes = [each.stderr.partition("changes in the store:")[2] for each in runs]
    assert changes[0] == changes[1]
    assert "customers updated   0" not in changes[0]
    written = tmp_path / "output" / "sandbox" / "vip-customers"
    summary = json.loads((written / "summary.json").read_text())
    assert summary["outcomes"]["updated"] > 0
    assert (written / "changes.jsonl").exists()
