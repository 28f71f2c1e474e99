"""`python -m scenarios record` and `python -m scenarios compare`, from `tests/`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from difflib import unified_diff
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import configurations, corpus_cases, exits, faults, jobs, sizes, writes
from .condensed import condensed
from .observed import digest
from .registry import SCENARIOS, Scenario
from .sandbox_process import SandboxProcess
from .stage import Shared, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

GROUPS = (configurations, corpus_cases, exits, faults, jobs, sizes, writes)
RECORDED = Path(__file__).parent / "recorded"
HERE = Path(sys.executable)
Results = dict[str, Any]


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit status."""
    given = _parser().parse_args(argv)
    chosen = [s for s in SCENARIOS.values() if fnmatch(s.title, given.only)]
    if given.verb == "list":
        sys.stdout.writelines(f"{each.title}\n" for each in chosen)
        return 0
    began = time.monotonic()
    results = _run(chosen, given)
    seconds = time.monotonic() - began
    if given.full:
        _write_full(results, given.full)
    results = {title: [*map(condensed, steps)] for title, steps in results.items()}
    sys.stderr.write(
        f"{len(results)} scenarios in {seconds:.0f} s, hash {_hash(results)}\n"
    )
    if given.verb == "record":
        _write(results, given.records)
        return 0
    return _compare(results, _read(given.records, chosen))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scenarios", description=__doc__)
    parser.add_argument("verb", choices=["record", "compare", "list"])
    parser.add_argument("--plugins", type=Path, default=HERE.parent, metavar="BIN")
    parser.add_argument("--sandbox", type=Path, default=HERE, metavar="PYTHON")
    parser.add_argument("--records", type=Path, default=RECORDED, metavar="DIR")
    parser.add_argument(
        "--full", type=Path, metavar="DIR", help="also write full observations"
    )
    parser.add_argument("--only", default="*", metavar="GROUP/NAME", help="a pattern")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    return parser


def _run(chosen: Iterable[Scenario], given: argparse.Namespace) -> Results:
    """Run scenarios in parallel, ordered so that a thread can reuse its sandbox."""
    order = sorted(
        chosen, key=lambda scenario: sorted(scenario.options.items(), key=str)
    )
    shared = Shared()
    with closing(Boxes(given.sandbox.absolute())) as boxes:

        def one(scenario: Scenario) -> tuple[str, Any]:
            box = boxes.of(scenario.options)
            return scenario.title, _observe(
                scenario, given.plugins.absolute(), box, shared
            )

        with ThreadPoolExecutor(given.jobs) as pool:
            results = dict(pool.map(one, order))
    return {title: results[title] for title in SCENARIOS if title in results}


class Boxes:
    """One sandbox per thread, restarted when a scenario needs other options."""

    def __init__(self, python: Path) -> None:
        self._python = python
        self._mine = threading.local()
        self._open: list[SandboxProcess] = []

    def close(self) -> None:
        """Stop all sandboxes."""
        for box in self._open:
            box.close()

    def of(self, options: Mapping[str, object]) -> SandboxProcess:
        """Return this thread's sandbox; restart it if its options differ."""
        box: SandboxProcess | None = getattr(self._mine, "box", None)
        if box is not None and self._mine.options == options:
            return box
        if box is not None:
            self._open.remove(box)
            box.close()
        self._mine.box = SandboxProcess(self._python, options)
        self._mine.options = options
        self._open.append(self._mine.box)
        return self.of(options)


def _observe(
    scenario: Scenario, plugins: Path, box: SandboxProcess, shared: Shared
) -> list[dict[str, Any]]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage.open(plugins, box, Path(folder), shared)
        try:
            scenario.run(stage)
        except Exception as error:
            raise RuntimeError(f"{scenario.title} failed") from error
    seconds = time.monotonic() - began
    sys.stderr.write(f"{seconds:5.1f} s  {scenario.title}\n")
    return stage.observations


def _hash(results: Mapping[str, Any]) -> str:
    return digest(json.dumps(results, sort_keys=True), 16)


def _write(results: Results, folder: Path) -> None:
    """Write a file per group; keep the recorded scenarios that were not run."""
    folder.mkdir(exist_ok=True)
    for group in sorted({title.partition("/")[0] for title in results}):
        path = folder / f"{group}.json"
        kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        known = {title.partition("/")[2] for title in SCENARIOS}
        kept = {name: steps for name, steps in kept.items() if name in known}
        for title, steps in results.items():
            if title.partition("/")[0] == group:
                kept[title.partition("/")[2]] = steps
        lines = [
            f"{json.dumps(name)}: {_compact(steps)}" for name, steps in kept.items()
        ]
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _write_full(results: Results, folder: Path) -> None:
    """Write the full observations, one file per scenario, for `diff -r`."""
    for title, steps in results.items():
        path = folder / f"{title}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(steps, indent=1, ensure_ascii=False)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))


def _compact(steps: Any) -> str:  # noqa: ANN401 - JSON
    rows = [json.dumps(step, separators=(",", ":")) for step in steps]
    return "[\n" + ",\n".join(rows) + "\n]"


def _read(folder: Path, chosen: Iterable[Scenario]) -> Results:
    results: Results = {}
    for scenario in chosen:
        path = folder / f"{scenario.group}.json"
        group = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        results[scenario.title] = group.get(scenario.name)
    return results


def _compare(results: Results, recorded: Results) -> int:
    differing = [
        title
        for title, steps in results.items()
        if json.loads(json.dumps(steps)) != recorded[title]
    ]
    for title in differing:
        lines = unified_diff(
            _lines(recorded[title]),
            _lines(results[title]),
            f"{title} recorded",
            f"{title} now",
            n=2,
        )
        sys.stdout.writelines(lines)
    sys.stdout.write(f"{len(differing)} of {len(results)} scenarios differ\n")
    return 1 if differing else 0


def _lines(steps: Any) -> list[str]:  # noqa: ANN401 - JSON
    text = json.dumps(steps, indent=1, ensure_ascii=False)
    return text.splitlines(keepends=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
