"""A reader that is slower than the tap gets whole lines, whatever interrupts them."""

from __future__ import annotations

import array
import fcntl
import signal
import termios
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.live_tap import RunningTap, StartTap

    Config = Callable[..., dict[str, Any]]

PIPE_PAGE = 4096
PATIENCE_SECONDS = 30


def await_full_pipe(tap: RunningTap) -> None:
    """Wait until the tap cannot write any more."""
    assert tap.process.stdout is not None
    descriptor = tap.process.stdout.fileno()
    room = fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ) - PIPE_PAGE
    waiting, end = array.array("i", [0]), time.monotonic() + PATIENCE_SECONDS
    while waiting[0] <= room and time.monotonic() < end:
        fcntl.ioctl(descriptor, termios.FIONREAD, waiting)
        time.sleep(0.01)
    assert waiting[0] > room


@pytest.mark.parametrize("buffering", ["PYTHONUNBUFFERED=1", "PYTHONUNBUFFERED="])
@pytest.mark.parametrize(
    ("signals", "all_pages"),
    [((signal.SIGSTOP, signal.SIGCONT), "read"), ((signal.SIGTERM,), "left")],
)
def test_a_signal_cuts_no_line_in_a_full_pipe(
    buffering: str,
    signals: tuple[signal.Signals, ...],
    all_pages: str,
    make_sandbox: Callable[..., Sandbox],
    config_of: Config,
    start_tap: StartTap,
) -> None:
    box = make_sandbox(members=500)
    tap = start_tap(config_of(box), through=("env", buffering))
    await_full_pipe(tap)

    for number in signals:
        tap.process.send_signal(number)
    status = tap.finish()  # Reads what is left, and every line must be whole.

    assert status == 0
    assert tap.messages[-1]["type"] == "STATE"
    assert len(tap.records) == len(tap.covered)
    assert (len(tap.records) == 500) == (all_pages == "read")
