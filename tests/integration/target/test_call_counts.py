"""How many calls 1,000 customers take, by the journal of the sandbox."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import run_target
from support.singer import record, schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.plugins import Run
    from support.singer import Message
    from support.store import MakeBox

CUSTOMERS = 1000
FIRST_ID = 100_001
EMAIL = [{"from": "email", "to": "email"}]
ATTRIBUTES = [{"from": "tier", "to": "Tier"}, {"from": "phone", "to": "Phone"}]


def members(tier: str = "gold") -> list[Message]:
    """A SCHEMA and the records of all customers."""
    records = [
        record(n, email=f"m{n}@example.com", tier=tier, phone=str(n))
        for n in range(FIRST_ID, FIRST_ID + CUSTOMERS)
    ]
    return [schema(), *records]


@pytest.fixture
def make_store(make_box: MakeBox) -> MakeBox:
    """Open stores of 1,000 customers with ids of 6 digits and a large quota."""

    def make(**options: Any) -> Sandbox:  # noqa: ANN401 - the sandbox's options
        box = make_box(members=0, quota=100_000, **options)
        for n in range(FIRST_ID, FIRST_ID + CUSTOMERS):
            box.store.put_customer(n, email=f"m{n}@example.com")
        return box

    return make


def calls(box: Sandbox) -> Counter[str]:
    """Number of calls by kind since the journal was cleared last."""
    kinds = Counter[str]()
    for entry in box.journal:
        is_definition = entry.endpoint.endswith("/attributes")
        kinds["definitions" if is_definition else entry.method] += 1
        kinds["refused"] += entry.status >= 400
    return +kinds


@pytest.mark.guarantee("fewest-calls")
@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize(
    ("options", "writes", "refused"),
    [({"cap_counts_customers": True}, 100, 0), ({}, 301, 1)],
)
def test_three_new_attributes_take_few_writes(
    make_store: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    options: dict[str, bool],
    writes: int,
    refused: int,
    history: bool,  # noqa: FBT001 - a parameter
) -> None:
    box = make_store(**options)
    config = {
        **config_of(box),
        "map_standard_fields": EMAIL,
        "map_custom_attributes": ATTRIBUTES,
        "history": history,
    }

    def run(tier: str) -> Run:
        box.journal.clear()
        return run_target(config, members(tier))

    assert run("gold").outcomes == {"updated": CUSTOMERS}
    assert calls(box)["PUT"] == writes
    assert calls(box)["refused"] == refused

    assert run("silver").outcomes == {"updated": CUSTOMERS}
    assert calls(box)["PUT"] == 100  # One value of each customer.
    assert not calls(box)["refused"]


@pytest.mark.guarantee("fewest-calls")
@pytest.mark.parametrize(
    ("config", "reads"),
    [
        ({"map_standard_fields": EMAIL}, 8),
        ({"map_standard_fields": EMAIL, "map_custom_attributes": ATTRIBUTES}, 16),
        ({"map_standard_fields": [], "map_custom_attributes": ATTRIBUTES}, 12),
        ({"map_standard_fields": []}, 4),
        ({"map_standard_fields": EMAIL, "batch_size_rows": 100}, 20),
        ({"map_standard_fields": [], "batch_size_rows": 100}, 10),
    ],
)
def test_unchanged_audience_takes_few_reads(
    make_store: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    config: dict[str, Any],
    reads: int,
) -> None:
    box = make_store()
    config = {"batch_size_rows": 250, **config_of(box), **config}
    run_target(config, members())
    box.journal.clear()

    assert run_target(config, members()).outcomes == {"unchanged": CUSTOMERS}

    assert calls(box) == {"definitions": 1, "GET": reads}


@pytest.mark.guarantee("fewest-calls")
@pytest.mark.parametrize(
    ("limit", "customers"), [(250, 4), (125, 8), (100, 12), (50, 20)]
)
def test_refused_look_ups_cost_nothing_in_the_next_run(
    make_store: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    limit: int,
    customers: int,
) -> None:
    box = make_store(in_list_limit=limit)
    config = {
        **config_of(box),
        "map_standard_fields": EMAIL,
        "batch_size_rows": 250,
    }
    run_target(config, members())
    assert bool(calls(box)["refused"]) == (limit < 250)
    box.journal.clear()

    assert run_target(config, members()).outcomes == {"unchanged": CUSTOMERS}

    assert not calls(box)["refused"]
    assert box.journal.counts["GET /customers"] == customers
