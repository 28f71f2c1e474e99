"""BigCommerce's customer fields and attribute types, complete.

Defines per field and type: which values are accepted, and how a record's value is
coerced, compared with the stored one, emptied and merged. Pure.
Source: BigCommerce's Customers V3 OpenAPI document, `customer_Post` and `customer_Put`.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, ClassVar

import jsonschema_rs
from typing_extensions import override

from .dates import is_zero_date, parse_date, to_iso_date
from .errors import RejectCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_ATTRIBUTE_NAME_LENGTH = 255
MAX_ATTRIBUTE_VALUE_LENGTH = 255

_LINE_END = re.compile(r"\r\n|\r|\n")
_DASHED_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class CoercionError(ValueError):
    """The value cannot be converted to a form that BigCommerce accepts.

    Args:
        problem: completes "… cannot be written: "; never quotes the value.
        code: the reject code of the record.
    """

    def __init__(self, problem: str, code: RejectCode = RejectCode.WRONG_TYPE) -> None:
        super().__init__(problem)
        self.code = code


# Coercion. Each function raises CoercionError for a value that it cannot convert.

MAX_DIGITS = 400  # Exceeds every limit; 1e999999999 would exhaust memory.
TRUE, FALSE = frozenset({"true", "t", "yes", "1"}), frozenset({"false", "f", "no", "0"})
INTEGER = re.compile(r"(-?[0-9]{1,18})(\.0+)?", re.ASCII)
# Decimal() alone also accepts "1_000" and the digits of other scripts.
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
GO_ZERO_TIME = "0001-01-01T00:00:00Z"


def to_text(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Convert to text: a number as plain decimals, a list joined by commas."""
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
    raise CoercionError("an object has no text form")


def to_integer(value: Any) -> int:  # noqa: ANN401 - any JSON
    """Convert an integer, or a text such as `7` or `7.0`."""
    text = "" if isinstance(value, (bool, list)) else to_text(value).strip()
    match = INTEGER.fullmatch(text)
    if match is None:
        raise CoercionError("it is not an integer")
    return int(match[1])


def to_integers(value: Any) -> list[int]:  # noqa: ANN401 - any JSON
    """Convert a list of integers, or a single one."""
    values = value if isinstance(value, list) else [value]
    return [to_integer(each) for each in values]


def to_boolean(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Convert a boolean, or a text such as `yes`, `t`, `0` or `False`."""
    text = to_text(value).strip().lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise CoercionError("it is neither true nor false")


def to_store_credit(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    """Convert an amount to `[{"amount": 5}]`; a list is kept."""
    if isinstance(value, list):
        return [to_plain_json(each) for each in value]
    if isinstance(value, bool):
        raise CoercionError("it is not an amount")
    return [{"amount": to_plain_json(_to_decimal(to_text(value)))}]


def to_plain_json(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Convert decimals at any depth to int or float, as in the store's responses."""
    if isinstance(value, Decimal):
        text = _number_text(value)
        return float(text) if "." in text else int(text)
    if isinstance(value, dict):
        return {key: to_plain_json(each) for key, each in value.items()}
    return [to_plain_json(each) for each in value] if isinstance(value, list) else value


def to_date(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Convert a text to an ISO 8601 date; a zero date to "", which means no value."""
    if isinstance(value, (int, float, Decimal)):
        raise CoercionError("it is a number, not a date")  # Seconds? Or 20261124?
    text = to_text(value).strip()
    if not text or is_zero_date(text):
        return ""
    try:
        return to_iso_date(text)
    except ValueError:
        raise CoercionError(
            "it is not an ISO 8601 date, such as 2026-01-31 or 2026-01-31T08:00:00Z"
        ) from None


def is_no_value(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether a value is empty or blank, or Go's zero time, which Lytics sends."""
    waiting = [value]
    while waiting:  # Not recursive, as lists can be nested deeply.
        each = waiting.pop()
        if isinstance(each, list):
            waiting += [item for item in each if item is not None]
        elif not _is_empty_scalar(each):
            return False
    return True


def _is_empty_scalar(value: Any) -> bool:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        text = value.strip()
        return not text or text == GO_ZERO_TIME
    return isinstance(value, dict) and not value


def _list_text(values: list[Any]) -> str:
    try:
        return ",".join(to_text(each) for each in values if each is not None)
    except RecursionError:
        raise CoercionError("its lists are nested too deeply") from None


def _number_text(value: float | Decimal) -> str:
    number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise CoercionError("it is not a finite number")
    digits = len(number.as_tuple().digits)
    if abs(number.adjusted()) > MAX_DIGITS or digits > MAX_DIGITS:
        raise CoercionError("it is a number with too many digits")
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def _to_decimal(text: str) -> Decimal:
    number = text.strip()
    try:
        return Decimal(number if NUMBER.fullmatch(number) else "")
    except InvalidOperation:  # Also raised for an exponent out of range.
        raise CoercionError("it is not a number") from None


# Rules for values.


class ValueRules:
    """The rules for values of a customer field or an attribute type.

    Args:
        name: the customer field's name, or the attribute type's.
        can_be_emptied: whether an explicit null may empty it.
    """

    def __init__(self, name: str, *, can_be_emptied: bool) -> None:
        self.name = name
        self.can_be_emptied = can_be_emptied

    def coerce(self, value: Any) -> Any:  # noqa: ANN401 - any JSON in and out
        """Convert a record's value to the form that is sent; "" means no value.

        Raises:
            CoercionError: when BigCommerce would not accept it.
        """
        raise NotImplementedError

    def is_empty(self, stored: Any) -> bool:  # noqa: ANN401 - any JSON
        """Whether a stored value counts as empty."""
        return stored in (None, "", [])

    def is_same(self, stored: Any, new: Any) -> bool:  # noqa: ANN401 - any JSON
        """Whether writing a value would change nothing. "" empties the field."""
        return bool(new == stored) or (new == "" and self.is_empty(stored))

    def merge(self, earlier: Any, later: Any) -> Any:  # noqa: ANN401, ARG002 - any JSON
        """Combine a value with the earlier or stored value that it replaces."""
        return later


class CustomerField(ValueRules):
    """One field of a customer.

    Args:
        schema: the JSON Schema that a coerced value must satisfy.
        is_creation_only: whether a POST accepts it and a PUT does not.
        is_required_to_create: whether a POST requires it.
        include: the `include` value with which GET returns it; empty if none is needed.
    """

    coerces_to: ClassVar[str]  # For the table in the README.
    invalid: ClassVar[tuple[str, RejectCode]] = (
        "BigCommerce does not accept such a value",
        RejectCode.INVALID_VALUE,
    )

    def __init__(
        self,
        name: str,
        schema: Mapping[str, Any],
        *,
        can_be_emptied: bool = False,
        is_creation_only: bool = False,
        is_required_to_create: bool = False,
        include: str = "",
    ) -> None:
        super().__init__(name, can_be_emptied=can_be_emptied)
        self.schema = schema
        self.is_creation_only = is_creation_only
        self.is_required_to_create = is_required_to_create
        self.include = include
        self._validator = jsonschema_rs.validator_for(dict(schema))

    @property
    def max_length(self) -> int | None:
        """The maximum number of characters; None if there is no limit."""
        return self.schema.get("maxLength")

    @override
    def coerce(self, value: Any) -> Any:
        try:
            coerced = self.convert(value)
        except RecursionError:
            raise CoercionError("it is nested too deeply") from None
        if coerced == "" or self._validator.is_valid(coerced):
            return coerced
        if isinstance(coerced, str) and self.max_length:
            _check_length(coerced, self.max_length)
        raise CoercionError(*self.invalid)

    @staticmethod
    def convert(value: Any) -> Any:  # noqa: ANN401 - any JSON in and out
        """Convert a value to the field's type, without checking the schema."""
        raise NotImplementedError


class TextField(CustomerField):
    """A text. Numbers, booleans, dates and lists are converted to text."""

    coerces_to = "text"
    convert = staticmethod(to_text)

    @override
    def is_same(self, stored: Any, new: Any) -> bool:
        return is_same_text(stored, new)


class EmailField(TextField):
    """The email, which is also the login. Blanks around it are removed."""

    @staticmethod
    @override
    def convert(value: Any) -> str:
        return to_text(value).strip()

    invalid = ("it is not an email address", RejectCode.INVALID_EMAIL)

    @override
    def is_same(self, stored: Any, new: Any) -> bool:
        # Changing only the case could send the shopper an email about a new login.
        return str(stored or "").strip().lower() == str(new).strip().lower()


class IntegerField(CustomerField):
    """An integer; 0 means none, as in `customer_group_id`."""

    coerces_to = "integer"
    convert = staticmethod(to_integer)

    @override
    def is_empty(self, stored: Any) -> bool:
        return super().is_empty(stored) or _converted(to_integer, stored) == 0

    @override
    def is_same(self, stored: Any, new: Any) -> bool:
        return super().is_same(_converted(to_integer, stored), new)


class BooleanField(CustomerField):
    """True or false."""

    coerces_to = "true or false"
    convert = staticmethod(to_boolean)

    @override
    def is_same(self, stored: Any, new: Any) -> bool:
        return super().is_same(_converted(to_boolean, stored), new)


class IntegerSetField(CustomerField):
    """A list of integers in any order."""

    coerces_to = "list of integers"
    convert = staticmethod(to_integers)

    @override
    def is_same(self, stored: Any, new: Any) -> bool:
        numbers = _converted(to_integers, stored or [])
        return isinstance(numbers, list) and sorted(numbers) == sorted(new)


class StoreCreditField(CustomerField):
    """An amount, stored as a list of one object: `[{"amount": 5}]`."""

    coerces_to = "an amount, or BigCommerce's list with one"
    convert = staticmethod(to_store_credit)

    @override
    def is_empty(self, stored: Any) -> bool:
        return super().is_empty(stored) or _amounts(stored) == [Decimal(0)]

    @override
    def is_same(self, stored: Any, new: Any) -> bool:
        amounts = _amounts(stored)
        is_equal = amounts is not None and amounts == _amounts(new)
        return is_equal or super().is_same(stored, new)


class JsonField(CustomerField):
    """An object or a list in the form that BigCommerce's API defines."""

    coerces_to = "as in BigCommerce's API"
    convert = staticmethod(to_plain_json)


class FormFieldsField(JsonField):
    """Values of the store's form fields, by name."""

    @override
    def is_same(self, stored: Any, new: Any) -> bool:
        old = _values_by_name(stored)
        return all(
            name in old and _is_same_form_value(old[name], value)
            for name, value in _values_by_name(new).items()
        )

    @override
    def merge(self, earlier: Any, later: Any) -> Any:
        # A PUT might replace the whole list, so unchanged fields are sent too.
        merged = {**_values_by_name(earlier), **_values_by_name(later)}
        return [{"name": name, "value": value} for name, value in merged.items()]


class AttributeType(ValueRules):
    """A type of customer attribute. BigCommerce takes and returns all values as text.

    Args:
        convert: converts any JSON to text; raises CoercionError.
        is_same_text: whether a stored text has the same value as a new one.
    """

    def __init__(
        self,
        name: str,
        convert: Callable[[Any], str],
        is_same_text: Callable[[str, str], bool],
    ) -> None:
        super().__init__(name, can_be_emptied=True)
        self._convert = convert
        self._is_same_text = is_same_text

    @override
    def coerce(self, value: Any) -> str:
        text = self._convert(value)
        _check_length(text, MAX_ATTRIBUTE_VALUE_LENGTH)
        return text

    @override
    def is_same(self, stored: str | None, new: str) -> bool:
        """Whether two texts are the same value, such as the numbers 1 and 1.0."""
        if stored is None or stored == new:
            return stored == new
        return is_same_text(stored, new) or self._is_same_text(stored, new)


def _check_length(text: str, limit: int) -> None:
    if len(text) > limit:
        problem = f"it has {len(text)} characters, the limit is {limit}"
        raise CoercionError(problem, RejectCode.TOO_LONG)


def _values_by_name(form_fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    rows = form_fields or ()
    return {row["name"]: row["value"] for row in rows if row.get("value") is not None}


# Comparison. The store may return a value in another form than it was sent.


def is_same_text(stored: Any, new: str) -> bool:  # noqa: ANN401 - any JSON
    """Whether a stored value is a text, apart from blanks, line ends and date forms.

    Digits are not compared as numbers unless the store returns a number: version 1.10
    is not version 1.1.
    """
    if stored is None or isinstance(stored, str):
        return _plain(stored or "") == _plain(new) or _is_same_timestamp(stored, new)
    if isinstance(stored, bool):
        return to_text(stored) == new.strip()
    if isinstance(stored, (int, float)):
        return _is_same_number(str(stored), new)
    return stored == [] and new == ""


def _plain(text: str) -> str:
    lines = (" ".join(line.split()) for line in _LINE_END.split(text))
    return unicodedata.normalize("NFC", "\n".join(lines).strip())


def _is_same_number(stored: str, new: str) -> bool:
    try:
        return _to_decimal(stored) == _to_decimal(new)
    except CoercionError:
        return False


def _is_same_timestamp(stored: str | None, new: str) -> bool:
    """Whether two texts are the same date, written with dashes and perhaps a time."""
    texts = (stored or "").strip(), new.strip()
    return all(map(_DASHED_DATE.match, texts)) and _is_same_time(*texts)


def _is_same_date(stored: str, new: str) -> bool:
    """Whether a stored date is a new one. A store may keep only the day, in UTC."""
    if _is_same_time(stored, new):
        return True
    try:
        days = parse_date(stored.strip()), _to_time(new)
    except ValueError:
        return False
    day, time = days
    return not isinstance(day, datetime) and day == time.astimezone(UTC).date()


def _is_same_time(stored: str, new: str) -> bool:
    try:
        times = _to_time(stored), _to_time(new)
    except ValueError:
        return False
    # A store may drop the fraction of a second.
    is_whole = not all(time.microsecond for time in times)
    old, wanted = (t.replace(microsecond=0) if is_whole else t for t in times)
    return old == wanted


def _to_time(text: str) -> datetime:
    """Read a date; without a zone in UTC, without a time at midnight."""
    try:
        read = parse_date(text.strip())
    except ValueError:
        read = _parse_mail_date(text)  # BigCommerce's older API returns these.
    if not isinstance(read, datetime):
        read = datetime.combine(read, time.min)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _parse_mail_date(text: str) -> datetime:
    try:
        return parsedate_to_datetime(text)
    except (IndexError, OverflowError, TypeError):
        raise ValueError("not a date") from None


def _is_same_form_value(stored: Any, new: Any) -> bool:  # noqa: ANN401 - any JSON
    if isinstance(stored, list) or isinstance(new, list):
        old = stored if isinstance(stored, list) else [stored]
        wanted = new if isinstance(new, list) else [new]
        return len(old) == len(wanted) and all(map(_is_same_form_value, old, wanted))
    if isinstance(new, (int, float)) and not isinstance(new, bool):
        return _is_same_number(str(stored), str(new))
    return is_same_text(stored, str(new))


def _converted(convert: Callable[[Any], Any], stored: Any) -> Any:  # noqa: ANN401 - any JSON
    """Convert a stored value like a new one; one that is none stays as it is."""
    try:
        return stored if stored is None else convert(stored)
    except CoercionError:
        return stored


def _amounts(stored: Any) -> list[Decimal] | None:  # noqa: ANN401 - any JSON
    rows = stored if isinstance(stored, list) else [stored]
    amounts = (row.get("amount") if isinstance(row, dict) else row for row in rows)
    try:
        return [_to_decimal(str(amount)) for amount in amounts]
    except CoercionError:
        return None


# BigCommerce's fields and types.


def _text_schema(min_length: int, max_length: int) -> dict[str, Any]:
    return {"type": "string", "minLength": min_length, "maxLength": max_length}


_EMAIL_SCHEMA = {
    # The document says 255 for PUT and 250 for POST; the smaller fits both.
    **_text_schema(3, 250),
    # One @ between two parts without blanks or commas.
    "pattern": r"^[^\s@,]+@[^\s@,]+$",
}
_STORE_CREDIT_SCHEMA = {
    "type": "array",
    "minItems": 1,
    "maxItems": 1,
    "items": {
        "type": "object",
        "required": ["amount"],
        "additionalProperties": False,
        "properties": {"amount": {"type": "number"}},
    },
}
_FORM_FIELDS_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "value"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "value": {
                "anyOf": [
                    {"type": ["string", "number"]},
                    {"type": "array", "items": {"type": "string"}},
                ]
            },
        },
    },
}
_AUTHENTICATION_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "force_password_reset": {"type": "boolean"},
        "new_password": {"type": "string", "minLength": 1},
    },
}
_ADDRESSES_SCHEMA = {
    "type": "array",
    "maxItems": 10,
    "items": {"type": "object", "required": ["first_name", "last_name"]},
}

CUSTOMER_FIELDS: dict[str, CustomerField] = {
    each.name: each
    for each in (
        EmailField("email", _EMAIL_SCHEMA, is_required_to_create=True),
        TextField("first_name", _text_schema(1, 100), is_required_to_create=True),
        TextField("last_name", _text_schema(1, 100), is_required_to_create=True),
        TextField("company", _text_schema(0, 255), can_be_emptied=True),
        TextField("phone", _text_schema(0, 50), can_be_emptied=True),
        TextField("notes", {"type": "string", "minLength": 0}, can_be_emptied=True),
        TextField("tax_exempt_category", _text_schema(0, 255), can_be_emptied=True),
        IntegerField("customer_group_id", {"type": "integer", "minimum": 0}),
        BooleanField(
            "accepts_product_review_abandoned_cart_emails", {"type": "boolean"}
        ),
        IntegerSetField(
            "channel_ids",
            {"type": "array", "minItems": 1, "items": {"type": "integer"}},
        ),
        StoreCreditField(
            "store_credit_amounts", _STORE_CREDIT_SCHEMA, include="storecredit"
        ),
        FormFieldsField("form_fields", _FORM_FIELDS_SCHEMA, include="formfields"),
        # Creation only: GET does not return it, so an update could not be compared.
        JsonField("authentication", _AUTHENTICATION_SCHEMA, is_creation_only=True),
        IntegerField(
            "origin_channel_id",
            {"type": "integer", "minimum": 1},
            is_creation_only=True,
        ),
        BooleanField(
            "trigger_account_created_notification",
            {"type": "boolean"},
            is_creation_only=True,
        ),
        JsonField("addresses", _ADDRESSES_SCHEMA, is_creation_only=True),
    )
}
READ_ONLY_FIELDS = frozenset(
    {"id", "attributes", "registration_ip_address", "date_created", "date_modified"}
)
REQUIRED_TO_CREATE = tuple(
    each.name for each in CUSTOMER_FIELDS.values() if each.is_required_to_create
)
# All `include` values for GET customers that some field needs.
INCLUDES = sorted({each.include for each in CUSTOMER_FIELDS.values()} - {""})

ATTRIBUTE_TYPES: dict[str, AttributeType] = {
    each.name: each
    for each in (
        AttributeType("string", convert=to_text, is_same_text=is_same_text),
        AttributeType(
            "number",
            convert=lambda value: _number_text(_to_decimal(to_text(value))),
            is_same_text=_is_same_number,
        ),
        AttributeType("date", convert=to_date, is_same_text=_is_same_date),
    )
}


def has_fields(found: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Whether a customer that was read back has every field of a PUT row."""
    return all(
        CUSTOMER_FIELDS[name].is_same(found.get(name), new)
        for name, new in sent.items()
        if name != "id"
    )
