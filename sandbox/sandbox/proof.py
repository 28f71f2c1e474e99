"""What the demo promises, looked up in the store and in the target's summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .box import Sandbox

AUDIENCE = "vip_customers"
ENOUGH = 900  # Of 1,000 members, some have no id and some are refused.


class DemoError(Exception):
    """The demo did not show what it promises; the message says what was not seen."""


def held(box: Sandbox, attribute: str) -> dict[int, str]:
    """The values of an attribute, by customer."""
    numbers = {n for n, row in box.store.attributes.items() if row["name"] == attribute}
    values = box.store.values.items()
    return {key[0]: row["attribute_value"] for key, row in values if key[1] in numbers}


def changed(box: Sandbox) -> int:
    """Count the customers, attributes and values that differ since the last mark."""
    diff = box.store.diff()
    customers, attributes = diff["customers"], diff["attributes"]
    rows = (customers["created"], customers["updated"], *attributes.values())
    counts: list[int] = [*map(len, rows)]
    for names in diff["values"].values():
        counts += names.values()
    return sum(counts)


def prove(box: Sandbox, summary: Mapping[str, Any]) -> None:
    """Raise DemoError unless the first run did all that the demo promises."""
    outcomes, rejects = summary["outcomes"], summary["rejects"]
    promises = {
        f"more than {ENOUGH} customers updated": outcomes["updated"] > ENOUGH,
        "an attribute created and set to the audience's slug for them": _labelled(box),
        "members without a customer id skipped": outcomes["skipped"] > 0,
        "records rejected": outcomes["rejected"] > 0,
        "a reason for each": sum(rejects.values()) == outcomes["rejected"],
        "an outcome for every record": sum(outcomes.values()) == summary["records"],
    }
    broken = [promise for promise, kept in promises.items() if not kept]
    if broken:
        raise DemoError(f"not seen: {'; '.join(broken)}")


def _labelled(box: Sandbox) -> bool:
    diff = box.store.diff()
    updated = set(map(int, diff["customers"]["updated"]))
    labels = [held(box, name) for name in diff["attributes"]["created"]]
    return any(
        len(values) > ENOUGH
        and set(values.values()) == {AUDIENCE}
        and updated <= values.keys()
        for values in labels
    )
