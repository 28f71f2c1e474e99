"""From a record's value to the form in which BigCommerce takes it. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .entries import AttributeType
    from .fields import Kind

MOST_DIGITS = 400  # Beyond any length limit; a number's text could be a gigabyte.
TRUE, FALSE = frozenset({"true", "t", "yes", "1"}), frozenset({"false", "f", "no", "0"})
WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
# Decimal() by itself would read "1_000" and other scripts' digits too.
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?"
_OFFSET = r"Z|[+-]([01]\d|2[0-3]):?[0-5]\d"
ISO_DATE = re.compile(rf"\d{{4}}-\d\d-\d\d([T ]{_CLOCK}({_OFFSET})?)?", re.ASCII)


class WrongTypeError(ValueError):
    """The value has no such form. Reject its record, do not guess."""


def to_text(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Render a value as text: a list joined by commas, a number as plain decimals.

    Raises:
        WrongTypeError: for an object, which has no text, and for lists without end.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return _number_text(value)
    if isinstance(value, list):
        return _list_text(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    raise WrongTypeError("an object has no text form")


def _list_text(values: list[Any]) -> str:
    try:
        return ",".join(to_text(each) for each in values if each is not None)
    except RecursionError:
        raise WrongTypeError("its lists lie too deeply in each other") from None


def to_kind(value: Any, kind: Kind) -> Any:  # noqa: ANN401 - any JSON in and out
    """Turn a value into what a customer field takes.

    Raises:
        WrongTypeError: when it cannot be turned into that.
    """
    return _TO_KIND[kind](value)


def to_attribute_text(value: Any, attribute_type: AttributeType) -> str:  # noqa: ANN401 - any JSON
    """Render a value for an attribute of a type; every type is written as text.

    Raises:
        WrongTypeError: when the text is no number or no ISO 8601 date.
    """
    text = to_text(value)
    if attribute_type == "number":
        return _number_text(_to_decimal(text))
    if attribute_type == "date" and not is_date(text):
        raise WrongTypeError("it is no ISO 8601 date")
    return text


def is_date(text: str) -> bool:
    """Whether a text is an ISO 8601 date, with or without a time."""
    if not ISO_DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


def _number_text(value: float | Decimal) -> str:
    number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise WrongTypeError("it is no finite number")
    if abs(number.adjusted()) > MOST_DIGITS or len(number.as_tuple().digits) > (
        MOST_DIGITS
    ):
        raise WrongTypeError("it is a number of too many digits")
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def _to_decimal(text: str) -> Decimal:
    number = text.strip()
    try:
        return Decimal(number if NUMBER.fullmatch(number) else "")
    except InvalidOperation:  # Also for an exponent beyond all bounds.
        raise WrongTypeError("it is no number") from None


def _to_integer(value: Any) -> int:  # noqa: ANN401 - any JSON
    text = "" if isinstance(value, (bool, list)) else to_text(value).strip()
    if not WHOLE.fullmatch(text):
        raise WrongTypeError("it is no whole number")
    return int(text)


def _to_boolean(value: Any) -> bool:  # noqa: ANN401 - any JSON
    text = to_text(value).strip().lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise WrongTypeError("it is neither true nor false")


def _to_integers(value: Any) -> list[int]:  # noqa: ANN401 - any JSON
    values = value if isinstance(value, list) else [value]
    return [_to_integer(each) for each in values]


def _to_credit(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bool):
        raise WrongTypeError("it is no amount")
    return [{"amount": _plain(_to_decimal(to_text(value)))}]


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Turn decimals, however deep, into what a JSON writer and a comparison know."""
    if isinstance(value, Decimal):
        text = _number_text(value)
        return float(text) if "." in text else int(text)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


_TO_KIND: dict[Kind, Callable[[Any], Any]] = {
    "text": to_text,
    "integer": _to_integer,
    "boolean": _to_boolean,
    "integers": _to_integers,
    "credit": _to_credit,
    "json": _plain,
}
