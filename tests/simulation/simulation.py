"""One seed: processes one after the other, until the input is done."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.bigcommerce.store import Store
from sandbox.faults import Faults
from sandbox.journal import Journal

from . import checks, trials
from .cast import TYPES, audience_of
from .memory_file import MemoryFile
from .model import leavers
from .others import Others
from .process import run_process
from .scenario import draw
from .tap import sent
from .watch import Watch
from .wire import Wire
from .world import ViolationError, World

if TYPE_CHECKING:
    from .process import Ended
    from .scenario import Try

CALM_AFTER = 8  # Processes; nothing goes wrong in later ones.
MOST_PROCESSES = 20


def simulate(seed: int) -> list[str]:
    """Simulate a seed; return the calls that were made.

    Raises:
        ViolationError: when a check fails; it names the seed.
    """
    with MemoryFile() as file:
        try:
            simulation = Simulation(seed, file)
            simulation.run()
        except ViolationError as found:
            raise AssertionError(
                f"seed {seed}: {found}. Replay it with make simulate SEED={seed}"
            ) from found
    journal = simulation.store.journal
    return [f"{each.at} {each.endpoint} {each.status}" for each in journal]


class Simulation:
    """One seed."""

    def __init__(self, seed: int, file: MemoryFile) -> None:
        self.scenario = draw(seed)
        self.file = file
        self._world = World(random.Random(seed + 1))  # noqa: S311 - repeatable
        options = self.scenario.options
        faults = Faults(options.fault_rates, seed=seed, seconds=options.fault_seconds)
        self.store = Store(options, self._world.clock, faults, Journal(100_000))
        self.scenario.cast.create_in(self.store)
        self.others = Others(self._world.chance, self.store, self.scenario.cast)
        self._watch = Watch(self._world, self.store, self._may_clear)
        width = self.scenario.settings["max_in_flight"]
        self.wire = Wire(self._world, self.store, self._watch, width)
        self.leavers = leavers(self.scenario)
        exits = [entry for entry in self.scenario.entries if entry.leaves]
        self._exits = {(entry.who, audience_of(entry.stream)) for entry in exits}
        self._most_cleared: int = self.scenario.settings["max_clear_percent"]
        self._may_clear_exits = True
        self._state = 0
        self.processes = 0
        self.starts = 0
        self.has_restarted = False

    def run(self) -> None:
        """Run processes until the input is done, then check the store."""
        before = trials.contents(self.store)
        self._world.interventions = [
            (step, partial(self.others.act, what))
            for step, what in self.scenario.interventions
        ]
        is_whole = False
        while not is_whole:
            self._run_trial(self.scenario.tries.get(self.processes))
            is_whole = self._run_once()
        checks.end(self, before)

    def _run_trial(self, kind: Try | None) -> None:
        """Run a process with dry_run or limit."""
        self._world.begin(None)
        if kind == "dry run":
            interventions, self._world.interventions = self._world.interventions, []
            left = trials.contents(self.store), self.file.lines()
            ended = self._process(self._state, dry_run=True)
            trials.dry_run(ended, self, left)
            self._world.interventions = interventions
        elif kind == "limit":
            limit = self._world.chance.randint(1, 8)
            before = trials.contents(self.store)
            ended = self._process(self._state, limit=limit)
            trials.limit(ended, self, before, limit)
            checks.process(ended, self._world)
            checks.covered(self, self._state)

    def _run_once(self) -> bool:
        """Run one process; return whether the whole input is done."""
        self.processes += 1
        if self.processes > MOST_PROCESSES:
            raise ViolationError("the runs never come to an end")
        self._set_trouble()
        begun = self._state
        ended = self._process(begun)
        self._most_cleared = trials.suggested_percent(ended, self._most_cleared)
        for state in ended.states:
            self._state = checks.read_state(state, self._state)
        checks.process(ended, self._world)
        checks.covered(self, self._state)
        if ended.status != 0:
            return False
        if begun and self.scenario.versions:
            # Only a version that was read completely is activated.
            self._state, self.has_restarted = 0, True
            return False
        return True

    @property
    def _is_calm(self) -> bool:
        return self.processes > CALM_AFTER

    def _set_trouble(self) -> None:
        if self._is_calm:
            self.store.faults.clear()
            self._world.interventions.clear()
        at, troubles = self.processes - 1, self.scenario.troubles
        self._world.begin(troubles[at] if at < len(troubles) else None)

    def _process(self, begun: int, **settings: bool | int) -> Ended:
        self.starts += 1
        self._may_clear_exits = "limit" not in settings
        self._watch.begin(self._most_cleared)
        config = {**self._config(), **settings}
        text = sent(self.scenario, begun, version=self.starts + 1)
        trouble = self._world.trouble
        ended = run_process(self._world, self.wire, self.file, config=config, text=text)
        if trouble and trouble.what == "power" and self._world.is_dead:
            self.file.lose(self._world.chance)
        return ended

    def _config(self) -> dict[str, Any]:
        full = self.scenario.full_disk == self.processes - 1
        options = self.scenario.options
        config = {
            "store_hash": options.store_hash,
            "access_token": options.store_token,
            "api_url": "https://store.example",
            "id_field": "id",
            "rejects_path": "/dev/full" if full else self.file.path,
            **self.scenario.settings,
            "max_clear_percent": self._most_cleared,
        }
        if self._is_calm:
            config["max_rejects"] = 1000  # As the error message says.
        return config

    def _may_clear(self, customer_id: int, name: str) -> bool:
        if name in TYPES:
            return bool(self.scenario.settings["on_null"] == "clear")
        has_left = (customer_id, name) in self.leavers | self._exits
        return has_left and self._may_clear_exits
