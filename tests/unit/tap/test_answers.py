"""No answer is believed further than it can be read, and none breaks the reading."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit.errors import UnexpectedResponseError
from tap_lytics.client import (
    Page,
    read_audience,
    read_audiences,
    read_fields,
    read_page,
)
from tap_lytics.errors import MalformedResponseError
from tap_lytics.transport import ApiRequest, ApiResponse

CALL = ApiRequest(method="GET", path="/", detail="the test")
READINGS = [read_page, read_audiences, read_audience, read_fields]
DEEP = b"[" * 100_000


def said(body: bytes | str, status: int = 200) -> ApiResponse:
    content = body if isinstance(body, bytes) else body.encode()
    return ApiResponse(status=status, body=content, date=None)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"<html>", b'{"data": [{"a": 1', b"\xef\xbb\xbf{}"),
        *(b'{"data": "\xff"}', b'{"data": "\\ud800"}', b'{"data": 1e400}', DEEP),
        *(b'{"data": NaN}', b'{"data":' * 10_000),
    ],
    ids=lambda body: str(body[:12]),
)
@pytest.mark.parametrize("reading", READINGS)
def test_what_is_no_answer_is_asked_for_again(reading: Any, body: bytes) -> None:  # noqa: ANN401 - a table
    with pytest.raises(MalformedResponseError, match="malformed"):
        reading(CALL, said(body))


@pytest.mark.parametrize("reading", [read_page, read_audiences, read_fields])
@pytest.mark.parametrize("body", ['{"data": 7}', '{"data": "x"}', '{"data": true}'])
def test_content_of_another_shape_is_asked_for_again(reading: Any, body: str) -> None:  # noqa: ANN401 - a table
    with pytest.raises(MalformedResponseError, match="malformed"):
        reading(CALL, said(body))


@pytest.mark.parametrize("reading", READINGS)
@given(body=st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_read_or_asked_for_again(reading: Any, body: bytes) -> None:  # noqa: ANN401 - a table
    with suppress(MalformedResponseError):
        reading(CALL, said(body))


@pytest.mark.parametrize(
    ("sent", "cursor"),
    [('"b"', "b"), ("7", "7"), ("0", ""), ("null", ""), ('""', "")],
)
def test_a_cursor_is_a_text_or_a_number(sent: str, cursor: str) -> None:
    page = read_page(CALL, said(f'{{"data": [], "total": 3, "_next": {sent}}}'))

    assert page == Page(members=[], next=cursor, total=3)


@pytest.mark.parametrize(
    "sent",
    ["true", "1.5", "[]", '["b"]', "{}", f'"{"x" * 9000}"'],
    ids=lambda t: t[:5],
)
def test_any_other_cursor_is_none(sent: str) -> None:
    with pytest.raises(MalformedResponseError):
        read_page(CALL, said(f'{{"data": [], "_next": {sent}}}'))


@pytest.mark.parametrize("sent", ["-1", "true", "1.5", '"3"', "null", "[]"])
def test_a_total_that_counts_nothing_is_none(sent: str) -> None:
    assert read_page(CALL, said(f'{{"data": [{{}}], "total": {sent}}}')).total is None


@pytest.mark.parametrize(
    "row",
    [
        '{"id": ["a"], "slug_name": "b"}',
        '{"id": "a", "slug_name": true}',
        '{"id": "a", "slug_name": ""}',
        '{"id": "a", "slug_name": "b", "kind": ["segment"]}',
        '{"id": "a", "slug_name": "b", "table": {}}',
        *("null", "7", "[]", "{}", '"a"'),
    ],
)
def test_a_row_without_a_name_is_no_audience(row: str) -> None:
    assert read_audience(CALL, said(f'{{"data": {row}}}')) is None
    assert read_audiences(CALL, said(f'{{"data": [{row}]}}')) == ([], "")


@pytest.mark.parametrize(
    "table",
    [
        *("{}", '{"columns": null}', '{"columns": []}', '{"columns": 1}'),
        *('{"columns": ["a"]}', '{"columns": [{"as": 1}]}', '{"columns": {"a": 1}}'),
        '{"columns": [{"as": "a"}], "by_fields": [["a"]]}',
        '{"columns": [{"as": "a"}], "by_fields": "a"}',
    ],
)
def test_a_table_without_fields_is_asked_for_again(table: str) -> None:
    with pytest.raises(MalformedResponseError):
        read_fields(CALL, said(f'{{"data": {table}}}'))


def test_a_status_of_no_use_is_told_without_the_answer() -> None:
    with pytest.raises(
        UnexpectedResponseError, match=r"GET / \(the test\) returned 204"
    ) as error:
        read_page(CALL, said("secret", 204))

    assert "secret" not in str(error.value)
