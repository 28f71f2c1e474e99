"""No name and no answer can forge a line of the log, or act on the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.log_lines import ESCAPES, FORGED, assert_plain
from support.plugins import run_tap, run_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

TOKEN = "token-of-nobody"


def _schema(stream: str, *fields: str, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": {name: {} for name in fields}},
        "key_properties": list(keys),
    }


@pytest.mark.guarantee("log-injection")
@pytest.mark.parametrize("name", [FORGED, ESCAPES], ids=["line", "escapes"])
@pytest.mark.parametrize(
    "lines_of",
    [
        lambda name: [{"type": "RECORD", "stream": name, "record": {"id": 1}}],
        lambda name: [_schema(name, "no")],
        lambda name: [_schema("vip", f"ids{name}")],
        lambda name: [_schema(name, "id"), _schema(name, "id", "more")],
        lambda name: [
            _schema(name, "id", keys=(name,)),
            {"type": "RECORD", "stream": name, "record": {"id": 1001, name: name}},
        ],
        lambda name: [{"type": name, "stream": name}],
    ],
    ids=["no schema", "no id", "near id", "new schema", "key", "type"],
)
def test_a_taps_names_forge_no_line_of_the_target(
    sandbox: Sandbox, name: str, lines_of: Callable[[str], list[dict[str, Any]]]
) -> None:
    lines = lines_of(name)

    run = run_target(sandbox.target_config(id_field="id"), lines)

    assert_plain(run)


@pytest.mark.guarantee("log-injection")
@pytest.mark.parametrize("name", [FORGED, ESCAPES], ids=["line", "escapes"])
def test_settings_forge_no_line(sandbox: Sandbox, name: str) -> None:
    config = sandbox.target_config(
        id_field=name, map_standard_fields=[{"from": name, "to": name}], **{name: 1}
    )

    run = run_target(config, [_schema("vip", "id")])

    assert run.status == 1
    assert_plain(run)


@pytest.mark.guarantee("log-injection")
@pytest.mark.parametrize("words", [FORGED, ESCAPES], ids=["line", "escapes"])
@pytest.mark.parametrize("status", [302, 403, 422])
def test_bigcommerces_words_forge_no_line(
    hostile: Callable[..., str], status: int, words: str
) -> None:
    body = json.dumps({"title": words, "errors": {words: words}, "data": words})
    config = {
        "api_url": hostile(status, body, Location="http://localhost:9/"),
        "store_hash": "abc123",
        "access_token": TOKEN,
        "id_field": "id",
    }

    run = run_target(config, [_schema("vip", "id")])

    assert run.status == 1
    assert len(run.errors) == 1
    assert_plain(run)


@pytest.mark.guarantee("log-injection")
@pytest.mark.parametrize("words", [FORGED, ESCAPES], ids=["line", "escapes"])
def test_lytics_names_forge_no_line_of_the_tap(
    hostile: Callable[..., str], words: str
) -> None:
    audience = {"id": words, "slug_name": words, "name": words, "kind": "segment"}
    api_url = hostile(200, json.dumps({"data": [audience], "status": 200}))
    config = {"api_url": api_url, "api_token": TOKEN, "audiences": ["x"]}

    run = run_tap(config)

    assert run.status == 1
    assert "forged" in run.stderr or r"\x1b" in run.stderr
    assert_plain(run)
