"""Attribute definitions: reading, creating, renaming, removing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import BAD_JSON, RefusalError, success
from .customer_rules import is_integer
from .filters import Keep, among, dates, integers, refuse_unknown
from .messages import Answer, Json
from .paging import page_meta, wanted
from .shelves import Shelves, named, read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .customer_book import Row

TYPES = ("string", "number", "date")
DATED = ("date_created", "date_modified")
KNOWN = frozenset(
    {"name", "name:like", "type"}
    | {name + suffix for name in DATED for suffix in ("", ":min", ":max")}
)
LONGEST = 255
CREATE_FAILED = "Create attributes failed."


def read_attributes(shelves: Shelves, query: Mapping[str, str]) -> Answer:
    """GET /customers/attributes."""
    refuse_unknown(query, KNOWN)
    want = wanted(query)
    keep = _tests(query)
    rows = [row for row in shelves.attributes.values() if all(t(row) for t in keep)]
    page = rows[want.offset : want.offset + want.limit]
    return success(page, {"pagination": page_meta(want, len(rows), len(page))})


def create_attributes(shelves: Shelves, body: bytes) -> Answer:
    """POST /customers/attributes."""
    rows = read_rows(body)
    most = shelves.options.attribute_rows_per_call
    if len(rows) > most:
        raise RefusalError(422, f"Max batch size allowed is {most}")
    names = {row["name"] for row in shelves.attributes.values()}
    for at, row in enumerate(rows):
        _judge(shelves, at, row, names, len(shelves.attributes) + at)
        names.add(row["name"])
    return success([shelves.add_attribute(row["name"], row["type"]) for row in rows])


def rename_attributes(shelves: Shelves, body: bytes) -> Answer:
    """PUT /customers/attributes: only the name changes."""
    rows = read_rows(body)
    for at, row in enumerate(rows):
        if not isinstance(row, dict) or row.get("id") not in shelves.attributes:
            key = named(shelves.options, at, "id")
            raise RefusalError(
                422, "Update attributes failed.", {key: "invalid attribute ID"}
            )
        _judge_name(shelves, at, row)
    for row in rows:
        found = shelves.attributes[row["id"]]
        found |= {"name": row["name"], "date_modified": shelves.now}
    return success([shelves.attributes[row["id"]] for row in rows])


def delete_attributes(shelves: Shelves, query: Mapping[str, str]) -> Answer:
    """DELETE /customers/attributes: their values go too."""
    for number in integers(query, "id:in") or []:
        shelves.drop_attribute(number)
    return Answer(status=204)


def _judge(shelves: Shelves, at: int, row: Json, names: set[str], count: int) -> None:
    if not isinstance(row, dict):
        raise RefusalError(422, BAD_JSON, {f"{at}": "error.expected.jsobject"})
    _judge_name(shelves, at, row)
    options = shelves.options
    if row.get("type") not in TYPES:
        wrong = "error.path.missing" if "type" not in row else "error.expected.type"
        raise RefusalError(422, BAD_JSON, {named(options, at, "type"): wrong})
    if row["name"] in names and not options.allow_duplicate_attributes:
        text = f"Error creating attributes: name {row['name']} already in use"
        raise RefusalError(422, CREATE_FAILED, {".attribute_create": text})
    if count >= options.max_attributes:
        text = f"Error creating attributes: at most {options.max_attributes} attributes"
        raise RefusalError(422, CREATE_FAILED, {".attribute_create": text})


def _judge_name(shelves: Shelves, at: int, row: Row) -> None:
    name = row.get("name")
    key = named(shelves.options, at, "name")
    if "name" not in row:
        raise RefusalError(422, BAD_JSON, {key: "error.path.missing"})
    if not isinstance(name, str):
        raise RefusalError(422, BAD_JSON, {key: "error.expected.jsstring"})
    if not 1 <= len(name) <= LONGEST:
        wrong = "error.minLength" if not name else "error.maxLength"
        raise RefusalError(422, BAD_JSON, {key: wrong})


def _tests(query: Mapping[str, str]) -> list[Keep]:
    tests = among("type", [query["type"]] if "type" in query else None)
    if "name" in query:
        tests.append(lambda row: row["name"] == query["name"])
    if "name:like" in query:
        part = query["name:like"].strip("%").lower()
        tests.append(lambda row: part in row["name"].lower())
    for name in DATED:
        tests += dates(query, name)
    return tests


def is_known(shelves: Shelves, number: object) -> bool:
    """Say whether there is such an attribute."""
    return is_integer(number) and number in shelves.attributes
