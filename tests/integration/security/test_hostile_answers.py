"""A hostile BigCommerce or Lytics ends a run in one line, and gets nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.log_lines import assert_plain
from support.plugins import run_tap, run_target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOKEN = "token-of-nobody"
SCHEMA = {
    "type": "SCHEMA",
    "stream": "vip",
    "schema": {"properties": {"id": {}, "email": {}}},
}


def _config(api_url: str, **more: object) -> Mapping[str, Any]:
    return {
        "api_url": api_url,
        "store_hash": "abc123",
        "access_token": TOKEN,
        "id_field": "id",
        **more,
    }


@pytest.mark.guarantee("hostile-responses")
@pytest.mark.parametrize("status", [403, 422])
@pytest.mark.parametrize(
    "body",
    [
        "[" * 200_000,
        '{"title":' * 50_000,
        '{"title": 1e999999, "errors": {"0.id": 123456789012345678901234567890}}',
        '{"title": {"a": ["b"]}, "errors": ["c"], "status": null}',
        b"\xff\xfe\x00" * 1000,
        "x" * 5_000_000,
    ],
    ids=["deep list", "deep object", "huge numbers", "odd types", "bytes", "long"],
)
def test_no_body_of_an_error_breaks_the_target(
    hostile: Callable[..., str], status: int, body: str | bytes
) -> None:
    config = _config(hostile(status, body))

    run = run_target(config, [SCHEMA])

    assert run.status == 1
    assert len(run.errors) == 1
    assert str(status) in run.errors[0]
    assert_plain(run)


@pytest.mark.guarantee("hostile-responses")
@pytest.mark.parametrize(
    "rows",
    [
        [{"id": "x", "name": {}, "type": []}],
        [{"id": -1}],
        [{}],
    ],
)
def test_definitions_that_are_none_end_the_run(
    hostile: Callable[..., str], rows: list[dict[str, Any]]
) -> None:
    config = _config(hostile(200, json.dumps({"data": rows, "meta": {}})))

    run = run_target(config, [SCHEMA])

    assert run.status == 1
    assert len(run.errors) == 1
    assert_plain(run)


@pytest.mark.guarantee("no-token-leaks")
def test_an_answer_that_repeats_the_token_does_not_bring_it_into_the_log(
    hostile: Callable[..., str],
) -> None:
    body = json.dumps({"title": f"bad {TOKEN}", "errors": {TOKEN: TOKEN}})
    config = _config(hostile(403, body))

    run = run_target(config, [SCHEMA])

    assert run.status == 1
    assert TOKEN not in run.stderr


@pytest.mark.guarantee("hostile-responses")
def test_an_answer_of_lytics_is_not_quoted(hostile: Callable[..., str]) -> None:
    body = json.dumps({"message": f"ann@example.com {TOKEN}", "status": 403})
    config = {"api_url": hostile(403, body), "api_token": TOKEN, "audiences": ["x"]}

    run = run_tap(config)

    assert run.status == 1
    assert "ann@example.com" not in run.stderr
    assert TOKEN not in run.stderr
    assert_plain(run)


@pytest.mark.guarantee("hostile-responses")
@pytest.mark.parametrize("body", ["[" * 200_000, '{"data":' * 50_000])
def test_no_depth_of_an_answer_breaks_the_tap(
    hostile: Callable[..., str], body: str
) -> None:
    config = {"api_url": hostile(403, body), "api_token": TOKEN, "audiences": ["x"]}

    run = run_tap(config)

    assert run.status == 1
    assert "Traceback" not in run.stderr
    assert_plain(run)
