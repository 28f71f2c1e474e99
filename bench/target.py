"""Compares the target with a naive one, on the same records and stores."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BIN = Path(sys.executable).parent
OURS = (str(BIN / "target-bigcommerce"),)
NAIVE = (sys.executable, str(Path(__file__).parent / "naive_target.py"))
FIELDS = ("email", "first_name", "last_name", "company")
MAPPING = [{"from": name, "to": name} for name in FIELDS]
STREAM = "vip_customers"
# At 0 ms, use enough records to make the start-up time negligible.
LOADS = ((0, 10_000), (100, 1_000))
CHANGED_SHARE = 0.05
NO_LIMIT = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Duration and number of HTTP calls of a run."""

    seconds: float
    calls: int


def main() -> None:
    """Print a row for every latency and store state."""
    print("target-bigcommerce and a naive BatchSink target, seconds and calls:")
    print(f"{'':<28}{'ours':>16}{'naive':>16}{'ratio':>8}")
    for latency, members in LOADS:
        for case in ("all new", "nothing changed", "5 % changed"):
            ours, naive = (
                _measure(command, case, latency, members) for command in (OURS, NAIVE)
            )
            name = f"{latency} ms, {members:,}, {case}"
            ratio = naive.seconds / ours.seconds
            print(f"{name:<28}{_shown(ours)}{_shown(naive)}{ratio:>7.1f}x", flush=True)


def _measure(command: Sequence[str], case: str, latency: int, members: int) -> Timed:
    options = Options(
        members=members,
        quota=NO_LIMIT,
        journal_bodies=False,
        without_id=0,
        unknown_id=0,
        refused=0,
        shared_id=0,
    )
    with Sandbox(options) as box, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "records.jsonl"
        source.write_text("".join(_lines(box, changed=False)), encoding="utf-8")
        if case != "all new":
            _run(OURS, box, folder, source)
        if case == "5 % changed":
            source.write_text("".join(_lines(box, changed=True)), encoding="utf-8")
        box.latency_ms = latency
        before = box.journal.total
        seconds = _run(command, box, folder, source)
        return Timed(seconds=seconds, calls=box.journal.total - before)


def _run(command: Sequence[str], box: Sandbox, folder: Path, source: Path) -> float:
    config = {**box.target_config(), "id_field": "bigcommerce_customer_id"}
    if command is OURS:
        rejects = str(folder / "rejects.jsonl")
        config |= {"map_standard_fields": MAPPING, "rejects_path": rejects}
    path = folder / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    began = time.perf_counter()
    with source.open("rb") as lines:
        subprocess.run(
            [*command, "--config", str(path)],
            stdin=lines,
            check=True,
            capture_output=True,
        )
    return time.perf_counter() - began


def _lines(box: Sandbox, *, changed: bool) -> Iterator[str]:
    properties = {
        name: {"type": ["null", "string"]}
        for name in (*FIELDS, "bigcommerce_customer_id")
    }
    yield _line(
        type="SCHEMA",
        stream=STREAM,
        schema={"type": "object", "properties": properties},
        key_properties=[],
    )
    every = int(1 / CHANGED_SHARE)
    for at, index in enumerate(box.lytics.members(STREAM)):
        member = box.lytics.member(index)
        record = {name: member[name] for name in properties if name in member}
        if changed and at % every == 0:
            record["company"] = f"{record.get('company', '')} & Sons"
        yield _line(type="RECORD", stream=STREAM, record=record)
    yield _line(type="STATE", value={"done": True})


def _line(**message: Any) -> str:  # noqa: ANN401 - JSON
    return json.dumps(message) + "\n"


def _shown(timed: Timed) -> str:
    return f"{timed.seconds:>8.2f} {timed.calls:>7,}"
