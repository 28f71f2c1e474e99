"""A STATE that is covered goes out at once, and not more often than once a second."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from support.plugins import to_text
from support.singer import record, schema, state

if TYPE_CHECKING:
    from sandbox import Clock, Sandbox
    from support.target_job import MakeJob

Message = dict[str, Any]
STATES = 12


class Slow(io.StringIO):
    """An input of which each line takes some seconds to come."""

    def __init__(self, text: str, clock: Clock, seconds: float) -> None:
        super().__init__(text)
        self._clock, self._seconds = clock, seconds

    @override
    def __next__(self) -> str:
        self._clock.advance(self._seconds)
        return super().__next__()


def skipped(count: int) -> list[Message]:
    """Records that are skipped, with a state after each."""
    return [m for n in range(count) for m in (record(None), state(n))]


@pytest.mark.parametrize(
    ("seconds", "printed"),
    [
        pytest.param(0.0, [0, 11], id="all at once"),
        pytest.param(0.25, [0, 2, 4, 6, 8, 10, 11], id="two a second"),
        pytest.param(0.5, [*range(STATES)], id="one a second"),
    ],
)
def test_a_covered_state_is_printed_at_once_and_at_most_once_a_second(
    seconds: float,
    printed: list[int],
    box: Sandbox,
    make_job: MakeJob,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job = make_job(box)
    text = to_text([schema(), *skipped(STATES)])

    job.target.run(Slow(text, box.clock, seconds))

    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["n"] for line in lines] == printed


@pytest.mark.parametrize("trial", [{"dry_run": True}, {"limit": 5}])
def test_a_trial_prints_none(
    trial: dict[str, Any],
    box: Sandbox,
    make_job: MakeJob,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job = make_job(box, **trial)

    job.target.run(Slow(to_text([schema(), *skipped(STATES)]), box.clock, 1.0))

    assert capsys.readouterr().out == ""
