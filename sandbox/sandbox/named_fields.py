"""The account's named fields: identities, BigCommerce's, and the team's own."""

from __future__ import annotations

from .clock import DAY, NANOS, stamp, stamp_nanos
from .fields import Field, created, modified_nanos, offset_time, sometimes
from .names import COUNTRIES
from .other_fields import OTHER_FIELDS
from .people import Kind, Person


def _customer_id(person: Person) -> str | None:
    return None if person.customer_id is None else str(person.customer_id)


IDENTITIES: list[Field] = [
    Field(
        name="email", type="string", is_by=True, label="Email", value=lambda p: p.email
    ),
    Field(
        name="user_id",
        type="string",
        is_by=True,
        label="User id",
        value=lambda p: f"u{p.index:08d}",
    ),
    Field(
        name="bigcommerce_customer_id",
        type="string",
        is_by=True,
        label="BigCommerce customer id",
        value=_customer_id,
        known=lambda people, at: people.kind(at) is not Kind.WITHOUT_ID,
    ),
]
STORE_FIELDS: list[Field] = [
    Field(name="first_name", type="string", value=lambda p: p.first_name),
    Field(name="last_name", type="string", value=lambda p: p.last_name),
    Field(name="company", type="string", value=lambda p: p.company),
    Field(name="phone", type="string", value=lambda p: p.phone),
    Field(
        name="bigcommerce_customer_group_id",
        type="int",
        value=lambda p: str(p.bits >> 9 & 3),
    ),
    Field(
        name="bigcommerce_accepts_marketing",
        type="bool",
        value=lambda p: "tf"[p.bits >> 11 & 1],
    ),
    Field(
        name="bigcommerce_tax_exempt",
        type="string",
        value=lambda p: None if p.bits >> 12 & 3 else "RESELLER",
    ),
    Field(
        name="bigcommerce_created_ts", type="date", value=lambda p: stamp(created(p))
    ),
    Field(
        name="bigcommerce_modified_ts",
        type="date",
        value=lambda p: stamp_nanos(modified_nanos(p) - DAY * NANOS),
    ),
    Field(name="last_purchase_ts", type="date", value=sometimes(5, offset_time)),
    Field(
        name="country_codes",
        type="[]string",
        merge="set",
        value=lambda p: [COUNTRIES[p.bits % 8], COUNTRIES[(p.bits >> 3) % 8]],
    ),
    Field(
        name="bigcommerce_attr_value",
        type="[]string",
        merge="set",
        value=lambda p: [f"size={p.bits % 5}"],
    ),
]
NAMED: tuple[Field, ...] = (*IDENTITIES, *STORE_FIELDS, *OTHER_FIELDS)
