"""A row that can be read only in part is not guessed at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import UnexpectedResponseError
from support.reworded import retold

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.target_job import MakeJob
AUDIENCE = "LyticsAudience_vip_customers"
CUSTOM = [{"from": "tier", "to": "Tier", "write": "if_empty"}]


def member(number: int, **fields: object) -> dict[str, Any]:
    return {"id": number, "tier": "gold", **fields}


def with_each(**stated: object) -> Callable[[str, Any], Any]:
    """Replace values in every row that is read."""

    def tell(method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        for row in content["data"] if method == "GET" else ():
            row |= {name: value for name, value in stated.items() if name in row}
        return content

    return tell


@pytest.fixture
def shop(box: Sandbox) -> Sandbox:
    """A store with a customer who has an empty value of an attribute."""
    number = box.store.add_attribute("Tier")
    box.store.put_customer(1, email="m1@example.com", form_fields=[])
    value = {"customer_id": 1, "attribute_id": number, "value": ""}
    box.store.call("PUT", "/customers/attribute-values", [value])
    return box


def test_null_value_counts_as_empty(shop: Sandbox, make_job: MakeJob) -> None:
    store = retold(shop, with_each(attribute_value=None))
    job = make_job(store, map_standard_fields=[], map_custom_attributes=CUSTOM)

    job.write(member(1))

    assert job.values("Tier") == {1: "gold"}


@pytest.mark.parametrize("value", [7, 7.5, True, False, ["x"], {"a": 1}])
def test_value_of_another_type_counts_as_present(
    shop: Sandbox, make_job: MakeJob, value: object
) -> None:
    store = retold(shop, with_each(attribute_value=value))
    job = make_job(store, map_standard_fields=[], map_custom_attributes=CUSTOM)

    job.write(member(1))

    assert job.values("Tier") == {1: ""}


@pytest.mark.parametrize(
    "stated", [{"name": None}, {"name": 7}, {"type": None}, {"id": None}], ids=str
)
def test_unreadable_definition_gets_no_duplicate(
    shop: Sandbox, make_job: MakeJob, stated: dict[str, object]
) -> None:
    job = make_job(
        retold(shop, with_each(**stated)),
        map_standard_fields=[],
        map_custom_attributes=CUSTOM,
    )

    with pytest.raises(UnexpectedResponseError, match="BigCommerce returned"):
        job.write(member(1))

    assert len(shop.store.attributes) == 1


@pytest.mark.parametrize(
    "stated",
    [
        {"channel_ids": {"1": 2}},
        {"channel_ids": [1, None]},
        {"form_fields": {"Size": "39"}},
        {"form_fields": ["Size"]},
        {"form_fields": [{"value": "39"}]},
    ],
    ids=str,
)
def test_customer_with_unreadable_lists_is_not_written(
    shop: Sandbox, make_job: MakeJob, stated: dict[str, object]
) -> None:
    mapped = [{"from": name, "to": name} for name in ("channel_ids", "form_fields")]
    job = make_job(retold(shop, with_each(**stated)), map_standard_fields=mapped)
    form = [{"name": "Size", "value": "40"}]

    with pytest.raises(
        UnexpectedResponseError, match="returned a customer with malformed"
    ):
        job.write(member(1, channel_ids=[1, 2], form_fields=form))

    assert "PUT /customers" not in job.calls()


def test_value_of_another_attribute_is_not_cleared(
    box: Sandbox, make_job: MakeJob
) -> None:
    other = box.store.add_attribute("Tier")
    for number in (1, 2):
        box.store.put_customer(number, email=f"m{number}@example.com")
    make_job(box, map_standard_fields=[]).write(member(1))
    values = [{"customer_id": 2, "attribute_id": other, "value": "vip_customers"}]
    box.store.call("PUT", "/customers/attribute-values", values)
    unfiltered = retold(
        box, lambda _method, content: content, deaf_to="attribute_id:in"
    )
    job = make_job(unfiltered, map_standard_fields=[], on_exit="clear")
    job.write(member(1), version=1)

    job.activate(1)

    assert job.values("Tier") == {2: "vip_customers"}
    assert job.values(AUDIENCE) == {1: "vip_customers"}
