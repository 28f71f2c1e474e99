"""Imports go one way, and what is pure stays pure."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from documents.blocks import PACKAGES
from import_graph import ImportGraph

if TYPE_CHECKING:
    from pathlib import Path

GRAPHS = {name: ImportGraph(folder) for name, folder in PACKAGES.items()}
TARGET = GRAPHS["target_bigcommerce"]
MODULES = {
    f"{package}.{name}": path
    for package, graph in GRAPHS.items()
    for name, path in graph.paths.items()
}
DOES_IO = {"requests", "urllib3", "socket", "subprocess", "sqlite3", "singer_sdk"}
PURE = {
    "tap_lytics": ("filterql", "values", "members", "due"),
    "target_bigcommerce": (
        *("mapping", "plan", "api.verdicts", "quota.pace", "messages.lines"),
        "fields",
    ),
}
# Who must not know of whom, in the same package, however far away.
ONE_WAY = [
    ("tap_lytics", "client", {"streams", "tap"}),
    ("tap_lytics", "transport", {"client", "streams", "tap"}),
    ("target_bigcommerce", "client", {"sink", "drain", "target"}),
    ("target_bigcommerce", "transport", {"client", "sink", "drain", "target"}),
    ("target_bigcommerce", "throttle", {"transport", "client", "sink", "target"}),
    ("target_bigcommerce", "drain", {"audience", "sink", "target"}),
    ("target_bigcommerce", "audience", {"sink", "target", "client", "transport"}),
    ("target_bigcommerce", "run.export", {"sink", "target", "client", "transport"}),
]
# All that the modules of a room import from outside of it, types included.
NEEDS: dict[str, set[str]] = {
    "quota": set(),
    "records": {"errors"},
    "messages": {"errors", "interrupt"},
    "api": {"errors", "interrupt", "transport"},
    "exits": {"errors", "plan", "api.rows", "run.export"},
}
# Who carries out the run, and so is above what lasts as long as it.
ABOVE_THE_RUN = {"audience", "batch", "command", "drain", "lookup", "sink", "target"}


def outside(room: str) -> set[str]:
    """Name everything that a room imports from outside of it, types included."""
    inside = {name for name in TARGET.paths if f"{name}.".startswith(f"{room}.")}
    needed = {each for name in inside for each in TARGET.own(name, for_types=True)}
    return needed - inside


@pytest.mark.parametrize(
    ("package", "module"),
    [(package, module) for package, modules in PURE.items() for module in modules],
)
def test_what_is_pure_reaches_nothing_that_does_io(package: str, module: str) -> None:
    assert not GRAPHS[package].foreign_reached(module) & DOES_IO


@pytest.mark.parametrize(("package", "module", "others"), ONE_WAY)
def test_imports_go_one_way(package: str, module: str, others: set[str]) -> None:
    assert others <= set(GRAPHS[package].paths)
    assert not GRAPHS[package].reached(module) & others


@pytest.mark.parametrize("room", NEEDS)
def test_a_room_knows_of_nothing_but_what_it_needs(room: str) -> None:
    assert outside(room) == NEEDS[room]


def test_what_lasts_as_long_as_the_run_knows_nothing_of_who_carries_it_out() -> None:
    assert set(TARGET.paths) >= ABOVE_THE_RUN
    assert not outside("run") & ABOVE_THE_RUN


def test_every_room_has_its_rule() -> None:
    assert TARGET.rooms == {*NEEDS, "run"}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_imports_another_of_ours(package: str) -> None:
    graph = GRAPHS[package]
    names = {name for module in graph.paths for name in graph.foreign(module)}

    assert not names & (set(PACKAGES) - {package})


@pytest.mark.parametrize(
    ("package", "entry"), [("tap_lytics", "tap"), ("target_bigcommerce", "target")]
)
def test_no_module_of_a_plugin_is_left_over(package: str, entry: str) -> None:
    graph = GRAPHS[package]
    rooms = {"__init__", *graph.rooms}

    assert graph.reached(entry, for_types=True) | {entry} == set(graph.paths) - rooms


def test_every_module_says_in_one_sentence_what_it_is() -> None:
    openings = {
        name: ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        for name, path in MODULES.items()
    }

    mute = [
        n for n, text in openings.items() if not text.split("\n\n")[0].endswith(".")
    ]

    assert mute == []


@pytest.mark.parametrize("room", sorted(TARGET.rooms))
def test_a_room_opens_with_its_sentence_and_hands_nothing_on(room: str) -> None:
    [only] = TARGET.trees[room].body

    assert isinstance(only, ast.Expr)


# What holds the rules must itself see what there is.


@pytest.mark.parametrize(
    ("module", "reached"),
    [
        ("drain", {"plan", "lookup", "batch", "mapping", "fields", "api.rows"}),
        ("target", {"sink", "client", "transport", "quota.limits", "exits.versions"}),
        ("client", {"api.readings", "errors"}),
        ("records.stream_maps", {"errors"}),
        ("quota.pace", {"quota.window"}),
    ],
)
def test_a_rule_sees_however_far_an_import_reaches(
    module: str, reached: set[str]
) -> None:
    assert TARGET.reached(module) >= reached


def test_a_rule_sees_what_does_io() -> None:
    assert {"requests", "singer_sdk"} <= TARGET.foreign_reached("target")
    assert "requests" in TARGET.foreign_reached("transport")


def test_a_rule_sees_every_form_of_import(tmp_path: Path) -> None:
    room = tmp_path / "ours" / "room"
    room.mkdir(parents=True)
    for name in ("a", "b", "c", "d", "e", "room/f", "room/g"):
        (tmp_path / "ours" / f"{name}.py").touch()
    (room / "__init__.py").write_text("from . import f\nfrom .. import a\n")
    (room / "all.py").write_text(
        "from __future__ import annotations\n"
        "import socket, ours.b\n"
        "from ours.c import something\n"
        "from ours import d\n"
        "from ..e import thing\n"
        "from .g import other\n"
        "def later():\n    import sqlite3.dbapi2\n"
        "if TYPE_CHECKING:\n    from . import f\n"
    )

    graph = ImportGraph(tmp_path / "ours")

    assert graph.own("room.all") == {"b", "c", "d", "e", "room.g"}
    assert graph.own("room.all", for_types=True) - graph.own("room.all") == {"room.f"}
    assert graph.foreign("room.all") == {"__future__", "socket", "sqlite3"}
    assert graph.own("room") == {"room.f", "a"}


@pytest.mark.parametrize("name", ["log_lines", "whole_output"])
def test_what_both_plugins_have_is_mended_in_both(name: str) -> None:
    """Each is installed without the other, so neither can have it from there."""
    ours, theirs = (
        (PACKAGES[package] / f"{name}.py").read_text("utf-8").replace(prefix, "")
        for package, prefix in (
            ("tap_lytics", "TAP_LYTICS_"),
            ("target_bigcommerce", "TARGET_BIGCOMMERCE_"),
        )
    )

    assert ours == theirs
