"""What cannot work ends with status 1, one clear line and nothing written."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import ADDRESS, BIN, Run
from support.singer import record, schema, state
from support.store import put_values, writes_of

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox
    from support.plugins import RunTarget
    from support.store import MakeBox

SECRET = "s3cret-that-no-log-may-show"
PERSON = "jane.doe@example.com"
GOOD = (schema(), record(1001, company="New", email=PERSON), state(1))


def assert_refused(run: Run, box: Sandbox, *words: str) -> None:
    """Status 1, one line that has these words, no write, no STATE."""
    assert run.status == 1, run.stderr
    [complaint] = run.errors
    for word in words:
        assert word in complaint
    assert not ADDRESS.search(complaint)
    assert SECRET not in run.stderr
    assert writes_of(box) == []
    assert run.stdout == ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param(
            {"access_token": SECRET}, ["401", "access_token"], id="wrong token"
        ),
        pytest.param({"store_hash": "other1"}, ["403", "store_hash"], id="wrong hash"),
        pytest.param({"id_field": None}, ["id_field is missing"], id="no id_field"),
        pytest.param({"id_field": " "}, ["id_field is missing"], id="blank id_field"),
        pytest.param(
            {"access_token": 12345678}, ["access_token must be a string"], id="number"
        ),
        pytest.param(
            {"batch_size_rows": SECRET},
            ["batch_size_rows must be an integer"],
            id="text for a number",
        ),
        pytest.param(
            {"map_standard_fields": [{"from": "email", "to": "emial"}]},
            ["no customer field 'emial'", "Did you mean email?"],
            id="unknown field",
        ),
        pytest.param(
            {
                "map_standard_fields": [
                    {"from": "email", "to": "company"},
                    {"from": "company", "to": "company"},
                ]
            },
            ["2 entries for 'company'"],
            id="two entries onto one field",
        ),
        pytest.param(
            {"map_standard_fields": {"address": {"city": "company"}}},
            ["map_standard_fields must be an array", "set the whole array as JSON"],
            id="mangled by Meltano",
        ),
        pytest.param(
            {"store_hash": "https://store-abc123.mybigcommerce.com"},
            ["store_hash must be the hash alone", "without the prefix store-"],
            id="store_hash is an address",
        ),
        pytest.param(
            {"store_hash": "store-sandbox1"},
            ["store_hash must be the hash alone"],
            id="store_hash with store-",
        ),
        pytest.param(
            {"api_url": "http://api.bigcommerce.com"},
            ["api_url must be an https URL"],
            id="http to elsewhere",
        ),
        pytest.param(
            {"id_field": "customer_no"},
            ["no field 'customer_no'", "id_field"],
            id="stream lacks id_field",
        ),
        pytest.param(
            {
                "audience_attribute": "Tier",
                "map_custom_attributes": [{"from": "tier", "to": "Tier"}],
            },
            ["audience_attribute is also mapped"],
            id="audience attribute mapped",
        ),
        pytest.param(
            {"map_custom_attributes": [{"from": "tier", "to": "LyticsAudience_vip"}]},
            ["'LyticsAudience_vip'", "is also", "so both would write it"],
            id="default audience attribute mapped",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(
    settings: dict[str, Any],
    words: list[str],
    run: RunTarget,
    box: Sandbox,
) -> None:
    got = run(*GOOD, **settings)

    assert_refused(got, box, *words)


@pytest.mark.guarantee("hostile-input")
@pytest.mark.guarantee("invalid-input-writes-nothing")
@pytest.mark.parametrize(
    ("lines", "words"),
    [
        pytest.param(
            [record(1001, company="New")],
            ["RECORD of stream vip came before its SCHEMA"],
            id="record before schema",
        ),
        pytest.param(
            [schema(), f"{{{PERSON} {SECRET}"],
            ["Line 2 of the input is not JSON"],
            id="no JSON",
        ),
        pytest.param(
            [schema(), {"type": "BATCH", "stream": "vip", "manifest": []}],
            ["BATCH", "batch_config"],
            id="batch",
        ),
        pytest.param(
            [schema(), {"type": SECRET, "stream": "vip"}],
            ["Line 2", "a type other than", "RECORD"],
            id="unknown type",
        ),
        pytest.param(
            [{"type": "SCHEMA", "stream": "vip", "schema": {"type": "object"}}],
            ["SCHEMA of stream vip has no properties"],
            id="no properties",
        ),
        pytest.param(
            [schema(), {"type": "RECORD", "stream": "vip", "record": [PERSON]}],
            ["RECORD of stream vip has no record"],
            id="record is a list",
        ),
    ],
)
def test_messages_that_cannot_be_used_are_refused(
    lines: list[Any], words: list[str], run: RunTarget, box: Sandbox
) -> None:
    got = run(*lines)

    assert_refused(got, box, *words)


def test_a_last_line_that_is_cut_off_is_said_to_be(
    config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))

    done = subprocess.run(
        [str(BIN / "target-bigcommerce"), "--config", str(path)],
        input=json.dumps(schema()) + "\n" + json.dumps(record(1001, email=PERSON))[:40],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    got = Run(status=done.returncode, stdout=done.stdout, stderr=done.stderr)
    assert_refused(got, box, "Line 2 of the input is cut off")


def test_a_read_only_token_is_refused_at_the_first_write(
    make_box: MakeBox, run: RunTarget
) -> None:
    box = make_box(read_only_token=True)

    got = run(*GOOD, **box.target_config())

    assert got.status == 1
    [complaint] = got.errors
    assert "403" in complaint
    assert "read-only" in complaint
    assert box.store.diff()["customers"]["updated"] == {}
    assert got.stdout == ""


def test_an_attribute_of_another_type_is_refused_with_both_types(
    run: RunTarget, box: Sandbox
) -> None:
    box.store.add_attribute("Tier", "number")

    got = run(*GOOD, map_custom_attributes=[{"from": "tier", "to": "Tier"}])

    assert_refused(got, box, "'Tier'", "type number", "mapped as string")


def test_a_store_with_fifty_attributes_has_no_room_for_another(
    run: RunTarget, box: Sandbox
) -> None:
    for number in range(50):
        box.store.add_attribute(f"Attribute {number}")

    got = run(*GOOD)

    assert_refused(got, box, "50 attributes", "'LyticsAudience_vip'")


def test_a_second_stream_onto_the_same_attribute_is_refused_at_its_schema(
    run: RunTarget, box: Sandbox
) -> None:
    second = (schema(stream="two"), record(1002, stream="two", company="Second"))

    got = run(*GOOD, *second, state(2), audience_attribute="Audience")

    assert got.status == 1
    [complaint] = got.errors
    assert "vip and two would both write" in complaint
    assert box.store.customers[1002]["company"] != "Second"
    assert got.state in (None, {"n": 1})


def test_the_value_of_another_attribute_survives_a_refusal(
    run: RunTarget, box: Sandbox
) -> None:
    put_values(box, {1001: "gold"}, "Tier")

    got = run(
        *GOOD, map_custom_attributes=[{"from": "tier", "to": "Tier", "type": "date"}]
    )

    assert_refused(got, box, "type string", "mapped as date")


def test_several_wrong_settings_are_told_a_line_each(run: RunTarget) -> None:
    got = run(*GOOD, store_hash=None, access_token=None, batch_size_rows=0)

    assert got.status == 1
    assert len(got.errors) == 3


@pytest.mark.parametrize(
    "text", [f'{{"access_token": "{SECRET}"', f'["{SECRET}"]', ""], ids=str
)
def test_a_configuration_that_is_no_json_object_is_refused(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)

    done = subprocess.run(
        [str(BIN / "target-bigcommerce"), "--config", str(path)],
        input="",
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    got = Run(status=done.returncode, stdout=done.stdout, stderr=done.stderr)
    assert got.status == 1
    [complaint] = got.errors
    assert complaint.startswith("Configuration file")
    assert "does not hold a JSON object" in complaint
    assert "Traceback" not in got.stderr
    assert SECRET not in got.stderr


@pytest.mark.parametrize(
    ("variable", "text", "line"),
    [
        ("STORE_HASH", "store-x", "store_hash must be the hash alone"),
        ("BATCH_SIZE_ROWS", SECRET, "TARGET_BIGCOMMERCE_BATCH_SIZE_ROWS must be"),
        ("DRY_RUN", "maybe", "TARGET_BIGCOMMERCE_DRY_RUN must be true or false"),
        ("MAP_STANDARD_FIELDS", f'[{{"{SECRET}', "TARGET_BIGCOMMERCE_MAP_STANDARD"),
    ],
)
def test_wrong_settings_from_the_environment_are_told_the_same_way(
    tmp_path: Path, variable: str, text: str, line: str
) -> None:
    done = subprocess.run(
        [str(BIN / "target-bigcommerce"), "--config", "ENV"],
        input="",
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "TARGET_BIGCOMMERCE_ACCESS_TOKEN": SECRET,
            "TARGET_BIGCOMMERCE_STORE_HASH": "abc123",
            "TARGET_BIGCOMMERCE_ID_FIELD": "id",
            f"TARGET_BIGCOMMERCE_{variable}": text,
        },
    )

    got = Run(status=done.returncode, stdout=done.stdout, stderr=done.stderr)
    assert got.status == 1
    [complaint] = got.errors
    assert complaint.startswith(line)
    assert "Traceback" not in got.stderr
    assert SECRET not in got.stderr
