"""An error that the user can fix: status 1, one line per cause, nothing written."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from support.plugins import ADDRESS, BIN, Run
from support.singer import companies, record, schema, state
from support.store import companies_of, writes_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sandbox import Sandbox
    from support.plugins import RunTarget
    from support.store import MakeBox

SECRET = "s3cret-that-no-log-may-show"
PERSON = "jane.doe@example.com"
GOOD = (schema(), record(1001, company="New", email=PERSON), state(1))


def assert_refused(run: Run, *words: str) -> None:
    """Check the status, the words of the only error, and that there is no STATE."""
    assert run.status == 1, run.stderr
    [error] = run.errors
    for word in words:
        assert word in error
    assert not ADDRESS.search(error)
    assert SECRET not in run.stderr
    assert run.stdout == ""


def run_installed(folder: Path, config: str, env: Mapping[str, str]) -> Run:
    """Run the installed command without input."""
    done = subprocess.run(
        [str(BIN / "target-bigcommerce"), "--config", config],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=folder,
        env={"PATH": os.environ["PATH"], **env},
    )
    return Run(status=done.returncode, stdout=done.stdout, stderr=done.stderr)


# Settings.


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param(
            {"access_token": SECRET}, ["401", "access_token"], id="wrong token"
        ),
        pytest.param(
            {"batch_size_rows": SECRET},
            ["batch_size_rows must be an integer"],
            id="text for a number",
        ),
        pytest.param(
            {"id_field": "customer_no"},
            ["no field 'customer_no'", "id_field"],
            id="stream lacks id_field",
        ),
        *(
            pytest.param(
                {"stream_maps": {"vip": rule}}, ["stream_maps", "vip"], id=name
            )
            for name, rule in [
                ("invalid expression", {"company": "1 +"}),
                ("number as expression", {"company": 5}),
                ("number as map", 5),
                ("text as map", "no stream"),
            ]
        ),
    ],
)
def test_unusable_setting_is_refused(
    settings: dict[str, Any], words: list[str], run: RunTarget, box: Sandbox
) -> None:
    got = run(*GOOD, **settings)

    assert_refused(got, *words)
    assert writes_of(box) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:9", ["127.0.0.1:9 refused", "--environment=production"]),
        ("https://store.invalid", ["host store.invalid is unknown", "api_url"]),
    ],
)
def test_unreachable_host_fails_with_its_fix(
    url: str, words: list[str], run: RunTarget
) -> None:
    started = time.monotonic()

    assert_refused(run(*GOOD, api_url=url), *words)

    assert time.monotonic() - started < 15


def test_each_wrong_setting_has_its_line(run: RunTarget) -> None:
    got = run(*GOOD, store_hash=None, access_token=None, batch_size_rows=0)

    assert got.status == 1
    assert len(got.errors) == 3


def test_unknown_setting_is_a_warning(run: RunTarget, box: Sandbox) -> None:
    got = run(*GOOD, on_exits="clear")

    assert got.status == 0
    assert "Unknown setting on_exits is ignored. Did you mean on_exit?" in got.stderr
    assert companies_of(box)[1001] == "New"


def test_config_file_without_settings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(f'["{SECRET}"]')

    got = run_installed(tmp_path, str(path), {})

    assert_refused(got, "Configuration file", "does not hold a JSON object")
    assert "Traceback" not in got.stderr


def test_wrong_environment_variable_is_named(tmp_path: Path) -> None:
    variables = {
        "ACCESS_TOKEN": SECRET,
        "STORE_HASH": "abc123",
        "ID_FIELD": "id",
        "BATCH_SIZE_ROWS": SECRET,
    }
    env = {f"TARGET_BIGCOMMERCE_{name}": text for name, text in variables.items()}

    got = run_installed(tmp_path, "ENV", env)

    assert_refused(got, "TARGET_BIGCOMMERCE_BATCH_SIZE_ROWS must be an integer")
    assert "Traceback" not in got.stderr


# Input.


@pytest.mark.guarantee("hostile-input")
@pytest.mark.guarantee("invalid-input-writes-nothing")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param(
            f"{{{PERSON} {SECRET}", ["Line 2 of the input is not JSON"], id="not JSON"
        ),
        pytest.param(
            {"type": SECRET, "stream": "vip"},
            ["Line 2", "a type other than", "RECORD"],
            id="unknown type",
        ),
        pytest.param(
            {"type": "SCHEMA", "stream": "vip", "schema": {"type": "object"}},
            ["SCHEMA of stream vip has no properties"],
            id="no properties",
        ),
    ],
)
def test_unusable_message_is_refused(
    line: Any,  # noqa: ANN401 - JSON
    words: list[str],
    run: RunTarget,
    box: Sandbox,
) -> None:
    got = run(schema(), line, *GOOD[1:])

    assert_refused(got, *words)
    assert writes_of(box) == []


# The store.


def test_read_only_token_is_refused_at_first_write(
    make_box: MakeBox, run: RunTarget
) -> None:
    box = make_box(read_only_token=True)

    got = run(*GOOD, **box.target_config())

    assert_refused(got, "403", "read-only")
    assert box.store.diff()["customers"]["updated"] == {}


def test_attribute_of_another_type_is_refused(run: RunTarget, box: Sandbox) -> None:
    box.store.add_attribute("Tier", "number")

    got = run(*GOOD, map_custom_attributes=[{"from": "tier", "to": "Tier"}])

    assert_refused(got, "'Tier'", "type number", "mapped as string")
    assert writes_of(box) == []


@pytest.mark.guarantee("bounded-retries")
def test_failed_drain_prints_no_state(run: RunTarget, box: Sandbox) -> None:
    box.faults.queue(Fault(kind="401", match="PUT /customers/attribute-values"))

    got = run(schema(), *companies(0, 5), batch_size_rows=2, quota_share_percent=100)

    assert_refused(got, "401")
    assert got.summary is not None
    assert got.summary["left"] > 0


@pytest.mark.guarantee("token-stays-on-host")
@pytest.mark.parametrize("match", ["GET /customers/attributes", "PUT /customers"])
def test_redirect_target_gets_no_token(
    match: str, run: RunTarget, box: Sandbox, make_box: MakeBox
) -> None:
    other = make_box()
    other_url = other.url.replace("127.0.0.1", "localhost")
    fault = Fault(kind="redirect", match=match, times=9, to=f"{other_url}/customers")
    box.faults.queue(fault)

    got = run(*GOOD)

    assert_refused(got, "302", "api_url")
    assert len(other.journal) == 0
    assert companies_of(box)[1001] != "New"
