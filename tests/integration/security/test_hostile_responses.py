"""Hostile responses of BigCommerce or Lytics end the run in one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.log_lines import FORGED, assert_plain
from support.plugins import Run, run_tap, run_target

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "a-token-for-tests"
SCHEMA = {
    "type": "SCHEMA",
    "stream": "vip",
    "schema": {"properties": {"id": {}, "email": {}}},
}
RECORD = {
    "type": "RECORD",
    "stream": "vip",
    "record": {"id": 1, "email": "a@b.example"},
}


def target_of(api_url: str) -> Run:
    """Run the target against a server."""
    config = {"store_hash": "abc123", "access_token": TOKEN, "id_field": "id"}
    return run_target({"api_url": api_url, **config}, [SCHEMA, RECORD])


def tap_of(api_url: str) -> Run:
    """Run the tap against a server."""
    return run_tap({"api_url": api_url, "api_token": TOKEN, "audiences": ["x"]})


def assert_one_error(run: Run) -> None:
    """Check that the run failed with one printable line."""
    assert run.status == 1
    assert len(run.errors) == 1
    assert_plain(run)


@pytest.mark.guarantee("hostile-responses")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(403, "[" * 200_000, id="nested lists"),
        pytest.param(422, '{"title":' * 50_000, id="nested objects"),
        pytest.param(
            422,
            '{"title": 1e999999, "errors": {"0.id": 123456789012345678901234567890}}',
            id="huge numbers",
        ),
        pytest.param(
            422,
            '{"title": {"a": ["b"]}, "errors": ["c"], "status": null}',
            id="other types",
        ),
        pytest.param(403, b"\xff\xfe\x00" * 1000, id="not UTF-8"),
        pytest.param(422, "x" * 5_000_000, id="long"),
    ],
)
def test_error_body_ends_target_in_one_line(
    serve: Callable[..., str], status: int, body: str | bytes
) -> None:
    run = target_of(serve(status, body))

    assert_one_error(run)
    assert str(status) in run.errors[0]


@pytest.mark.guarantee("hostile-responses")
@pytest.mark.parametrize(
    "row", [{"id": "x", "name": {}, "type": []}, {"id": -1}, {}], ids=str
)
def test_malformed_definition_ends_target_in_one_line(
    serve: Callable[..., str], row: dict[str, Any]
) -> None:
    run = target_of(serve(200, json.dumps({"data": [row], "meta": {}})))

    assert_one_error(run)


@pytest.mark.guarantee("no-token-leaks")
def test_token_in_an_error_body_is_not_logged(serve: Callable[..., str]) -> None:
    body = json.dumps({"title": f"bad {TOKEN}", "errors": {TOKEN: TOKEN}})

    run = target_of(serve(403, body))

    assert run.status == 1
    assert TOKEN not in run.stderr


@pytest.mark.guarantee("log-injection")
@pytest.mark.parametrize("status", [302, 403, 422])
def test_error_body_of_bigcommerce_forges_no_log_line(
    serve: Callable[..., str], status: int
) -> None:
    body = json.dumps({"title": FORGED, "errors": {FORGED: FORGED}, "data": FORGED})

    run = target_of(serve(status, body, Location="http://localhost:9/"))

    assert_one_error(run)


@pytest.mark.guarantee("hostile-responses")
@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"message": f"ann@example.com {TOKEN}", "status": 403}),
        "[" * 200_000,
        '{"data":' * 50_000,
    ],
    ids=["personal data", "nested lists", "nested objects"],
)
def test_error_body_of_lytics_is_not_quoted(
    serve: Callable[..., str], body: str
) -> None:
    run = tap_of(serve(403, body))

    assert run.status == 1
    assert "ann@example.com" not in run.stderr
    assert TOKEN not in run.stderr
    assert_plain(run)


@pytest.mark.guarantee("log-injection")
def test_names_of_lytics_forge_no_log_line(serve: Callable[..., str]) -> None:
    audience = {"id": FORGED, "slug_name": FORGED, "name": FORGED, "kind": "segment"}

    run = tap_of(serve(200, json.dumps({"data": [audience], "status": 200})))

    assert run.status == 1
    assert "forged" in run.stderr
    assert r"\x1b" in run.stderr
    assert_plain(run)
