"""The program among others: its environment, its pipes, its files, its secrets."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from support.live_target import LiveTarget, await_call
from support.plugins import BIN, Run, examine, run_target, to_text
from support.singer import companies, record, schema, state
from support.store import companies_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sandbox import Sandbox
    from support.plugins import RunTarget
    from support.store import MakeBox

NO_LISTENER = "http://127.0.0.1:9"  # Nothing listens there.
CREATE = {
    "on_missing_id": "create",
    "map_standard_fields": [
        {"from": name, "to": name} for name in ("email", "first_name", "last_name")
    ],
}


def run_with(
    config: Mapping[str, Any],
    *args: str,
    stdin: Any = subprocess.DEVNULL,  # noqa: ANN401 - as subprocess takes it
    stdout: Any = subprocess.PIPE,  # noqa: ANN401 - the same
    through: Sequence[str] = (),
) -> Run:
    """Run the target with pipes of the test's own."""
    path = Path(config["rejects_path"]).with_name("config.json")
    path.write_text(json.dumps(config))
    done = subprocess.run(
        [*through, str(BIN / "target-bigcommerce"), "--config", str(path), *args],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    run = Run(status=done.returncode, stdout=done.stdout or "", stderr=done.stderr)
    return examine(run, config, None)


# Secrets.


@pytest.mark.guarantee("no-token-leaks")
def test_even_for_debugging_no_token_is_told(
    config: dict[str, Any], box: Sandbox
) -> None:
    box.faults.queue(Fault(kind="403", match="PUT /customers/attribute-values"))
    env = {**os.environ, "TARGET_BIGCOMMERCE_LOGLEVEL": "DEBUG", "LOGLEVEL": "DEBUG"}

    got = run_target(config, [schema(), record(1001, company="New")], env=env)

    assert got.status == 1
    assert "DEBUG" in got.stderr


@pytest.mark.guarantee("token-stays-on-host")
def test_a_proxy_of_the_environment_gets_nothing_meant_for_this_machine(
    config: dict[str, Any], box: Sandbox
) -> None:
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), NO_LISTENER)
    env = {k: v for k, v in os.environ.items() if k.lower() != "no_proxy"}

    got = run_target(
        config, [schema(), record(1001, company="New")], env={**env, **proxies}
    )

    assert got.status == 0, got.stderr
    assert companies_of(box)[1001] == "New"


# Input and output.


def test_no_input_is_no_records(config: dict[str, Any], box: Sandbox) -> None:
    got = run_with(config)

    assert got.status == 0
    assert got.summary is not None
    assert got.summary["records"] == 0
    assert len(box.journal) == 0


def test_a_file_is_read_like_a_pipe(
    config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "input.jsonl"
    path.write_text(to_text([schema(), *companies(0, 12)]).rstrip("\n"))

    got = run_with(config, "--input", str(path))

    assert got.status == 0, got.stderr
    assert got.state == {"n": 12}
    assert len(values_of(box)) == 12


def test_the_rejects_in_use_are_no_input_by_name_either(
    config: dict[str, Any], run: RunTarget
) -> None:
    run(schema(), record(4_000_000))

    got = run_with(config, "--input", config["rejects_path"])

    assert got.status == 1
    assert "mv rejects.jsonl replay.jsonl" in got.errors[0]


def test_an_output_that_nobody_reads_ends_the_run_in_one_line(
    config: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "input.jsonl"
    path.write_text(to_text([schema(), *companies(0, 3)]))
    reader, writer = os.pipe()
    os.close(reader)

    got = run_with(config, "--input", str(path), stdout=writer)
    os.close(writer)

    assert got.status == 1
    [complaint] = got.errors
    assert "STATE could not be printed" in complaint


def test_without_an_output_nothing_is_written(
    config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "input.jsonl"
    path.write_text(to_text([schema(), *companies(0, 3)]))
    closing = ["sh", "-c", 'exec "$@" >&-', "sh"]

    got = run_with(config, "--input", str(path), through=closing)

    assert got.status == 1
    [complaint] = got.errors
    assert "Standard output is closed" in complaint
    assert len(box.journal) == 0


def test_no_state_is_cut_where_python_buffers_nothing() -> None:
    """A write without a buffer ends short when a signal comes into a full pipe."""
    program = (
        "import io, sys; from singer_kit.logs import buffer_stdout;"
        "before = sys.stdout.buffer; buffer_stdout(); after = sys.stdout.buffer;"
        "print(isinstance(before, io.RawIOBase), isinstance(after, io.RawIOBase))"
    )

    said = subprocess.check_output([sys.executable, "-u", "-c", program], text=True)

    assert said == "True False\n"


def test_many_records_come_through_a_pipe_whole(
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


@pytest.mark.parametrize(
    ("settings", "status"),
    [({"max_in_flight": 9}, 1), ({"access_token": "wrong-one"}, 1), ({"limit": 2}, 0)],
)
def test_who_still_writes_when_the_target_ends_early_is_not_broken_off(
    settings: dict[str, Any], status: int, config: dict[str, Any]
) -> None:
    records = companies(0, 200) * 20
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << 20)  # So that all of it fits.
    os.write(writer, to_text([schema(), *records]).encode())

    got = run_with({**config, "batch_size_rows": 2, **settings}, stdin=reader)

    os.close(writer)
    assert got.status == status
    assert os.read(reader, 1) == b""
    os.close(reader)


# Several streams, slow answers.


def test_two_streams_have_an_attribute_each(run: RunTarget, box: Sandbox) -> None:
    other = [
        record(1001, stream="news", company="Later"),
        record(1003, stream="news"),
        state(4),
    ]
    lines = [record(1001, company="Sooner"), record(1002, company="Second"), state(2)]

    got = run(schema(), schema(stream="news"), *lines, *other)

    assert got.outcomes == {"updated": 4}
    assert got.state == {"n": 4}
    assert values_of(box).keys() == {1001, 1002}
    assert values_of(box, "LyticsAudience_news") == {1001: "news", 1003: "news"}
    assert companies_of(box)[1001] == "Later"


@pytest.mark.parametrize("match", ["PUT /customers", "POST /customers"])
def test_an_answer_that_does_not_come_in_time_makes_no_twin(
    match: str, run: RunTarget, box: Sandbox
) -> None:
    box.faults.queue(Fault(kind="slow", match=match, seconds=2))
    fields = {"email": "new@example.com", "first_name": "New", "last_name": "One"}
    customer = None if match.startswith("POST") else 1001

    got = run(
        schema(),
        record(customer, **fields),
        state(1),
        request_timeout_seconds=1,
        **CREATE,
    )

    assert got.status == 0, got.stderr
    assert got.state == {"n": 1}
    emails = [box.store.customers[n]["email"] for n in box.store.customers]
    assert emails.count("new@example.com") == 1
    assert len(values_of(box)) == 1


def test_a_signal_waits_for_a_slow_answer_no_longer_than_its_time_out(
    config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    config["request_timeout_seconds"] = 1
    box.faults.queue(Fault(kind="slow", match="PUT /customers", seconds=60))
    reached = await_call(box, "PUT /customers")
    with LiveTarget(config, tmp_path) as target:
        target.send(schema(), record(1001, company="New"), state(1))
        target.close_input()
        assert reached.wait(30)

        target.signal(15)
        got = target.end()  # It is given 30 seconds.

    assert got.status == 143
    assert got.state is None
