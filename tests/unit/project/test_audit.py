"""The audit finds one thing wrong with each project that one thing is wrong with."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from audit.lock import read_lock
from audit.whole import of_projects
from documents.blocks import ROOT
from sound_project import HASH, MIT, Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def explain(project: Project, *names: str) -> None:
    """Let all of these have their line in the decisions."""
    told = "".join(f"`{name}` " for name in ("requests", "hatchling", *names))
    project.write("docs/decisions.md", told)


def test_nothing_is_found_where_nothing_is_wrong(project: Project) -> None:
    assert project.found() == []


def other_version(project: Project) -> None:
    project.lock(f"idna==3.10{HASH}")
    project.install("idna", "3.9", MIT)


def missing(project: Project) -> None:
    project.lock(f"idna==3.10{HASH}")


def unlocked(project: Project) -> None:
    project.install("idna", "3.10", MIT)


def for_others_only(project: Project) -> None:
    project.lock(f"idna==3.10 ; python_version < '3'{HASH}")
    project.install("idna", "3.10", MIT)


def twice(project: Project) -> None:
    project.install("requests", "2.32", MIT)


def impostor(project: Project) -> None:
    note = {"INFO/direct_url.json": '{"url": "https://files.example/s.whl"}'}
    project.install("sandbox", "0.1.0", MIT, note)


def altered(project: Project) -> None:
    (project.site / "requests.py").write_text("import os\n", encoding="utf-8")


def gone(project: Project) -> None:
    (project.site / "requests.py").unlink()


def unrecorded(project: Project) -> None:
    record = project.site / "requests-2.32.0.dist-info/RECORD"
    record.write_text(record.read_text("utf-8") + "\nmore.py,,")


def without_record(project: Project) -> None:
    (project.site / "pip-26.0.dist-info/RECORD").unlink()


def runs_at_every_start(project: Project) -> None:
    (project.site / "more.pth").write_text("import os\n", encoding="utf-8")


def hides_a_program(project: Project) -> None:
    (project.programs / "make").write_text("#!/bin/sh\n", encoding="utf-8")


def altered_program(project: Project) -> None:
    (project.programs / "hatchling").write_text("run something else\n")


def out_of_range(project: Project) -> None:
    project.declare("sandbox", "requests>=3")


def in_no_lock(project: Project) -> None:
    explain(project, "msgspec")
    project.declare("sandbox", "requests", "msgspec")
    project.source("sandbox", "import requests\nimport msgspec\n")


def undeclared(project: Project) -> None:
    project.source("sandbox", "def later():\n    import requests, msgspec.json\n")


def declared_in_vain(project: Project) -> None:
    project.source("sandbox", "if TYPE_CHECKING:\n    import requests\n")


def unexplained(project: Project) -> None:
    project.write("docs/decisions.md", "We took requests. `hatchling`")


def not_ours_to_use(project: Project) -> None:
    """Let what a dependency needs be under a licence that is not allowed."""
    project.lock(f"idna==3.10{HASH}")
    project.install("idna", "3.10", "License-Expression: GPL-3.0-only")


def without_a_licence(project: Project) -> None:
    project.lock(f"idna==3.10{HASH}")
    project.install("idna", "3.10", "Summary: none")


@pytest.mark.guarantee("pinned-dependencies")
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (other_version, "idna is 3.9, and 3.10 in the lock"),
        (missing, "idna 3.10 is in the lock and not installed"),
        (unlocked, "idna is installed and not in the lock"),
        (for_others_only, "idna is installed and not in the lock"),
        (twice, "requests is installed 2 times"),
        (impostor, "sandbox is not installed from"),
        (altered, "/requests.py was altered"),
        (gone, "/requests.py is gone"),
        (unrecorded, "more.py is recorded without a hash"),
        (without_record, "pip has no RECORD"),
        (runs_at_every_start, "more.pth belongs to no package"),
        (hides_a_program, "make belongs to no package"),
        (altered_program, "bin/hatchling was altered"),
        (out_of_range, "sandbox needs requests>=3, and the lock has 2.32.0"),
        (in_no_lock, "sandbox needs msgspec, and the lock does not name it"),
        (undeclared, "sandbox imports msgspec and does not declare it"),
        (declared_in_vain, "sandbox declares requests and does not import it"),
        (unexplained, "requests has no line in docs/decisions.md"),
        (not_ours_to_use, "idna is under 'GPL-3.0-only'"),
        (without_a_licence, "idna is under 'no licence that it tells'"),
    ],
)
def test_what_is_wrong_is_found(
    project: Project, spoil: Callable[[Project], None], told: str
) -> None:
    spoil(project)

    found = project.found()

    assert any(told in line for line in found), found


def test_a_machines_own_authority_may_stand_behind_the_others(project: Project) -> None:
    project.lock(f"certifi==2026.1.1{HASH}")
    file = {"certifi/cacert.pem": "-----BEGIN CERTIFICATE-----\n"}
    project.install("certifi", "2026.1.1", "License: MPL-2.0", file)
    explain(project, "certifi")
    path = project.site / "certifi/cacert.pem"
    whole = path.read_text("utf-8")

    path.write_text(whole + "of a proxy\n", encoding="utf-8")
    added = project.found()
    path.write_text("of a proxy\n" + whole, encoding="utf-8")
    changed = project.found()

    assert added == []
    assert len(changed) == 1
    assert "cacert.pem was altered" in changed[0]


def test_other_peoples_plugins_are_held_to_their_own_lock(project: Project) -> None:
    project.write("tests/e2e/foreign/tap-x.txt", f"tap-x==1.0{HASH}\n")
    home = project.root / ".venv/foreign/tap-x"
    (home / "bin").mkdir(parents=True)
    (home / "lib/python3/site-packages").mkdir(parents=True)
    before = project.found()
    (home / ".ready").touch()

    [found] = project.found()

    assert before == []
    assert found.startswith(
        "tests/e2e/foreign/tap-x.txt: tap-x 1.0 is in the lock and not"
    )


@pytest.mark.parametrize(("spoil", "status"), [(None, 0), (altered, 1), (missing, 1)])
def test_the_status_tells_whether_anything_was_found(
    project: Project, spoil: Callable[[Project], None] | None, status: int
) -> None:
    if spoil:
        spoil(project)

    done = subprocess.run(
        [sys.executable, "-m", "audit", str(project.root)],
        cwd=ROOT / "tests",
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert done.returncode == status, done.stderr
    assert len(done.stdout.splitlines()) == status


@pytest.mark.guarantee("pinned-dependencies")
def test_this_project_declares_what_it_imports_and_locks_what_it_declares() -> None:
    lock, wrong = read_lock((ROOT / "requirements.txt").read_text(encoding="utf-8"))

    found: Iterable[str] = of_projects(ROOT, lock)

    assert wrong == []
    assert list(found) == []
