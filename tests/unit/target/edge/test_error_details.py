"""What bodies say: refusals and guilty rows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.answers import (
    guilty_rows,
    is_too_large,
    is_whole,
    moved,
    read_refusal,
)
from target_bigcommerce.errors import Refusal

ROWS = [{"id": n, "email": f"p{n}@example.com"} for n in range(5)]


def refused(errors: dict[str, str], title: str = "Update customers failed.") -> Refusal:
    return Refusal(status=422, title=title, errors=errors)


def test_a_refusal_is_read_with_title_and_errors() -> None:
    body = b'{"status":422,"title":"No.","errors":{"0.id":"invalid customer ID"}}'

    refusal = read_refusal(422, body)

    assert refusal == Refusal(
        status=422, title="No.", errors={"0.id": "invalid customer ID"}
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"errors":{}}',
        b'{"errors":["x"]}',
        b'{"title":null}',
    ],
)
def test_a_body_that_cannot_be_read_never_hides_the_status(body: bytes) -> None:
    assert read_refusal(413, body) == Refusal(status=413)


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_no_body_can_break_the_reading(body: bytes | str) -> None:
    text = body if isinstance(body, bytes) else body.encode()

    assert read_refusal(422, text).status == 422


@pytest.mark.parametrize(
    ("errors", "guilty"),
    [
        ({"3.email": "error.email"}, [3]),
        ({"3": "bad"}, [3]),
        ({"1.a": "x", "4.b": "y"}, [1, 4]),
        ({"9.email": "there is no such row"}, []),
        ({".customer_update": "nobody is named"}, []),
        ({"id": "error.path.missing"}, []),
        ({".x": "Error: email P2@Example.com already in use"}, [2]),
        ({".x": "email p2@example.com."}, [2]),
        ({".x": "email 'p2@example.com' is taken"}, [2]),
        ({".x": "email p2@example.community is taken"}, []),
        ({".x": "email xp2@example.com is taken"}, []),
        ({}, []),
    ],
)
def test_guilty_rows_are_named_by_index_or_by_their_address(
    errors: dict[str, str], guilty: list[int]
) -> None:
    assert guilty_rows(refused(errors), ROWS) == guilty


def test_an_address_within_another_is_not_meant() -> None:
    rows = [{"email": "brien@example.com"}, {"email": "o'brien@example.com"}]

    guilty = guilty_rows(refused({".x": "o'brien@example.com already in use"}), rows)

    assert guilty == [1]


def test_a_row_alone_is_guilty_whatever_the_refusal_says() -> None:
    assert guilty_rows(refused({"7.x": "?"}), ROWS[:1]) == [0]


def test_an_index_of_some_rows_is_moved_to_its_place_among_all() -> None:
    refusal = refused({"0.email": "a", "1": "b", ".x": "c", "7.y": "d"})

    assert moved(refusal, [3, 8]).errors == {
        "3.email": "a",
        "8": "b",
        ".x": "c",
        "7.y": "d",
    }


@pytest.mark.parametrize(
    ("refusal", "large"),
    [
        (Refusal(status=413), True),
        (Refusal(status=422, title="Max batch size allowed is 10"), True),
        (Refusal(status=422, title="Update customers failed."), False),
    ],
)
def test_a_call_of_too_many_rows_is_told_from_one_of_bad_rows(
    refusal: Refusal, *, large: bool
) -> None:
    assert is_too_large(refusal) is large


def _page(*, rows: int, total: object, pages: int) -> bytes:
    meta = {"pagination": {"total": total, "total_pages": pages}}
    return json.dumps({"data": [{"id": 1}] * rows, "meta": meta}).encode()


@pytest.mark.parametrize(
    ("method", "status", "body", "whole"),
    [
        ("GET", 200, b'{"data":[],"meta":{}}', True),
        ("GET", 200, b'{"data":[{"id":1}', False),
        ("PUT", 200, b"", False),
        ("PUT", 200, b"<html></html>", False),
        ("PUT", 200, b'{"data":null}', False),
        ("PUT", 200, b'{"data":[1]}', False),
        ("PUT", 204, b"", True),
        ("POST", 204, b"", False),
        ("GET", 204, b"", False),
        ("DELETE", 204, b"", True),
        ("DELETE", 200, b"whatever", True),
        ("GET", 200, _page(rows=2, total=2, pages=1), True),
        ("GET", 200, _page(rows=1, total=2, pages=1), False),
        ("GET", 200, _page(rows=1, total=2, pages=2), True),
        ("GET", 200, _page(rows=1, total="2", pages=1), False),
        ("GET", 200, _page(rows=1, total=None, pages=1), True),
    ],
)
def test_a_success_without_its_rows_is_no_success(
    method: str, status: int, body: bytes, *, whole: bool
) -> None:
    assert is_whole(method, status, body) is whole
