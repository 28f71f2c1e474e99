"""What changes and changes back, on either side of the mapping, ends as it began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Options, Sandbox
from support.plugins import run_pipe
from support.store import companies_of, contents

if TYPE_CHECKING:
    from collections.abc import Iterator

VIP = "vip_customers"
FROM_LYTICS = {"from": "company", "to": "company"}
CONSTANT = {"value": "Constant", "to": "company"}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    clean = {"without_id": 0.0, "unknown_id": 0.0, "refused": 0.0, "shared_id": 0.0}
    with Sandbox(Options(members=6, **clean)) as box:  # type: ignore[arg-type]  # these are shares
        yield box


def export(
    box: Sandbox, entry: dict[str, str], state: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Run the pipe with one standard field mapped; the state that it leaves."""
    tap, target = run_pipe(
        box.tap_config(audiences=[VIP], existing_users=True),
        box.target_config(
            id_field="bigcommerce_customer_id", map_standard_fields=[entry]
        ),
        state=state,
    )
    assert (tap.status, target.status) == (0, 0), target.stderr
    return target.state


def test_a_mapping_that_changes_and_changes_back_ends_as_it_began(
    box: Sandbox,
) -> None:
    for index in range(6):
        box.lytics.change(index, {"company": f"Company {index}"})
    export(box, FROM_LYTICS)
    began = contents(box)

    export(box, CONSTANT)
    between = companies_of(box)
    export(box, FROM_LYTICS)

    assert {between[1001 + index] for index in range(6)} == {"Constant"}
    assert contents(box) == began


def test_a_value_that_changes_and_changes_back_ends_as_it_began(box: Sandbox) -> None:
    seen, state = [], None

    for company in ("A", "B", "A"):
        box.lytics.change(0, {"company": company})
        state = export(box, FROM_LYTICS, state)
        seen.append(companies_of(box)[1001])

    assert seen == ["A", "B", "A"]
