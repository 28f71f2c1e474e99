"""Blows fall on everybody, in every phase, while those whom they hit are there."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.blows import MELTANO, SIGNALS, VICTIMS, Blow, Phase, count, draw_blows
from chaos.killing import Fuse, strike
from chaos.storm import TRIES
from sandbox import Options, Sandbox

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

SCAN = ("lytics", "GET", "/api/segment/vip_customers/scan")
LOOK_UP = ("store", "GET", "/stores/sandbox1/v3/customers")
WRITE = ("store", "PUT", "/stores/sandbox1/v3/customers")


@pytest.fixture
def box() -> Sandbox:
    return Sandbox(Options(members=5))


def call(box: Sandbox, side: str, method: str, path: str) -> None:
    getattr(box, side).handle(method, path)


def blow(phase: Phase, victim: str = MELTANO) -> Blow:
    return Blow(victim=victim, signal=signal.SIGKILL, phase=phase, calls=1)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that would wait for ever."""
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    with subprocess.Popen(command, start_new_session=True) as waiting:
        yield waiting
        waiting.kill()


@given(st.randoms(use_true_random=False))
def test_each_victim_has_each_signal_before_one_comes_again(
    chance: random.Random,
) -> None:
    drawn = islice(draw_blows(chance), 24)

    pairs = [(each.victim, each.signal) for each in drawn]
    everything = {(victim, number) for victim in VICTIMS for number in SIGNALS}
    assert set(pairs[:12]) == everything
    assert set(pairs[12:]) == everything


@given(st.randoms(use_true_random=False))
def test_a_blow_dealt_again_comes_at_the_first_call_in_the_end(
    chance: random.Random,
) -> None:
    late = next(draw_blows(chance))

    for _ in range(TRIES - 1):
        late = late.sooner

    assert late.calls == 1


@pytest.mark.parametrize(
    ("made", "phase"),
    [(SCAN, Phase.SCAN), (LOOK_UP, Phase.LOOK_UP), (WRITE, Phase.WRITE)],
)
def test_a_call_belongs_to_one_phase(
    box: Sandbox, made: tuple[str, str, str], phase: Phase
) -> None:
    call(box, *made)

    [entry] = box.journal
    assert {each for each in Phase if each.has(entry)} == {phase, Phase.BETWEEN}


def test_whoever_makes_the_call_waits_for_the_blow(box: Sandbox) -> None:
    caller, fuse = threading.Thread(target=call, args=(box, *SCAN)), Fuse(box)

    with fuse.lit(blow(Phase.SCAN)):
        caller.start()
        is_burnt = fuse.wait(5)
        is_held = caller.is_alive()
    caller.join(5)

    assert is_burnt
    assert is_held
    assert not caller.is_alive()


def test_a_call_of_another_phase_burns_nothing(box: Sandbox) -> None:
    fuse = Fuse(box)

    with fuse.lit(blow(Phase.WRITE)):
        call(box, *LOOK_UP)
        is_burnt = fuse.wait(0)

    assert not is_burnt


def test_a_blow_hits_who_is_there(
    box: Sandbox, process: subprocess.Popen[bytes]
) -> None:
    caller, fuse = threading.Timer(0.1, call, (box, *WRITE)), Fuse(box)
    caller.start()

    has_hit = strike(process, blow(Phase.WRITE), fuse)

    assert has_hit
    assert process.returncode == -signal.SIGKILL


def test_a_blow_at_a_run_that_is_over_counts_as_missed(
    box: Sandbox, process: subprocess.Popen[bytes]
) -> None:
    process.kill()
    process.wait()

    has_hit = strike(process, blow(Phase.WRITE), Fuse(box))

    assert not has_hit


def test_hits_are_told_by_victim_and_by_phase() -> None:
    hits = [blow(Phase.SCAN), blow(Phase.SCAN), blow(Phase.WRITE, "tap-lytics")]

    told = list(count(hits))

    assert told == [
        "2 to meltano, 1 to tap-lytics",
        "2 in the tap's scan: 2 SIGKILL to meltano",
        "0 in the target's look-up: nobody",
        "1 in the target's write: 1 SIGKILL to tap-lytics",
        "0 at any moment between: nobody",
    ]
