"""Every pin has hashes, and every dependency that we declare has a reason."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PINNED = [ROOT / "requirements.txt", *(ROOT / "tests/e2e/third_party").glob("*.txt")]
PROJECTS = [ROOT / "pyproject.toml", *ROOT.glob("*/pyproject.toml")]
PIN = re.compile(
    r"[a-z0-9-]+==[0-9][^\s*]*"  # One version,
    r"( ; [^#@/]*?)?"  # perhaps only on some platforms,
    r"( --hash=sha256:[0-9a-f]{64})+"  # and nothing else: no index, URL or path.
)
NAME = re.compile(r"[A-Za-z0-9.-]+")


def declared_in(path: Path) -> set[str]:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    groups = content.get("dependency-groups", {}).values()
    requirements = [
        *content["project"].get("dependencies", []),
        *content.get("build-system", {}).get("requires", []),
        *(requirement for group in groups for requirement in group),
    ]
    names = map(NAME.match, requirements)
    return {name.group().lower() for name in names if name}


@pytest.mark.guarantee("pinned-dependencies")
@pytest.mark.parametrize("path", PINNED, ids=lambda path: path.name)
def test_each_line_pins_one_version_with_hashes(path: Path) -> None:
    text = re.sub(r" \\\n *", " ", path.read_text(encoding="utf-8"))

    lines = text.splitlines()

    assert lines
    assert [line for line in lines if not PIN.fullmatch(line)] == []


@pytest.mark.guarantee("pinned-dependencies")
@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.parent.name)
def test_each_direct_dependency_has_a_reason(path: Path) -> None:
    decisions = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8").lower()
    ours = {each.parent.name for each in PROJECTS}

    unexplained = declared_in(path) - ours

    assert {name for name in unexplained if f"`{name}`" not in decisions} == set()
