"""The target as a process: its input and output, its environment, its log."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from support.live_target import LiveTarget
from support.plugins import BIN, Run, examine, run_target, to_text
from support.processes import PluginProcess
from support.singer import companies, record, schema, state
from support.store import companies_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import IO

    from sandbox import Sandbox
    from support.plugins import RunTarget
    from support.store import MakeBox


def write_config(config: Mapping[str, Any]) -> Path:
    """Write the configuration next to the rejects."""
    path = Path(config["rejects_path"]).with_name("config.json")
    path.write_text(json.dumps(config))
    return path


def run_with(
    config: Mapping[str, Any],
    *args: str,
    stdin: int | IO[Any] = subprocess.DEVNULL,
) -> Run:
    """Run the target with a standard input of the test."""
    path = write_config(config)
    with path.with_name("stderr").open("w+b") as stderr:
        options = ["--config", str(path), *args]
        process = PluginProcess(
            "target-bigcommerce", options, stdin=stdin, stderr=stderr
        )
        with process.stdout as stdout:
            printed = stdout.read().decode()
        status = process.wait()
        stderr.seek(0)
        run = Run(status=status, stdout=printed, stderr=stderr.read().decode())
    return examine(run, config, None)


def run_installed(
    config: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    *,
    stdout: int = subprocess.PIPE,
    launcher: Sequence[str] = (),
) -> Run:
    """Run the installed command with a standard output of the test."""
    command = [str(BIN / "target-bigcommerce"), "--config", str(write_config(config))]
    done = subprocess.run(
        [*launcher, *command],
        input=to_text(lines),
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    run = Run(status=done.returncode, stdout=done.stdout or "", stderr=done.stderr)
    return examine(run, config, None)


@pytest.mark.guarantee("no-token-leaks")
def test_debug_log_shows_no_token(config: dict[str, Any], box: Sandbox) -> None:
    box.faults.queue(Fault(kind="401", match="PUT /customers/attribute-values"))
    env = {**os.environ, "TARGET_BIGCOMMERCE_LOGLEVEL": "DEBUG", "LOGLEVEL": "DEBUG"}

    got = run_target(config, [schema(), record(1001, company="New")], env=env)

    assert got.status == 1
    assert "DEBUG" in got.stderr


# Input.


def test_empty_input_makes_no_request(config: dict[str, Any], box: Sandbox) -> None:
    got = run_with(config)

    assert got.status == 0
    assert got.summary is not None
    assert got.summary["records"] == 0
    assert len(box.journal) == 0


def test_input_file_is_read_like_a_pipe(
    config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "input.jsonl"
    path.write_text(to_text([schema(), *companies(0, 12)]).rstrip("\n"))

    got = run_with(config, "--input", str(path))

    assert got.status == 0, got.stderr
    assert got.state == {"n": 12}
    assert len(values_of(box)) == 12


@pytest.mark.parametrize("as_stdin", [True, False], ids=["stdin", "--input"])
def test_rejects_in_use_are_refused_as_input(
    config: dict[str, Any], run: RunTarget, *, as_stdin: bool
) -> None:
    run(schema(), record(4_000_000))
    path = Path(config["rejects_path"])
    before = path.read_bytes()

    if as_stdin:
        with path.open() as stdin:
            got = run_with(config, stdin=stdin)
    else:
        got = run_with(config, "--input", str(path))

    assert got.status == 1
    [error] = got.errors
    assert "mv rejects.jsonl replay.jsonl" in error
    assert path.read_bytes() == before


def test_input_larger_than_the_pipe_is_read_whole(
    make_box: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    tmp_path: Path,
) -> None:
    box = make_box(members=1500, quota=10_000)
    lines = [record(1001 + n, company=f"Käse 🧀 {n}") for n in range(1500)]

    with LiveTarget(config_of(box), tmp_path) as target:
        target.send_quietly(schema(), *lines, state(1500))
        got = target.end()

    assert got.outcomes == {"updated": 1500}
    assert got.state == {"n": 1500}
    assert companies_of(box) == {1001 + n: f"Käse 🧀 {n}" for n in range(1500)}


def test_records_are_written_while_the_input_is_silent(
    config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    with LiveTarget({**config, "batch_wait_limit_seconds": 1}, tmp_path) as target:
        target.send(schema(), record(1001, company="New"), state(1))
        printed = target.state()
        written = values_of(box)
        target.send(record(1002, company="New"), state(2))
        target.close_input()
        got = target.end()

    assert printed == {"n": 1}
    assert written == {1001: "vip"}
    assert got.outcomes == {"updated": 2}
    assert got.state == {"n": 2}


@pytest.mark.parametrize(
    ("settings", "status"),
    [({"max_in_flight": 9}, 1), ({"limit": 2}, 0)],
    ids=["wrong setting", "limit"],
)
def test_early_exit_does_not_break_the_writer(
    settings: dict[str, Any], status: int, config: dict[str, Any]
) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << 20)  # Room for the whole input.
    os.write(writer, to_text([schema(), *companies(0, 200) * 20]).encode())

    with open(reader, "rb", 0) as stdin:  # noqa: PTH123 - a descriptor
        got = run_with({**config, "batch_size_rows": 2, **settings}, stdin=stdin)
        os.close(writer)

        assert got.status == status
        assert stdin.read() == b""


# Output.


def test_output_without_reader_ends_run_in_one_line(config: dict[str, Any]) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    got = run_installed(config, [schema(), *companies(0, 3)], stdout=writer)
    os.close(writer)

    assert got.status == 1
    [error] = got.errors
    assert "STATE could not be printed" in error


def test_closed_output_is_an_error_before_any_request(
    config: dict[str, Any], box: Sandbox
) -> None:
    lines = [schema(), *companies(0, 3)]
    closing = ["sh", "-c", 'exec "$@" >&-', "sh"]

    got = run_installed(config, lines, launcher=closing)

    assert got.status == 1
    [error] = got.errors
    assert "Standard output is closed" in error
    assert len(box.journal) == 0
