"""Both plugins under kills and faults, while members enter, change and leave.

`make test` runs the short forms. `make soak` runs the long ones: 24 kills for each
way to report exits, half an hour of the continuous job, an audience of 100,000.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from sandbox import Clock, Kind, Options, Sandbox
from support.meltano import MeltanoProject, copy_project, declared_mapping
from support.plugins import BIN, assert_sums
from support.store import values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sandbox.journal import Entry

VIP = "vip_customers"
AUDIENCE, TIER = f"LyticsAudience_{VIP}", "Loyalty tier"
FIELDS = ("email", "first_name", "last_name", "company")
WRITTEN = (Kind.CLEAN, Kind.SHARES_ID)  # The store rejects the other kinds.
DAY = 25 * 3600  # After a day and an hour a full sync is due.
PATIENCE = 120.0
# Shares of the calls to both vendors; about one call in ten fails.
FAULTS: Mapping[str, float] = {
    "429": 0.01,
    "429_bare": 0.01,
    "429_retry_after": 0.005,
    "500": 0.01,
    "503": 0.01,
    "502_after": 0.01,
    "504_after": 0.01,
    "cut": 0.01,
    "cut_after": 0.01,
    "truncated": 0.01,
    "slow": 0.01,
}
EXITS = {
    "ledger": {
        "TAP_LYTICS_LEDGER_PATH": "vip.ledger",
        "TAP_LYTICS_REQUIRE_FIELDS": '["bigcommerce_customer_id"]',
    },
    "versions": {},
}
SETTINGS = {
    "TAP_LYTICS_EXISTING_USERS": "true",
    "TAP_LYTICS_EMIT_EXITS": "true",
    "TARGET_BIGCOMMERCE_ON_EXIT": "clear",
    "TARGET_BIGCOMMERCE_MAX_CLEAR_PERCENT": "100",
}
# A killed Meltano leaves a lock behind, which --force ignores.
EXPORT = ("run", "--force", "tap-lytics", "target-bigcommerce")
PLUGINS = ("tap-lytics", "target-bigcommerce")
VICTIMS = (*PLUGINS, "meltano", "all")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SCAN, LOOK_UP, WRITE = "scan", "look-up", "write"


def past() -> Clock:
    """Return a clock that stays behind this machine's when it is advanced by days.

    The tap uses the earlier of both.
    """
    return Clock(start=time.time() - 1000 * DAY)


def long(*values: object, minutes: float) -> Any:  # noqa: ANN401 - a ParameterSet
    """Parameters of a run for `make soak`, with a time limit of its own."""
    marks = [pytest.mark.nightly, pytest.mark.timeout(minutes * 60)]
    return pytest.param(*values, marks=marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """A signal to a process of a Meltano run, during the n-th call of a phase."""

    victim: str
    signal: signal.Signals
    phase: str
    call: int

    def matches(self, entry: Entry) -> bool:
        """Whether a call belongs to the phase."""
        if entry.side == "lytics":
            return self.phase == SCAN and entry.path.endswith("/scan")
        return self.phase == (LOOK_UP if entry.method == "GET" else WRITE)


def draw_kills(number: int, seed: int) -> list[Kill]:
    """Draw kills; each victim gets each signal before a pair is repeated."""
    chance = random.Random(seed)  # noqa: S311 - repeatable
    pairs = list(product(VICTIMS, SIGNALS))
    chance.shuffle(pairs)
    return [
        Kill(
            victim=victim,
            signal=number,
            # While the target writes, the tap may have ended.
            phase=SCAN if victim == PLUGINS[0] else chance.choice([LOOK_UP, WRITE]),
            call=chance.randint(1, 6),
        )
        for victim, number in (pairs * number)[:number]
    ]


class Run:
    """A Meltano run in which one kill happens while its call is answered."""

    def __init__(self, project: MeltanoProject, box: Sandbox) -> None:
        self._project = project
        self._process: subprocess.Popen[bytes] | None = None
        self._kill: Kill | None = None
        self._calls = 0
        self._is_started = threading.Event()
        self._has_hit = False
        box.journal.subscribe(self._on_call)

    def hit(self, kill: Kill) -> bool:
        """Run Meltano once; whether the kill found its victim."""
        self._is_started.clear()
        self._kill, self._calls, self._has_hit = kill, 0, False
        self._process = self._project.start(*EXPORT)
        self._is_started.set()
        try:
            self._process.wait(PATIENCE)
            self._wait_for_orphans(self._process.pid)
        finally:
            self._kill = None
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        return self._has_hit

    def _on_call(self, entry: Entry) -> None:
        kill = self._kill
        if kill is None or not kill.matches(entry):
            return
        self._calls += 1
        if self._calls == kill.call and self._is_started.wait(PATIENCE):
            self._has_hit = self._send(kill)

    def _send(self, kill: Kill) -> bool:
        assert self._process is not None
        group = self._process.pid
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if kill.victim == "all":
                os.killpg(group, kill.signal)
                return True
            for process in _processes_of(group):
                names = {Path(each).name for each in process.cmdline()[:2]}
                if kill.victim in names:
                    process.send_signal(kill.signal)
                    return True
        return False

    @staticmethod
    def _wait_for_orphans(group: int) -> None:
        """Let plugins whose Meltano is gone finish for a while."""
        psutil.wait_procs(list(_processes_of(group)), timeout=3)


def _processes_of(group: int) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) == group:
                yield process


@contextmanager
def churn(box: Sandbox, *, per_second: float) -> Iterator[None]:
    """Let members enter, change and leave in the background.

    What happens follows from the sandbox's seed, when it happens from the machine.
    """
    is_over = threading.Event()
    chance = random.Random(box.options.seed)  # noqa: S311 - repeatable

    def live() -> None:
        people = box.lytics.population.people
        candidates = [at for at in range(people.total) if people.kind(at) in WRITTEN]
        while not is_over.wait(chance.expovariate(per_second)):
            _move(box, chance.choice(candidates), chance)

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _move(box: Sandbox, index: int, chance: random.Random) -> None:
    is_touched = chance.choice((True, False))  # Else the profile does not show it.
    if index not in box.lytics.audiences[VIP]:
        box.lytics.enter(index, VIP, touch=is_touched)
    elif chance.random() < 1 / 4:
        box.lytics.leave(index, VIP, touch=is_touched)
    else:
        number = chance.randrange(10**9)
        tier = ("bronze", "silver", "gold", "platinum")[number % 4]
        fields = {"company": f"Company {number}", "loyalty_tier": tier}
        box.lytics.change(index, fields, visible_after=chance.choice((0.0, 0.5)))


def differences(box: Sandbox) -> list[str]:
    """List where the store differs from the audience.

    Every member's customer has the audience's slug and the member's values, and no
    other customer has the slug. Fields that a profile lacks are not compared, nor
    customers that two members share: these have the values of the later change.
    """
    with box.lytics.lock, box.store.lock:
        members = _members_by_customer(box)
        slugs, tiers = values_of(box, AUDIENCE), values_of(box, TIER)
        found = [f"{each} has the slug but left" for each in slugs.keys() - members]
        for customer, indexes in members.items():
            if slugs.get(customer) != VIP:
                found.append(f"{customer} lacks the slug")
            if len(indexes) == 1:
                row = {**(box.store.customers.peek(customer) or {})}
                row["loyalty_tier"] = tiers.get(customer)
                compared = (*FIELDS, "loyalty_tier") if tiers else FIELDS
                profile = box.lytics.population.profile(indexes[0], compared)
                found += [
                    f"{customer} has another {name}"
                    for name, value in profile.items()
                    # A different case is no difference in an email address.
                    if str(value).lower() != str(row.get(name)).lower()
                ]
    return found


def _members_by_customer(box: Sandbox) -> dict[int, list[int]]:
    people = box.lytics.population.people
    found: dict[int, list[int]] = defaultdict(list)
    for index in box.lytics.members(VIP):
        customer = people[index].customer_id
        if customer is not None and people.kind(index) in WRITTEN:
            found[customer].append(index)
    return found


@pytest.mark.guarantee("killed-runs-converge")
@pytest.mark.parametrize(
    ("exits", "kills"),
    [
        # Meltano starts slowly on a busy machine.
        pytest.param("ledger", 2, marks=pytest.mark.timeout(300)),
        long("ledger", 24, minutes=30),
        long("versions", 24, minutes=30),
    ],
)
def test_killed_runs_end_with_the_audience(
    tmp_path: Path, exits: str, kills: int
) -> None:
    options = Options(
        members=100,
        seed=23,
        quota=200,
        window_seconds=1.0,
        latency_ms=5.0,
        fault_seconds=0.5,
    )
    with Sandbox(options, clock=past()) as box:
        env = {**box.env(), **SETTINGS, **EXITS[exits]}
        project = copy_project(tmp_path, env)
        run = Run(project, box)
        box.faults.set_rates({**FAULTS, "stale_cursor": 0.01})
        with churn(box, per_second=20.0):
            missed = [
                kill
                for at, kill in enumerate(draw_kills(kills, options.seed))
                if not _hit_at_last(run, box, kill, full_sync=at % 4 == 0)
            ]
        box.faults.clear()
        box.clock.advance(DAY)

        # The first run may finish a scan that was killed, the second one is full.
        ends = [project.run(*EXPORT) for _ in range(2)]

        assert not missed
        assert [end.status for end in ends] == [0, 0], ends[-1].stderr
        assert differences(box) == []
    rejects = tmp_path / "rejects.jsonl"
    for line in rejects.read_text("utf-8").splitlines() if rejects.exists() else ():
        json.loads(line)


def _hit_at_last(run: Run, box: Sandbox, kill: Kill, *, full_sync: bool) -> bool:
    """Repeat a run that was over before the kill, with an earlier call."""
    while True:
        if full_sync or kill.call == 1:
            box.clock.advance(DAY)  # Even the first call of any phase is sure to come.
        if run.hit(kill):
            return True
        if kill.call == 1:
            return False
        kill = replace(kill, call=kill.call // 2)


@dataclass(slots=True, kw_only=True)
class Pair:
    """`tap-lytics | target-bigcommerce`, and samples of both processes."""

    tap: psutil.Popen
    target: psutil.Popen
    folder: Path
    memory: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    files: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    @property
    def is_running(self) -> bool:
        """Whether neither has ended."""
        return self.tap.poll() is None and self.target.poll() is None

    def sample(self) -> None:
        """Measure resident memory in megabytes, and count open descriptors."""
        for name, process in (("tap", self.tap), ("target", self.target)):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                self.memory[name].append(process.memory_info().rss / 1e6)
                self.files[name].append(process.num_fds())

    def end(self) -> None:
        """Wait until both end; they must have succeeded."""
        statuses = self.tap.wait(PATIENCE), self.target.wait(PATIENCE)
        logs = [(self.folder / f"{name}.log").read_text("utf-8") for name in PLUGINS]
        assert statuses == (0, 0), "".join(log[-2000:] for log in logs)
        assert_sums(json.loads((self.folder / "summary.json").read_text("utf-8")))


@contextmanager
def running_pair(
    box: Sandbox,
    folder: Path,
    *,
    tap: Mapping[str, object],
    target: Mapping[str, object],
) -> Iterator[Pair]:
    """Run both plugins as installed commands, with a ledger and exits."""
    configs = {
        PLUGINS[0]: box.tap_config(
            audiences=[VIP],
            existing_users=True,
            emit_exits=True,
            require_fields=["bigcommerce_customer_id"],
            ledger_path=str(folder / "vip.ledger"),
            **tap,
        ),
        PLUGINS[1]: box.target_config(
            on_exit="clear",
            max_clear_percent=100,
            rejects_path=str(folder / "rejects.jsonl"),
            history_path=str(folder / "history.sqlite"),
            summary_path=str(folder / "summary.json"),
            **{**declared_mapping(), **target},
        ),
    }
    opened: list[psutil.Popen] = []
    for name, config in configs.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        with (folder / f"{name}.log").open("wb") as log:
            opened.append(
                psutil.Popen(
                    [BIN / name, "--config", path],
                    stdin=opened[0].stdout if opened else subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL if opened else subprocess.PIPE,
                    stderr=log,
                )
            )
    opened[0].stdout.close()  # Only the target reads from the tap now.
    try:
        yield Pair(tap=opened[0], target=opened[1], folder=folder)
    finally:
        for process in opened:
            with suppress(psutil.NoSuchProcess):
                process.kill()
            process.wait()


@pytest.mark.parametrize("minutes", [0.1, long(30, minutes=40)])
def test_continuous_pair_survives_faults(tmp_path: Path, minutes: float) -> None:
    options = Options(
        members=100 if minutes < 1 else 1000,
        seed=7,
        quota=75,  # The usual 450 in 30 seconds, but a 429 costs at most 5.
        window_seconds=5.0,
        fault_rates=FAULTS,
        journal_length=0,
        journal_bodies=False,
    )
    with (
        Sandbox(options, clock=past()) as box,
        running_pair(
            box,
            tmp_path,
            tap={"poll_interval_seconds": 1, "overlap_minutes": 1},
            target={"batch_wait_limit_seconds": 1},
        ) as pair,
    ):
        while not box.store.values and pair.is_running:
            time.sleep(0.1)
        _live(box, pair, minutes * 60)
        box.faults.clear()
        box.clock.advance(DAY)
        _wait_until_equal(box, pair)
        pair.tap.send_signal(signal.SIGTERM)
        pair.end()

    assert growth(pair) == []


def _live(box: Sandbox, pair: Pair, seconds: float) -> None:
    """Let members move for so long; six full syncs come due meanwhile."""
    began, days = time.monotonic(), 0
    with churn(box, per_second=5.0):
        while (passed := time.monotonic() - began) < seconds and pair.is_running:
            pair.sample()
            time.sleep(1)
            if passed > (days + 1) * seconds / 6:
                days += 1
                box.clock.advance(DAY)


def _wait_until_equal(box: Sandbox, pair: Pair) -> None:
    deadline = time.monotonic() + PATIENCE
    while found := differences(box):
        assert time.monotonic() < deadline, found
        assert pair.is_running
        time.sleep(0.2)


def growth(pair: Pair) -> list[str]:
    """Compare the second quarter of a long run, when all is warm, with the last."""
    found = []
    for name, sizes in pair.memory.items():
        quarter = len(sizes) // 4
        if quarter < 60:
            continue  # Too short to tell growth from warming up.
        before = median(sizes[quarter : 2 * quarter])
        after = median(sizes[-quarter:])
        if after > before * 1.05 + 3.0:
            found.append(f"memory of the {name}: {before:.1f} to {after:.1f} MB")
        files = pair.files[name]
        if max(files[-quarter:]) > max(files[quarter : 2 * quarter]) + 4:
            found.append(f"open descriptors of the {name}")
    return found


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_large_audience_needs_little_memory(tmp_path: Path) -> None:
    clean = dict.fromkeys(("unknown_id", "refused", "shared_id", "differing"), 0.0)
    options = Options(
        members=100_000,
        others=0,
        newsletter=0,
        email_differing=0.0,
        quota=10_000_000,
        journal_length=0,
        journal_bodies=False,
        **clean,  # type: ignore[arg-type]  # these are shares
    )
    with (
        Sandbox(options) as box,
        running_pair(
            box, tmp_path, tap={}, target={"map_custom_attributes": []}
        ) as pair,
    ):
        while pair.target.poll() is None:
            pair.sample()
            time.sleep(0.2)
        pair.end()

        assert differences(box) == []
    assert max(pair.memory["tap"]) < 150
    assert max(pair.memory["target"]) < 200


@pytest.fixture
def equal() -> Sandbox:
    """A store that is what the audience says."""
    clean = dict.fromkeys(("without_id", "unknown_id", "refused", "shared_id"), 0.0)
    box = Sandbox(Options(members=20, others=5, **clean))  # type: ignore[arg-type]  # these are shares
    audience, tier = map(box.store.add_attribute, (AUDIENCE, TIER))
    for index in box.lytics.members(VIP):
        member = box.lytics.member(index)
        customer = int(member["bigcommerce_customer_id"])
        box.store.put_customer(
            customer, **{n: member[n] for n in FIELDS if n in member}
        )
        box.store.values[customer, audience] = VIP
        if "loyalty_tier" in member:
            box.store.values[customer, tier] = member["loyalty_tier"]
    return box


def test_equal_store_has_no_differences(equal: Sandbox) -> None:
    assert differences(equal) == []


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda box: box.lytics.leave(0, VIP), "1001 has the slug but left"),
        (lambda box: box.lytics.enter(20, VIP), "1021 lacks the slug"),
        (lambda box: box.store.values.pop((1001, 1)), "1001 lacks the slug"),
        (
            lambda box: box.lytics.change(0, {"company": "Another"}),
            "1001 has another company",
        ),
        (
            lambda box: box.lytics.change(0, {"loyalty_tier": "another"}),
            "1001 has another loyalty_tier",
        ),
    ],
)
def test_each_difference_is_found(
    equal: Sandbox, change: Callable[[Sandbox], object], difference: str
) -> None:
    change(equal)

    assert difference in differences(equal)
