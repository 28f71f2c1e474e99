"""Full syncs with several cursors: complete, changed meanwhile, killed and resumed."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import run_tap
from tap_lytics.state import ScanCursors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox
    from support.live_tap import StartTap

    Config = Callable[..., dict[str, Any]]
    MakeSandbox = Callable[..., Sandbox]

VIP = "vip_customers"
ID = "bigcommerce_customer_id"
MEMBERS = 2500
NO_DUPLICATES = {"without_id": 0, "shared_id": 0, "unknown_id": 0, "refused": 0}


def keys_of(records: list[dict[str, Any]]) -> list[str]:
    return [record["_member_id"] for record in records]


def customers(box: Sandbox) -> set[str]:
    """The customer ids of the members."""
    return {str(box.lytics.member(n)[ID]) for n in box.lytics.members()}


def scans(box: Sandbox) -> list[dict[str, str]]:
    """The queries of all requests for pages of members, in order."""
    return [dict(e.query) for e in box.journal if e.path.endswith("/scan")]


@pytest.fixture
def exits_config(config_of: Config, tmp_path: Path) -> Config:
    """Return settings that report exits by records, or by versions."""

    def config(box: Sandbox, way: str, **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        if way == "records":
            settings["ledger_path"] = str(tmp_path / "members.ledger")
            settings["require_fields"] = [ID]
        return config_of(box, emit_exits=True, **settings)

    return config


@pytest.mark.guarantee("parallel-scan")
@pytest.mark.parametrize(
    ("parallelism", "way"),
    [(1, "records"), (2, "versions"), (4, "records"), (4, "versions"), (8, "records")],
)
def test_records_and_exits_do_not_depend_on_cursors(
    parallelism: int, way: str, make_sandbox: MakeSandbox, exits_config: Config
) -> None:
    box = make_sandbox(members=MEMBERS, **NO_DUPLICATES)
    config = exits_config(box, way, scan_parallelism=parallelism)
    first = run_tap(config)
    present = customers(box)
    queries = scans(box)
    for index in (0, 1250, 2499):
        box.lytics.leave(index)
    box.lytics.enter(MEMBERS)
    box.lytics.redefine(VIP)

    second = run_tap(config, state=first.state)

    assert first.status == second.status == 0, second.stderr
    assert {r[ID] for r in first.records} == present
    assert len(first.records) == MEMBERS
    parts = {query["splits"] for query in queries if "splits" in query}
    assert len(parts) == (parallelism if parallelism > 1 else 0)
    # Pages, the end of each part, the first page, the last total, the catch-up.
    assert len(queries) <= MEMBERS // 100 + 2 * parallelism + 2
    if way == "records":
        exits = {r[ID] for r in second.records if r["_sdc_deleted_at"]}
        assert exits == present - customers(box)
        assert {r[ID] for r in second.records} - exits == customers(box) - present
    else:
        assert {r[ID] for r in second.records} == customers(box)
        kinds = [m["type"] for m in second.messages]
        assert kinds.count("ACTIVATE_VERSION") == 1


@pytest.mark.guarantee("parallel-scan")
@pytest.mark.parametrize(
    ("options", "way", "cursors"),
    [
        ({"splits": "ignored"}, "records", 1),
        ({"splits": "ignored"}, "versions", 1),
        ({"splits": "ignored_on_post"}, "records", 1),  # Only filters are posted.
        ({"splits": "ignored_on_post"}, "versions", 4),
        ({"splits": "refused"}, "records", 1),
        ({"splits": "refused"}, "versions", 1),
        ({"without_split": 0.002}, "records", 1),
        ({"without_split": 0.004}, "versions", 1),
        ({"without_split": 0.05}, "records", 1),
        ({"fault_rates": {"429@GET /api/segment/*": 0.1}}, "versions", 4),
    ],
    ids=str,
)
def test_parts_must_add_up(
    options: dict[str, Any],
    way: str,
    cursors: int,
    make_sandbox: MakeSandbox,
    exits_config: Config,
) -> None:
    box = make_sandbox(members=MEMBERS, fault_seconds=0.01, **NO_DUPLICATES, **options)

    run = run_tap(exits_config(box, way))

    assert run.status == 0, run.stderr
    assert {r[ID] for r in run.records} == customers(box)
    assert len(run.records) == MEMBERS
    assert f"is read with {'one cursor' if cursors == 1 else '4 cursors'}" in run.stderr
    later = [query for query in scans(box) if "start" in query]
    assert len({query.get("splits") for query in later}) == cursors


@pytest.mark.guarantee("parallel-scan")
@pytest.mark.parametrize(
    ("number", "way", "pages"),
    [
        *[(signal.SIGKILL, "records", pages) for pages in (1, 3, 15, 26)],
        *[(signal.SIGKILL, "versions", pages) for pages in (2, 8, 24)],
        *[(signal.SIGTERM, "records", pages) for pages in (2, 8, 24)],
        *[(signal.SIGTERM, "versions", pages) for pages in (1, 3, 15)],
    ],
)
def test_killed_scan_resumes_each_part(
    number: int,
    way: str,
    pages: int,
    make_sandbox: MakeSandbox,
    exits_config: Config,
    start_tap: StartTap,
) -> None:
    box = make_sandbox(members=MEMBERS, latency_ms=5, **NO_DUPLICATES)
    config = exits_config(box, way)
    tap = start_tap(config)
    tap.read("STATE", pages)
    tap.end(number)
    time.sleep(0.1)  # The sandbox still answers what the process requested.
    count = len(scans(box))
    saved = tap.state["bookmarks"][VIP]["scan_cursor"]

    rest = run_tap(config, state=tap.state)

    assert rest.status == 0, rest.stderr
    keys = keys_of(tap.covered) + keys_of(rest.records)
    assert len(set(keys)) == len(keys) == MEMBERS
    if saved is None:  # No page was processed.
        return
    cursors = ScanCursors.read(saved).cursors
    asked: dict[str, str] = {}
    for query in scans(box)[count:]:
        asked.setdefault(query.get("splits", ""), query.get("start", ""))
    for at, cursor in enumerate(cursors):
        splits = ",".join(map(str, range(25 * at, 25 * at + 25)))
        assert asked.get(splits) == cursor


class Store:
    """The customer ids that a target would have written."""

    def __init__(self) -> None:
        self.customers: set[str] = set()

    def apply(self, messages: list[dict[str, Any]]) -> None:
        """Apply the records of a run; those of a version replace the others."""
        if any(message["type"] == "ACTIVATE_VERSION" for message in messages):
            self.customers.clear()
        for message in messages:
            if message["type"] == "RECORD":
                record = message["record"]
                left = record.get("_sdc_deleted_at")
                act = self.customers.discard if left else self.customers.add
                act(record[ID])


@pytest.mark.guarantee("parallel-scan")
@pytest.mark.parametrize("way", ["records", "versions"])
@pytest.mark.parametrize("kills", [0, 2])
def test_members_come_and_go_during_scan(
    kills: int,
    way: str,
    make_sandbox: MakeSandbox,
    exits_config: Config,
    start_tap: StartTap,
) -> None:
    box = make_sandbox(members=MEMBERS, others=60, latency_ms=2, **NO_DUPLICATES)
    config = exits_config(box, way, overlap_minutes=5)
    store, state = Store(), None

    for kill in range(kills + 1):
        tap = start_tap(config, state)
        for number in range(8 * kill, 8 * kill + 6):
            tap.read("STATE")
            box.lytics.leave(100 * number)
            box.lytics.enter(MEMBERS + number)
            box.lytics.change(100 * number + 1, {"company": f"New {number}"})
        if kill < kills:
            tap.end(signal.SIGKILL)
            store.apply(tap.messages[: last_state(tap.messages)])
        else:
            assert tap.finish() == 0, tap.stderr
            store.apply(tap.messages)
        state = tap.state
    for number in range(2):
        box.lytics.redefine(VIP, 1000.0 * number)
        rest = run_tap(config, state=state)
        state = rest.state
        store.apply(rest.messages)

    assert store.customers == customers(box)


def last_state(messages: list[dict[str, Any]]) -> int:
    """Return the position after the last STATE."""
    kinds = [message["type"] for message in messages]
    return len(kinds) - kinds[::-1].index("STATE")


def test_signal_ends_wait_for_all_parts(
    make_sandbox: MakeSandbox, config_of: Config, start_tap: StartTap
) -> None:
    box = make_sandbox(members=MEMBERS, fault_seconds=60)
    tap = start_tap(config_of(box, page_size=10))
    tap.read("STATE", 4)
    box.faults.set_rates({"slow@GET /api/segment/*": 1.0})
    time.sleep(0.3)  # The requests that were on their way have ended.

    status = tap.end()

    assert status == 0
    assert len(tap.records) == len(tap.covered) < MEMBERS


def test_sample_and_incremental_scans_use_one_cursor(
    make_sandbox: MakeSandbox, config_of: Config
) -> None:
    box = make_sandbox(members=MEMBERS, **NO_DUPLICATES)
    sample = run_tap(config_of(box), args=["--test"])
    state = run_tap(config_of(box)).state
    full = len(scans(box))
    for index in range(1200):
        box.lytics.change(index, {"company": "New"})

    changed = run_tap(config_of(box), state=state)

    assert sample.status == changed.status == 0, changed.stderr
    assert len(changed.records) == 1200
    firsts = [query for query in scans(box)[full:] if "start" not in query]
    assert len(firsts) == 1
    assert "splits" not in firsts[0]


def test_each_audience_is_divided(make_sandbox: MakeSandbox, config_of: Config) -> None:
    box = make_sandbox(members=1500, newsletter=1200, others=1300, **NO_DUPLICATES)

    run = run_tap(config_of(box, audiences=[VIP, "newsletter_readers"]))

    assert run.status == 0, run.stderr
    assert run.stderr.count("is read with 4 cursors") == 2
    for audience in (VIP, "newsletter_readers"):
        found = [m for m in run.messages if m.get("stream") == audience]
        sent = keys_of([m["record"] for m in found if m["type"] == "RECORD"])
        members = len(list(box.lytics.members(audience)))
        assert len(set(sent)) == len(sent) == members > 1000
