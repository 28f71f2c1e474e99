"""Attribute values: reading, upserting, removing."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from .answers import BAD_JSON, RefusalError, success
from .attributes import is_known
from .customer_rules import is_integer
from .filters import Keep, dates, integers, refuse_unknown
from .messages import Answer, Json
from .paging import page_meta, wanted
from .shelves import Shelves, judged, named, read_rows
from .value_book import Key, Value, to_row
from .value_rules import value_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DATED = ("date_created", "date_modified")
KNOWN = frozenset(
    {"customer_id:in", "attribute_id:in", "name"}
    | {name + suffix for name in DATED for suffix in ("", ":min", ":max")}
)
NEEDS = ("attribute_id", "customer_id", "value")
KEYS = frozenset({*NEEDS, "id"})
FAILED = "Upsert customer attribute values failed."


def read_values(shelves: Shelves, query: Mapping[str, str]) -> Answer:
    """GET /customers/attribute-values."""
    refuse_unknown(query, KNOWN)
    want = wanted(query)
    attributes = _attributes(shelves, query)
    customers = integers(query, "customer_id:in", shelves.options.largest_id)
    keep = [test for name in DATED for test in dates(query, name)]
    found = _kept(shelves.values.of(attributes, customers), keep)
    if customers is None and not keep:
        total = shelves.values.count(attributes)
        page = list(islice(found, want.offset, want.offset + want.limit))
    else:
        every = list(found)
        total = len(every)
        page = every[want.offset : want.offset + want.limit]
    rows = [to_row(key, value) for key, value in page]
    return success(rows, {"pagination": page_meta(want, total, len(rows))})


def upsert_values(shelves: Shelves, body: bytes) -> Answer:
    """PUT /customers/attribute-values."""
    rows = read_rows(body)
    _refuse_many(shelves, rows)
    seen: set[Key] = set()
    good, refusals = judged(rows, lambda at, row: _judge(shelves, at, row, seen))
    if refusals and not shelves.options.apply_valid_rows:
        raise refusals[0]
    written = [
        shelves.put_value((row["customer_id"], row["attribute_id"]), row["value"])
        for row in good
    ]
    if refusals:
        raise refusals[0]
    backwards = shelves.options.answer_order == "reversed"
    return success(written[::-1] if backwards else written)


def delete_values(shelves: Shelves, query: Mapping[str, str]) -> Answer:
    """DELETE /customers/attribute-values: by value ids; unknown ones do nothing."""
    for value_id in integers(query, "id:in") or []:
        key = shelves.values.key_of(value_id)
        if key is not None:
            shelves.drop_value(key)
    return Answer(status=204)


def _attributes(shelves: Shelves, query: Mapping[str, str]) -> list[int]:
    given = integers(query, "attribute_id:in")
    numbers = list(shelves.attributes) if given is None else list(dict.fromkeys(given))
    if "name" in query:
        wanted_name = query["name"]
        names = {n: row["name"] for n, row in shelves.attributes.items()}
        numbers = [n for n in numbers if names.get(n) == wanted_name]
    return numbers


def _kept(
    found: Iterator[tuple[Key, Value]], keep: list[Keep]
) -> Iterator[tuple[Key, Value]]:
    if not keep:
        return found
    return (
        (key, value)
        for key, value in found
        if all(test(to_row(key, value)) for test in keep)
    )


def _refuse_many(shelves: Shelves, rows: list[Any]) -> None:
    options = shelves.options
    count = len(rows)
    if options.cap_counts_customers:
        ids = {str(r.get("customer_id")) for r in rows if isinstance(r, dict)}
        count = len(ids)
    if count > options.rows_per_call:
        title = f"Max batch size allowed is {options.rows_per_call}"
        raise RefusalError(options.overflow_status, title)


def _judge(shelves: Shelves, at: int, row: Json, seen: set[Key]) -> None:
    options = shelves.options
    missing = [n for n in NEEDS if not isinstance(row, dict) or n not in row]
    if missing:
        raise RefusalError(
            422, BAD_JSON, {named(options, at, missing[0]): "error.path.missing"}
        )
    if options.unknown_keys_refused and row.keys() - KEYS:
        name = min(row.keys() - KEYS)
        raise RefusalError(422, BAD_JSON, {named(options, at, name): "error.unknown"})
    _judge_ids(shelves, at, row)
    kind = shelves.attributes[row["attribute_id"]]["type"]
    wrong = value_error(row["value"], kind, any_form=options.accept_any_value)
    if wrong:
        raise RefusalError(422, BAD_JSON, {named(options, at, "value"): wrong})
    key = (row["customer_id"], row["attribute_id"])
    if key in seen and options.duplicate_rows_refused:
        raise RefusalError(
            422, FAILED, {named(options, at, "customer_id"): "duplicate"}
        )
    seen.add(key)


def _judge_ids(shelves: Shelves, at: int, row: Mapping[str, Any]) -> None:
    options = shelves.options
    for name in ("customer_id", "attribute_id"):
        if not is_integer(row[name]):
            key = named(options, at, name)
            raise RefusalError(422, BAD_JSON, {key: "error.expected.jsnumber"})
    if row["customer_id"] not in shelves.customers:
        key = named(options, at, "customer_id")
        raise RefusalError(422, FAILED, {key: "invalid customer ID"})
    if not is_known(shelves, row["attribute_id"]):
        key = named(options, at, "attribute_id")
        raise RefusalError(422, FAILED, {key: "invalid attribute ID"})
