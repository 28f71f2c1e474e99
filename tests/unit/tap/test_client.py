"""Responses of the Lytics API, and the filters sent to it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.lytics.filterql import Compare, Exists, Group, Include, Not, parse
from singer_kit.errors import AuthError, ConfigError, UnexpectedResponseError
from singer_kit.http import HttpResponse
from tap_lytics import client
from tap_lytics.client import (
    LyticsClient,
    Page,
    Scan,
    is_audience,
    read_audience,
    read_audiences,
    read_fields,
    read_page,
    read_size,
    to_audience,
    to_fields,
)
from tap_lytics.errors import MalformedResponseError, StaleCursorError
from tap_lytics.transport import ApiRequest, ApiResponse, Transport, read_response

ROW = {"id": "abc", "slug_name": "vip", "name": "VIP", "table": "user"}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (ROW, True),
        ({**ROW, "kind": ""}, True),
        ({**ROW, "kind": "segment"}, True),
        ({**ROW, "kind": "goal"}, False),
        ({**ROW, "table": "content"}, False),
        ({"id": "abc"}, False),
        (None, False),
    ],
)
def test_only_user_segments_are_audiences(row: Any, expected: bool) -> None:  # noqa: ANN401, FBT001 - a parameter
    assert is_audience(row) == expected


def test_audience_needs_only_id_and_slug() -> None:
    audience = to_audience({"id": "abc", "slug_name": "vip"})

    assert (audience.name, audience.size, audience.is_invalid) == ("vip", None, False)


def test_identity_fields_come_in_lytics_order() -> None:
    table = {
        "by_fields": ["user_id", "email"],
        "columns": [
            {"as": "age", "type": "int", "shortdesc": "Age"},
            {"as": "email", "type": "string", "is_by": True},
            {"as": "loyalty_id", "type": "string", "is_by": True},
        ],
    }

    fields = to_fields(table)

    names = [field.name for field in fields if field.is_identity]
    assert names == ["user_id", "email", "loyalty_id"]
    assert [f.label for f in fields if f.name == "age"] == ["Age"]


def test_built_in_timestamps_are_always_fields() -> None:
    fields = {f.name: f.type for f in to_fields({"columns": [{"as": "age"}]})}

    assert fields == {"age": "", "_created": "date", "_modified": "date"}


def test_scan_description_names_audience() -> None:
    scan = Scan(audience_id="abc", slug="vip")

    assert str(scan) == "scan of audience vip"
    assert "filtered" in str(replace(scan, filter="FILTER *"))


class Responses:
    """A sender that returns the same response to each request."""

    def __init__(self, status: int, body: bytes = b'{"data": [], "total": 0}') -> None:
        self.targets: list[str] = []
        self._response = HttpResponse(status=status, headers={}, body=body)

    def send(self, method: str, target: str, **_: Any) -> HttpResponse:  # noqa: ANN401 - HTTP
        """Return it."""
        self.targets.append(f"{method} {target}")
        return self._response

    def close(self) -> None:
        """Nothing is open."""


def client_of(sender: Responses) -> LyticsClient:
    return LyticsClient(Transport(sender, sleep=lambda _: None))


@pytest.mark.parametrize("text", [None, "FILTER *"])
@pytest.mark.parametrize("cursor", ["", "next"])
def test_splits_are_in_every_request(text: str | None, cursor: str) -> None:
    sender = Responses(200)
    scan = Scan(audience_id="abc", slug="vip", filter=text).divide(50)[1]

    client_of(sender).page(scan, cursor)

    [target] = sender.targets
    query = parse_qs(target.partition("?")[2])
    assert query["splits"] == ["2,3"]
    assert query.get("start", [""]) == [cursor]


@pytest.mark.parametrize(
    ("status", "cursor", "error", "words"),
    [
        (400, "", StaleCursorError, "refuses splits"),
        (404, "", StaleCursorError, "refuses splits"),
        (400, "next", StaleCursorError, "no longer accepts the cursor"),
        (410, "next", StaleCursorError, "no longer accepts the cursor"),
        (422, "", UnexpectedResponseError, "422"),
        (401, "", AuthError, "401"),
    ],
)
def test_refused_part_names_its_splits(
    status: int, cursor: str, error: type[Exception], words: str
) -> None:
    scan = Scan(audience_id="abc", slug="vip").divide(4)[1]

    with pytest.raises(error, match=words) as found:
        client_of(Responses(status)).page(scan, cursor)

    assert "(audience vip, splits 25-49, " in str(found.value)


REQUEST = ApiRequest(method="GET", path="/", detail="the test")
PARSERS = [read_page, read_audiences, read_audience, read_fields]
DEEP = b"[" * 100_000


def response_of(body: bytes | str, status: int = 200) -> ApiResponse:
    content = body if isinstance(body, bytes) else body.encode()
    return read_response(REQUEST, HttpResponse(status=status, headers={}, body=content))


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"<html>", b'{"data": [{"a": 1', b"\xef\xbb\xbf{}"),
        *(b'{"data": "\xff"}', b'{"data": "\\ud800"}', b'{"data": 1e400}', DEEP),
        *(b'{"data": NaN}', b'{"data":' * 10_000),
    ],
    ids=lambda body: str(body[:12]),
)
@pytest.mark.parametrize("parse_response", PARSERS)
def test_malformed_body_is_retriable(parse_response: Any, body: bytes) -> None:  # noqa: ANN401 - a parameter
    with pytest.raises(MalformedResponseError, match="malformed"):
        parse_response(REQUEST, response_of(body))


@pytest.mark.parametrize("parse_response", PARSERS)
@pytest.mark.parametrize(
    "body",
    [
        *('{"data": 7}', '{"data": "x"}', '{"data": true}', "{}", '{"status": 200}'),
        *('{"status": 200, "total": 0}', '{"data": ""}', '{"data": 0}'),
    ],
)
def test_unexpected_shape_is_retriable(parse_response: Any, body: str) -> None:  # noqa: ANN401 - a parameter
    with pytest.raises(MalformedResponseError, match="malformed"):
        parse_response(REQUEST, response_of(body))


@pytest.mark.parametrize("parse_response", PARSERS)
@given(body=st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_any_bytes_parse_or_are_malformed(parse_response: Any, body: bytes) -> None:  # noqa: ANN401 - a parameter
    with suppress(MalformedResponseError):
        parse_response(REQUEST, response_of(body))


@pytest.mark.parametrize(
    ("sent", "cursor"),
    [('"b"', "b"), ("7", "7"), ("0", ""), ("null", ""), ('""', "")],
)
def test_cursor_is_string_or_integer(sent: str, cursor: str) -> None:
    page = read_page(
        REQUEST, response_of(f'{{"data": [], "total": 3, "_next": {sent}}}')
    )

    assert page == Page(members=[], next=cursor, total=3)


@pytest.mark.parametrize(
    "sent",
    ["true", "1.5", "[]", '["b"]', "{}", f'"{"x" * 9000}"'],
    ids=lambda t: t[:5],
)
def test_other_cursor_is_malformed(sent: str) -> None:
    with pytest.raises(MalformedResponseError):
        read_page(REQUEST, response_of(f'{{"data": [], "_next": {sent}}}'))


@pytest.mark.parametrize("sent", ["-1", "true", "1.5", '"x"', '"-3"', "null", "[]"])
def test_total_that_is_no_count_is_ignored(sent: str) -> None:
    assert (
        read_page(REQUEST, response_of(f'{{"data": [{{}}], "total": {sent}}}')).total
        is None
    )


@pytest.mark.parametrize("sent", ["3", '"3"', "3.0"])
def test_count_is_a_number_or_digits(sent: str) -> None:
    page = read_page(REQUEST, response_of(f'{{"data": [{{}}], "total": {sent}}}'))

    assert page.total == 3
    assert to_audience({**ROW, "size": json.loads(sent)}).size == 3


@pytest.mark.parametrize("total", ["3", "null", '"x"'])
def test_null_page_of_members_is_malformed(total: str) -> None:
    with pytest.raises(MalformedResponseError):
        read_page(REQUEST, response_of(f'{{"data": null, "total": {total}}}'))


@pytest.mark.parametrize("data", ["null", "{}", "[]"])
def test_audience_without_data_is_malformed(data: str) -> None:
    with pytest.raises(MalformedResponseError):
        read_audience(REQUEST, response_of(f'{{"data": {data}}}'))


@pytest.mark.parametrize(
    "row",
    [
        '{"id": ["a"], "slug_name": "b"}',
        '{"id": "a", "slug_name": true}',
        '{"id": "a", "slug_name": ""}',
        '{"id": "a", "slug_name": "b", "kind": ["segment"]}',
        '{"id": "a", "slug_name": "b", "table": {}}',
    ],
)
def test_row_without_id_or_slug_is_ignored(row: str) -> None:
    assert read_audience(REQUEST, response_of(f'{{"data": {row}}}')) is None
    assert read_audiences(REQUEST, response_of(f'{{"data": [{row}]}}')) == ([], "")


@pytest.mark.parametrize("row", ["null", "7", "[]", "{}", '"a"'])
def test_other_row_of_list_is_ignored(row: str) -> None:
    assert read_audiences(REQUEST, response_of(f'{{"data": [{row}]}}')) == ([], "")


@pytest.mark.parametrize(
    "table",
    [
        *("{}", '{"columns": null}', '{"columns": []}', '{"columns": 1}'),
        *('{"columns": ["a"]}', '{"columns": [{"as": 1}]}', '{"columns": {"a": 1}}'),
        '{"columns": [{"as": "a"}], "by_fields": [["a"]]}',
        '{"columns": [{"as": "a"}], "by_fields": "a"}',
    ],
)
def test_schema_without_fields_is_malformed(table: str) -> None:
    with pytest.raises(MalformedResponseError):
        read_fields(REQUEST, response_of(f'{{"data": {table}}}'))


def test_unexpected_status_error_omits_body() -> None:
    with pytest.raises(
        UnexpectedResponseError, match=r"GET / \(the test\) returned 204"
    ) as error:
        read_page(REQUEST, response_of("secret", 204))

    assert "secret" not in str(error.value)


AT = datetime(2026, 11, 23, 7, 0, 0, 999_999, tzinfo=UTC)
HEX = "0123456789abcdef0123456789abcdef"
VIP = to_audience({"id": HEX, "slug_name": "vip"})


def with_slug(slug: str, audience_id: str = "7") -> client.Audience:
    return replace(VIP, slug=slug, id=audience_id)


def test_changed_members_filter() -> None:
    text = client.changed_members_filter(VIP, AT, required=["id"])

    assert text == (
        f"FILTER AND (INCLUDE `{HEX}`, EXISTS id,"
        ' _modified >= "2026-11-23T07:00:00Z") FROM user'
    )


def test_changed_non_members_filter() -> None:
    text = client.changed_non_members_filter(VIP, AT)

    assert text == (
        f"FILTER AND (NOT INCLUDE `{HEX}`, _modified >="
        ' "2026-11-23T07:00:00Z") FROM user'
    )


def test_single_condition_has_no_group() -> None:
    assert client.members_filter(VIP) == f"FILTER INCLUDE `{HEX}` FROM user"


def test_filter_time_is_utc_rounded_down() -> None:
    zone = timezone(timedelta(hours=-7))

    assert client.time_literal(AT.astimezone(zone)) == '"2026-11-23T07:00:00Z"'


@pytest.mark.guarantee("quoted-names")
@pytest.mark.parametrize(
    "slug", ["", "a b", "a'b", 'a"b', "a`b", "VIP", "a)", "a\n", "é"]
)
def test_slug_of_unusual_audience_is_validated(slug: str) -> None:
    with pytest.raises(ConfigError, match="not an audience slug"):
        client.members_filter(with_slug(slug))


@pytest.mark.parametrize("slug", ["include", "from", "and", "7days", "_x"])
def test_ambiguous_slug_is_quoted(slug: str) -> None:
    assert parse(client.members_filter(with_slug(slug))) == Include(slug)


@pytest.mark.parametrize(
    "audience_id", ["7", "vip", HEX[1:], HEX + "0", "`" + HEX[1:], f"{HEX}\n", "é" * 32]
)
def test_slug_replaces_unusual_id(audience_id: str) -> None:
    audience = with_slug("vip", audience_id)

    assert parse(client.members_filter(audience)) == Include("vip")


@pytest.mark.parametrize("slug", ["vip", "vip-customers", "a`b"])
@pytest.mark.parametrize("audience_id", [HEX, HEX.upper(), "1" * 32])
def test_id_names_audience_whatever_its_slug(slug: str, audience_id: str) -> None:
    audience = with_slug(slug, audience_id)

    assert parse(client.members_filter(audience)) == Include(audience_id)


@pytest.mark.parametrize("name", ["", "a`b", "a\\b", "a\nb", "a\0b"])
def test_field_that_ends_quotes_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be used in a filter"):
        client.members_filter(VIP, required=[name])


@pytest.mark.guarantee("quoted-names")
@given(name=st.text(min_size=1, max_size=30))
def test_any_field_is_quoted_or_refused(name: str) -> None:
    try:
        text = client.changed_members_filter(VIP, AT, required=[name])
    except ConfigError:
        assert set(name) & set("`\\") or not name.isprintable()
        return

    group = parse(text)

    assert isinstance(group, Group)
    assert group.parts == (
        Include(HEX),
        Exists(name),
        Compare("_modified", ">=", "2026-11-23T07:00:00Z"),
    )


def test_non_members_can_be_filtered_by_field() -> None:
    group = parse(client.changed_non_members_filter(VIP, AT, required=["order"]))

    assert isinstance(group, Group)
    assert group.parts[:2] == (Not(Include(HEX)), Exists("order"))


@pytest.mark.parametrize(
    ("required", "conditions"),
    [
        ((), ""),
        (("id",), "EXISTS id, "),
        (("order", "name with spaces"), "EXISTS `order`, EXISTS `name with spaces`, "),
        (("größe", "1st", 'a"b'), 'EXISTS `größe`, EXISTS `1st`, EXISTS `a"b`, '),
    ],
    ids=str,
)
def test_changed_profiles_filter(required: tuple[str, ...], conditions: str) -> None:
    text = client.changed_profiles_filter(AT, required=required)

    since = f'{conditions}_modified >= "2026-11-23T07:00:00Z"'
    assert text == f"FILTER {f'AND ({since})' if required else since} FROM user"
    found = parse(text)
    parts = found.parts if isinstance(found, Group) else (found,)
    assert parts[:-1] == tuple(map(Exists, required))


@pytest.mark.parametrize(
    ("data", "size"),
    [
        *(("[30]", 30), ('{"size": 30}', 30), ('[{"size": "30"}]', 30), ("30", 30)),
        *(("[]", None), ("null", None), ('{"id": "x"}', None), ("true", None)),
    ],
)
def test_size_is_first_number(data: str, size: int | None) -> None:
    assert read_size(response_of(f'{{"data": {data}}}')) == size


@pytest.mark.parametrize("status", [400, 404])
def test_missing_size_is_unknown(status: int) -> None:
    assert read_size(response_of('{"data": null}', status)) is None
