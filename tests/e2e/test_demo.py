"""What the README says of the demo is what the demo says."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from support.meltano import ROOT, copy_project

if TYPE_CHECKING:
    from pathlib import Path

LOG = "…"  # Stands for Meltano's own lines in the README.


def test_the_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    copy_project(tmp_path, {})

    demo = subprocess.run(
        [sys.executable, "-m", "sandbox.demo"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, _, shown = readme.partition("```text\n")
    lines = [row for row in shown.partition("```")[0].splitlines() if row != LOG]
    assert demo.returncode == 0, demo.stderr
    assert lines == demo.stdout.rstrip().splitlines()
