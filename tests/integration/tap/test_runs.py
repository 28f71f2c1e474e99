"""Runs that are cut off, go on, repeat and end."""

from __future__ import annotations

import random
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import run_tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

    Config = Callable[..., dict[str, Any]]
    Start = Callable[..., Any]

VIP = "vip_customers"
PAGES = 50
KILLS = 4


def keys_of(records: list[dict[str, Any]]) -> list[str]:
    return [record["_member_id"] for record in records]


def pages_asked(box: Sandbox) -> int:
    return len([entry for entry in box.journal if entry.path.endswith("/scan")])


def test_everybody_is_read_once_over_all_pages(
    make_sandbox: Callable[..., Sandbox], config_of: Config
) -> None:
    box = make_sandbox(members=950)

    run = run_tap(config_of(box))

    assert len(set(keys_of(run.records))) == len(run.records) == 950
    assert pages_asked(box) == 10
    assert run.messages[0]["type"] == "SCHEMA"
    assert run.messages[-1]["type"] == "STATE"


@pytest.mark.parametrize(
    "reading",
    [
        {"same_token": True},
        {"scan_end": "repeat"},
        {"scan_end": "missing"},
        {"scan_end": "empty_page"},
        {"bare_envelope": True, "status_as_text": True},
        {"scan_is_snapshot": True},
        {"lytics_date_header": False},
    ],
)
def test_everybody_is_read_by_any_reading_of_the_documents(
    reading: dict[str, Any], make_sandbox: Callable[..., Sandbox], config_of: Config
) -> None:
    box = make_sandbox(members=40, **reading)

    run = run_tap(config_of(box, page_size=10))

    assert run.status == 0, run.stderr
    assert len(set(keys_of(run.records))) == 40
    assert run.state is not None
    assert run.state["bookmarks"][VIP]["scan_cursor"] is None


def test_several_audiences_have_a_stream_and_a_place_each(
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
def test_a_killed_scan_goes_on_behind_the_last_page_that_the_state_covers(
    seed: int,
    make_sandbox: Callable[..., Sandbox],
    config_of: Config,
    start_tap: Start,
) -> None:
    box = make_sandbox(members=PAGES * 10, latency_ms=2)
    config = config_of(box, page_size=10)
    tap = start_tap(config)
    position = random.Random(seed).randrange(12, PAGES * 10)  # noqa: S311 - a position
    tap.read("RECORD", position)
    tap.end(signal.SIGKILL)

    rest = run_tap(config, state=tap.state)

    before, again = set(keys_of(tap.covered)), keys_of(rest.records)
    assert rest.status == 0, rest.stderr
    assert not before & set(again)
    assert len(before | set(again)) == PAGES * 10
    assert len(tap.records) - len(tap.covered) < 2 * 10
    assert pages_asked(box) <= PAGES + 3


def test_a_full_refresh_killed_midway_and_merged_by_meltano_misses_nobody(
    make_sandbox: Callable[..., Sandbox], config_of: Config, start_tap: Start
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


def merge(into: Any, new: Any) -> Any:  # noqa: ANN401 - JSON
    """Merge states as Meltano does: key by key, nothing is ever removed."""
    if isinstance(into, dict) and isinstance(new, dict):
        shared = {k: merge(into[k], new[k]) if k in into else new[k] for k in new}
        return {**into, **shared}
    assert not isinstance(new, dict), "Meltano fails here"
    return new


def test_a_reader_who_goes_away_is_told_in_a_line(
    make_sandbox: Callable[..., Sandbox], config_of: Config, start_tap: Start
) -> None:
    tap = start_tap(config_of(make_sandbox(members=2000)))
    tap.read("SCHEMA")
    tap.process.stdout.close()

    assert tap.process.wait(timeout=30) == 1
    assert "closed by the program that reads it" in tap.stderr.splitlines()[-1]
    assert "Traceback" not in tap.stderr


@pytest.mark.parametrize("option", ["", "--discover"])
def test_a_tap_without_an_output_says_so(
    option: str, sandbox: Sandbox, config_of: Config, start_tap: Start
) -> None:
    closing = ["sh", "-c", f'exec "$@" {option} >&-', "sh"]

    tap = start_tap(config_of(sandbox), through=closing)

    assert tap.finish() == 1
    assert "Standard output is closed" in tap.stderr.splitlines()[-1]
    assert "Traceback" not in tap.stderr
    assert not sandbox.journal.total


def test_the_state_is_never_ahead_of_what_was_written(
    make_sandbox: Callable[..., Sandbox], config_of: Config
) -> None:
    box = make_sandbox(members=300)
    seen = 0

    messages = run_tap(config_of(box)).messages

    for message in messages:
        seen += message["type"] == "RECORD"
        if message["type"] == "STATE":
            place = message["value"]["bookmarks"][VIP]
            assert place["scan_cursor"] is None or seen % 100 == 0
    states = [m["value"]["bookmarks"][VIP] for m in messages if m["type"] == "STATE"]
    assert len(states) == 3
    assert all(not isinstance(v, dict) for s in states for v in s.values())


def test_exits_without_a_ledger_are_a_version_at_the_end(
    sandbox: Sandbox, config_of: Config
) -> None:
    run = run_tap(config_of(sandbox, emit_exits=True))

    kinds = [m["type"] for m in run.messages]
    [version] = [m["version"] for m in run.messages if m["type"] == "ACTIVATE_VERSION"]
    assert kinds[-2:] == ["ACTIVATE_VERSION", "STATE"]
    assert {m.get("version") for m in run.messages if m["type"] == "RECORD"} == {
        version
    }


def test_stream_maps_shape_what_is_sent(sandbox: Sandbox, config_of: Config) -> None:
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
