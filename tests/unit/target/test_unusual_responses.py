"""Responses that differ from the documented ones are read or refused, not guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import RetriesExhaustedError, UnexpectedResponseError
from support.reworded import NO_CONTENT, rewrite_responses

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.target_job import MakeJob


# Successes without rows.

AUDIENCE = "LyticsAudience_vip_customers"
NAMES = ("email", "first_name", "last_name", "company", "form_fields")
MAPPING = {
    "map_standard_fields": [
        *({"from": name, "to": name} for name in NAMES),
        {"from": "credit", "to": "store_credit_amounts"},
    ],
    "map_custom_attributes": [{"from": "tier", "to": "Tier"}],
}
ATTRIBUTES_ONLY = {"map_custom_attributes": MAPPING["map_custom_attributes"]}
FORM = [{"name": "Shoe size", "value": "39"}]


def member(number: int | None, **fields: object) -> dict[str, Any]:
    return {"id": number, "company": "After Ltd", "tier": "gold", **fields}


def without_rows(*methods: str) -> Callable[[str, Any], Any]:
    """Respond with a 204 to these methods."""
    return lambda method, content: NO_CONTENT if method in methods else content


@pytest.fixture
def shop(box: Sandbox) -> Sandbox:
    """A store with twelve customers."""
    for number in range(1, 13):
        box.store.put_customer(number, email=f"m{number}@example.com")
    return box


def test_update_without_rows_is_read_back(shop: Sandbox, make_job: MakeJob) -> None:
    job = make_job(rewrite_responses(shop, without_rows("PUT")), **MAPPING)
    first = member(1, email="New@example.com", form_fields=FORM, credit="12.5")

    outcomes = job.write(first, *map(member, range(2, 13)))

    assert outcomes == {"updated": 12}
    assert job.values("Tier") == dict.fromkeys(range(1, 13), "gold")
    calls = job.calls()
    assert calls["PUT /customers"] == 2
    # The first is refused: it has the values of 10 customers.
    assert calls["PUT /customers/attribute-values"] == 4


def test_update_that_was_not_applied_is_not_counted(
    shop: Sandbox, make_job: MakeJob
) -> None:
    def rewrite(method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        for row in content["data"]:
            if row["id"] == 3 and "company" in row:
                row["company"] = "Before Ltd"
        return NO_CONTENT if method == "PUT" else content

    job = make_job(rewrite_responses(shop, rewrite), **MAPPING)

    outcomes = job.write(*map(member, range(1, 13)))

    assert outcomes == {"updated": 11, "rejected": 1}
    assert 3 not in job.values("Tier")


def test_values_that_were_not_written_are_not_counted(
    shop: Sandbox, make_job: MakeJob
) -> None:
    def rewrite(method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        for row in content["data"]:
            if row.get("attribute_value") == "gold":
                row["attribute_value"] = "bronze"
        return NO_CONTENT if method == "PUT" else content

    job = make_job(
        rewrite_responses(shop, rewrite), map_standard_fields=[], **ATTRIBUTES_ONLY
    )

    outcomes = job.write(member(1), member(2, tier="silver"))

    assert outcomes == {"updated": 1, "rejected": 1}


def test_creation_without_rows_makes_no_duplicate(
    shop: Sandbox, make_job: MakeJob
) -> None:
    store = rewrite_responses(shop, without_rows("POST"))
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
    job = make_job(rewrite_responses(shop, without_rows("GET")), **MAPPING)

    with pytest.raises(
        RetriesExhaustedError, match=r"GET .* returned 204 without all the rows"
    ):
        job.write(member(1))

    assert not job.reject_codes


# Ids in other forms.


def with_ids(write: Callable[[int], object]) -> Callable[[str, Any], Any]:
    """Write every id of a response in another form."""

    def rewrite(_method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        for row in content["data"]:
            for name in ("id", "customer_id", "attribute_id"):
                if name in row:
                    row[name] = write(row[name])
        return content

    return rewrite


@pytest.mark.parametrize("write", [str, float])
def test_ids_are_read_in_every_form(
    shop: Sandbox, make_job: MakeJob, write: Callable[[int], object]
) -> None:
    job = make_job(rewrite_responses(shop, with_ids(write)), **MAPPING)

    outcomes = job.write(*map(member, (1, 2, 3)), member(99))

    assert outcomes == {"updated": 3, "rejected": 1}
    assert job.reject_codes == {"unknown_customer": 1}
    assert job.values("Tier") == dict.fromkeys((1, 2, 3), "gold")
    assert shop.store.customers[1]["company"] == "After Ltd"
    assert job.calls()["PUT /customers"] == 1


@pytest.mark.parametrize("write", [str, float])
def test_matched_and_created_customers_get_values(
    shop: Sandbox, make_job: MakeJob, write: Callable[[int], object]
) -> None:
    store = rewrite_responses(shop, with_ids(write))
    job = make_job(store, on_missing_id="create", **MAPPING)
    new = {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com"}

    outcomes = job.write(
        member(0, id=None, email="m2@example.com"), {**member(0), **new, "id": None}
    )

    assert outcomes == {"updated": 1, "created": 1}
    assert sorted(job.values("Tier").values()) == ["gold", "gold"]
    assert 2 in job.values("Tier")


@pytest.mark.parametrize("invalid_id", [None, "x1", "", 1.5, True, [1]])
def test_unreadable_id_does_not_mean_unknown_customer(
    shop: Sandbox, make_job: MakeJob, invalid_id: object
) -> None:
    job = make_job(
        rewrite_responses(shop, with_ids(lambda _: invalid_id)), map_standard_fields=[]
    )

    with pytest.raises(
        UnexpectedResponseError, match="returned a row without a valid id"
    ):
        job.write(member(1))

    assert not job.reject_codes


# Malformed rows.

TIER_IF_EMPTY = [{"from": "tier", "to": "Tier", "write": "if_empty"}]


def with_each(**changed: object) -> Callable[[str, Any], Any]:
    """Replace values in every row that is read."""

    def rewrite(method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        for row in content["data"] if method == "GET" else ():
            row |= {name: value for name, value in changed.items() if name in row}
        return content

    return rewrite


@pytest.fixture
def tier_shop(box: Sandbox) -> Sandbox:
    """A store with a customer who has an empty value of an attribute."""
    number = box.store.add_attribute("Tier")
    box.store.put_customer(1, email="m1@example.com", form_fields=[])
    value = {"customer_id": 1, "attribute_id": number, "value": ""}
    box.store.call("PUT", "/customers/attribute-values", [value])
    return box


def test_null_value_counts_as_empty(tier_shop: Sandbox, make_job: MakeJob) -> None:
    store = rewrite_responses(tier_shop, with_each(attribute_value=None))
    job = make_job(store, map_standard_fields=[], map_custom_attributes=TIER_IF_EMPTY)

    job.write(member(1))

    assert job.values("Tier") == {1: "gold"}


@pytest.mark.parametrize("value", [7, 7.5, True, False, ["x"], {"a": 1}])
def test_value_of_another_type_counts_as_present(
    tier_shop: Sandbox, make_job: MakeJob, value: object
) -> None:
    store = rewrite_responses(tier_shop, with_each(attribute_value=value))
    job = make_job(store, map_standard_fields=[], map_custom_attributes=TIER_IF_EMPTY)

    job.write(member(1))

    assert job.values("Tier") == {1: ""}


@pytest.mark.parametrize(
    "changed", [{"name": None}, {"name": 7}, {"type": None}, {"id": None}], ids=str
)
def test_unreadable_definition_gets_no_duplicate(
    tier_shop: Sandbox, make_job: MakeJob, changed: dict[str, object]
) -> None:
    job = make_job(
        rewrite_responses(tier_shop, with_each(**changed)),
        map_standard_fields=[],
        map_custom_attributes=TIER_IF_EMPTY,
    )

    with pytest.raises(UnexpectedResponseError, match="BigCommerce returned"):
        job.write(member(1))

    assert len(tier_shop.store.attributes) == 1


@pytest.mark.parametrize(
    "changed",
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
    tier_shop: Sandbox, make_job: MakeJob, changed: dict[str, object]
) -> None:
    mapped = [{"from": name, "to": name} for name in ("channel_ids", "form_fields")]
    job = make_job(
        rewrite_responses(tier_shop, with_each(**changed)), map_standard_fields=mapped
    )
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
    unfiltered = rewrite_responses(
        box, lambda _method, content: content, ignored_filter="attribute_id:in"
    )
    job = make_job(unfiltered, map_standard_fields=[], on_exit="clear")
    job.write(member(1), version=1)

    job.activate(1)

    assert job.values("Tier") == {2: "vip_customers"}
    assert job.values(AUDIENCE) == {1: "vip_customers"}
