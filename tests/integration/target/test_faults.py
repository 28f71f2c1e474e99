"""A run over HTTP with faults, a small quota, or a deleted attribute.

Waits advance the sandbox's clock, so they take no time.
"""

from __future__ import annotations

import json
import logging
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from sandbox import Clock, Fault
from support.plugins import to_text
from support.singer import companies, left, record, schema, state
from support.store import companies_of, put_values, values_of
from support.store_client import START
from support.target_in_process import run_in_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sandbox import Sandbox
    from support.store import MakeBox

    ConfigOf = Callable[[Sandbox], dict[str, Any]]

KINDS = (
    *("429", "429_bare", "429_retry_after", "423"),
    *("500", "503", "504", "500_after", "503_after"),
    *("cut", "cut_after", "truncated", "not_json", "empty_body"),
)
COMPANIES = {1001 + n: f"New {n}" for n in range(30)}
NAMES = ("company", "email", "first_name", "last_name")
CREATE = {
    "on_missing_id": "create",
    "map_standard_fields": [{"from": name, "to": name} for name in NAMES],
}
VALUES = "PUT /customers/attribute-values"


def check_faults(
    seed: int,
    make_box: MakeBox,
    config_of: ConfigOf,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Run with random faults of each kind and check the store."""
    rates = dict.fromkeys(KINDS, 0.02)
    box = make_box(seed=seed, fault_rates=rates, clock=Clock.still(START))
    new = [
        record(None, email=f"new.{n}@example.com", first_name="New", last_name=f"{n}")
        for n in range(12)
    ]
    text = to_text([schema(), *companies(0, 30), *new, state(42)]).encode()
    config = {**config_of(box), **CREATE, "batch_size_rows": 7}

    got = run_in_process(text, config, clock=box.clock)

    assert got.status == 0, got.errors
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"n": 42}
    assert got.summary["records"] == 42
    assert "rejected" not in got.outcomes
    assert COMPANIES.items() <= companies_of(box).items()
    emails = [row["email"] for row in box.store.customers.values()]
    assert sorted(each for each in emails if each.startswith("new.")) == sorted(
        f"new.{n}@example.com" for n in range(12)
    )
    assert len(values_of(box)) == 42
    assert not any(entry.extra_keys for entry in box.journal)


@pytest.mark.guarantee("bounded-retries")
@pytest.mark.parametrize("seed", range(5))
def test_faults_do_not_change_what_is_written(
    seed: int,
    make_box: MakeBox,
    config_of: ConfigOf,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check_faults(seed, make_box, config_of, capsys)


@pytest.mark.nightly
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(5, 105))
def test_many_faults_do_not_change_what_is_written(
    seed: int,
    make_box: MakeBox,
    config_of: ConfigOf,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check_faults(seed, make_box, config_of, capsys)


def test_small_quota_is_waited_for(
    make_box: MakeBox, config_of: ConfigOf, caplog: pytest.LogCaptureFixture
) -> None:
    box = make_box(quota=10, clock=Clock.still(START))
    text = to_text([schema(), *companies(0, 30)]).encode()
    config = {**config_of(box), "batch_size_rows": 3}
    caplog.set_level("INFO", "target-bigcommerce")

    got = run_in_process(text, config, clock=box.clock)

    assert got.outcomes == {"updated": 30}
    assert companies_of(box) == COMPANIES
    assert got.summary["quota_wait_seconds"] > 0
    assert "for the store's quota" in caplog.text


@pytest.mark.parametrize(
    ("match", "cleared"), [("POST /customers", 1), ("GET /customers", 0)]
)
def test_exits_do_not_wait_for_new_customers(
    match: str, cleared: int, make_box: MakeBox, config_of: ConfigOf
) -> None:
    box = make_box(clock=Clock.still(START))
    put_values(box, {1001: "vip", 1002: "vip"})
    box.faults.queue(Fault(kind="429_bare", match=match, times=10))
    new = record(None, email="new@example.com", first_name="New", last_name="One")
    config = {**config_of(box), **CREATE, "on_exit": "clear"}

    got = run_in_process(
        to_text([schema(), left(1001), new, state(2)]).encode(),
        config,
        clock=box.clock,
    )

    assert got.status == 1
    assert got.outcomes.get("cleared", 0) == cleared
    assert len(values_of(box)) == 2 - cleared


class LineTimes(logging.Handler):
    """Collects when lines are logged, by the sandbox's clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(logging.INFO)
        self._clock = clock
        self.times = [clock.now()]

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.times.append(self._clock.now())


@pytest.mark.parametrize("quota", [4, 10, 20])
@pytest.mark.parametrize("fault", [None, "429_bare", "503"], ids=str)
def test_no_wait_is_silent_for_long(
    quota: int,
    fault: str | None,
    make_box: MakeBox,
    config_of: ConfigOf,
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = make_box(quota=quota, clock=Clock.still(START))
    if fault:
        box.faults.queue(Fault(kind=fault, match="PUT *", times=9))
    text = to_text([schema(), *companies(0, 30)]).encode()
    config = {**config_of(box), "batch_size_rows": 3}
    caplog.set_level("INFO", "target-bigcommerce")
    log = LineTimes(box.clock)
    logging.getLogger("target-bigcommerce").addHandler(log)

    run_in_process(text, config, clock=box.clock)

    logging.getLogger("target-bigcommerce").removeHandler(log)
    gaps = [later - earlier for earlier, later in pairwise(log.times)]
    assert max(gaps) <= 30.1


@pytest.mark.guarantee("deleted-attribute")
@pytest.mark.parametrize("customer_id", [1002, None], ids=["update", "creation"])
@pytest.mark.parametrize("kind", [None, "empty_body", "not_json"], ids=str)
def test_deleted_attribute_rejects_no_record(
    kind: str | None,
    customer_id: int | None,
    make_box: MakeBox,
    config_of: ConfigOf,
    capsys: pytest.CaptureFixture[str],
) -> None:
    box = make_box(clock=Clock.still(START))
    name = {"email": "new@example.com", "first_name": "New", "last_name": "Person"}
    second = record(customer_id, **(name if customer_id is None else {}))
    lines = [schema(), record(1001), state(1), second, state(2)]
    config = {**config_of(box), **CREATE, "batch_size_rows": 1}

    def delete_attribute(entry: Any) -> None:  # noqa: ANN401 - an entry of the journal
        if entry.endpoint == VALUES and len(box.store.attributes):
            box.store.data.delete_attribute(1)
            if kind:
                box.faults.queue(Fault(kind=kind, match=VALUES, times=9))

    box.journal.subscribe(delete_attribute)
    got = run_in_process(to_text(lines).encode(), config, clock=box.clock)

    assert got.status == 1
    [error] = got.errors
    assert "The attribute 'LyticsAudience_vip' was deleted from the store" in error
    assert not Path(config["rejects_path"]).exists()
    assert capsys.readouterr().out == '{"n": 1}\n'


@pytest.mark.parametrize("kind", ["429_bare", "500", "400"])
def test_known_customers_do_not_wait_for_new_ones(
    kind: str,
    make_box: MakeBox,
    config_of: ConfigOf,
    capsys: pytest.CaptureFixture[str],
) -> None:
    box = make_box(clock=Clock.still(START))
    box.faults.queue(Fault(kind=kind, match="POST /customers", times=10_000))
    new = [
        record(None, email=f"new{n}@example.com", first_name="New", last_name=f"{n}")
        for n in range(3)
    ]
    lines = [
        *(schema(), schema(stream="gold"), state(0), *new, state(3)),
        *(*companies(0, 5), record(1010, stream="gold"), state(9)),
    ]

    got = run_in_process(
        to_text(lines).encode(), {**config_of(box), **CREATE}, clock=box.clock
    )

    assert got.status == 1
    assert got.outcomes == {"updated": 6}
    assert got.summary["customers_changed"] == 6
    assert got.summary["left"] == 3
    assert f"POST /customers returned {kind[:3]}" in got.errors[0]
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"n": 0}
    assert companies_of(box)[1001] == "New 0"
    assert values_of(box, "LyticsAudience_gold") == {1010: "gold"}
