"""No answer is believed further than it can be read, and none breaks the reading."""

from __future__ import annotations

import io
from typing import Any

import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from tap_lytics.answers import Page, to_list, to_one, to_page, to_table
from tap_lytics.errors import ProtocolError, RetriableError
from tap_lytics.session import open_session, read_body
from tap_lytics.transport import Answer, Call

CALL = Call(method="GET", path="/", what="the test")
READINGS = [to_page, to_list, to_one, to_table]
DEEP = b"[" * 100_000


def said(body: bytes | str, status: int = 200) -> Answer:
    content = body if isinstance(body, bytes) else body.encode()
    return Answer(status=status, body=content, at=None)


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
    with pytest.raises(RetriableError, match="malformed") as error:
        reading(CALL, said(body))

    assert error.value.finally_ is ProtocolError


@pytest.mark.parametrize("reading", [to_page, to_list, to_table])
@pytest.mark.parametrize("body", ['{"data": 7}', '{"data": "x"}', '{"data": true}'])
def test_content_of_another_shape_is_asked_for_again(reading: Any, body: str) -> None:  # noqa: ANN401 - a table
    with pytest.raises(RetriableError, match="malformed"):
        reading(CALL, said(body))


@pytest.mark.parametrize("reading", READINGS)
@given(body=st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_read_or_asked_for_again(reading: Any, body: bytes) -> None:  # noqa: ANN401 - a table
    try:
        reading(CALL, said(body))
    except RetriableError as error:
        assert error.finally_ is ProtocolError  # noqa: PT017 - or nothing is raised


@pytest.mark.parametrize(
    ("told", "cursor"),
    [('"b"', "b"), ("7", "7"), ("0", ""), ("null", ""), ('""', "")],
)
def test_a_cursor_is_a_text_or_a_number(told: str, cursor: str) -> None:
    page = to_page(CALL, said(f'{{"data": [], "total": 3, "_next": {told}}}'))

    assert page == Page(members=[], next=cursor, total=3)


@pytest.mark.parametrize(
    "told", ["true", "1.5", "[]", '["b"]', "{}", f'"{"x" * 9000}"'], ids=lambda t: t[:5]
)
def test_any_other_cursor_is_none(told: str) -> None:
    with pytest.raises(RetriableError):
        to_page(CALL, said(f'{{"data": [], "_next": {told}}}'))


@pytest.mark.parametrize("told", ["-1", "true", "1.5", '"3"', "null", "[]"])
def test_a_total_that_counts_nothing_is_none(told: str) -> None:
    assert to_page(CALL, said(f'{{"data": [{{}}], "total": {told}}}')).total is None


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
    assert to_one(CALL, said(f'{{"data": {row}}}')) is None
    assert to_list(CALL, said(f'{{"data": [{row}]}}')) == ([], "")


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
    with pytest.raises(RetriableError):
        to_table(CALL, said(f'{{"data": {table}}}'))


def test_a_status_of_no_use_is_told_without_the_answer() -> None:
    with pytest.raises(ProtocolError, match="Lytics answered 204 to the test") as error:
        to_page(CALL, said("secret", 204))

    assert "secret" not in str(error.value)


def test_an_answer_without_an_end_is_not_read_to_it() -> None:
    response = requests.Response()
    response.raw = urllib3.HTTPResponse(
        io.BytesIO(b"x" * 300_000), preload_content=False
    )

    assert read_body(response, largest=200_000) is None


@pytest.mark.parametrize("place", ["http://[", "//[x", "\xff\xfe", "x" * 9000])
def test_a_place_to_go_to_is_not_even_read(place: str) -> None:
    response = requests.Response()
    response.status_code, response.headers["Location"] = 302, place

    assert open_session("none", "test").get_redirect_target(response) is None
