"""The registry of scenarios, by group and name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .stage import Stage

    Run = Callable[[Stage], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scenario.

    Args:
        group: name of the file that holds its record.
        name: unique within the group.
        options: sandbox options, named as on its command line.
        run: runs the plugins, and changes the account or store in between.
    """

    group: str
    name: str
    run: Run
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Group and name."""
        return f"{self.group}/{self.name}"


SCENARIOS: dict[str, Scenario] = {}

# Valid customers only, with the ids 1001, 1002 and so on.
CLEAN: Mapping[str, object] = {
    "members": 30,
    "others": 0,
    "newsletter": 0,
    "without_id": 0,
    "unknown_id": 0,
    "refused": 0,
    "shared_id": 0,
}


def add(group: str, name: str, run: Run, **options: object) -> None:
    """Add a scenario; its title must be new."""
    scenario = Scenario(group=group, name=name, run=run, options=options)
    if scenario.title in SCENARIOS:
        raise ValueError(f"duplicate scenario {scenario.title}")
    SCENARIOS[scenario.title] = scenario


def scenario(group: str, **options: object) -> Callable[[Run], Run]:
    """Add the decorated function as a scenario with its name."""

    def register(run: Run) -> Run:
        name: str = run.__name__
        add(group, name.replace("_", "-"), run, **options)
        return run

    return register
