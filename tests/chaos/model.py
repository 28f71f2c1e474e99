"""What the store must hold at the end, and where it does not."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Sandbox

VIP = "vip_customers"
ATTRIBUTE = f"LyticsAudience_{VIP}"
WRITTEN = (Kind.CLEAN, Kind.SHARES_ID)
FIELDS = ("email", "first_name", "last_name", "company")
TIER = "Loyalty tier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What is wrong with a customer."""

    customer: int
    what: str

    def __str__(self) -> str:
        return f"Customer {self.customer}: {self.what}."


def differences(box: Sandbox) -> list[Difference]:
    """Tell where the store is not as the audience wants it.

    Every member's customer has the audience's slug and the member's values, and
    nobody else has the slug. What a profile lacks is not compared, nor a tier that
    was never mapped, nor the values of customers whom two members share: they are those
    of whoever changed last.
    """
    with box.lytics.lock, box.store.lock:
        wanted = _wanted(box)
        return [*_strangers(box, wanted), *_astray(box, wanted)]


def _wanted(box: Sandbox) -> dict[int, list[int]]:
    """The members of each customer that can be written."""
    people = box.lytics.population.people
    wanted: dict[int, list[int]] = defaultdict(list)
    for index in box.lytics.members(VIP):
        customer = people[index].customer_id
        if customer is not None and people.kind(index) in WRITTEN:
            wanted[customer].append(index)
    return wanted


def _strangers(box: Sandbox, wanted: dict[int, list[int]]) -> Iterator[Difference]:
    number = _attribute(box, ATTRIBUTE)
    for customer, attribute in box.store.values:
        if attribute == number and customer not in wanted:
            what = "in the audience's attribute, but no member"
            yield Difference(customer=customer, what=what)


def _astray(box: Sandbox, wanted: dict[int, list[int]]) -> Iterator[Difference]:
    audience, tier = _attribute(box, ATTRIBUTE), _attribute(box, TIER)
    compared = (*FIELDS, "loyalty_tier") if tier else FIELDS
    for customer, members in wanted.items():
        if box.store.values.text((customer, audience)) != VIP:
            what = "a member, but not in the audience's attribute"
            yield Difference(customer=customer, what=what)
        if len(members) > 1:
            continue
        profile = box.lytics.population.profile(members[0], compared)
        row = box.store.customers.peek(customer) or {}
        has = {**row, "loyalty_tier": box.store.values.text((customer, tier))}
        for name, value in profile.items():
            if not _is_same(name, value, has.get(name)):
                yield Difference(customer=customer, what=f"{name} is not the member's")


def _is_same(name: str, wanted: Any, found: Any) -> bool:  # noqa: ANN401 - any JSON
    if name == "email":  # Case is no difference, and so is not written.
        return bool(str(wanted).lower() == str(found).lower())
    return bool(wanted == found)


def _attribute(box: Sandbox, name: str) -> int:
    rows = box.store.attributes.values()
    return next((row["id"] for row in rows if row["name"] == name), 0)
