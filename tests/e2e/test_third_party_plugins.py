"""The tap with third-party targets, and the target with a third-party tap."""

from __future__ import annotations

import csv
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from support.meltano import ROOT
from support.plugins import run_tap, run_target

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox

THIRD_PARTY = ROOT / ".venv" / "third_party"


def third_party(environment: str, executable: str) -> str:
    path = THIRD_PARTY / environment / "bin" / executable
    if not path.exists():
        pytest.skip(f"{executable} is not installed; `make test` installs it")
    return str(path)


def feed(command: str, config: dict[str, Any], lines: str, folder: Path) -> Path:
    """Run a third-party target over the lines; return its output folder."""
    config_path = folder / "config.json"
    config_path.write_text(json.dumps(config), encoding="utf-8")
    subprocess.run(
        [command, "--config", str(config_path)],
        input=lines,
        cwd=folder,
        encoding="utf-8",
        capture_output=True,
        check=True,
    )
    return folder


def test_target_csv_gets_every_member(
    tap_config: dict[str, Any], tmp_path: Path
) -> None:
    tap = run_tap(tap_config)

    feed(
        third_party("targets", "target-csv"),
        {"output_path": str(tmp_path)},
        tap.stdout,
        tmp_path,
    )

    with (tmp_path / "vip_customers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sent = {record["_member_id"]: record for record in tap.records}
    assert len(rows) == len(sent) > 0
    for row in rows:
        assert row["first_name"] == (sent[row["_member_id"]]["first_name"] or "")


def test_target_jsonl_gets_every_member(
    tap_config: dict[str, Any], tmp_path: Path
) -> None:
    tap = run_tap(tap_config)

    feed(
        third_party("target-jsonl", "target-jsonl"),
        {"destination_path": str(tmp_path), "do_timestamp_file": False},
        tap.stdout,
        tmp_path,
    )

    lines = (tmp_path / "vip_customers.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == tap.records


def test_tap_jsonl_fills_the_store(sandbox: Sandbox, tmp_path: Path) -> None:
    customers = list(sandbox.store.customers)[:30]
    rows = [{"customer": number, "segment": "gold"} for number in customers]
    source = tmp_path / "customers.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = tmp_path / "tap.json"
    config.write_text(
        json.dumps({"path": str(source), "stream_name": "gold_customers"}),
        encoding="utf-8",
    )
    tap = subprocess.run(
        [third_party("tap-jsonl", "tap-jsonl"), "--config", str(config)],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )

    run = run_target(
        {
            **sandbox.target_config(),
            "id_field": "customer",
            "map_standard_fields": [],
            "map_custom_attributes": [{"from": "segment", "to": "Segment"}],
        },
        tap.stdout.splitlines(),
    )

    assert run.status == 0, run.stderr
    ids = {row["name"]: row["id"] for row in sandbox.store.attributes.values()}
    for number in customers:
        values = sandbox.store.values
        assert values[number, ids["Segment"]]["attribute_value"] == "gold"
        own = values[number, ids["LyticsAudience_gold_customers"]]
        assert own["attribute_value"] == "gold_customers"
