"""Simulates a seed: runs of a job, with all that can happen in between."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from simulation.world import ViolationError, World
from tap_lytics import scan
from tap_lytics.settings import DECLARED

from . import checks
from .audience import Audience
from .job import Job, Saved, exits, records, stream_part
from .process import TapInput, discover, run_tap
from .scenario import MONTHS, draw, draw_interruption, draw_rates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulation.world import Interruption

    from .process import TapResult
    from .scenario import Action

MEMORY = Path("/dev/shm")  # noqa: S108 - a file system without a disk
HOUR, DAY = 3600.0, 86_400.0
PAUSES = (0.0, 60.0, 1200.0, HOUR, 7 * HOUR, 25 * HOUR)
WIDE = ("company", "phone")


def simulate_tap(seed: int) -> list[str]:
    """Simulate a seed; return the calls of the last runs.

    Raises:
        AssertionError: when a check fails; it names the seed.
    """
    where = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as folder:
        simulation = TapSimulation(seed, Path(folder))
        undivided = simulation.scenario.undivided
        try:
            with patch.object(scan, "MAX_UNDIVIDED", undivided):
                simulation.run()
        except ViolationError as found:
            raise AssertionError(
                f"tap, seed {seed}: {found}. Replay it with make simulate SEED={seed}"
            ) from found
    journal = simulation.audience.account.journal
    return [f"{each.at} {each.endpoint} {each.status}" for each in journal]


class TapSimulation:
    """The simulation of one seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.scenario = draw(seed)
        self._rng = random.Random(seed + 1)  # noqa: S311 - repeatable
        self._world = World(random.Random(seed + 2))  # noqa: S311 - repeatable
        self._folder = folder
        (folder / "ledger").mkdir()
        self.settings: dict[str, Any] = dict(self.scenario.settings)
        self.audience = Audience(
            self._rng,
            self._world,
            self.scenario.options,
            self.scenario.people,
            without_split=self.scenario.without_split,
            time_passes=bool(self.settings["full_scan_interval_hours"]),
        )
        self.job = Job()
        self._second = Job()
        self._catalog: dict[str, Any] = {}
        self._is_wide = self._rng.random() < 0.7
        self._clock_ahead = timedelta()
        # People who need not be in the store: members when the baseline was set.
        self.exempt: set[int] = set()
        self._exempt_at_backup: set[int] = set()
        self._baselines: dict[str | None, set[int]] = {}  # By lineage.
        self._exits_are_lost = False
        self._resends = False
        self._had_existing_users = True  # In the run before the last one.
        self.log: list[str] = []

    # What happens.

    def run(self) -> None:
        """Run the scenario, then check that the store converges."""
        self._catalog = discover(self._world, self.audience.account, self._config())
        for action in self.scenario.actions:
            self._pass_time()
            self._act(action)
        self._converge()

    def _act(self, action: Action) -> None:
        self.log.append(f"{self._world.now():.0f} {action}")
        getattr(self, "_" + action.replace(" ", "_"))()

    def _pass_time(self) -> None:
        pauses = (*PAUSES, self.scenario.most_days * DAY)
        self._advance(self._rng.choice(pauses))
        for _ in range(self._rng.choice((0, 1, 3, 6))):
            self.audience.act()

    def _advance(self, seconds: float) -> None:
        self._world.begin(None)
        self._world.advance(seconds)
        if seconds > 5 * DAY:
            self._exits_are_lost = True  # The ledger may forget the members.

    def _run(self) -> None:
        is_calm = self._rng.random() < 0.4
        self._run_job(is_calm=is_calm)

    def _stateless(self) -> None:
        """Run with the job's settings but without its state, as `config test` does."""
        self._start_run(is_calm=self._rng.random() < 0.5)
        self._process({}, draw_interruption(self._rng))

    def _second_job(self) -> None:
        """Run with another state id, which keeps its own state."""
        self._start_run(is_calm=True)
        ended = self._process(self._second.saved.state, None)
        state = self._second.deliver(ended.messages, self._rng)
        self._second.keep(Saved(state=state))

    def _older_state(self) -> None:
        if not self.job.former:
            return
        before = self._lineage
        self.job.saved = self._rng.choice(self.job.former)
        if self._lineage != before:
            # This lineage does not know what another one reported in the meantime.
            self._exits_are_lost = True
            self.exempt |= self._baselines.get(self._lineage, set())

    @property
    def _lineage(self) -> str | None:
        lineage: str | None = stream_part(self.job.saved.state).get("ledger_id")
        return lineage

    def _lost_state(self) -> None:
        self.job.keep(Saved())

    def _lost_ledger(self) -> None:
        if "ledger_path" not in self.settings:
            return
        self._exits_are_lost = True
        ledger, backup = self._folder / "ledger", self._folder / "backup"
        if not backup.exists():
            shutil.copytree(ledger, backup)
            self._exempt_at_backup = set(self.exempt)
        else:
            shutil.rmtree(ledger)
            shutil.copytree(backup, ledger)
            self.exempt |= self._exempt_at_backup
        if self._rng.random() < 0.5:
            shutil.rmtree(ledger)
            ledger.mkdir()

    def _settings(self) -> None:
        settings, kinds = self.settings, ["page_size", "scan_parallelism"]
        has_ledger = "ledger_path" in settings
        if has_ledger or (
            not self.scenario.is_lossy and not settings.get("emit_exits")
        ):
            kinds.append("existing_users")
        if has_ledger:
            kinds.append("emit_changes")
        name = self._rng.choice(kinds)
        if name == "page_size":
            settings[name] = self._rng.choice((2, 5, 100))
        elif name == "scan_parallelism":
            settings[name] = self._rng.choice((1, 2, 4, 8))
        else:
            settings[name] = not settings[name]

    def _selection(self) -> None:
        self._is_wide = not self._is_wide

    def _resend(self) -> None:
        if "resend" in DECLARED["properties"]:
            self._resends = True
            self._run_job(is_calm=self._rng.random() < 0.7)
            self._resends = False

    def _clock(self) -> None:
        """Let this machine's clock differ from Lytics' in the next runs."""
        seconds = self._rng.choice((0, 0, -7200, 40, 7200, MONTHS))
        self._clock_ahead = timedelta(seconds=seconds)

    def _rename(self) -> None:
        """Rename the audience during a run, and back after it."""
        slug = self.audience.slug
        self._world.interventions = [
            (self._rng.randint(1, 30), lambda: self.audience.rename("renamed"))
        ]
        self._run_job(is_calm=False)
        self._world.interventions = []
        if self.audience.slug != slug:
            self.audience.rename(slug)

    def _delete(self) -> None:
        """Run while the audience is deleted; it is restored afterwards."""
        self.audience.set_reachable(reachable=False)
        self._run_job(is_calm=False)
        self.audience.set_reachable(reachable=True)

    # Runs of the job.

    def _run_job(self, *, is_calm: bool) -> TapResult:
        """Run the job; a calm run has no faults and must succeed."""
        rng = None if is_calm else self._rng
        before = self.job.saved
        if self.job.store and not before.state:
            self._exits_are_lost = True
        began = self._world.now()
        self._start_run(is_calm=is_calm)
        ended = self._process(
            before.state, None if is_calm else draw_interruption(self._rng)
        )
        if is_calm and ended.status != 0:
            raise ViolationError(f"a run without faults fails: {ended.error}")
        checks.no_member_leaves(ended, self.audience.customers(self.audience.always))
        state = self.job.deliver(ended.messages, rng)
        self._save(before, state, began)
        for customer in exits(ended.messages):
            self.exempt -= {
                p.index for p in self.audience.people if p.customer == customer
            }
        if is_calm:
            part = stream_part(before.state)
            is_resumed = bool(part.get("scan_started_at"))
            former = json.loads(part.get("fingerprint") or "{}")
            self._had_existing_users = former.get("existing_users", True)
            visible = {p.index for p in self.audience.people if p.visible_at <= began}
            if before.state:
                self._check_calm(ended, visible, is_resumed=is_resumed)
        return ended

    def _save(self, before: Saved, state: dict[str, Any], began: float) -> None:
        part = stream_part(state)
        after = Saved(
            state=state,
            has_baseline=before.has_baseline or bool(part.get("last_whole_scan")),
            started_at=before.started_at,
        )
        if after.started_at is None and part.get("bookmark"):
            after.started_at = began
        if after.has_baseline and not before.has_baseline:
            self._set_baseline(part.get("ledger_id"))
        self.job.keep(after)

    def _set_baseline(self, lineage: str | None) -> None:
        if not self.settings["existing_users"]:
            self.exempt |= self.audience.ever
            self._baselines[lineage] = set(self.audience.ever)

    def _start_run(self, *, is_calm: bool) -> None:
        faults = self.audience.account.faults
        rates = draw_rates(self._rng, is_lossy=self.scenario.is_lossy)
        if self._clock_ahead > timedelta():
            rates.pop("date_ahead", None)  # One of the two clocks is right.
        faults.set_rates({} if is_calm else rates)
        self.log.append(f"    {self.settings} {{}}" if is_calm else f"    {rates}")
        if not is_calm and not self._world.interventions:
            self._world.interventions = self._draw_interventions()
        if is_calm:
            self._world.interventions = []
        self.audience.start_run()

    def _draw_interventions(self) -> list[tuple[int, Any]]:
        many = self._rng.choice((0, 0, 1, 3))
        steps = sorted(self._rng.randint(1, 40) for _ in range(many))
        return [(step, self.audience.act) for step in steps]

    def _process(
        self, state: Mapping[str, Any], interruption: Interruption | None
    ) -> TapResult:
        self._world.begin(interruption)
        journal = self.audience.account.journal
        calls_before = journal.total
        ended = run_tap(
            self._world,
            self.audience.account,
            TapInput(
                config=self._config(),
                catalog=self._selected_catalog(),
                state=state,
                clock_ahead=self._clock_ahead,
            ),
            self.audience.observe,
        )
        sent = len(records(ended.messages))
        self.log.append(
            f"    status {ended.status}, {sent} records, exits {exits(ended.messages)},"
            f" {interruption} {ended.error}"
        )
        checks.no_time_in_future(ended)
        if ended.status == 0 and interruption is None:
            checks.every_part_resumed(state, journal.since(calls_before))
        return ended

    def _config(self) -> dict[str, Any]:
        account = self.audience.account
        config = {
            "api_url": "https://lytics.example",
            "api_token": account.options.lytics_token,
            **self.settings,
        }
        if "ledger_path" in config:
            config["ledger_path"] = str(self._folder / "ledger/members.sqlite")
        return config | ({"resend": True} if self._resends else {})

    def _selected_catalog(self) -> dict[str, Any]:
        catalog = deepcopy(self._catalog)
        for row in catalog["streams"][0]["metadata"]:
            if row["breadcrumb"][1:] and row["breadcrumb"][1] in WIDE:
                row["metadata"]["selected"] = self._is_wide
        return catalog

    # Checks.

    def _check_calm(
        self, ended: TapResult, visible: set[int], *, is_resumed: bool
    ) -> None:
        if self.settings["existing_users"]:
            self.exempt.clear()
        expected = self._required() & self.audience.always & visible
        customers = self.audience.customers(expected)
        is_new = self.settings["existing_users"] and not self._had_existing_users
        if is_new and not is_resumed:
            checks.in_store(self.job, customers)
        if self._resends and not is_resumed:
            sent = {r.get("bigcommerce_customer_id") for r in records(ended.messages)}
            if missing := customers - sent:
                raise ViolationError(f"members {missing} are not sent again")

    @property
    def _is_divided(self) -> bool:
        """Whether even an audience this small is read in parts."""
        is_small = len(self.audience.people) <= self.scenario.undivided
        return self.settings["scan_parallelism"] > 1 and not is_small

    @property
    def _finds_all_exits(self) -> bool:
        members = self.audience.members()
        has_customers = bool(self.audience.customers(members))
        is_endless = self.scenario.options.scan_end == "repeat"
        if is_endless and self._is_divided:
            return False  # The scan of a part without members has no end.
        if "ledger_path" not in self.settings:
            # A version without records does not count as an empty audience.
            return has_customers
        # Nor does an empty scan of an audience that has members, or without an end.
        is_believed = has_customers or not (members or is_endless)
        return not self._exits_are_lost and is_believed

    def _required(self) -> set[int]:
        """The people who must be in the store, if they are members."""
        if self.settings["existing_users"] or "ledger_path" in self.settings:
            return {p.index for p in self.audience.people} - self.exempt
        started_at = self.job.saved.started_at
        if started_at is None:
            return set()
        return {
            p.index
            for p in self.audience.people
            if p.touched_at >= max(started_at, p.entered_at)
        }

    def _converge(self) -> None:
        """Run without faults; then the store must match the audience."""
        self._clock_ahead = timedelta()
        self._world.interventions = []
        self.log.append("converge")
        for seconds in (HOUR, 26 * HOUR, HOUR):
            self._advance(seconds)
            ended = self._run_job(is_calm=True)
        required = self._required() & self.audience.members()
        checks.in_store(self.job, self.audience.customers(required))
        if self.settings.get("emit_changes", True) and self._is_wide:
            people = [p for p in self.audience.people if p.index in required]
            checks.content(self.job, people)
        if self.settings.get("emit_exits") and self._finds_all_exits:
            checks.no_leaver_in_store(
                self.job, self.audience.customers(self.audience.members())
            )
        if "ledger_path" in self.settings:
            ended = self._run_job(is_calm=True)
            if records(ended.messages) or exits(ended.messages):
                raise ViolationError("a run without changes sends records")
