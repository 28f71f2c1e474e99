"""A plugin with a subcommand: options, exit statuses, errors and signals."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import click
import pytest
from singer_sdk import Tap
from singer_sdk import typing as th

from singer_kit.errors import OutputError
from singer_kit.plugin import SingerPlugin, Subcommand

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from singer_kit.shutdown import ShutdownSignal


def weigh(
    config: dict[str, Any], shutdown: ShutdownSignal, *, unit: str, fail: bool
) -> int:
    """Print the settings; wait for a signal, fail or succeed as the settings say."""
    click.echo(json.dumps({"size": config["size"], "unit": unit}))
    if config["size"] == 13:
        raise OutputError("The scale is broken.", "Repair it.")
    if config["size"] == 15:
        os.kill(os.getpid(), signal.SIGTERM)
        shutdown.wait(60)
    return int(fail)


class Sample(SingerPlugin, Tap):
    """A plugin with one subcommand."""

    name = "tap-sample"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("size", th.IntegerType(minimum=1), default=5),
        th.Property("colour", th.StringType, required=True),
    ).to_dict()
    stdout_hint = "Open it."

    @classmethod
    def subcommands(cls) -> Sequence[Subcommand]:
        """List the subcommand."""
        params = [
            click.Option(["--unit"], type=click.Choice(["g", "kg"]), default="g"),
            click.Option(["--fail"], is_flag=True),
        ]
        return [Subcommand("weigh", weigh, help="Weigh it.", params=params)]

    @classmethod
    def invoke(cls, **_options: object) -> None:
        """Print that the plain plugin runs."""
        click.echo("plain run")


class Plain(SingerPlugin, Tap):
    """A plugin without subcommands."""

    name = "tap-plain"
    stdout_hint = "Open it."


@pytest.fixture(autouse=True)
def _restored_process(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    del capsys  # The command would replace an unbuffered standard output.
    signals = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    hook, factory = sys.excepthook, logging.getLogRecordFactory()
    yield
    logging.captureWarnings(capture=False)
    logging.setLogRecordFactory(factory)
    sys.excepthook = hook
    for number, handler in signals.items():
        signal.signal(number, handler)


@contextmanager
def file_of(folder: Path, **config: object) -> Iterator[list[str]]:
    """Write a configuration; yield the option that names it."""
    path = folder / f"{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    yield ["--config", str(path)]


def run(*args: str, plugin: type[SingerPlugin] = Sample) -> int:
    """Run the command line; return the exit status."""
    with pytest.raises(SystemExit) as end:
        plugin.get_singer_command().main(args=list(args), prog_name=plugin.name)
    return int(end.value.code or 0)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[list[str]]:
    with file_of(tmp_path, colour="red") as option:
        yield option


def test_plugin_without_subcommand_runs_as_before(
    config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*config) == 0
    assert capsys.readouterr().out == "plain run\n"


@pytest.mark.parametrize("place", ["before", "after", "both"])
def test_config_stands_before_and_after_the_name(
    place: str,
    config: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with file_of(tmp_path, size=7) as more:
        args = {
            "before": [*config, *more, "weigh", "--unit", "kg"],
            "after": ["weigh", "--unit", "kg", *config, *more],
            "both": [*config, "weigh", *more, "--unit", "kg"],
        }[place]

        assert run(*args) == 0

    assert json.loads(capsys.readouterr().out) == {"size": 7, "unit": "kg"}


def test_config_after_the_name_overrides_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        file_of(tmp_path, colour="red", size=7) as before,
        file_of(tmp_path, size=9) as after,
    ):
        assert run(*before, "weigh", *after) == 0

    assert json.loads(capsys.readouterr().out)["size"] == 9


@pytest.mark.parametrize("args", [["--config=ENV", "weigh"], ["weigh", "--config=ENV"]])
def test_settings_come_from_the_environment(
    args: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TAP_SAMPLE_SIZE", "8")
    monkeypatch.setenv("TAP_SAMPLE_COLOUR", "red")

    assert run(*args) == 0
    assert json.loads(capsys.readouterr().out)["size"] == 8


def test_failing_subcommand_exits_with_status_1(config: list[str]) -> None:
    assert run(*config, "weigh", "--fail") == 1


@pytest.mark.parametrize(
    "args",
    [
        ["wiegh"],
        ["weigh", "--units", "kg"],
        ["weigh", "--unit", "lb"],
        ["weigh", "spare"],
        ["--colour", "red"],
    ],
)
def test_usage_error_exits_with_status_2(
    args: list[str], config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*config, *args) == 2
    assert capsys.readouterr().out == ""


def test_word_after_a_plain_plugin_is_a_usage_error() -> None:
    assert run("spare", plugin=Plain) == 2


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ({"colour": "red", "size": 13}, ["The scale is broken.", "Repair it."]),
        (
            {"size": 0},
            [
                "size must be at least 1.",
                "colour is missing. Set it, for example as TAP_SAMPLE_COLOUR.",
            ],
        ),
    ],
)
def test_each_line_of_an_error_is_logged(
    settings: dict[str, Any],
    lines: list[str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with file_of(tmp_path, **settings) as option:
        assert run("weigh", *option) == 1

    logged = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert sorted(each.getMessage() for each in logged) == sorted(lines)
    assert not any(each.exc_info for each in logged)


def test_signal_ends_a_subcommand(tmp_path: Path) -> None:
    with file_of(tmp_path, colour="red", size=15) as option:
        assert run(*option, "weigh") == 128 + signal.SIGTERM


def test_help_lists_the_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    assert "weigh  Weigh it." in capsys.readouterr().out

    assert run("--help", plugin=Plain) == 0
    assert "COMMAND" not in capsys.readouterr().out
