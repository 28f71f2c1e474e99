"""What the audit takes for a pin, and for a licence."""

from __future__ import annotations

import pytest
from audit.licences import ALLOWED, is_allowed
from audit.lock import read_lock
from sound_project import HASH, LOCK


@pytest.mark.guarantee("pinned-dependencies")
@pytest.mark.parametrize(
    "line",
    [
        "--index-url elsewhere",
        "-e ./tap-lytics",
        "./wheels/idna.whl",
        f"idna @ https://files.example/idna.whl{HASH}",
        f"idna @ git+https://code.example/idna{HASH}",
        f"idna>=3{HASH}",
        f"idna==3.*{HASH}",
        f"idna==3.1,!=3.2{HASH}",
        f"idna{HASH}",
    ],
)
def test_a_line_that_is_no_pinned_package_is_found(line: str) -> None:
    _, [found] = read_lock(f"{LOCK}{line}\n")

    assert "pinned by `==`" in found
    assert "make lock" in found


@pytest.mark.parametrize("hashes", ["", " --hash=md5:00", f"{HASH} --no-verify"])
def test_a_pin_without_good_hashes_is_found(hashes: str) -> None:
    _, [found] = read_lock(f"idna==3.10{hashes}\n")

    assert found.startswith("idna is not held by sha256 hashes")


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-2.0-only OR MIT", True),
        ("MIT AND PSF-2.0", True),
        ("MIT AND GPL-2.0-only", False),
        ("(MIT OR GPL-2.0-only) AND GPL-3.0-only", False),
        ("", False),
    ],
)
def test_a_licence_is_allowed_in_all_of_its_parts_or_not(
    expression: str, *, allowed: bool
) -> None:
    assert is_allowed(expression) is allowed


def test_every_allowed_licence_has_its_reason() -> None:
    assert all(ALLOWED.values())
