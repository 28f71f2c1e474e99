"""The sandbox's Lytics account against the responses that Lytics documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import requests
from jsonschema import Draft202012Validator

from sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[..., requests.Response]

VIP = "vip_customers"
TEXT = {"type": "string"}
NUMBER = {"type": "number"}
LIKE_NUMBER = {"anyOf": [NUMBER, {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}]}
LIKE_BOOLEAN = {"enum": ["t", "f", True, False]}
TIMESTAMP = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$",
}
SLUG = {"type": "string", "pattern": "^[a-z0-9_]+$"}
AUDIENCE_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
TEXTS = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}]}


def rows_of(**fields: object) -> dict[str, Any]:
    return {"type": "array", "items": row_of(**fields), "minItems": 1}


def row_of(**fields: object) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields)}


def map_of(value: object) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": value, "minProperties": 1}


AUDIENCE = {
    "id": AUDIENCE_ID,
    "account_id": TEXT,
    "aid": NUMBER,
    "name": TEXT,
    "slug_name": SLUG,
    "description": TEXT,
    "kind": TEXT,
    "table": {"const": "user"},
    "is_public": {"type": "boolean"},
    "author_id": TEXT,
    "created": TIMESTAMP,
    "updated": TIMESTAMP,
    "created_ms": NUMBER,
    "modified_ms": NUMBER,
    "tags": {"type": "array"},
    "segment_ql": {"type": "string", "pattern": "^FILTER "},
    "invalid": {"type": "boolean"},
}
SIZED = {**AUDIENCE, "size": {"type": "integer"}}
SIZE = {
    "id": AUDIENCE_ID,
    "name": TEXT,
    "slug_name": SLUG,
    "size": {"type": "integer"},
    "timestamp": TIMESTAMP,
}
COLUMN = {
    "as": TEXT,
    "is_by": {"type": "boolean"},
    "type": TEXT,
    "op": TEXT,
    "shortdesc": TEXT,
    "longdesc": TEXT,
    "froms": {"type": "array", "items": TEXT},
    "identities": {"type": "array", "items": TEXT},
}
VALUES: dict[str, dict[str, Any]] = {
    "string": TEXT,
    "bool": LIKE_BOOLEAN,
    "int": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^-?\d+$"}]},
    "number": LIKE_NUMBER,
    "float": LIKE_NUMBER,
    "date": TIMESTAMP,
    "time": TIMESTAMP,
    "datetime": TIMESTAMP,
    "[]string": TEXTS,
    "ts[]string": TEXTS,
    "[]time": {"type": "array", "items": TIMESTAMP},
    "map[string]int": map_of(LIKE_NUMBER),
    "map[string]intsum": map_of(LIKE_NUMBER),
    "map[string]number": map_of(LIKE_NUMBER),
    "map[string]string": map_of(TEXT),
    "map[string]bool": map_of(LIKE_BOOLEAN),
    "map[string]time": map_of(TIMESTAMP),
    "map[string]value": map_of({}),
    "geolocation": {"type": "string", "pattern": r"^-?[\d.]+,-?[\d.]+$"},
    "membership": {},
    "embedding": {},
    "dynamic": {},
    "flows": {},
    "[]timebucket": {},
}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(Options(members=250)) as box:
        yield box


@pytest.fixture(scope="module")
def ask(box: Sandbox) -> Iterator[Ask]:
    with requests.Session() as session:
        session.headers["Authorization"] = box.options.lytics_token

        def call(path: str, method: str = "GET", **more: Any) -> requests.Response:  # noqa: ANN401 - as requests takes it
            return session.request(method, box.url + path, **more)

        yield call


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/v2/segment?table=user&kind=segment&sizes=true", rows_of(**SIZED)),
        ("/v2/segment?table=user", rows_of(**AUDIENCE)),
        ("/api/segment?table=user", rows_of(**AUDIENCE)),
        (f"/v2/segment/{VIP}?sizes=true", row_of(**SIZED)),
        (f"/api/segment/{VIP}", row_of(**AUDIENCE)),
        ("/api/segment/sizes?ids=vip_customers,nobody_yet", rows_of(**SIZE)),
        (f"/api/segment/{VIP}/size", {"type": "array", "items": {"type": "integer"}}),
        (
            "/api/schema/user",
            row_of(
                name={"const": "user"},
                by_fields={"type": "array", "items": TEXT, "minItems": 1},
                columns=rows_of(**COLUMN),
            ),
        ),
        ("/v2/schema/user/field", rows_of(id=TEXT, type=TEXT, shortdesc=TEXT)),
        (f"/api/segment/{VIP}/scan", rows_of(_modified=TIMESTAMP, _created=TIMESTAMP)),
    ],
)
def test_response_has_the_documented_form(
    ask: Ask, path: str, content: dict[str, Any]
) -> None:
    response = ask(path)

    envelope = row_of(
        status={"const": 200}, message=TEXT, request_id=TEXT, data=content
    )
    jsonschema.validate(response.json(), envelope)
    assert response.headers["Date"].endswith("GMT")


@pytest.mark.parametrize(
    ("status", "path", "more"),
    [
        (401, "/v2/segment", {"headers": {"Authorization": "wrong"}}),
        (404, "/v2/segment/unknown", {}),
        (404, "/api/segment/unknown/scan", {}),
        (404, "/api/elsewhere", {}),
        (400, "/api/segment/scan", {"params": {"segments": "FILTER ("}}),
        (400, f"/api/segment/{VIP}/scan?start=what", {}),
        (400, f"/api/segment/{VIP}/scan?splits=0,100", {}),
        (400, f"/api/segment/{VIP}/scan?splits=first", {}),
        (400, "/api/segment/scan", {"method": "POST", "data": "FILTER *"}),
    ],
)
def test_error_has_the_documented_form(
    ask: Ask, status: int, path: str, more: dict[str, Any]
) -> None:
    response = ask(path, **more)

    assert response.status_code == status
    assert response.json().keys() == {"data", "message", "status"}
    assert response.json()["data"] is None
    assert response.json()["status"] == status


def test_value_has_the_form_of_its_type(ask: Ask) -> None:
    columns = ask("/api/schema/user").json()["data"]["columns"]

    members = ask(f"/api/segment/{VIP}/scan?limit=100").json()["data"]

    types = {column["as"]: column["type"] for column in columns}
    assert set(VALUES) <= set(types.values())
    forms = {name: Draft202012Validator(VALUES[types[name]]) for name in types}
    for member in members:
        for name in member.keys() & types:
            forms[name].validate(member[name])


def test_every_field_has_a_value_in_some_member(ask: Ask) -> None:
    columns = ask("/api/schema/user").json()["data"]["columns"]

    members = ask(f"/api/segment/{VIP}/scan?limit=100").json()["data"]

    assert {column["as"] for column in columns} <= {n for m in members for n in m}


@pytest.mark.parametrize(
    ("query", "number"), [("", 20), ("limit=7", 7), ("limit=5000", 100), ("limit=0", 1)]
)
def test_page_has_the_requested_size_up_to_100(
    ask: Ask, query: str, number: int
) -> None:
    page = ask(f"/api/segment/{VIP}/scan?{query}").json()

    assert len(page["data"]) == number
    assert page["total"] == 250
    assert page["_next"]


def test_scan_ends_with_an_empty_token(ask: Ask) -> None:
    seen: list[str] = []
    token = ""

    for _ in range(3):
        page = ask(f"/api/segment/{VIP}/scan?limit=100&start={token}").json()
        seen += [member["user_id"] for member in page["data"]]
        token = page["_next"]

    assert token == ""
    assert len(set(seen)) == len(seen) == 250


def test_splits_are_spread_evenly_over_0_to_99(ask: Ask) -> None:
    seen: list[int] = []

    for first in range(0, 100, 25):
        splits = ",".join(map(str, range(first, first + 25)))
        part = ask(f"/api/segment/{VIP}/scan?limit=100&splits={splits}").json()
        found = [member["_split"] for member in part["data"]]
        assert len(found) == part["total"]
        assert set(found) <= set(range(first, first + 25))
        assert 40 <= len(found) <= 85
        seen += found

    assert len(seen) == 250


@pytest.mark.parametrize(
    "more",
    [
        {"path": f"/api/segment/{VIP}/scan"},
        {
            "path": "/api/segment/scan?table=user",
            "method": "POST",
            "data": f"FILTER INCLUDE {VIP} FROM user",
            "headers": {"Content-Type": "text/plain"},
        },
        {"path": f"/api/segment/scan?table=user&segments=FILTER INCLUDE {VIP}"},
    ],
    ids=["saved", "posted", "queried"],
)
def test_only_requested_fields_are_returned(ask: Ask, more: dict[str, Any]) -> None:
    page = ask(params={"fields": "email,_modified"}, **more).json()

    assert all(member.keys() == {"email", "_modified"} for member in page["data"])


def test_audience_is_found_by_its_id(ask: Ask) -> None:
    number = ask(f"/v2/segment/{VIP}").json()["data"]["id"]

    found = ask(f"/v2/segment/{number}").json()["data"]

    assert found["slug_name"] == VIP
    assert re.fullmatch("[0-9a-f]{32}", number)
