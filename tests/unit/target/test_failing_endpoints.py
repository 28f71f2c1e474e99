"""An endpoint that fails holds up only what needs it; the rest is settled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from singer_kit.errors import AuthError
from support.customers import NAMES, TIER, member, person, put_customers
from target_bigcommerce.errors import EndpointFailedError

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.target_job import Job, MakeJob

POST, UPDATE = "POST /customers", "PUT /customers"
VALUES, DELETE = "PUT /customers/attribute-values", "DELETE /customers/attribute-values"
FAILURES = ["429_bare", "400", "500"]
CONFIG: dict[str, Any] = {
    "map_standard_fields": NAMES,
    "map_custom_attributes": [TIER],
    "on_missing_id": "create",
    "on_null": "clear",
    "on_exit": "clear",
}


def settled(job: Job) -> dict[str, int]:
    """Records by outcome, without those that are left for the next run."""
    return {str(name): n for name, n in job.run.stats.outcomes.items() if n}


@pytest.fixture
def shop(box: Sandbox, make_job: MakeJob) -> Sandbox:
    """Twelve customers with values; of 11 and 12, nothing differs."""
    put_customers(box, *range(1, 13), company="Before Ltd")
    make_job(box, **CONFIG).write(*(known(n) for n in range(1, 13)))
    box.journal.clear()
    return box


def known(number: int, **more: object) -> dict[str, Any]:
    company = {"company": "Before Ltd", "tier": "silver"}
    return member(number, **{**person(number), **company, **more})


BATCH = [
    *(known(n, company="After Ltd") for n in (1, 2, 3)),
    *(known(n, tier="gold") for n in (4, 5, 6)),
    *(known(n, tier=None) for n in (7, 8, 9)),
    *(known(n) for n in (11, 12)),
    *(person(n) for n in (20, 21, 22)),
]


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize(
    ("endpoint", "outcomes", "left"),
    [
        (POST, {"updated": 9, "unchanged": 2}, 3),
        (UPDATE, {"updated": 6, "unchanged": 2, "created": 3}, 3),
        (VALUES, {"updated": 6, "unchanged": 2, "created": 3}, 3),
        (DELETE, {"updated": 6, "unchanged": 2, "created": 3}, 3),
    ],
)
def test_what_does_not_need_the_endpoint_is_settled(
    shop: Sandbox,
    make_job: MakeJob,
    endpoint: str,
    outcomes: dict[str, int],
    left: int,
    kind: str,
) -> None:
    shop.faults.queue(Fault(kind=kind, match=endpoint, times=10_000))
    job = make_job(shop, **CONFIG)

    with pytest.raises(EndpointFailedError, match=f"{endpoint} returned"):
        job.write(*BATCH)

    assert settled(job) == outcomes
    assert job.run.stats.unfinished == left
    assert job.run.stats.customers_changed == 12 - left


def test_next_run_writes_the_rest(shop: Sandbox, make_job: MakeJob) -> None:
    shop.faults.queue(Fault(kind="429_bare", match=POST, times=10))
    with pytest.raises(EndpointFailedError):
        make_job(shop, **CONFIG).write(*BATCH)

    outcomes = make_job(shop, **CONFIG).write(*BATCH)

    assert outcomes == {"unchanged": 11, "created": 3}


def test_store_that_throttles_everything_is_not_tried_further(
    shop: Sandbox, make_job: MakeJob
) -> None:
    job = make_job(shop, **CONFIG)

    def throttle(entry: Any) -> None:  # noqa: ANN401 - an entry of the journal
        if entry.endpoint == UPDATE:
            shop.faults.queue(Fault(kind="429_bare", times=10_000))

    shop.journal.subscribe(throttle)
    with pytest.raises(Exception, match="429") as caught:
        job.write(*BATCH)

    assert not isinstance(caught.value, EndpointFailedError)
    assert POST not in job.calls()


def test_customers_changed_before_a_fatal_error_are_counted(
    shop: Sandbox, make_job: MakeJob
) -> None:
    shop.faults.queue(Fault(kind="401", match=VALUES, times=10))
    job = make_job(shop, **CONFIG)

    with pytest.raises(AuthError):
        job.write(*BATCH)

    assert settled(job) == {}
    assert job.run.stats.customers_changed == 3


def test_undecided_rejects_are_left_for_the_next_run(
    shop: Sandbox, make_job: MakeJob
) -> None:
    shop.faults.queue(Fault(kind="401", match=VALUES))
    job = make_job(shop, **CONFIG)

    with pytest.raises(AuthError):
        job.write(
            known(1, email="m2@example.com"),
            known(3, email="no.such.domain@invalid"),
            known(3, tier="gold"),
            known(4, tier="gold"),
        )

    assert not job.reject_codes
    assert job.run.stats.unfinished == 4
