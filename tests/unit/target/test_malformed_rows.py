"""A row that can be read only in part is not guessed at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from retold import retold

from target_bigcommerce.errors import ProtocolError

if TYPE_CHECKING:
    from conftest import Job

    from sandbox import Sandbox

MakeJob = Callable[..., "Job"]
AUDIENCE = "LyticsAudience_vip_customers"
CUSTOM = [{"from": "tier", "to": "Tier", "write": "if_empty"}]


def member(number: int, **fields: object) -> dict[str, Any]:
    return {"id": number, "tier": "gold", **fields}


def with_each(**said: object) -> Callable[[str, Any], Any]:
    """Say some of what every row of a read says otherwise."""

    def tell(method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        for row in content["data"] if method == "GET" else ():
            row |= {name: value for name, value in said.items() if name in row}
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


def test_a_value_of_null_is_empty_and_filled(shop: Sandbox, make_job: MakeJob) -> None:
    store = retold(shop, with_each(attribute_value=None))
    job = make_job(store, map_standard_fields=[], map_custom_attributes=CUSTOM)

    job.write(member(1))

    assert job.values("Tier") == {1: "gold"}


@pytest.mark.parametrize("value", [7, 7.5, True, False, ["x"], {"a": 1}])
def test_a_value_that_is_no_text_is_there_all_the_same(
    shop: Sandbox, make_job: MakeJob, value: object
) -> None:
    store = retold(shop, with_each(attribute_value=value))
    job = make_job(store, map_standard_fields=[], map_custom_attributes=CUSTOM)

    job.write(member(1))

    assert job.values("Tier") == {1: ""}


@pytest.mark.parametrize(
    "said", [{"name": None}, {"name": 7}, {"type": None}, {"id": None}], ids=str
)
def test_a_definition_that_cannot_be_read_gets_no_twin(
    shop: Sandbox, make_job: MakeJob, said: dict[str, object]
) -> None:
    job = make_job(
        retold(shop, with_each(**said)),
        map_standard_fields=[],
        map_custom_attributes=CUSTOM,
    )

    with pytest.raises(ProtocolError, match="does not hold"):
        job.write(member(1))

    assert len(shop.store.attributes) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"channel_ids": {"1": 2}},
        {"channel_ids": [1, None]},
        {"form_fields": {"Size": "39"}},
        {"form_fields": ["Size"]},
        {"form_fields": [{"value": "39"}]},
    ],
    ids=str,
)
def test_a_customer_whose_lists_cannot_be_read_is_left_alone(
    shop: Sandbox, make_job: MakeJob, said: dict[str, object]
) -> None:
    mapped = [{"from": name, "to": name} for name in ("channel_ids", "form_fields")]
    job = make_job(retold(shop, with_each(**said)), map_standard_fields=mapped)
    form = [{"name": "Size", "value": "40"}]

    with pytest.raises(ProtocolError, match="does not hold a customer"):
        job.write(member(1, channel_ids=[1, 2], form_fields=form))

    assert "PUT /customers" not in job.calls()


def test_no_value_of_another_attribute_is_cleared(
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
