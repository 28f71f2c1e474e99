"""A success without rows is read back or looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import RetriesExhaustedError
from support.reworded import NOTHING, retold

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.target_job import MakeJob
AUDIENCE = "LyticsAudience_vip_customers"
NAMES = ("email", "first_name", "last_name", "company", "form_fields")
MAPPING = {
    "map_standard_fields": [
        *({"from": name, "to": name} for name in NAMES),
        {"from": "credit", "to": "store_credit_amounts"},
    ],
    "map_custom_attributes": [{"from": "tier", "to": "Tier"}],
}
VALUES_ALONE = {"map_custom_attributes": MAPPING["map_custom_attributes"]}
FORM = [{"name": "Shoe size", "value": "39"}]


def member(number: int | None, **fields: object) -> dict[str, Any]:
    return {"id": number, "company": "After Ltd", "tier": "gold", **fields}


def without_rows(*methods: str) -> Callable[[str, Any], Any]:
    """Respond with a 204 to these methods."""
    return lambda method, content: NOTHING if method in methods else content


@pytest.fixture
def shop(box: Sandbox) -> Sandbox:
    """A store with twelve customers."""
    for number in range(1, 13):
        box.store.put_customer(number, email=f"m{number}@example.com")
    return box


def test_update_without_rows_is_read_back(shop: Sandbox, make_job: MakeJob) -> None:
    job = make_job(retold(shop, without_rows("PUT")), **MAPPING)
    first = member(1, email="New@example.com", form_fields=FORM, credit="12.5")

    outcomes = job.write(first, *map(member, range(2, 13)))

    assert outcomes == {"updated": 12}
    assert job.values("Tier") == dict.fromkeys(range(1, 13), "gold")
    calls = job.calls()
    assert calls["PUT /customers"] == 2
    assert calls["PUT /customers/attribute-values"] == 3


def test_update_that_was_not_applied_is_not_counted(
    shop: Sandbox, make_job: MakeJob
) -> None:
    def tell(method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        for row in content["data"]:
            if row["id"] == 3 and "company" in row:
                row["company"] = "Before Ltd"
        return NOTHING if method == "PUT" else content

    job = make_job(retold(shop, tell), **MAPPING)

    outcomes = job.write(*map(member, range(1, 13)))

    assert outcomes == {"updated": 11, "rejected": 1}
    assert 3 not in job.values("Tier")


def test_values_that_were_not_written_are_not_counted(
    shop: Sandbox, make_job: MakeJob
) -> None:
    def tell(method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        for row in content["data"]:
            if row.get("attribute_value") == "gold":
                row["attribute_value"] = "bronze"
        return NOTHING if method == "PUT" else content

    job = make_job(retold(shop, tell), map_standard_fields=[], **VALUES_ALONE)

    outcomes = job.write(member(1), member(2, tier="silver"))

    assert outcomes == {"updated": 1, "rejected": 1}


def test_creation_without_rows_makes_no_duplicate(
    shop: Sandbox, make_job: MakeJob
) -> None:
    store = retold(shop, without_rows("POST"))
    job = make_job(store, on_missing_id="create", **MAPPING)
    new = {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com"}

    outcomes = job.write(member(None, **new))

    assert outcomes == {"created": 1}
    assert list(job.values("Tier").values()) == ["gold"]
    emails = [row["email"] for row in shop.store.customers.values()]
    assert emails.count("ada@example.com") == 1
    names = [row["name"] for row in shop.store.attributes.values()]
    assert sorted(names) == [AUDIENCE, "Tier"]


def test_look_up_without_rows_rejects_no_record(
    shop: Sandbox, make_job: MakeJob
) -> None:
    job = make_job(retold(shop, without_rows("GET")), **MAPPING)

    with pytest.raises(
        RetriesExhaustedError, match=r"GET .* returned 204 without all the rows"
    ):
        job.write(member(1))

    assert not job.reject_codes
