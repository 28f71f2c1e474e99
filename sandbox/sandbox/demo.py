"""The demo: runs the main job three times against one sandbox, checking each result."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .box import Sandbox
from .options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMBERS = 1000
QUOTA = 450  # Per 30 seconds: the limit of BigCommerce's Pro plan.
WINDOW = 30
AUDIENCE = "vip_customers"
EXPECTED = 900  # Of 1,000 members, some have no id and some are rejected.
PLUGINS = ("tap-lytics", "target-bigcommerce")
SHOWN = 3  # Values of an attribute shown on its line.
BIN = Path(sys.executable).parent
OUTPUT = Path("output", "demo")


class DemoError(Exception):
    """A run of the demo failed or had an unexpected result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Runs the main job against a sandbox, with Meltano's state in `system`."""

    box: Sandbox
    system: Path
    summary_path: Path = field(default=OUTPUT / "summary.json")

    def run(self, *options: str) -> dict[str, Any]:
        """Run the job and return the target's summary; raises DemoError if it fails."""
        command = ("meltano", "run", *options, *PLUGINS)
        print(f"$ {' '.join(command)}", flush=True)
        self.summary_path.unlink(missing_ok=True)  # It is the previous run's.
        done = subprocess.run(command, env=self._environment(), check=False)
        if done.returncode:
            raise DemoError(f"meltano run exited with status {done.returncode}")
        if not self.summary_path.exists():
            raise DemoError(f"the target did not write {self.summary_path}")
        summary: dict[str, Any] = json.loads(self.summary_path.read_text("utf-8"))
        return summary

    def _environment(self) -> dict[str, str]:
        ours = {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "MELTANO_ENVIRONMENT": "sandbox",
            "MELTANO_SYS_DIR_ROOT": str(self.system),
            "MELTANO_CLI_DISABLE_VERSION_CHECK": "1",
            "TARGET_BIGCOMMERCE_HISTORY_PATH": str(OUTPUT / "history.sqlite"),
            "TARGET_BIGCOMMERCE_REJECTS_PATH": str(OUTPUT / "rejects.jsonl"),
            "TARGET_BIGCOMMERCE_CHANGES_PATH": str(OUTPUT / "changes.jsonl"),
            "TARGET_BIGCOMMERCE_SUMMARY_PATH": str(self.summary_path),
        }
        return {**os.environ, **self.box.env(), **ours}


def main() -> None:
    """Run the demo; raises DemoError if a result differs from what is expected."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # Names have letters of all scripts.
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    with (
        Sandbox(Options(members=MEMBERS, quota=QUOTA, window_seconds=WINDOW)) as box,
        tempfile.TemporaryDirectory() as system,
    ):
        job = Job(box=box, system=Path(system))
        for run in (first_run, second_run, third_run):
            run(job)


def first_run(job: Job) -> None:
    """Write all members to the store."""
    summary = job.run()
    show("First run: changes in the store", first_rows(job.box, summary))
    check_first_run(job.box, summary)


def second_run(job: Job) -> None:
    """Continue from the first run's state: no member has changed."""
    before = count_writes(job.box)
    summary = job.run()
    written = count_writes(job.box) - before
    show(
        "Second run, with the first run's state",
        [
            ("members read", f"{summary['records']:,}"),
            ("writes to the store", f"{written:,}"),
        ],
    )
    if written:
        raise DemoError(f"the second run made {written} writes to the store")


def third_run(job: Job) -> None:
    """Send all members again: the target finds nothing to write."""
    job.box.store.mark()
    job.box.clock.advance(WINDOW)  # The quota of the next window is available.
    summary = job.run("--full-refresh")
    different = count_changes(job.box)
    show(
        "Third run, without state: all members again",
        [
            ("members read", f"{summary['records']:,}"),
            ("customers unchanged", f"{summary['outcomes']['unchanged']:,}"),
            ("rejected again", f"{summary['outcomes']['rejected']:,}"),
            ("values changed in the store", f"{different:,}"),
        ],
    )
    if different or not summary["outcomes"]["unchanged"]:
        raise DemoError(f"the third run changed {different} values in the store")


# Output.


def show(title: str, rows: list[tuple[str, str]]) -> None:
    """Print a small table."""
    width = max(len(name) for name, _ in rows)
    print(f"\n{title}")
    for name, value in rows:
        print(f"  {name:<{width}}  {value}")
    print(flush=True)


def first_rows(box: Sandbox, summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Describe the first run by the store's diff and the target's summary."""
    diff, outcomes = box.store.diff(), summary["outcomes"]
    fields = ", ".join(
        f"{name} {n:,}" for name, n in diff["customers"]["fields"].items()
    )
    rows = [
        ("members read", f"{summary['records']:,}"),
        ("customers updated", f"{outcomes['updated']:,}"),
        ("  fields changed", fields),
        *(
            (f"attribute created: {name}", _describe_values(box, name))
            for name in diff["attributes"]["created"]
        ),
        ("merged", f"{outcomes['merged']:,}  (two members with one customer id)"),
        ("skipped", f"{outcomes['skipped']:,}  (no customer id)"),
        ("rejected", f"{outcomes['rejected']:,}  (in {OUTPUT / 'rejects.jsonl'})"),
    ]
    return rows + [(f"  {code}", f"{n:,}") for code, n in summary["rejects"].items()]


def _describe_values(box: Sandbox, attribute: str) -> str:
    texts = Counter(attribute_values(box, attribute).values())
    # Concurrent calls write in no fixed order: sort by frequency, then by text.
    most = sorted(texts, key=lambda text: (-texts[text], text))[:SHOWN]
    examples = ", ".join(f"“{text}”" for text in most)
    more = ", …" if len(texts) > SHOWN else ""
    return f"set for {texts.total():,} customers: {examples}{more}"


# The store's content, and the expectations of the demo.


def attribute_values(box: Sandbox, attribute: str) -> dict[int, str]:
    """Return the values of an attribute by customer id."""
    numbers = {n for n, row in box.store.attributes.items() if row["name"] == attribute}
    values = box.store.values.items()
    return {key[0]: row["attribute_value"] for key, row in values if key[1] in numbers}


def count_writes(box: Sandbox) -> int:
    """Count the calls so far that could have changed the store."""
    return sum(entry.side == "store" and entry.method != "GET" for entry in box.journal)


def count_changes(box: Sandbox) -> int:
    """Count the customers, attributes and values that differ since the last mark."""
    diff = box.store.diff()
    customers, attributes = diff["customers"], diff["attributes"]
    rows = (customers["created"], customers["updated"], *attributes.values())
    counts: list[int] = [*map(len, rows)]
    for names in diff["values"].values():
        counts += names.values()
    return sum(counts)


def check_first_run(box: Sandbox, summary: Mapping[str, Any]) -> None:
    """Raise DemoError, naming each expectation that the first run does not meet."""
    outcomes, rejects = summary["outcomes"], summary["rejects"]
    expectations = {
        f"more than {EXPECTED} customers updated": outcomes["updated"] > EXPECTED,
        "an attribute created and set to the audience's slug": _is_labelled(box),
        "members without a customer id skipped": outcomes["skipped"] > 0,
        "records rejected": outcomes["rejected"] > 0,
        "a reason for each reject": sum(rejects.values()) == outcomes["rejected"],
        "an outcome for every record": sum(outcomes.values()) == summary["records"],
    }
    unmet = [text for text, is_met in expectations.items() if not is_met]
    if unmet:
        raise DemoError(f"expected, but not found: {'; '.join(unmet)}")


def _is_labelled(box: Sandbox) -> bool:
    diff = box.store.diff()
    updated = set(map(int, diff["customers"]["updated"]))
    labels = [attribute_values(box, name) for name in diff["attributes"]["created"]]
    return any(
        len(values) > EXPECTED
        and set(values.values()) == {AUDIENCE}
        and updated <= values.keys()
        for values in labels
    )


if __name__ == "__main__":
    try:
        main()
    except DemoError as error:
        sys.exit(f"demo: {error}")
