"""The body of an error, and the rows that it names."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.responses import read_error_details
from target_bigcommerce.api.writes import is_too_large, named_rows, renumber
from target_bigcommerce.errors import ErrorDetails

ROWS = [{"id": n, "email": f"p{n}@example.com"} for n in range(5)]


def details_with(
    errors: dict[str, str], title: str = "Update customers failed."
) -> ErrorDetails:
    return ErrorDetails(status=422, title=title, errors=errors)


def test_title_and_errors_are_read() -> None:
    body = b'{"status":422,"title":"No.","errors":{"0.id":"invalid customer ID"}}'

    details = read_error_details(422, body)

    assert details == ErrorDetails(
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
def test_unreadable_body_leaves_the_status(body: bytes) -> None:
    assert read_error_details(413, body) == ErrorDetails(status=413)


@pytest.mark.guarantee("hostile-responses")
@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_no_body_breaks_reading(body: bytes | str) -> None:
    text = body if isinstance(body, bytes) else body.encode()

    assert read_error_details(422, text).status == 422


@pytest.mark.parametrize(
    ("errors", "named"),
    [
        ({"3.email": "error.email"}, [3]),
        ({"3": "bad"}, [3]),
        ({"1.a": "x", "4.b": "y"}, [1, 4]),
        ({"9.email": "there is no such row"}, []),
        ({".customer_update": "no row is named"}, []),
        ({"id": "error.path.missing"}, []),
        ({".x": "Error: email P2@Example.com already in use"}, [2]),
        ({".x": "email p2@example.com."}, [2]),
        ({".x": "email 'p2@example.com' is taken"}, [2]),
        ({".x": "email p2@example.community is taken"}, []),
        ({".x": "email xp2@example.com is taken"}, []),
        ({}, []),
    ],
)
def test_rows_are_named_by_index_or_email(
    errors: dict[str, str], named: list[int]
) -> None:
    assert named_rows(details_with(errors), ROWS) == named


def test_email_within_another_is_not_named() -> None:
    rows = [{"email": "brien@example.com"}, {"email": "o'brien@example.com"}]

    named = named_rows(details_with({".x": "o'brien@example.com already in use"}), rows)

    assert named == [1]


def test_single_row_is_always_named() -> None:
    assert named_rows(details_with({"7.x": "?"}), ROWS[:1]) == [0]


def test_indices_are_translated_back() -> None:
    details = details_with({"0.email": "a", "1": "b", ".x": "c", "7.y": "d"})

    assert renumber(details, [3, 8]).errors == {
        "3.email": "a",
        "8": "b",
        ".x": "c",
        "7.y": "d",
    }


@pytest.mark.parametrize(
    ("details", "large"),
    [
        (ErrorDetails(status=413), True),
        (ErrorDetails(status=422, title="Max batch size allowed is 10"), True),
        (ErrorDetails(status=422, title="Update customers failed."), False),
    ],
)
def test_too_many_rows_differ_from_bad_rows(
    details: ErrorDetails, *, large: bool
) -> None:
    assert is_too_large(details) is large
