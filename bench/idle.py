"""CPU time and calls of the continuous pair while nothing changes.

python -m bench.idle [SECONDS …]

Each SECONDS is a poll interval; by default 5 and 60. The pair first exports everybody.
Then it is measured over whole passes, for at least a minute.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent
MEMBERS = 500
MEASURED_SECONDS = 60.0
WAIT_SECONDS = 0.2
ID_FIELD = "bigcommerce_customer_id"
AUDIENCES = ("vip_customers", "newsletter_readers", "nobody_yet")
CHECKS = "GET /v2/segment/{id}"  # The call that starts a pass of an audience.
TICKS = os.sysconf("SC_CLK_TCK")

Json = dict[str, Any]
KINDS: dict[str, tuple[Json, Json]] = {
    "without ledger": ({}, {"history": False}),
    "ledger, exits, history": (
        {
            "ledger_path": "members.ledger",
            "require_fields": [ID_FIELD],
            "emit_exits": True,
        },
        {"on_exit": "clear", "summary_path": "summary.json"},
    ),
    "the same, 3 audiences": (
        {
            "audiences": list(AUDIENCES),
            "ledger_path": "members.ledger",
            "require_fields": [ID_FIELD],
            "emit_exits": True,
        },
        {"on_exit": "clear", "summary_path": "summary.json"},
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """CPU seconds of each process so far, and the calls to each vendor."""

    at: float
    cpu: dict[str, float]
    calls: dict[str, int]


class Pair:
    """The tap and the target, connected by a pipe, and the sandbox they use."""

    def __init__(self, box: Sandbox, processes: dict[str, int], audiences: int) -> None:
        self._box = box
        self._processes = processes
        self._audiences = audiences

    def settle(self) -> Usage:
        """Wait until a pass makes no call to the store, after some that did."""
        before, now = None, self.after_passes(1)
        while not (before and 0 < before.calls["store"] == now.calls["store"]):
            before, now = now, self.after_passes(1)
        return now

    def after_passes(self, number: int) -> Usage:
        """Wait until so many passes have started.

        Raises:
            RuntimeError: when a process has ended.
        """
        counts = self._box.journal.counts
        last = counts[CHECKS] + number * self._audiences
        while counts[CHECKS] < last:
            for name, process in self._processes.items():
                if _state(process) in "ZX":
                    raise RuntimeError(f"{name} has ended")
            time.sleep(WAIT_SECONDS)
        cpu = {name: _cpu_seconds(pid) for name, pid in self._processes.items()}
        calls = {"lytics": 0, "store": 0}
        for key, count in self._box.journal.statuses.items():
            calls[key.split()[0]] += count
        return Usage(at=time.monotonic(), cpu=cpu, calls=calls)


@contextmanager
def running_pair(kind: str, poll_seconds: float) -> Iterator[Pair]:
    """Start a sandbox, the tap and the target; stop them at the end."""
    of_tap, of_target = KINDS[kind]
    with (
        tempfile.TemporaryDirectory() as name,
        Sandbox(Options(members=MEMBERS, quota=MEMBERS * 100)) as box,
        Path(name, "log").open("wb") as log,
    ):
        configs = {
            "tap-lytics": box.tap_config(
                **{
                    "audiences": [AUDIENCES[0]],
                    "existing_users": True,
                    "poll_interval_seconds": poll_seconds,
                    **of_tap,
                }
            ),
            "target-bigcommerce": box.target_config(
                id_field=ID_FIELD, batch_wait_limit_seconds=1, **of_target
            ),
        }
        tap = _start("tap-lytics", configs, log, stdout=subprocess.PIPE)
        target = _start(
            "target-bigcommerce",
            configs,
            log,
            stdin=tap.stdout,
            stdout=subprocess.DEVNULL,
        )
        if tap.stdout:
            tap.stdout.close()  # The target has it.
        try:
            pids = {"tap": tap.pid, "target": target.pid}
            yield Pair(box, pids, len(configs["tap-lytics"]["audiences"]))
        except RuntimeError:
            print(Path(name, "log").read_text(encoding="utf-8"), file=sys.stderr)
            raise
        finally:
            tap.terminate()
            tap.wait()
            target.wait()


def measure(kind: str, poll_seconds: int) -> str:
    """Return a line of results."""
    number = max(1, -(-int(MEASURED_SECONDS) // poll_seconds))
    with running_pair(kind, poll_seconds) as pair:
        start = pair.settle()
        end = pair.after_passes(number)
    seconds = end.at - start.at
    shares = {n: (end.cpu[n] - start.cpu[n]) / seconds for n in end.cpu}
    calls = {n: (end.calls[n] - start.calls[n]) / number for n in end.calls}
    return (
        f"{kind:23} every {poll_seconds:3} s, over {seconds:4.0f} s:"
        f" tap {shares['tap']:6.2%}, target {shares['target']:6.2%} of one CPU;"
        f" calls per pass: {calls['lytics']:.1f} to Lytics, {calls['store']:.1f} to the"
        " store"
    )


def _start(
    command: str,
    configs: Json,
    log: IO[bytes],
    *,
    stdin: IO[bytes] | None = None,
    stdout: int,
) -> subprocess.Popen[bytes]:
    folder = Path(log.name).parent
    path = folder / f"{command}.json"
    path.write_text(json.dumps(configs[command]), encoding="utf-8")
    arguments = [str(BIN / command), "--config", str(path)]
    return subprocess.Popen(
        arguments, cwd=folder, stdin=stdin, stdout=stdout, stderr=log
    )


def _stat(pid: int) -> list[str]:
    """Return the fields of Linux's /proc/PID/stat after the command's name."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return text.rpartition(") ")[2].split()


def _state(pid: int) -> str:
    return _stat(pid)[0]


def _cpu_seconds(pid: int) -> float:
    user, system = _stat(pid)[11:13]
    return (int(user) + int(system)) / TICKS


def main() -> None:
    """Measure and print."""
    intervals = [int(seconds) for seconds in sys.argv[1:]] or [5, 60]
    pairs = [(kind, seconds) for seconds in intervals for kind in KINDS]
    # All at once: other processes have little influence on CPU time.
    with ThreadPoolExecutor(len(pairs)) as pool:
        for line in pool.map(lambda pair: measure(*pair), pairs):
            print(line, flush=True)


if __name__ == "__main__":
    main()
