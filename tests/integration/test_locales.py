"""Both commands read and print UTF-8 in every locale, whatever editor saved a file."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import chdir
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Options, Sandbox
from support.plugins import BIN, Run, to_text
from support.singer import record, schema, state
from support.store import companies_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

COMMANDS = ("tap-lytics", "target-bigcommerce")
VIP = "vip_customers"
NAME = "Köln 🧀"
LOCALES = {
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1:strict", "PYTHONUTF8": "0"},
}
MESSAGES = (schema(), record(1001, company=NAME), state(NAME))

locales = pytest.mark.parametrize("variables", LOCALES.values(), ids=LOCALES)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(Options(port=0, members=3, seed=4)) as served:
        served.lytics.change(0, {"company": NAME})
        yield served


@pytest.fixture
def config(box: Sandbox, tmp_path: Path) -> dict[str, Any]:
    """The target's."""
    return box.target_config(
        id_field="id",
        map_standard_fields=[{"from": "company", "to": "company"}],
        rejects_path=str(tmp_path / "rejects.jsonl"),
        history_path=str(tmp_path / "history.sqlite"),
    )


def run(
    command: str,
    *args: object,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
) -> Run:
    """Run an installed command."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "PYTHON"))}
    done = subprocess.run(
        [str(BIN / command), *map(str, args)],
        input=stdin,
        capture_output=True,
        check=False,
        env={**ours, **(variables or {})},
    )
    got = Run(
        status=done.returncode, stdout=done.stdout.decode(), stderr=done.stderr.decode()
    )
    assert "Traceback" not in got.stderr, got.stderr
    assert "Logging error" not in got.stderr, got.stderr
    return got


def save(path: Path, content: object, encoding: str = "utf-8") -> Path:
    """Save JSON as an editor does."""
    text = json.dumps(content, ensure_ascii=False, indent=1)
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    return path


# The tap.


@locales
def test_tap_prints_utf_8(
    variables: dict[str, str], box: Sandbox, tmp_path: Path
) -> None:
    config = box.tap_config(audiences=[VIP], existing_users=True)
    settings = save(tmp_path / "config.json", config)
    maps = {VIP: {"company": f"'{NAME}ß'"}}
    mapped = save(tmp_path / "maps.json", {"stream_maps": maps})

    plain = run("tap-lytics", "--config", settings, variables=variables)
    catalog = run("tap-lytics", "--config", settings, "--discover", variables=variables)
    both = ("--config", settings, "--config", mapped)
    changed = run("tap-lytics", *both, variables=variables)

    assert NAME in {each["company"] for each in plain.records}, plain.stderr
    assert catalog.status == 0
    assert NAME + "ß" in {each["company"] for each in changed.records}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@locales
def test_tap_reads_files_of_any_editor(
    variables: dict[str, str], encoding: str, box: Sandbox, tmp_path: Path
) -> None:
    config = box.tap_config(audiences=[VIP], existing_users=True)
    options = ["--config", save(tmp_path / "config.json", config, encoding)]
    catalog = json.loads(run("tap-lytics", *options, "--discover").stdout)
    catalog["streams"][0]["title"] = NAME
    done = run("tap-lytics", *options)
    kept = {**(done.state or {}), "other": NAME}
    options += ["--catalog", save(tmp_path / "catalog.json", catalog, encoding)]
    options += ["--state", save(tmp_path / "state.json", kept, encoding)]

    got = run("tap-lytics", *options, variables=variables)

    assert got.status == 0, got.stderr
    assert len(got.records) < len(done.records)


@pytest.mark.parametrize("option", ["--config", "--catalog", "--state"])
@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-16", "is UTF-16; save it as UTF-8."),
        ("utf-16-le", "is UTF-16; save it as UTF-8."),
        ("cp1252", "is not UTF-8 (line 2); save it as UTF-8."),
    ],
)
def test_tap_names_another_encoding(
    option: str, encoding: str, words: str, box: Sandbox, tmp_path: Path
) -> None:
    options = ["--config", save(tmp_path / "config.json", box.tap_config())]

    got = run("tap-lytics", *options, option, save(tmp_path / "x", {"ö": 1}, encoding))

    assert got.status == 1
    [error] = got.errors
    assert error.endswith(words)


# The target.


@locales
def test_target_prints_utf_8(
    variables: dict[str, str], config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    mapping = [{"value": NAME, "to": "Stadt"}]
    settings = {**config, "map_custom_attributes": mapping}
    options = ["--config", save(tmp_path / "config.json", settings)]
    lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in MESSAGES)

    got = run("target-bigcommerce", *options, stdin=lines.encode(), variables=variables)

    assert got.status == 0, got.stderr
    assert got.state == {"n": NAME}
    assert companies_of(box)[1001] == NAME


@locales
def test_settings_in_variables_are_utf_8(
    variables: dict[str, str], config: dict[str, Any], box: Sandbox
) -> None:
    mapping = [{"value": NAME, "to": "company"}]
    settings = {**config, "map_standard_fields": mapping}
    ours = {
        f"TARGET_BIGCOMMERCE_{name.upper()}": value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False)
        for name, value in settings.items()
    }

    got = run(
        "target-bigcommerce",
        "--config=ENV",
        stdin=to_text(MESSAGES).encode(),
        variables={**variables, **ours},
    )

    assert got.status == 0, got.stderr
    assert companies_of(box)[1001] == NAME


@pytest.mark.parametrize("as_stdin", [True, False], ids=["stdin", "--input"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_target_reads_input_of_any_editor(
    end: str,
    config: dict[str, Any],
    box: Sandbox,
    tmp_path: Path,
    *,
    as_stdin: bool,
) -> None:
    options = ["--config", save(tmp_path / "config.json", config, "utf-8-sig")]
    part = end.join(json.dumps(each, ensure_ascii=False) for each in MESSAGES) + end
    content = part.encode("utf-8-sig") * 2  # As if files had been concatenated.
    (tmp_path / "input.jsonl").write_bytes(content)
    options += [] if as_stdin else ["--input", tmp_path / "input.jsonl"]

    got = run(
        "target-bigcommerce",
        *options,
        stdin=content if as_stdin else b"",
        variables=LOCALES["C"],
    )

    assert got.status == 0, got.stderr
    assert companies_of(box)[1001] == NAME
    assert got.state == {"n": NAME}


def test_rejects_saved_by_a_windows_editor_are_replayed(
    config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    options = ["--config", save(tmp_path / "config.json", config)]
    wrong = (schema(), record(4_000_000, company=NAME))
    run("target-bigcommerce", *options, stdin=to_text(wrong).encode())
    rejects = tmp_path / "rejects.jsonl"
    text = rejects.read_text(encoding="utf-8").replace("4000000", "1001")
    replay = tmp_path / "replay.jsonl"
    replay.write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))

    got = run("target-bigcommerce", *options, "--input", replay)

    assert got.status == 0, got.stderr
    assert companies_of(box)[1001] == NAME


@pytest.mark.parametrize("as_stdin", [True, False], ids=["stdin", "--input"])
@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-16", "Line 1 of the input is UTF-16; save it as UTF-8."),
        ("utf-16-be", "Line 1 of the input is UTF-16; save it as UTF-8."),
        ("cp1252", "Line 2 of the input is not UTF-8; save it as UTF-8."),
    ],
)
def test_target_names_another_encoding(
    encoding: str,
    words: str,
    config: dict[str, Any],
    box: Sandbox,
    tmp_path: Path,
    *,
    as_stdin: bool,
) -> None:
    options = ["--config", save(tmp_path / "config.json", config)]
    messages = (schema(), record(1001, company="Köln"))
    text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in messages)
    path = tmp_path / "input.jsonl"
    path.write_bytes(text.encode(encoding))
    options += [] if as_stdin else ["--input", path]
    stdin = path.read_bytes() if as_stdin else b""

    got = run("target-bigcommerce", *options, stdin=stdin)

    assert got.status == 1
    assert got.errors == [words]
    assert companies_of(box)[1001] != "Köln"


# Both.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@locales
def test_dotenv_is_read_as_utf_8(
    variables: dict[str, str], encoding: str, tmp_path: Path
) -> None:
    text = f"TAP_LYTICS_PAGE_SIZE=no\r\n# {NAME}\r\nTAP_LYTICS_AUDIENCES='[\"ö\"]'\r\n"
    (tmp_path / ".env").write_bytes(text.encode(encoding))
    with chdir(tmp_path):
        got = run("tap-lytics", "--config=ENV", variables=variables)

    assert got.errors == ["TAP_LYTICS_PAGE_SIZE must be an integer."]


def test_dotenv_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("TAP_LYTICS_API_TOKEN=x\n".encode("utf-16"))
    with chdir(tmp_path):
        got = run("tap-lytics", "--config=ENV")

    [error] = got.errors
    assert error.endswith(".env is UTF-16; save it as UTF-8.")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "variable", ["LOGLEVEL=TRACE", "PREFIX_LOGLEVEL=loud", "PREFIX_LOGLEVEL=-1"]
)
def test_invalid_log_level_costs_one_warning(command: str, variable: str) -> None:
    prefix = command.upper().replace("-", "_")
    name, value = variable.replace("PREFIX", prefix).split("=")

    got = run(command, variables={name: value})

    assert [line for line in got.stderr.splitlines() if f"{name} names no" in line]
    assert got.stderr.count("WARNING  |") == 1
    assert " INFO  " in got.stderr
    assert "env var" not in got.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "content", [None, "", "{", "[1]", "version: 9", "version: x\nä: {"]
)
def test_unusable_log_configuration_costs_a_warning(
    command: str, content: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "log.yml"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))

    got = run(command, variables={"SINGER_SDK_LOG_CONFIG": str(path)})

    assert got.status == 1
    assert got.stderr.count("WARNING  |") == 1
    assert " is missing. Set it" in got.errors[0]


def test_log_file_in_ascii_takes_any_name(tmp_path: Path, box: Sandbox) -> None:
    log = tmp_path / "log"
    handler = {"class": "logging.FileHandler", "filename": str(log)}
    content = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"file": {**handler, "encoding": "ascii"}},
        "root": {"level": "INFO", "handlers": ["file"]},
    }
    options = ["--config", save(tmp_path / "config.json", box.tap_config())]
    options += ["--config", save(tmp_path / "more.json", {"größe": 1})]

    run(
        "tap-lytics",
        *options,
        variables={"SINGER_SDK_LOG_CONFIG": str(save(tmp_path / "log.yml", content))},
    )

    assert "Unknown setting gr\\xf6\\xdfe is ignored" in log.read_text()
