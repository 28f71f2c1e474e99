"""Customers in the store of a unit test, and the records for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox import Sandbox


Record = dict[str, Any]

VIP = "vip_customers"
# The fields that a new customer needs, and company.
NAMES = [{"from": n, "to": n} for n in ("email", "first_name", "last_name", "company")]
TIER = {"from": "tier", "to": "Tier"}


def person(number: int, **more: object) -> Record:
    """The fields of a person by number."""
    return {
        "email": f"m{number}@example.com",
        "first_name": f"First{number}",
        "last_name": "Last",
        **more,
    }


def put_customers(box: Sandbox, *numbers: int, **more: object) -> None:
    """Add persons to a store."""
    for number in numbers:
        box.store.put_customer(number, **person(number, **more))


def member(number: object, **more: object) -> Record:
    """A record of a member."""
    return {"id": number, **more}


def leaver(number: object) -> Record:
    """A record of a member who left."""
    return {"id": number, "_sdc_deleted_at": "2026-03-01T08:00:00Z"}
