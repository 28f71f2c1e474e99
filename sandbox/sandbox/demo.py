"""The demo: the main job twice against one sandbox, and proof of what it did."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .box import Sandbox
from .options import Options
from .proof import DemoError, held, prove

MEMBERS = 1000
QUOTA = 450  # As a store on the Pro plan has, per 30 seconds.
JOB = ("meltano", "run", "tap-lytics", "target-bigcommerce")
SHOWN = 3  # Values of an attribute that fit on a line.
BIN = Path(sys.executable).parent
OUTPUT = Path("output", "demo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Runs the main job against a sandbox, with a Meltano state of its own."""

    box: Sandbox
    system: Path
    summary_path: Path = field(default=OUTPUT / "summary.json")

    def run(self) -> dict[str, Any]:
        """Run it to its end and give the target's summary."""
        print(f"$ {' '.join(JOB)}", flush=True)
        self.summary_path.unlink(missing_ok=True)  # The last run's proves nothing.
        done = subprocess.run(JOB, env=self._environment(), check=False)
        if done.returncode:
            raise DemoError(f"the job ended with status {done.returncode}")
        if not self.summary_path.exists():
            raise DemoError("the target left no summary")
        summary: dict[str, Any] = json.loads(self.summary_path.read_text("utf-8"))
        return summary

    def _environment(self) -> dict[str, str]:
        ours = {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "MELTANO_ENVIRONMENT": "sandbox",
            "MELTANO_SYS_DIR_ROOT": str(self.system),
            "MELTANO_CLI_DISABLE_VERSION_CHECK": "1",
            "TARGET_BIGCOMMERCE_REJECTS_PATH": str(OUTPUT / "rejects.jsonl"),
            "TARGET_BIGCOMMERCE_SUMMARY_PATH": str(self.summary_path),
        }
        return {**os.environ, **self.box.env(), **ours}


def show(title: str, rows: list[tuple[str, str]]) -> None:
    """Print a small table."""
    width = max(len(name) for name, _ in rows)
    print(f"\n{title}")
    for name, value in rows:
        print(f"  {name:<{width}}  {value}")
    print(flush=True)


def arrived(box: Sandbox, summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Tell what the store holds now, and what became of the other records."""
    diff, outcomes = box.store.diff(), summary["outcomes"]
    fields = ", ".join(
        f"{name} {n:,}" for name, n in diff["customers"]["fields"].items()
    )
    rows = [
        ("members read", f"{summary['records']:,}"),
        ("customers updated", f"{outcomes['updated']:,}"),
        ("  fields changed", fields),
        *(
            (f"attribute created: {name}", values_of(box, name))
            for name in diff["attributes"]["created"]
        ),
        ("merged", f"{outcomes['merged']:,}  (two members of one customer)"),
        ("skipped", f"{outcomes['skipped']:,}  (no customer id)"),
        ("rejected", f"{outcomes['rejected']:,}  (kept in {OUTPUT / 'rejects.jsonl'})"),
    ]
    return rows + [(f"  {code}", f"{n:,}") for code, n in summary["rejects"].items()]


def values_of(box: Sandbox, attribute: str) -> str:
    """Say what an attribute was set to, in few words."""
    texts = Counter(held(box, attribute).values())
    # Not by the order of writing: calls side by side have none.
    most = sorted(texts, key=lambda text: (-texts[text], text))[:SHOWN]
    few = ", ".join(f"“{text}”" for text in most)
    more = ", …" if len(texts) > SHOWN else ""
    return f"set for {texts.total():,} customers: {few}{more}"


def writes(box: Sandbox) -> int:
    """Count the calls so far that could have changed the store."""
    return sum(entry.side == "store" and entry.method != "GET" for entry in box.journal)


def main() -> None:
    """Run the demo; raises DemoError unless both runs do what it promises."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    with (
        Sandbox(Options(members=MEMBERS, quota=QUOTA)) as box,
        tempfile.TemporaryDirectory() as system,
    ):
        job = Job(box=box, system=Path(system))
        summary = job.run()
        show("What arrived in the store", arrived(box, summary))
        prove(box, summary)
        before = writes(box)
        again = job.run()
        written = writes(box) - before
    show(
        "The second run, with the state of the first",
        [
            ("members read", f"{again['records']:,}"),
            ("writes to the store", f"{written:,}"),
        ],
    )
    if written:
        raise DemoError(f"the second run wrote to the store, {written} times")


if __name__ == "__main__":
    try:
        main()
    except DemoError as error:
        sys.exit(f"demo: {error}")
