"""Simulates a seed: runs processes until the whole input is processed."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.bigcommerce.store import Store
from sandbox.faults import Faults
from sandbox.journal import Journal

from . import checks
from .entries import ATTRIBUTES
from .model import leavers
from .monitor import StoreMonitor
from .population import TYPES, OtherApps, audience_of
from .process import MemoryFile, memory_folder, run_process
from .scenario import FATAL, HARMLESS, MONTHS, UNEXPLAINED, draw, side_input, to_input
from .wire import Wire
from .world import ViolationError, World

if TYPE_CHECKING:
    from pathlib import Path

    from .process import ProcessResult
    from .scenario import HistoryFate, Try

FAULT_FREE_AFTER = 8  # Processes; later ones have no faults.
MOST_PROCESSES = 20
SIDE_ATTRIBUTES = [
    {"from": name, "to": to, "type": TYPES[to]} for name, to in ATTRIBUTES.items()
]


def simulate(seed: int) -> list[str]:
    """Simulate a seed; return the calls that were made.

    Raises:
        ViolationError: when a check fails; it names the seed.
    """
    with MemoryFile() as file, memory_folder() as folder:
        try:
            simulation = Simulation(seed, file, folder)
            simulation.run()
        except ViolationError as found:
            raise AssertionError(
                f"seed {seed}: {found}. Replay it with make simulate SEED={seed}"
            ) from found
    journal = simulation.store.journal
    return [f"{each.at} {each.endpoint} {each.status}" for each in journal]


class Simulation:
    """The simulation of one seed."""

    def __init__(self, seed: int, file: MemoryFile, folder: Path) -> None:
        self.scenario = draw(seed)
        self.file = file
        self.history_path = folder / "history.sqlite"
        self._world = World(random.Random(seed + 1))  # noqa: S311 - repeatable
        options = self.scenario.options
        faults = Faults(options.fault_rates, seed=seed, seconds=options.fault_seconds)
        self.store = Store(options, self._world.clock, faults, Journal(100_000))
        self.scenario.population.create_in(self.store)
        self.other_apps = OtherApps(
            self._world.rng, self.store, self.scenario.population
        )
        self.monitor = StoreMonitor(
            self._world,
            self.store,
            self._may_clear,
            has_other_deletions=not {*HARMLESS}.issuperset(
                kind for _, kind in self.scenario.interventions
            ),
        )
        width = self.scenario.settings["max_in_flight"]
        self.wire = Wire(self._world, self.store, self.monitor, width)
        self.leavers = leavers(self.scenario)
        exits = [entry for entry in self.scenario.entries if entry.leaves]
        self._exits = {(entry.customer, audience_of(entry.stream)) for entry in exits}
        self._most_cleared: int = self.scenario.settings["max_clear_percent"]
        self._may_clear_exits = True
        self._state = 0
        self.processes = 0
        self.starts = 0
        self.has_restarted = False

    def run(self) -> None:
        """Run processes until the input is processed, then check the store."""
        before = checks.contents(self.store)
        self._world.interventions = [
            (step, partial(self.other_apps.act, what))
            for step, what in self.scenario.interventions
        ]
        is_whole = False
        while not is_whole:
            self._change_history(self.scenario.histories.get(self.processes))
            self._run_trial(self.scenario.tries.get(self.processes))
            is_whole = self._run_once()
        checks.end(self, before)

    def _change_history(self, fate: HistoryFate | None) -> None:
        if fate == "lost":
            self._lose_history()
        elif fate == "shared":
            self._run_side_job()

    def _run_trial(self, kind: Try | None) -> None:
        """Run a process with dry_run or limit."""
        self._world.begin(None)
        if kind == "dry run":
            interventions, self._world.interventions = self._world.interventions, []
            left = checks.contents(self.store), self.file.lines()
            ended = self._process(self._state, dry_run=True)
            checks.dry_run(ended, self, left)
            self._world.interventions = interventions
        elif kind == "limit":
            limit = self._world.rng.randint(1, 8)
            before = checks.contents(self.store)
            ended = self._process(self._state, limit=limit)
            checks.limit(ended, self, before, limit)
            checks.process(ended, self._world, is_whole=self._is_whole)
            checks.covered(self, self._state)

    def _run_once(self) -> bool:
        """Run one process; return whether the whole input is processed."""
        self.processes += 1
        if self.processes > MOST_PROCESSES:
            raise ViolationError("the runs never finish")
        self._world.begin(None)
        self._world.advance(self.scenario.pauses.get(self.processes - 1, 0.0))
        self._set_interruption()
        begun = self._state
        ended = self._process(begun)
        self._most_cleared = checks.suggested_percent(ended, self._most_cleared)
        for state in ended.states:
            self._state = checks.read_state(state, self._state)
        checks.process(ended, self._world, is_whole=self._is_whole)
        checks.covered(self, self._state)
        if ended.status != 0:
            return False
        if begun and self.scenario.versions:
            # Only a version that was read in full is activated.
            self._state, self.has_restarted = 0, True
            return False
        return True

    @property
    def _is_whole(self) -> bool:
        return self._state == len(self.scenario.entries)

    @property
    def _is_fault_free(self) -> bool:
        return self.processes > FAULT_FREE_AFTER

    def _set_interruption(self) -> None:
        if self._is_fault_free:
            self.store.faults.clear()
            self._world.interventions.clear()
        at, interruptions = self.processes - 1, self.scenario.interruptions
        self._world.begin(interruptions[at] if at < len(interruptions) else None)

    def _process(self, begun: int, **settings: bool | int) -> ProcessResult:
        self.starts += 1
        self._may_clear_exits = "limit" not in settings
        ahead = self.scenario.clocks_ahead.get(self.processes - 1, 0.0)
        # Facts older than history_days are purged.
        self.monitor.begin(self._most_cleared, {} if ahead >= MONTHS else self.facts)
        calls_before = self.store.journal.total
        config = {**self._config(), **settings}
        text = to_input(self.scenario, begun, version=self.starts + 1)
        interruption = self._world.interruption
        ended = run_process(
            self._world,
            self.wire,
            self.file,
            config=config,
            text=text,
            clock_ahead=ahead,
        )
        checks.sizes(ended, self, self.store.journal.since(calls_before))
        if interruption and interruption.what == "power" and self._world.is_dead:
            self.file.lose(self._world.rng)
        return ended

    @property
    def facts(self) -> dict[str, int]:
        """What the history knows about the store."""
        if not self.history_path.exists():
            return {}
        with closing(sqlite3.connect(self.history_path)) as connection:
            found = connection.execute("SELECT name, value FROM store_facts")
            return {name: int(value) for name, value in found}

    @property
    def is_disturbed(self) -> bool:
        """Whether a call of values may fail for another reason than its size."""
        kinds = {kind for _, kind in self.scenario.interventions}
        options = self.scenario.options
        return bool(
            options.bad_rows
            or kinds - {*HARMLESS, "edit_customer"}
            or {*UNEXPLAINED, *FATAL}.intersection(options.fault_rates)
        )

    def _lose_history(self) -> None:
        for path in self.history_path.parent.glob(f"{self.history_path.name}*"):
            path.unlink()
        self.monitor.forget()

    def _run_side_job(self) -> None:
        """Run a job of another audience with the same store and history."""
        self._world.begin(None)
        interventions, self._world.interventions = self._world.interventions, []
        self.starts += 1
        self.monitor.begin(self._most_cleared, self.facts)
        config = {
            **self._config(),
            "map_standard_fields": [],
            "map_custom_attributes": SIDE_ATTRIBUTES,
            "on_missing_id": "skip",
            "rejects_path": str(self.history_path.with_name("side.jsonl")),
        }
        text = side_input(self._world.rng)
        ended = run_process(self._world, self.wire, self.file, config=config, text=text)
        checks.process(ended, self._world, is_whole=True)
        self._world.interventions = interventions

    def _config(self) -> dict[str, Any]:
        full = self.scenario.full_disk == self.processes - 1
        options = self.scenario.options
        config = {
            "store_hash": options.store_hash,
            "access_token": options.store_token,
            "api_url": "https://store.example",
            "id_field": "id",
            "rejects_path": "/dev/full" if full else self.file.path,
            "history_path": str(self.history_path),
            **self.scenario.settings,
            "max_clear_percent": self._most_cleared,
        }
        if self._is_fault_free:
            config["max_rejects"] = 1000  # As the error message suggests.
        return config

    def _may_clear(self, customer_id: int, name: str) -> bool:
        if name in TYPES:
            return bool(self.scenario.settings["on_null"] == "clear")
        has_left = (customer_id, name) in self.leavers | self._exits
        return has_left and self._may_clear_exits
