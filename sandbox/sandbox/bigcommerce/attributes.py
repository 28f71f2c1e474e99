"""Attribute definitions and attribute values: reading, writing, deleting."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from sandbox.http import Response

from .data import Key, StoreData, StoredValue, to_row
from .requests import (
    BAD_JSON,
    Row,
    Test,
    among,
    dates,
    error_key,
    integers,
    is_integer,
    read_page,
    read_rows,
    refuse_unknown,
    split_valid,
)
from .responses import RefusalError, partial_response, rows_response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox.http import Json
    from sandbox.options import Options

TYPES = ("string", "number", "date")
MAX_LENGTH = 255  # Of names and values.
DATED = ("date_created", "date_modified")
DATE_FILTERS = frozenset(
    name + suffix for name in DATED for suffix in ("", ":min", ":max")
)
FILTERS = DATE_FILTERS | {"name", "name:like", "type"}
VALUE_FILTERS = DATE_FILTERS | {"customer_id:in", "attribute_id:in", "name"}
VALUE_REQUIRED = ("attribute_id", "customer_id", "value")
VALUE_KEYS = frozenset({*VALUE_REQUIRED, "id"})
CREATE_FAILED = "Create attributes failed."
UPSERT_FAILED = "Upsert customer attribute values failed."
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
DATE = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"
)


# Definitions.


def read(data: StoreData, query: Mapping[str, str]) -> Response:
    """GET /customers/attributes."""
    refuse_unknown(query, FILTERS)
    page = read_page(query)
    tests = _tests(query)
    rows = [row for row in data.attributes.values() if all(t(row) for t in tests)]
    shown = rows[page.offset : page.offset + page.limit]
    return rows_response(shown, {"pagination": page.meta(len(rows), len(shown))})


def create(data: StoreData, body: bytes) -> Response:
    """POST /customers/attributes."""
    rows = read_rows(body)
    limit = data.options.attribute_rows_per_call
    if len(rows) > limit:
        raise RefusalError(422, f"Max batch size allowed is {limit}")
    names = {row["name"] for row in data.attributes.values()}
    for at, row in enumerate(rows):
        _check(data, at, row, names, len(data.attributes) + at)
        names.add(row["name"])
    return rows_response([data.add_attribute(row["name"], row["type"]) for row in rows])


def rename(data: StoreData, body: bytes) -> Response:
    """PUT /customers/attributes: only the name changes."""
    rows = read_rows(body)
    for at, row in enumerate(rows):
        if not isinstance(row, dict) or row.get("id") not in data.attributes:
            key = error_key(data.options, at, "id")
            raise RefusalError(
                422, "Update attributes failed.", {key: "invalid attribute ID"}
            )
        _check_name(data, at, row)
    for row in rows:
        found = data.attributes[row["id"]]
        found |= {"name": row["name"], "date_modified": data.now}
    return rows_response([data.attributes[row["id"]] for row in rows])


def delete(data: StoreData, query: Mapping[str, str]) -> Response:
    """DELETE /customers/attributes: deletes their values, too."""
    for number in integers(query, "id:in") or []:
        data.delete_attribute(number)
    return Response(status=204)


def _tests(query: Mapping[str, str]) -> list[Test]:
    tests = among("type", [query["type"]] if "type" in query else None)
    if "name" in query:
        tests.append(lambda row: row["name"] == query["name"])
    if "name:like" in query:
        part = query["name:like"].strip("%").lower()
        tests.append(lambda row: part in row["name"].lower())
    for name in DATED:
        tests += dates(query, name)
    return tests


def _check(data: StoreData, at: int, row: Json, names: set[str], count: int) -> None:
    if not isinstance(row, dict):
        raise RefusalError(422, BAD_JSON, {f"{at}": "error.expected.jsobject"})
    _check_name(data, at, row)
    options = data.options
    if row.get("type") not in TYPES:
        wrong = "error.path.missing" if "type" not in row else "error.expected.type"
        raise RefusalError(422, BAD_JSON, {error_key(options, at, "type"): wrong})
    if row["name"] in names and not options.allow_duplicate_attributes:
        text = f"Error creating attributes: name {row['name']} already in use"
        raise RefusalError(422, CREATE_FAILED, {".attribute_create": text})
    if count >= options.max_attributes:
        text = f"Error creating attributes: at most {options.max_attributes} attributes"
        raise RefusalError(422, CREATE_FAILED, {".attribute_create": text})


def _check_name(data: StoreData, at: int, row: Row) -> None:
    name = row.get("name")
    key = error_key(data.options, at, "name")
    if "name" not in row:
        raise RefusalError(422, BAD_JSON, {key: "error.path.missing"})
    if not isinstance(name, str):
        raise RefusalError(422, BAD_JSON, {key: "error.expected.jsstring"})
    if not 1 <= len(name) <= MAX_LENGTH:
        wrong = "error.minLength" if not name else "error.maxLength"
        raise RefusalError(422, BAD_JSON, {key: wrong})


# Values.


def read_values(data: StoreData, query: Mapping[str, str]) -> Response:
    """GET /customers/attribute-values."""
    refuse_unknown(query, VALUE_FILTERS)
    page = read_page(query)
    attributes = _attribute_ids(data, query)
    customers = integers(query, "customer_id:in", data.options.largest_id)
    tests = [test for name in DATED for test in dates(query, name)]
    found = _matching(data.values.of(attributes, customers), tests)
    if customers is None and not tests:
        total = data.values.count(attributes)
        shown = list(islice(found, page.offset, page.offset + page.limit))
    else:
        every = list(found)
        total = len(every)
        shown = every[page.offset : page.offset + page.limit]
    rows = [_shown(data, to_row(key, value)) for key, value in shown]
    return rows_response(rows, {"pagination": page.meta(total, len(rows))})


def upsert_values(data: StoreData, body: bytes) -> Response:
    """PUT /customers/attribute-values."""
    rows = read_rows(body)
    _check_count(data, rows)
    seen: set[Key] = set()
    valid, errors = split_valid(rows, lambda at, row: _check_value(data, at, row, seen))
    options = data.options
    if errors and not (options.apply_valid_rows or options.partial_207):
        raise errors[0]
    written = [
        _shown(
            data,
            data.put_value((row["customer_id"], row["attribute_id"]), row["value"]),
        )
        for row in valid
    ]
    shown = written[::-1] if options.answer_order == "reversed" else written
    if errors and options.partial_207:
        return partial_response(shown, errors, options.error_body)
    if errors:
        raise errors[0]
    return rows_response(shown)


def delete_values(data: StoreData, query: Mapping[str, str]) -> Response:
    """DELETE /customers/attribute-values by value ids; unknown ids are ignored."""
    for value_id in integers(query, "id:in") or []:
        key = data.values.key_of(value_id)
        if key is not None:
            data.delete_value(key)
    return Response(status=204)


def _shown(data: StoreData, row: Row) -> Row:
    """Return a value's row as responses show it."""
    attribute = data.attributes.get(row["attribute_id"], {})
    text = row["attribute_value"]
    if not data.options.numbers_change_type or attribute.get("type") != "number":
        return row
    if not NUMBER.fullmatch(text):
        return row
    number = float(text)
    return {**row, "attribute_value": int(number) if number.is_integer() else number}


def _attribute_ids(data: StoreData, query: Mapping[str, str]) -> list[int]:
    given = integers(query, "attribute_id:in")
    numbers = list(data.attributes) if given is None else list(dict.fromkeys(given))
    if "name" in query:
        names = {n: row["name"] for n, row in data.attributes.items()}
        numbers = [n for n in numbers if names.get(n) == query["name"]]
    return numbers


def _matching(
    found: Iterator[tuple[Key, StoredValue]], tests: list[Test]
) -> Iterator[tuple[Key, StoredValue]]:
    if not tests:
        return found
    return (
        (key, value)
        for key, value in found
        if all(test(to_row(key, value)) for test in tests)
    )


def count_of(options: Options, rows: list[Any]) -> int:
    """Return the number of rows, or of customers, that is limited."""
    if not options.cap_counts_customers:
        return len(rows)
    return len({str(r.get("customer_id")) for r in rows if isinstance(r, dict)})


def _check_count(data: StoreData, rows: list[Any]) -> None:
    options = data.options
    if count_of(options, rows) > options.rows_per_call:
        title = f"Max batch size allowed is {options.rows_per_call}"
        raise RefusalError(options.overflow_status, title)


def _check_value(data: StoreData, at: int, row: Json, seen: set[Key]) -> None:
    options = data.options
    missing = [
        name for name in VALUE_REQUIRED if not isinstance(row, dict) or name not in row
    ]
    if missing:
        key = error_key(options, at, missing[0])
        raise RefusalError(422, BAD_JSON, {key: "error.path.missing"})
    if options.unknown_keys_refused and row.keys() - VALUE_KEYS:
        key = error_key(options, at, min(row.keys() - VALUE_KEYS))
        raise RefusalError(422, BAD_JSON, {key: "error.unknown"})
    _check_ids(data, at, row)
    kind = data.attributes[row["attribute_id"]]["type"]
    wrong = _value_error(row["value"], kind, any_form=options.accept_any_value)
    if wrong:
        raise RefusalError(422, BAD_JSON, {error_key(options, at, "value"): wrong})
    pair = (row["customer_id"], row["attribute_id"])
    if pair in seen and options.duplicate_rows_refused:
        key = error_key(options, at, "customer_id")
        raise RefusalError(422, UPSERT_FAILED, {key: "duplicate"})
    seen.add(pair)


def _check_ids(data: StoreData, at: int, row: Mapping[str, Any]) -> None:
    options = data.options
    for name in ("customer_id", "attribute_id"):
        if not is_integer(row[name]):
            key = error_key(options, at, name)
            raise RefusalError(422, BAD_JSON, {key: "error.expected.jsnumber"})
    if row["customer_id"] not in data.customers:
        key = error_key(options, at, "customer_id")
        raise RefusalError(422, UPSERT_FAILED, {key: "invalid customer ID"})
    if row["attribute_id"] not in data.attributes:
        key = error_key(options, at, "attribute_id")
        raise RefusalError(422, UPSERT_FAILED, {key: "invalid attribute ID"})


def _value_error(value: object, kind: str, *, any_form: bool) -> str | None:
    """Return BigCommerce's error code for a value of type `kind`, None if valid."""
    if not isinstance(value, str):
        return "error.expected.jsstring"
    if len(value) > MAX_LENGTH:
        return "error.maxLength"
    if any_form or not value:
        return None
    if kind == "number" and not NUMBER.fullmatch(value):
        return "error.expected.jsnumber"
    if kind == "date" and not DATE.fullmatch(value):
        return "error.expected.date.isoformat"
    return None
