"""What BigCommerce takes in a customer's row. No I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TEXTS: dict[str, tuple[int, int]] = {
    "email": (3, 250),
    "first_name": (1, 100),
    "last_name": (1, 100),
    "company": (0, 255),
    "phone": (0, 50),
    "notes": (0, 1 << 20),
    "tax_exempt_category": (0, 255),
}
BOTH = frozenset(
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
PUT_KEYS = BOTH | {"id"}
POST_KEYS = BOTH | {
    "origin_channel_id",
    "attributes",
    "addresses",
    "trigger_account_created_notification",
}
POST_NEEDS = ("email", "first_name", "last_name")
CLEARABLE = frozenset({"company", "phone", "notes", "tax_exempt_category"})
MOST_INLINE = 10
EMAIL = re.compile(
    r"[^\s@,;<>()\[\]\\\"]+@[^\s@,;<>()\[\]\\\".]+(\.[^\s@,;<>()\[\]\\\".]+)+"
)
INTEGER = "error.expected.jsnumber"


def is_integer(value: object) -> bool:
    """JSON knows no difference between true and 1; Python does, and so do we."""
    return isinstance(value, int) and not isinstance(value, bool)


def first_error(
    row: Mapping[str, Any], *, null_clears: bool, empty_refused: bool
) -> tuple[str, str] | None:
    """Find the first field that is refused: its path and BigCommerce's word for it."""
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
    return "error.maxLength" if len(value) > MOST_INLINE else None


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
