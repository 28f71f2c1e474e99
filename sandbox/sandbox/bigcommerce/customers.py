"""Customers: reading with filters and includes, validating rows, and writing them.

All rows of a write are validated before one is written.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .data import StoreData, blank_customer, to_row
from .requests import (
    BAD_JSON,
    PageQuery,
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
    texts,
)
from .responses import RefusalError, partial_response, rows_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sandbox.http import Response

# Reading.

LISTS = ("company:in", "customer_group_id:in", "phone:in", "registration_ip_address:in")
DATED = ("date_created", "date_modified")
FILTERS = frozenset(
    {"id:in", "email:in", "name:in", "name:like", *LISTS}
    | {name + suffix for name in DATED for suffix in ("", ":min", ":max")}
)
PARAMETERS = FILTERS | {"include", "sort", "after", "before"}
SORTS = ("date_created", "date_modified", "last_name")
INCLUDES = frozenset(
    {
        "addresses",
        "storecredit",
        "attributes",
        "formfields",
        "shopper_profile_id",
        "segment_ids",
    }
)


def read(data: StoreData, query: Mapping[str, str]) -> Response:
    """GET /customers."""
    refuse_unknown(query, PARAMETERS)
    page = read_page(query, cursors=True)
    included = _included(query)
    if query.keys() & FILTERS or "sort" in query:
        rows, meta = _selected(data, query, page)
    else:
        rows, meta = _all(data, page)
    return rows_response([_with_includes(data, row, included) for row in rows], meta)


def _all(data: StoreData, page: PageQuery) -> tuple[list[Row], dict[str, Any]]:
    ids = data.customers.ids()
    if page.by_cursor:
        return _by_cursor(data, page, list(ids))
    chosen = list(ids[page.offset : page.offset + page.limit])
    return _rows(data, chosen), _meta(page, chosen, len(ids))


def _selected(
    data: StoreData, query: Mapping[str, str], page: PageQuery
) -> tuple[list[Row], dict[str, Any]]:
    tests = _tests(query)
    found = [row for row in _candidates(data, query) if all(t(row) for t in tests)]
    found = _sorted(found, query.get("sort"))
    ids = [row["id"] for row in found]
    if page.by_cursor:
        return _by_cursor(data, page, ids)
    rows = found[page.offset : page.offset + page.limit]
    return rows, _meta(page, [row["id"] for row in rows], len(found))


def _by_cursor(
    data: StoreData, page: PageQuery, ids: list[int]
) -> tuple[list[Row], dict[str, Any]]:
    if page.after is not None:
        start = next((at for at, n in enumerate(ids) if n > page.after), len(ids))
        chosen, more = ids[start : start + page.limit], start + page.limit < len(ids)
    else:
        end = next(
            (at for at, n in enumerate(ids) if n >= (page.before or 0)), len(ids)
        )
        chosen, more = ids[max(0, end - page.limit) : end], end < len(ids)
    meta = {"cursor_pagination": page.cursor_meta(chosen, more=more)}
    return _rows(data, chosen), meta


def _meta(page: PageQuery, chosen: list[int], total: int) -> dict[str, Any]:
    meta: dict[str, Any] = {"pagination": page.meta(total, len(chosen))}
    if page.page == 1:
        more = total > len(chosen)
        meta["cursor_pagination"] = page.cursor_meta(chosen, more=more)
    return meta


def _rows(data: StoreData, ids: list[int]) -> list[Row]:
    return [row for n in ids if (row := data.customers.peek(n)) is not None]


def _candidates(data: StoreData, query: Mapping[str, str]) -> Iterator[Row]:
    ids = integers(query, "id:in", data.options.largest_id)
    emails = texts(query, "email:in")
    if ids is not None:
        _refuse_long(data, ids)
        found = sorted(set(ids))
    elif emails is not None:
        _refuse_long(data, emails)
        found = sorted({n for email in emails for n in data.customers.owners(email)})
    else:
        found = list(data.customers.ids())
    rows = (data.customers.peek(customer_id) for customer_id in found)
    return (row for row in rows if row is not None)


def _refuse_long(data: StoreData, listed: list[Any]) -> None:
    limit = data.options.in_list_limit
    if limit and len(listed) > limit:
        raise RefusalError(400, f"A list may hold at most {limit} values.")


def _tests(query: Mapping[str, str]) -> list[Test]:
    tests = among("email", texts(query, "email:in"))
    for name in LISTS:
        tests += among(name.removesuffix(":in"), texts(query, name))
    for name in DATED:
        tests += dates(query, name)
    names = texts(query, "name:in")
    if names is not None:
        lowered = {name.lower() for name in names}
        tests.append(lambda row: _name(row) in lowered)
    likes = texts(query, "name:like")
    if likes is not None:
        parts = [like.strip("%").lower() for like in likes]
        tests.append(lambda row: any(part in _name(row) for part in parts))
    return tests


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['first_name']} {row['last_name']}".lower()


def _sorted(rows: list[Row], sort: str | None) -> list[Row]:
    if not sort:
        return rows
    name, _, direction = sort.partition(":")
    if name not in SORTS or direction not in {"asc", "desc"}:
        raise RefusalError(422, "Invalid sort parameter.")
    return sorted(rows, key=itemgetter(name), reverse=direction == "desc")


def _included(query: Mapping[str, str]) -> list[str]:
    names = texts(query, "include") or []
    if not INCLUDES.issuperset(names):
        raise RefusalError(422, "Invalid include parameter.")
    return names


def _with_includes(data: StoreData, row: Row, included: list[str]) -> Row:
    shown = _shown(data, _without(row, "store_credit_amounts", "form_fields"))
    for name in included:
        shown |= EXTRAS[name](data, row)
    return shown


def _shown(data: StoreData, row: Row) -> Row:
    """Return a customer's row as responses show it."""
    if not data.options.numbers_change_type:
        return row
    return {**row, "customer_group_id": str(row["customer_group_id"])}


def _attributes(data: StoreData, row: Row) -> Row:
    found = data.values.of(data.attributes, [row["id"]])
    rows = [to_row(key, value) for key, value in found]
    cap = data.options.included_attributes_cap
    return {"attributes": rows[:cap] if cap else rows}


def _form_fields(_: StoreData, row: Row) -> Row:
    fields = row["form_fields"]
    return {"form_fields": [{**f, "customer_id": row["id"]} for f in fields]}


EXTRAS: dict[str, Callable[[StoreData, Row], Row]] = {
    "addresses": lambda _, row: {"addresses": row.get("addresses", [])},
    "storecredit": lambda _, row: {"store_credit_amounts": row["store_credit_amounts"]},
    "attributes": _attributes,
    "formfields": _form_fields,
    "shopper_profile_id": lambda _, row: {"shopper_profile_id": f"sandbox-{row['id']}"},
    "segment_ids": lambda *_: {"segment_ids": []},
}


# Writing.

UPDATE_FAILED = "Update customers failed."
CREATE_FAILED = "Create customers failed."
NOT_IN_ROW = ("attributes", "addresses", "trigger_account_created_notification")


def update(data: StoreData, body: bytes) -> Response:
    """PUT /customers."""
    rows = _read_rows(data, body)
    if any(not isinstance(row, dict) or "id" not in row for row in rows):
        raise RefusalError(422, BAD_JSON, {"id": "error.path.missing"})
    call = _WriteCall(data)
    return call.write(rows, call.check_update, call.apply_update)


def create(data: StoreData, body: bytes) -> Response:
    """POST /customers."""
    rows = _read_rows(data, body)
    for at, row in enumerate(rows):
        missing = [
            name
            for name in POST_REQUIRED
            if not isinstance(row, dict) or name not in row
        ]
        if missing:
            key = f"{at}.{missing[0]}"
            raise RefusalError(422, BAD_JSON, {key: "error.path.missing"})
    call = _WriteCall(data)
    return call.write(rows, call.check_create, call.apply_create)


def _read_rows(data: StoreData, body: bytes) -> list[Any]:
    rows = read_rows(body)
    limit = data.options.rows_per_call
    if len(rows) > limit:
        title = f"Max batch size allowed is {limit}"
        raise RefusalError(data.options.overflow_status, title)
    return rows


class _WriteCall:
    """Validates and writes the rows of one call.

    An email is taken if another customer has it and no earlier row of the call
    releases it.
    """

    def __init__(self, data: StoreData) -> None:
        self._data = data
        self._options = data.options
        self._claimed: dict[str, int | None] = {}
        self._released: set[str] = set()
        self._seen: set[object] = set()

    def write(
        self,
        rows: list[Row],
        check: Callable[[int, Row], None],
        apply: Callable[[Row], Row],
    ) -> Response:
        valid, errors = split_valid(rows, check)
        options = self._options
        if errors and not (options.apply_valid_rows or options.partial_207):
            raise errors[0]
        written = [
            _shown(self._data, _without(apply(row), "form_fields", "addresses"))
            for row in valid
        ]
        shown = written[::-1] if options.answer_order == "reversed" else written
        if errors and options.partial_207:
            return partial_response(shown, errors, options.error_body)
        if errors:
            raise errors[0]
        return rows_response(shown)

    def check_update(self, at: int, row: Row) -> None:
        self._check_keys(at, row, PUT_KEYS)
        self._check_fields(at, row, PUT_KEYS)
        self._check_duplicate(at, row["id"], "id", UPDATE_FAILED)
        if row["id"] not in self._data.customers:
            key = error_key(self._options, at, "id")
            raise RefusalError(422, UPDATE_FAILED, {key: "invalid customer ID"})
        self._check_email(row, row["id"])

    def check_create(self, at: int, row: Row) -> None:
        self._check_keys(at, row, POST_KEYS)
        self._check_fields(at, row, POST_KEYS)
        self._check_duplicate(at, row["email"].lower(), "email", CREATE_FAILED)
        for inline in row.get("attributes") or []:
            if inline["attribute_id"] not in self._data.attributes:
                key = error_key(self._options, at, "attributes")
                raise RefusalError(422, CREATE_FAILED, {key: "invalid attribute ID"})
        self._check_email(row, None)

    def _check_keys(self, at: int, row: Row, known: frozenset[str]) -> None:
        unknown = row.keys() - known
        if unknown and self._options.unknown_keys_refused:
            key = error_key(self._options, at, min(unknown))
            raise RefusalError(422, BAD_JSON, {key: "error.unknown"})

    def _check_fields(self, at: int, row: Row, known: frozenset[str]) -> None:
        fields = {name: row[name] for name in row if name in known}
        options = self._options
        wrong = _first_error(
            fields, null_clears=options.null_clears, empty_refused=options.empty_refused
        )
        if wrong:
            key = error_key(self._options, at, wrong[0])
            raise RefusalError(422, BAD_JSON, {key: wrong[1]})

    def _check_duplicate(self, at: int, key: object, field: str, title: str) -> None:
        if key in self._seen and self._options.duplicate_rows_refused:
            name = error_key(self._options, at, field)
            raise RefusalError(422, title, {name: "duplicate"})
        self._seen.add(key)

    def _check_email(self, row: Mapping[str, Any], customer_id: int | None) -> None:
        if "email" not in row:
            return
        email = row["email"].lower()
        if email in self._claimed:
            taken = customer_id is None or self._claimed[email] != customer_id
        else:
            owners = self._data.customers.owners(email)
            taken = bool(owners - {customer_id}) and email not in self._released
        if taken:
            raise _taken(row["email"], creating=customer_id is None)
        self._claim(email, customer_id)

    def _claim(self, email: str, customer_id: int | None) -> None:
        self._claimed[email] = customer_id
        old = self._data.customers.peek(customer_id) if customer_id else None
        if old and old["email"].lower() != email:
            self._released.add(old["email"].lower())

    def apply_update(self, row: Row) -> Row:
        old = self._data.customers.peek(row["id"]) or {}
        return self._store(old, {k: row[k] for k in row if k in PUT_KEYS})

    def apply_create(self, row: Row) -> Row:
        data = self._data
        blank = blank_customer(data.customers.next_id(), data.clock.now())
        fields = {k: row[k] for k in row if k in POST_KEYS}
        new = self._store(blank, _without(fields, *NOT_IN_ROW))
        for inline in row.get("attributes") or []:
            key = (new["id"], inline["attribute_id"])
            data.put_value(key, str(inline["attribute_value"]))
        data.welcome_mails += bool(row.get("trigger_account_created_notification"))
        return new

    def _store(self, old: Row, fields: Row) -> Row:
        new = {
            **old,
            **{k: "" if v is None and k in CLEARABLE else v for k, v in fields.items()},
        }
        for name in TEXTS.keys() & fields.keys():
            new[name] = self._data.normalised(new[name])
        if "authentication" in fields:
            reset = bool(fields["authentication"].get("force_password_reset"))
            new["authentication"] = {"force_password_reset": reset}
        new["date_modified"] = self._data.now
        self._data.put_customer(new)
        return new


def _taken(email: str, *, creating: bool) -> RefusalError:
    verb, key = ("creating", "create") if creating else ("updating", "update")
    title = CREATE_FAILED if creating else UPDATE_FAILED
    text = f"Error {verb} customers: email {email} already in use"
    return RefusalError(422, title, {f".customer_{key}": text})


def _without(row: Mapping[str, Any], *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


# Fields: what BigCommerce accepts.

TEXTS: dict[str, tuple[int, int]] = {
    "email": (3, 250),
    "first_name": (1, 100),
    "last_name": (1, 100),
    "company": (0, 255),
    "phone": (0, 50),
    "notes": (0, 1 << 20),
    "tax_exempt_category": (0, 255),
}
WRITABLE_KEYS = frozenset(
    {
        *TEXTS,
        "customer_group_id",
        "accepts_product_review_abandoned_cart_emails",
        "channel_ids",
        "store_credit_amounts",
        "form_fields",
        "authentication",
    }
)
PUT_KEYS = WRITABLE_KEYS | {"id"}
POST_KEYS = WRITABLE_KEYS | {
    "origin_channel_id",
    "attributes",
    "addresses",
    "trigger_account_created_notification",
}
POST_REQUIRED = ("email", "first_name", "last_name")
CLEARABLE = frozenset({"company", "phone", "notes", "tax_exempt_category"})
MAX_INLINE_ATTRIBUTES = 10
EMAIL = re.compile(
    r"[^\s@,;<>()\[\]\\\"]+@[^\s@,;<>()\[\]\\\".]+(\.[^\s@,;<>()\[\]\\\".]+)+"
)
INTEGER = "error.expected.jsnumber"


def _first_error(
    row: Mapping[str, Any], *, null_clears: bool, empty_refused: bool
) -> tuple[str, str] | None:
    """Return the first invalid field and BigCommerce's error code for it, or None."""
    for name, value in row.items():
        if value is None and null_clears and name in CLEARABLE:
            continue
        if value == "" and empty_refused and name in CLEARABLE:
            return name, "error.minLength"
        if name in TEXTS:
            wrong = _text_error(name, value)
        else:
            check = CHECKS.get(name)
            wrong = check(value) if check else None
        if wrong:
            return name, wrong
    return None


def _text_error(name: str, value: object) -> str | None:
    if not isinstance(value, str):
        return "error.expected.jsstring"
    least, most = TEXTS[name]
    if len(value) < least:
        return "error.minLength"
    if len(value) > most:
        return "error.maxLength"
    if name == "email" and not EMAIL.fullmatch(value):
        return "error.email"
    return None


def _integer(value: object) -> str | None:
    return None if is_integer(value) else INTEGER


def _boolean(value: object) -> str | None:
    return None if isinstance(value, bool) else "error.expected.jsboolean"


def _channels(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, list):
        return "error.expected.jsarray"
    return None if value and all(map(is_integer, value)) else INTEGER


def _rows_of(*needed: str) -> Callable[[object], str | None]:
    def check(value: object) -> str | None:
        if not isinstance(value, list):
            return "error.expected.jsarray"
        for row in value:
            if not isinstance(row, dict) or any(name not in row for name in needed):
                return "error.path.missing"
        return None

    return check


def _inline(value: object) -> str | None:
    wrong = _rows_of("attribute_id", "attribute_value")(value)
    if wrong or not isinstance(value, list):
        return wrong
    return "error.maxLength" if len(value) > MAX_INLINE_ATTRIBUTES else None


def _object(value: object) -> str | None:
    return None if isinstance(value, dict) else "error.expected.jsobject"


CHECKS: dict[str, Callable[[object], str | None]] = {
    "id": _integer,
    "customer_group_id": _integer,
    "origin_channel_id": _integer,
    "accepts_product_review_abandoned_cart_emails": _boolean,
    "trigger_account_created_notification": _boolean,
    "channel_ids": _channels,
    "store_credit_amounts": _rows_of("amount"),
    "form_fields": _rows_of("name", "value"),
    "addresses": _rows_of(
        "first_name", "last_name", "address1", "city", "country_code"
    ),
    "attributes": _inline,
    "authentication": _object,
}
