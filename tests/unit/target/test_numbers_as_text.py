"""Numbers are read in every form that BigCommerce may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import UnexpectedResponseError
from support.reworded import retold

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.target_job import MakeJob
NAMES = ("email", "first_name", "last_name", "company")
MAPPING = {
    "map_standard_fields": [{"from": name, "to": name} for name in NAMES],
    "map_custom_attributes": [{"from": "tier", "to": "Tier"}],
}


def member(number: int, **fields: object) -> dict[str, Any]:
    return {"id": number, "company": "After Ltd", "tier": "gold", **fields}


def with_ids(write: Callable[[int], object]) -> Callable[[str, Any], Any]:
    """Write every id of a response in another form."""

    def tell(_method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        for row in content["data"]:
            for name in ("id", "customer_id", "attribute_id"):
                if name in row:
                    row[name] = write(row[name])
        return content

    return tell


@pytest.fixture
def shop(box: Sandbox) -> Sandbox:
    """A store with three customers."""
    for number in (1, 2, 3):
        box.store.put_customer(number, email=f"m{number}@example.com")
    return box


@pytest.mark.parametrize("write", [str, float])
def test_ids_are_read_in_every_form(
    shop: Sandbox, make_job: MakeJob, write: Callable[[int], object]
) -> None:
    job = make_job(retold(shop, with_ids(write)), **MAPPING)

    outcomes = job.write(*map(member, (1, 2, 3)), member(9))

    assert outcomes == {"updated": 3, "rejected": 1}
    assert job.reject_codes == {"unknown_customer": 1}
    assert job.values("Tier") == dict.fromkeys((1, 2, 3), "gold")
    assert shop.store.customers[1]["company"] == "After Ltd"
    assert job.calls()["PUT /customers"] == 1


@pytest.mark.parametrize("write", [str, float])
def test_matched_and_created_customers_get_values(
    shop: Sandbox, make_job: MakeJob, write: Callable[[int], object]
) -> None:
    retelling = retold(shop, with_ids(write))
    job = make_job(retelling, on_missing_id="create", **MAPPING)
    new = {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com"}

    outcomes = job.write(
        member(0, id=None, email="m2@example.com"), {**member(0), **new, "id": None}
    )

    assert outcomes == {"updated": 1, "created": 1}
    assert sorted(job.values("Tier").values()) == ["gold", "gold"]
    assert 2 in job.values("Tier")


@pytest.mark.parametrize("odd", [None, "x1", "", 1.5, True, [1]])
def test_unreadable_id_does_not_mean_unknown_customer(
    shop: Sandbox, make_job: MakeJob, odd: object
) -> None:
    job = make_job(retold(shop, with_ids(lambda _: odd)), map_standard_fields=[])

    with pytest.raises(
        UnexpectedResponseError, match="returned a row without a valid id"
    ):
        job.write(member(1))

    assert not job.reject_codes
