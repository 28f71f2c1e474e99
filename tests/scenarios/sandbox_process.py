"""Runs a sandbox as a process and controls it through its HTTP control calls."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOW = 1_775_000_000.0  # 2026-03-31.
ENOUGH_QUOTA = 1_000_000  # A quota window never ends on a stopped clock.
ARGUMENTS = ("members", "seed", "latency", "quota", "window")
SECONDS = 30.0


class SandboxProcess:
    """`python -m sandbox serve` in a given environment, with a stopped clock."""

    def __init__(self, python: Path, options: Mapping[str, object]) -> None:
        given = {"quota": ENOUGH_QUOTA, **options}
        words = [str(python), "-m", "sandbox", "serve", "--port", "0"]
        for name, value in given.items():
            words += (
                [f"--{name}", str(value)]
                if name in ARGUMENTS
                else ["--set", f"{name}={value}"]
            )
        self._process = subprocess.Popen(
            words,
            cwd=python.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.env = self._read_env()
        self.url = self.env["TAP_LYTICS_API_URL"]
        self.control("clock", scale=0)

    def begin(self) -> None:
        """Reset people, store, journal, faults and clock."""
        self.control("clock", set=NOW)
        self.control("reset")

    def close(self) -> None:
        """Stop the process."""
        self._process.terminate()
        self._process.wait(SECONDS)
        if self._process.stdout:
            self._process.stdout.close()

    def control(self, call: str, **given: object) -> Any:  # noqa: ANN401 - JSON
        """POST a control call."""
        response = requests.post(
            f"{self.url}/_sandbox/{call}", json=given, timeout=SECONDS
        )
        return _read(response)

    def look(self, call: str) -> Any:  # noqa: ANN401 - JSON
        """GET a control call."""
        return _read(requests.get(f"{self.url}/_sandbox/{call}", timeout=SECONDS))

    def call_store(self, method: str, path: str, rows: object) -> Any:  # noqa: ANN401 - JSON
        """Call the store's API as another app would."""
        store_hash = self.env["TARGET_BIGCOMMERCE_STORE_HASH"]
        token = self.env["TARGET_BIGCOMMERCE_ACCESS_TOKEN"]
        response = requests.request(
            method,
            f"{self.url}/stores/{store_hash}/v3{path}",
            json=rows,
            headers={"X-Auth-Token": token},
            timeout=SECONDS,
        )
        return _read(response)

    def _read_env(self) -> dict[str, str]:
        """Read the lines `export NAME=VALUE` that it prints when it is ready."""
        env: dict[str, str] = {}
        assert self._process.stdout is not None
        while len(env) < 5:
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError("the sandbox did not start")
            name, _, value = line.strip().removeprefix("export ").partition("=")
            env[name] = value
        return env


def _read(response: requests.Response) -> Any:  # noqa: ANN401 - JSON
    if not response.ok:
        raise RuntimeError(
            f"{response.request.url}: {response.status_code} {response.text}"
        )
    return response.json()
