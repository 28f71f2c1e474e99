"""The sandbox's README against what it describes."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from sandbox import Fault, Options, Sandbox
from sandbox.cli import build_parser
from sandbox.control import Control
from sandbox.faults import KINDS
from sandbox.http import to_request

README = Path(__file__).parents[3] / "sandbox" / "README.md"


def table(title: str) -> list[list[str]]:
    """Read the rows of the table under a heading, without its own heading."""
    text = README.read_text(encoding="utf-8")
    section = text.split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [
        [cell.strip(" `") for cell in line[1:-1].split(" | ")] for line in lines[2:]
    ]


def test_every_option_is_in_the_table_with_its_default() -> None:
    listed = {name: ast.literal_eval(default) for name, default, _ in table("Options")}

    options = Options()
    assert listed == {
        field.name: getattr(options, field.name) for field in fields(options)
    }


def test_every_fault_is_in_the_table() -> None:
    listed = {kind: executed for kind, executed, _ in table("Faults")}

    assert listed == {k: "no" if Fault(kind=k).prevents_call else "yes" for k in KINDS}


def test_control_api_is_in_the_table() -> None:
    listed = {call for call, _ in table("Control API")}

    control = Control(Sandbox(Options(members=1)))
    calls = control.handle(to_request("GET", "/_sandbox/what")).json()["calls"]
    assert listed == set(calls)


def test_every_flag_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = README.read_text(encoding="utf-8")

    with pytest.raises(SystemExit):
        build_parser().parse_args(["serve", "--help"])

    flags = re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)
    assert len(flags) > 5
    assert all(f"`{flag}" in text for flag in flags)
