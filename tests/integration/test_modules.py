"""`python -m` starts the plugins as their commands do."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

PACKAGES = ["tap_lytics", "target_bigcommerce"]


def run_module(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *args],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_module_prints_version_of_package(package: str) -> None:
    done = run_module(package, "--version")

    command, version = package.replace("_", "-"), import_module(package).__version__
    assert done.stdout.startswith(f"{command} v{version}, ")


@pytest.mark.parametrize("package", PACKAGES)
def test_usage_error_names_module(package: str) -> None:
    done = run_module(package, "--wrong")

    assert done.returncode == 2
    assert done.stderr.startswith(f"Usage: python -m {package} [OPTIONS]")


@pytest.mark.parametrize("package", PACKAGES)
def test_expected_error_is_one_line(package: str) -> None:
    done = run_module(package, "--config", "missing.json")

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "Configuration file missing.json cannot be read" in line
