"""The demo: the main job three times against one sandbox, and proof of what it did."""

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
from .proof import DemoError, changed, held, prove

MEMBERS = 1000
QUOTA = 450  # As a store on the Pro plan has, per 30 seconds.
WINDOW = 30
PLUGINS = ("tap-lytics", "target-bigcommerce")
SHOWN = 3  # Values of an attribute that fit on a line.
BIN = Path(sys.executable).parent
OUTPUT = Path("output", "demo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Runs the main job against a sandbox, with a Meltano state of its own."""

    box: Sandbox
    system: Path
    summary_path: Path = field(default=OUTPUT / "summary.json")

    def run(self, *options: str) -> dict[str, Any]:
        """Run it to its end and give the target's summary."""
        command = ("meltano", "run", *options, *PLUGINS)
        print(f"$ {' '.join(command)}", flush=True)
        self.summary_path.unlink(missing_ok=True)  # The last run's proves nothing.
        done = subprocess.run(command, env=self._environment(), check=False)
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


def first_run(job: Job) -> None:
    """Everybody arrives."""
    summary = job.run()
    show("What arrived in the store", arrived(job.box, summary))
    prove(job.box, summary)


def second_run(job: Job) -> None:
    """The tap goes on from the state of the first run, and nobody has changed."""
    before = writes(job.box)
    summary = job.run()
    written = writes(job.box) - before
    show(
        "The second run, with the state of the first",
        [
            ("members read", f"{summary['records']:,}"),
            ("writes to the store", f"{written:,}"),
        ],
    )
    if written:
        raise DemoError(f"the second run wrote to the store, {written} times")


def third_run(job: Job) -> None:
    """The tap sends everybody again, and the target looks before it writes."""
    job.box.store.mark()
    job.box.clock.advance(WINDOW)  # Nobody has to wait for the quota's next window.
    summary = job.run("--full-refresh")
    different = changed(job.box)
    show(
        "The third run, with no state: everybody once more",
        [
            ("members read", f"{summary['records']:,}"),
            ("customers as they should be", f"{summary['outcomes']['unchanged']:,}"),
            ("rejected again", f"{summary['outcomes']['rejected']:,}"),
            ("values changed in the store", f"{different:,}"),
        ],
    )
    if different or not summary["outcomes"]["unchanged"]:
        raise DemoError(f"the third run changed {different} values of the store")


def main() -> None:
    """Run the demo; raises DemoError unless the runs do what it promises."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    with (
        Sandbox(Options(members=MEMBERS, quota=QUOTA, window_seconds=WINDOW)) as box,
        tempfile.TemporaryDirectory() as system,
    ):
        job = Job(box=box, system=Path(system))
        for run in (first_run, second_run, third_run):
            run(job)


if __name__ == "__main__":
    try:
        main()
    except DemoError as error:
        sys.exit(f"demo: {error}")
