"""The registry of scenarios, by group and name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .stage import Stage

    Play = Callable[[Stage], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scenario.

    Args:
        group: name of the file that holds its record.
        name: unique within the group.
        options: sandbox options, named as on its command line.
        play: runs the plugins, and changes the account or store in between.
    """

    group: str
    name: str
    play: Play
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


def add(group: str, name: str, play: Play, **options: object) -> None:
    """Add a scenario; its title must be new."""
    scenario = Scenario(group=group, name=name, play=play, options=options)
    if scenario.title in SCENARIOS:
        raise ValueError(f"duplicate scenario {scenario.title}")
    SCENARIOS[scenario.title] = scenario


def scenario(group: str, **options: object) -> Callable[[Play], Play]:
    """Add the decorated function as a scenario with its name."""

    def register(play: Play) -> Play:
        name: str = play.__name__
        add(group, name.replace("_", "-"), play, **options)
        return play

    return register
