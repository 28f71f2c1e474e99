"""Reading customers: filters, order, pages, and what is included."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .answers import RefusalError, success
from .filters import Keep, among, dates, integers, refuse_unknown, words
from .paging import Wanted, cursor_meta, page_meta, wanted
from .shelves import Shelves, without
from .value_book import to_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .customer_book import Row
    from .messages import Answer

LISTS = ("company:in", "customer_group_id:in", "phone:in", "registration_ip_address:in")
DATED = ("date_created", "date_modified")
FILTERS = frozenset(
    {"id:in", "email:in", "name:in", "name:like", *LISTS}
    | {name + suffix for name in DATED for suffix in ("", ":min", ":max")}
)
KNOWN = FILTERS | {"include", "sort", "after", "before"}
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


def read_customers(shelves: Shelves, query: Mapping[str, str]) -> Answer:
    """GET /customers."""
    refuse_unknown(query, KNOWN)
    want = wanted(query, cursors=True)
    included = _included(query)
    if query.keys() & FILTERS or "sort" in query:
        rows, meta = _selected(shelves, query, want)
    else:
        rows, meta = _all(shelves, want)
    return success([_shown(shelves, row, included) for row in rows], meta)


def _all(shelves: Shelves, want: Wanted) -> tuple[list[Row], dict[str, Any]]:
    ids = shelves.customers.ids()
    if want.by_cursor:
        return _by_cursor(shelves, want, list(ids))
    chosen = list(ids[want.offset : want.offset + want.limit])
    return _rows(shelves, chosen), _meta(want, chosen, len(ids))


def _selected(
    shelves: Shelves, query: Mapping[str, str], want: Wanted
) -> tuple[list[Row], dict[str, Any]]:
    keep = _tests(query)
    found = [row for row in _candidates(shelves, query) if all(t(row) for t in keep)]
    found = _sorted(found, query.get("sort"))
    ids = [row["id"] for row in found]
    if want.by_cursor:
        return _by_cursor(shelves, want, ids)
    page = found[want.offset : want.offset + want.limit]
    return page, _meta(want, [row["id"] for row in page], len(found))


def _by_cursor(
    shelves: Shelves, want: Wanted, ids: list[int]
) -> tuple[list[Row], dict[str, Any]]:
    if want.after is not None:
        start = next((at for at, n in enumerate(ids) if n > want.after), len(ids))
        chosen, more = ids[start : start + want.limit], start + want.limit < len(ids)
    else:
        end = next(
            (at for at, n in enumerate(ids) if n >= (want.before or 0)), len(ids)
        )
        chosen, more = ids[max(0, end - want.limit) : end], end < len(ids)
    meta = {"cursor_pagination": cursor_meta(want, chosen, more=more)}
    return _rows(shelves, chosen), meta


def _meta(want: Wanted, chosen: list[int], total: int) -> dict[str, Any]:
    meta: dict[str, Any] = {"pagination": page_meta(want, total, len(chosen))}
    if want.page == 1:
        more = total > len(chosen)
        meta["cursor_pagination"] = cursor_meta(want, chosen, more=more)
    return meta


def _rows(shelves: Shelves, ids: list[int]) -> list[Row]:
    return [row for n in ids if (row := shelves.customers.peek(n)) is not None]


def _candidates(shelves: Shelves, query: Mapping[str, str]) -> Iterator[Row]:
    ids = integers(query, "id:in", shelves.options.largest_id)
    emails = words(query, "email:in")
    if ids is not None:
        _refuse_long(shelves, ids)
        found = sorted(set(ids))
    elif emails is not None:
        _refuse_long(shelves, emails)
        owners = {shelves.customers.by_email(email) for email in emails}
        found = sorted(owner for owner in owners if owner is not None)
    else:
        found = list(shelves.customers.ids())
    rows = (shelves.customers.peek(customer_id) for customer_id in found)
    return (row for row in rows if row is not None)


def _refuse_long(shelves: Shelves, listed: list[Any]) -> None:
    most = shelves.options.in_list_limit
    if most and len(listed) > most:
        raise RefusalError(400, f"A list may hold at most {most} values.")


def _tests(query: Mapping[str, str]) -> list[Keep]:
    tests = among("email", words(query, "email:in"))
    for name in LISTS:
        tests += among(name.removesuffix(":in"), words(query, name))
    for name in DATED:
        tests += dates(query, name)
    names = words(query, "name:in")
    if names is not None:
        wanted_names = {name.lower() for name in names}
        tests.append(lambda row: _name(row) in wanted_names)
    likes = words(query, "name:like")
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
    names = words(query, "include") or []
    if not INCLUDES.issuperset(names):
        raise RefusalError(422, "Invalid include parameter.")
    return names


def _shown(shelves: Shelves, row: Row, included: list[str]) -> Row:
    shown = without(row, "store_credit_amounts", "form_fields")
    for name in included:
        shown |= EXTRAS[name](shelves, row)
    return shown


def _attributes(shelves: Shelves, row: Row) -> Row:
    found = shelves.values.of(shelves.attributes, [row["id"]])
    rows = [to_row(key, value) for key, value in found]
    cap = shelves.options.included_attributes_cap
    return {"attributes": rows[:cap] if cap else rows}


def _form_fields(_: Shelves, row: Row) -> Row:
    fields = row["form_fields"]
    return {"form_fields": [{**f, "customer_id": row["id"]} for f in fields]}


EXTRAS: dict[str, Callable[[Shelves, Row], Row]] = {
    "addresses": lambda _, row: {"addresses": row.get("addresses", [])},
    "storecredit": lambda _, row: {"store_credit_amounts": row["store_credit_amounts"]},
    "attributes": _attributes,
    "formfields": _form_fields,
    "shopper_profile_id": lambda _, row: {"shopper_profile_id": f"sandbox-{row['id']}"},
    "segment_ids": lambda *_: {"segment_ids": []},
}
