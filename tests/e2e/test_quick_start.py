"""The README's quick start works as printed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.meltano import ROOT, MeltanoProject

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox

pytestmark = pytest.mark.timeout(300)  # Meltano starts slowly on a busy machine.

LOG_LINE = re.compile(r"\S+ \[\w+ *\] (?P<plugin>\S+) +(?P<text>.*)")


def block(kind: str) -> str:
    """Return the first block of a kind in the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition(f"```{kind}\n")[2].partition("```")[0]


def without_speed(line: str) -> str:
    """Replace the speed of the run, which differs every time."""
    return re.sub(r"[\d,]+ per second", "N per second", line)


def test_quick_start_prints_what_the_readme_shows(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    box = make_sandbox()
    project = block("yaml")
    for plugin in ("TAP_LYTICS", "TARGET_BIGCOMMERCE"):  # The sandbox's address.
        project = re.sub(
            rf"(config: {{)(?=[^\n]*{plugin})",
            rf"\1api_url: ${plugin}_API_URL, ",
            project,
        )
    (tmp_path / "meltano.yml").write_text(project, encoding="utf-8")
    run = MeltanoProject(folder=tmp_path, env=box.env()).run(
        "run", "tap-lytics", "target-bigcommerce"
    )

    assert run.status == 0, run.stderr
    printed = "\n".join(
        f"{found['plugin']:<18}  {without_speed(found['text'])}"
        for found in map(LOG_LINE.match, run.stderr.splitlines())
        if found
    )
    for line in block("text").splitlines():
        shown, _, _ = without_speed(line).partition("…")
        assert shown in printed
