"""Whether what the store has is already what is wanted. Pure."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .wanted import Want

EMPTY: tuple[Any, ...] = (None, "", [], [{"amount": 0}])


def is_field_settled(name: str, want: Want, old: Any, new: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether a customer field needs no write."""
    if want.if_empty and not is_empty(name, old):
        return True
    if name == "email":
        # An update with another spelling could mail the shopper about a new login.
        return str(old or "").lower() == str(new).lower()
    if name == "channel_ids":
        return sorted(old or ()) == sorted(new)
    if name == "form_fields":
        return _by_name(old) == _by_name(joined_form_fields(old, new))
    return bool(new == old) or (new == "" and is_empty(name, old))


def is_value_settled(want: Want, old: str | None, attribute_type: str) -> bool:
    """Whether an attribute value needs no write."""
    if old is None or old == "":
        return False
    return want.if_empty or is_same_value(old, want.value, attribute_type)


def is_empty(name: str, old: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether a customer field has nothing in it."""
    return old in EMPTY or (name == "customer_group_id" and old == 0)


def is_same_value(one: str, other: str, attribute_type: str) -> bool:
    """Whether two texts are the same value of an attribute's type."""
    if one == other:
        return True
    if attribute_type == "number":
        return is_same(_to_number, one, other)
    if attribute_type == "date":
        return is_same(_to_moment, one, other)
    return False


def joined_form_fields(old: Any, new: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    """Put new form fields over the old: an update might replace the whole list."""
    joined = {**_by_name(old), **_by_name(new)}
    return [{"name": name, "value": value} for name, value in joined.items()]


def is_same(read: Any, one: str, other: str) -> bool:  # noqa: ANN401 - a reader of texts
    """Whether two texts read as the same; a text that cannot be read is no other's."""
    try:
        return bool(read(one) == read(other))
    except (InvalidOperation, ValueError):
        return False


def _by_name(form_fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    rows = form_fields or ()
    return {row["name"]: row["value"] for row in rows if row.get("value") is not None}


def _to_number(text: str) -> Decimal:
    return Decimal(text)


def _to_moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
