"""A project with nothing wrong, for the audit to find what a test spoils."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from typing import TYPE_CHECKING

from audit.whole import OURS, findings

if TYPE_CHECKING:
    from pathlib import Path

HASH = " --hash=sha256:" + "0" * 64
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
LOCK = f"""\
hatchling==1.27.0{HASH}
requests==2.32.0 ; python_version >= '3' \\
   {HASH}
tomli==2.0.0 ; python_version < '3'{HASH}
"""
MIT = "License-Expression: MIT"


class Project:
    """A project with nothing wrong: three packages, a lock and an environment."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site = root / f".venv/lib/python{VERSION}/site-packages"
        self.programs = root / ".venv/bin"
        self.programs.mkdir(parents=True)
        (self.programs / "python").symlink_to(sys.executable)
        self.write("requirements.txt", LOCK)
        self.write("pyproject.toml", '[project]\nname = "whole"\n')
        self.write(
            "docs/decisions.md", "- `requests`: calls.\n- `Hatchling`: builds.\n"
        )
        for name in OURS:
            self.declare(name, "requests>=2")
            self.source(name, "import json\nimport requests\n")
            url = json.dumps({"url": (root / name).as_uri()})
            self.install(name, "0.1.0", MIT, {"INFO/direct_url.json": url})
        self.install("requests", "2.32.0", "License: Apache-2.0\nRequires-Dist: idna")
        self.install("hatchling", "1.27.0", MIT, {"../../../bin/hatchling": "run"})
        self.install("pip", "26.0", MIT)

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def declare(self, name: str, *needs: str) -> None:
        """Declare what a package needs."""
        text = f'[project]\nname = "{name}"\ndependencies = {json.dumps(needs)}\n'
        built = '[build-system]\nrequires = ["hatchling"]\n'
        self.write(f"{name}/pyproject.toml", text + built)

    def source(self, name: str, text: str) -> None:
        """Write a module of a package."""
        self.write(f"{name}/{name.replace('-', '_')}/module.py", text)

    def lock(self, line: str) -> None:
        """Add a line to the lock."""
        with (self.root / "requirements.txt").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def install(
        self, name: str, version: str, metadata: str, more: dict[str, str] | None = None
    ) -> None:
        """Install a package as pip would; `more` are files beside its module."""
        info = f"{name}-{version}.dist-info"
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        files = {f"{name}.py": "x = 1\n", f"{info}/METADATA": f"{head}{metadata}\n"}
        for path, text in (more or {}).items():
            files[path.replace("INFO", info)] = text
        for path, text in files.items():
            self.write(str(self.site.relative_to(self.root) / path), text)
        rows = [
            f"{path},{_record_hash(text)},{len(text.encode())}"
            for path, text in files.items()
        ]
        record = "\n".join([*rows, f"{info}/RECORD,,", f"__pycache__/{name}.pyc,,"])
        self.write(str(self.site.relative_to(self.root) / info / "RECORD"), record)

    def found(self) -> list[str]:
        """Audit it."""
        return list(findings(self.root))


def _record_hash(text: str) -> str:
    made = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"
