"""Which room of the store answers a call, and what a call must bring."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import attribute_values, attributes
from .answers import RefusalError
from .customer_rules import POST_KEYS, PUT_KEYS
from .customer_writes import CustomerWrites
from .customers import read_customers
from .messages import JSON_TYPE, Answer, Request
from .shelves import Shelves, read_rows

Act = Callable[[Shelves, Request], Answer]
ROUTES: dict[str, dict[str, Act]] = {
    "/customers": {
        "GET": lambda s, r: read_customers(s, r.query),
        "PUT": lambda s, r: CustomerWrites(s).update(r.body),
        "POST": lambda s, r: CustomerWrites(s).create(r.body),
    },
    "/customers/attributes": {
        "GET": lambda s, r: attributes.read_attributes(s, r.query),
        "POST": lambda s, r: attributes.create_attributes(s, r.body),
        "PUT": lambda s, r: attributes.rename_attributes(s, r.body),
        "DELETE": lambda s, r: attributes.delete_attributes(s, r.query),
    },
    "/customers/attribute-values": {
        "GET": lambda s, r: attribute_values.read_values(s, r.query),
        "PUT": lambda s, r: attribute_values.upsert_values(s, r.body),
        "DELETE": lambda s, r: attribute_values.delete_values(s, r.query),
    },
}
TAKEN_KEYS: dict[tuple[str, str], frozenset[str]] = {
    ("PUT", "/customers"): PUT_KEYS,
    ("POST", "/customers"): POST_KEYS,
    ("PUT", "/customers/attribute-values"): attribute_values.KEYS,
    ("POST", "/customers/attributes"): frozenset({"name", "type"}),
}
NO_SCOPE = "You don't have a required scope to access the endpoint"
WRITES = frozenset({"PUT", "POST"})


def room_for(request: Request, path: str, shelves: Shelves) -> Act:
    """Find who answers a call; raises RefusalError where nobody may."""
    if request.url_length > shelves.options.url_limit:
        raise RefusalError(414, "URI Too Long")
    methods = ROUTES.get(path)
    if methods is None:
        raise RefusalError(404, "The requested resource was not found.")
    if request.method not in methods:
        raise RefusalError(405, "Method Not Allowed")
    if request.method in WRITES:
        _check_form(request.headers)
    if shelves.options.read_only_token and request.method != "GET":
        raise RefusalError(403, NO_SCOPE)
    return methods[request.method]


def extra_keys(request: Request, path: str) -> tuple[str, ...]:
    """Name what a write sent that BigCommerce does not take."""
    known = TAKEN_KEYS.get((request.method, path))
    if known is None:
        return ()
    try:
        rows = read_rows(request.body)
    except RefusalError:
        return ()
    keys = {key for row in rows if isinstance(row, dict) for key in row}
    return tuple(sorted(keys - known))


def _check_form(headers: Mapping[str, str]) -> None:
    if not headers.get("content-type", "").startswith(JSON_TYPE):
        raise RefusalError(415, "Unsupported Media Type")
