"""Run Meltano on a copy of the project, away from the checkout's .env and state."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import yaml

from support.plugins import BIN, Run

if TYPE_CHECKING:
    from collections.abc import Mapping


ROOT = Path(__file__).parents[2]
DEAD_PORT = "http://127.0.0.1:9"  # Nothing listens there, so a request would fail.


@dataclass(frozen=True, slots=True, kw_only=True)
class MeltanoProject:
    """A folder with the project's meltano.yml and a state of its own."""

    folder: Path
    env: Mapping[str, str]

    def run(self, *args: str, timeout: float = 100, **settings: str) -> Run:
        """Run `meltano ARGS` with the settings as further environment variables."""
        done = subprocess.run(
            [str(BIN / "meltano"), *args],
            cwd=self.folder,
            env=self.environment(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Run(status=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def start(
        self, *args: str, output: IO[bytes] | int = subprocess.DEVNULL, **settings: str
    ) -> subprocess.Popen[bytes]:
        """Start `meltano ARGS` as the leader of a process group."""
        return subprocess.Popen(
            [str(BIN / "meltano"), *args],
            cwd=self.folder,
            env=self.environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a process: of this one, the project and settings."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MELTANO_", "TAP_", "TARGET_"))
        }
        ours = {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "MELTANO_HUB_URL": DEAD_PORT,
            "NO_COLOR": "1",
        }
        return {**inherited, **ours, **self.env, **settings}


def copy_project(folder: Path, env: Mapping[str, str]) -> MeltanoProject:
    """Copy the project's meltano.yml into a folder."""
    shutil.copy(ROOT / "meltano.yml", folder)
    return MeltanoProject(folder=folder, env=env)


def declared_project() -> dict[str, Any]:
    """Read the project's meltano.yml."""
    text = (ROOT / "meltano.yml").read_text(encoding="utf-8")
    project: dict[str, Any] = yaml.safe_load(text)
    return project


def declared_mapping() -> dict[str, Any]:
    """Read the target's configuration, including its mapping, from meltano.yml."""
    loader, *_ = declared_project()["plugins"]["loaders"]
    config: dict[str, Any] = loader["config"]
    return config
