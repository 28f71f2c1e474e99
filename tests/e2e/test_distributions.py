"""The distributions that `make dist` builds are complete, and run on their own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.store import companies_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

pytestmark = [pytest.mark.dist, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
LICENSE = (ROOT / "LICENSE").read_bytes()
NAMES = ("singer_kit", "tap_lytics", "target_bigcommerce")
COMMANDS = ("tap-lytics", "target-bigcommerce")
PIN = re.compile(r"^[a-z0-9-]+==[^\\\n]+", re.MULTILINE)


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheels in a new environment, with the pinned dependencies."""
    folder = tmp_path_factory.mktemp("wheels")
    pins = PIN.findall((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pins), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    install = [folder / "venv/bin/pip", "install", "--quiet", "--constraint"]
    subprocess.run([*install, constraints, *DIST.glob("*.whl")], check=True)
    return folder / "venv" / "bin"


@pytest.mark.parametrize("name", NAMES)
def test_wheel_has_license_and_types(name: str) -> None:
    [path] = DIST.glob(f"{name}-*.whl")
    with zipfile.ZipFile(path) as wheel:
        [license_file] = [n for n in wheel.namelist() if n.endswith("/LICENSE")]

        assert wheel.read(license_file) == LICENSE
        assert f"{name}/py.typed" in wheel.namelist()


@pytest.mark.parametrize("name", NAMES)
def test_sdist_has_only_package_and_metadata(name: str) -> None:
    [path] = DIST.glob(f"{name}-*.tar.gz")
    with tarfile.open(path) as sdist:
        top = {member.name.split("/")[1] for member in sdist.getmembers()}
        [license_file] = [m for m in sdist.getmembers() if m.name.endswith("/LICENSE")]
        content = sdist.extractfile(license_file)

        assert content is not None
        assert content.read() == LICENSE
    # hatchling always adds .gitignore.
    metadata = {".gitignore", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
    assert top == {name, *metadata}


@pytest.mark.parametrize("command", COMMANDS)
def test_command_and_module_print_the_version(bin_folder: Path, command: str) -> None:
    module = [bin_folder / "python", "-m", command.replace("-", "_")]

    printed = [
        subprocess.check_output([*start, "--version"], encoding="utf-8", cwd="/")
        for start in ([bin_folder / command], module)
    ]

    assert printed[0].startswith(f"{command} v0.")
    assert printed[1] == printed[0]


def test_pipe_updates_the_customers(
    bin_folder: Path, tmp_path: Path, make_sandbox: Callable[..., Sandbox]
) -> None:
    box = make_sandbox(members=12, without_id=0, unknown_id=0, refused=0, shared_id=0)
    tap, target = tmp_path / "tap.json", tmp_path / "target.json"
    tap_config = box.tap_config(audiences=["vip_customers"], existing_users=True)
    target_config = box.target_config(
        id_field="bigcommerce_customer_id",
        map_standard_fields=[{"value": "Installed", "to": "company"}],
    )
    tap.write_text(json.dumps(tap_config), encoding="utf-8")
    target.write_text(json.dumps(target_config), encoding="utf-8")

    read = [bin_folder / "tap-lytics", "--config", tap]
    write = [bin_folder / "target-bigcommerce", "--config", target]
    with subprocess.Popen(read, stdout=subprocess.PIPE, cwd=tmp_path) as reader:
        subprocess.run(write, stdin=reader.stdout, cwd=tmp_path, check=True)

    companies = list(companies_of(box).values())
    assert reader.returncode == 0
    assert companies.count("Installed") == 12
