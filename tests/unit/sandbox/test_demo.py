"""The demo's checks: an error names each expectation that is not met."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from sandbox import Options, Sandbox
from sandbox.demo import DemoError, check_first_run, count_changes

SUMMARY: dict[str, Any] = {
    "records": 1000,
    "outcomes": {"updated": 930, "unchanged": 10, "skipped": 50, "rejected": 10},
    "rejects": {"unknown_customer": 7, "refused": 3},
}


@pytest.fixture
def box() -> Sandbox:
    """A store in which 950 customers were updated and got the audience's slug."""
    box = Sandbox(Options(quota=10_000))
    row = {"name": "LyticsAudience_vip", "type": "string"}
    box.store.call("POST", "/customers/attributes", [row])
    for number in list(box.store.customers)[:950]:
        box.store.values[number, 1] = "vip_customers"
    box.store.call("PUT", "/customers", [{"id": 1001, "company": "New"}])
    return box


def test_expected_result_passes(box: Sandbox) -> None:
    check_first_run(box, SUMMARY)


@pytest.mark.parametrize(
    ("outcomes", "rejects", "missing"),
    [
        ({"updated": 900, "unchanged": 40}, {}, "more than 900 customers updated"),
        ({"skipped": 0, "merged": 50}, {}, "without a customer id skipped"),
        ({"rejected": 0, "merged": 10}, {"unknown_customer": 0}, "records rejected"),
        ({}, {"refused": 2}, "a reason for each reject"),
        ({"merged": 1}, {}, "an outcome for every record"),
    ],
)
def test_unexpected_summary_is_named(
    box: Sandbox, outcomes: dict[str, int], rejects: dict[str, int], missing: str
) -> None:
    summary = deepcopy(SUMMARY)
    summary["outcomes"] |= outcomes
    summary["rejects"] |= rejects

    with pytest.raises(DemoError, match=missing):
        check_first_run(box, summary)


def test_wrong_attribute_value_is_named(box: Sandbox) -> None:
    box.store.values[1001, 1] = "somebody else"

    with pytest.raises(DemoError, match="set to the audience's slug"):
        check_first_run(box, SUMMARY)


def test_updated_customer_without_the_slug_is_named(box: Sandbox) -> None:
    last = max(box.store.customers)
    box.store.call("PUT", "/customers", [{"id": last, "company": "New"}])

    with pytest.raises(DemoError, match="set to the audience's slug"):
        check_first_run(box, SUMMARY)


def test_changes_of_calls_are_counted(box: Sandbox) -> None:
    box.store.mark()
    box.store.call("PUT", "/customers", [{"id": 1001, "company": "Newer"}])
    row = {"customer_id": 1001, "attribute_id": 1, "value": "another"}
    box.store.call("PUT", "/customers/attribute-values", [row])
    box.store.call("POST", "/customers/attributes", [{"name": "New", "type": "string"}])

    assert count_changes(box) == 3


def test_call_without_effect_is_not_counted(box: Sandbox) -> None:
    box.store.mark()

    box.store.call("PUT", "/customers", [{"id": 1001, "company": "New"}])

    assert count_changes(box) == 0
