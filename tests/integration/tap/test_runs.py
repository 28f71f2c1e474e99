"""Runs of the tap as a process: complete, killed, resumed, and with broken output."""

from __future__ import annotations

import random
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import merge, run_tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.live_tap import StartTap

    Config = Callable[..., dict[str, Any]]

VIP = "vip_customers"
PAGES = 50
KILLS = 4


def keys_of(records: list[dict[str, Any]]) -> list[str]:
    return [record["_member_id"] for record in records]


def count_scans(box: Sandbox) -> int:
    return len([entry for entry in box.journal if entry.path.endswith("/scan")])


def test_full_sync_reads_each_member_once(
    make_sandbox: Callable[..., Sandbox], config_of: Config
) -> None:
    box = make_sandbox(members=250)

    run = run_tap(config_of(box))

    assert len(set(keys_of(run.records))) == len(run.records) == 250
    assert count_scans(box) == 3
    assert run.messages[0]["type"] == "SCHEMA"
    assert run.messages[-1]["type"] == "STATE"


def test_each_audience_has_stream_and_bookmark(
    sandbox: Sandbox, config_of: Config
) -> None:
    config = config_of(sandbox, audiences=[VIP, "newsletter_readers", "nobody_yet"])

    run = run_tap(config)

    sent = Counter(m["stream"] for m in run.messages if m["type"] == "RECORD")
    assert set(sent) == {VIP, "newsletter_readers"}
    assert run.state is not None
    assert set(run.state["bookmarks"]) == {VIP, "newsletter_readers", "nobody_yet"}


@pytest.mark.guarantee("tap-resumes-after-kill")
@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_scan_resumes_after_last_page(
    seed: int,
    make_sandbox: Callable[..., Sandbox],
    config_of: Config,
    start_tap: StartTap,
) -> None:
    box = make_sandbox(members=PAGES * 10, latency_ms=2)
    config = config_of(box, page_size=10)
    tap = start_tap(config)
    position = random.Random(seed).randrange(12, PAGES * 10)  # noqa: S311 - a position
    tap.read("RECORD", position)
    tap.end(signal.SIGKILL)

    rest = run_tap(config, state=tap.state)

    before, resent = set(keys_of(tap.covered)), keys_of(rest.records)
    assert rest.status == 0, rest.stderr
    assert not before & set(resent)
    assert len(before | set(resent)) == PAGES * 10
    assert len(tap.records) - len(tap.covered) < 2 * 10
    assert count_scans(box) <= PAGES + 3


def test_killed_full_refresh_merged_by_meltano(
    make_sandbox: Callable[..., Sandbox], config_of: Config, start_tap: StartTap
) -> None:
    box = make_sandbox(members=200, latency_ms=2)
    config = config_of(box, page_size=10)
    finished = run_tap(config).state
    tap = start_tap(config)
    tap.read("STATE", 5)
    tap.end(signal.SIGKILL)

    merged = merge(finished, tap.state)
    rest = run_tap(config, state=merged)

    assert rest.status == 0, rest.stderr
    assert len({*keys_of(tap.covered), *keys_of(rest.records)}) == 200
    assert merge(merged, rest.state)["bookmarks"][VIP]["scan_cursor"] is None


def test_closed_pipe_is_reported(
    make_sandbox: Callable[..., Sandbox], config_of: Config, start_tap: StartTap
) -> None:
    tap = start_tap(config_of(make_sandbox(members=2000)))
    tap.read("SCHEMA")
    tap.process.stdout.close()

    assert tap.process.wait(timeout=30) == 1
    assert "closed by the program that reads it" in tap.stderr.splitlines()[-1]
    assert "Traceback" not in tap.stderr


@pytest.mark.parametrize("option", ["", "--discover"])
def test_closed_stdout_is_reported(
    option: str, sandbox: Sandbox, config_of: Config, start_tap: StartTap
) -> None:
    command = ["sh", "-c", f'exec "$@" {option} >&-', "sh"]

    tap = start_tap(config_of(sandbox), through=command)

    assert tap.finish() == 1
    assert "Standard output is closed" in tap.stderr.splitlines()[-1]
    assert "Traceback" not in tap.stderr
    assert not sandbox.journal.total


def test_exits_without_ledger_activate_version(
    sandbox: Sandbox, config_of: Config
) -> None:
    run = run_tap(config_of(sandbox, emit_exits=True))

    kinds = [m["type"] for m in run.messages]
    [version] = [m["version"] for m in run.messages if m["type"] == "ACTIVATE_VERSION"]
    assert kinds[-2:] == ["ACTIVATE_VERSION", "STATE"]
    assert {m.get("version") for m in run.messages if m["type"] == "RECORD"} == {
        version
    }


def test_stream_maps_change_output(sandbox: Sandbox, config_of: Config) -> None:
    maps = {
        VIP: {"email": "email.lower()", "score": None},
        "copies": {
            "__source__": VIP,
            "__filter__": "newsletter",
            "__else__": None,
            "first_name": "first_name",
            "_member_id": "_member_id",
        },
    }

    run = run_tap(config_of(sandbox, stream_maps=maps))

    assert run.status == 0, run.stderr
    sent = Counter(m["stream"] for m in run.messages if m["type"] == "RECORD")
    assert sent[VIP] == 50
    assert 0 < sent["copies"] < 50
    assert all("score" not in r for r in run.records)


def test_log_names_each_audience_and_no_mode(
    sandbox: Sandbox, config_of: Callable[..., dict[str, Any]]
) -> None:
    audiences = ["vip_customers", "newsletter_readers"]

    run = run_tap(config_of(sandbox, audiences=audiences))

    lines = [line.split(" | ")[-1] for line in run.stderr.splitlines()]
    assert [line for line in lines if "audience" in line] == [
        f"Reading audience {name}." for name in sorted(audiences)
    ]
    assert "full_table" not in run.stderr
    assert "Skipping parse of env var" not in run.stderr
