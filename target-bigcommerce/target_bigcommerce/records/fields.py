"""BigCommerce's customer fields: type, length, and when each can be written.

Source: BigCommerce's Customers V3 document, `customer_Post` and `customer_Put`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["text", "integer", "boolean", "integers", "credit", "json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerField:
    """One field of a customer.

    Args:
        kind: what a record's value is turned into.
        schema: the JSON Schema that the value must satisfy before any call.
        clears: whether it may be emptied, by an empty text.
        creates_only: whether it is taken on creation and never on an update.
        include: what GET must be asked to include, so that it can be compared.
    """

    name: str
    kind: Kind
    schema: dict[str, Any] = field(default_factory=dict)
    clears: bool = False
    creates_only: bool = False
    include: str = ""

    @property
    def longest(self) -> int | None:
        """The most characters that it takes."""
        return self.schema.get("maxLength")


def _text(
    name: str, shortest: int, longest: int | None, *, clears: bool = False
) -> CustomerField:
    schema: dict[str, Any] = {"type": "string", "minLength": shortest}
    if longest is not None:
        schema["maxLength"] = longest
    return CustomerField(name=name, kind="text", schema=schema, clears=clears)


# One @ with something on both sides and no blank: what every form of address has.
EMAIL_PATTERN = r"^[^\s@,]+@[^\s@,]+$"

FORM_FIELDS_SCHEMA = {
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
AUTHENTICATION_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "force_password_reset": {"type": "boolean"},
        "new_password": {"type": "string", "minLength": 1},
    },
}
CREDIT_SCHEMA = {
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
ADDRESSES_SCHEMA = {
    "type": "array",
    "maxItems": 10,
    "items": {"type": "object", "required": ["first_name", "last_name"]},
}

_EMAIL = CustomerField(
    name="email",
    kind="text",
    # The document of PUT says 255, that of POST 250: the smaller is safe for both.
    schema={
        "type": "string",
        "minLength": 3,
        "maxLength": 250,
        "pattern": EMAIL_PATTERN,
    },
)
_CHANNELS = {"type": "array", "minItems": 1, "items": {"type": "integer"}}

CUSTOMER_FIELDS: dict[str, CustomerField] = {
    each.name: each
    for each in (
        _EMAIL,
        _text("first_name", 1, 100),
        _text("last_name", 1, 100),
        _text("company", 0, 255, clears=True),
        _text("phone", 0, 50, clears=True),
        _text("notes", 0, None, clears=True),
        _text("tax_exempt_category", 0, 255, clears=True),
        CustomerField(
            name="customer_group_id",
            kind="integer",
            schema={"type": "integer", "minimum": 0},
        ),
        CustomerField(
            name="accepts_product_review_abandoned_cart_emails",
            kind="boolean",
            schema={"type": "boolean"},
        ),
        CustomerField(name="channel_ids", kind="integers", schema=_CHANNELS),
        CustomerField(
            name="store_credit_amounts",
            kind="credit",
            schema=CREDIT_SCHEMA,
            include="storecredit",
        ),
        CustomerField(
            name="form_fields",
            kind="json",
            schema=FORM_FIELDS_SCHEMA,
            include="formfields",
        ),
        # An update could neither be compared nor undone, so it is for new customers.
        CustomerField(
            name="authentication",
            kind="json",
            schema=AUTHENTICATION_SCHEMA,
            creates_only=True,
        ),
        CustomerField(
            name="origin_channel_id",
            kind="integer",
            schema={"type": "integer", "minimum": 1},
            creates_only=True,
        ),
        CustomerField(
            name="trigger_account_created_notification",
            kind="boolean",
            schema={"type": "boolean"},
            creates_only=True,
        ),
        CustomerField(
            name="addresses", kind="json", schema=ADDRESSES_SCHEMA, creates_only=True
        ),
    )
}
NEEDED_TO_CREATE = ("email", "first_name", "last_name")

AUDIENCE_PREFIX = "LyticsAudience_"  # As the hosted job names its attributes.
LONGEST_ATTRIBUTE_NAME = 255
LONGEST_ATTRIBUTE_VALUE = 255
