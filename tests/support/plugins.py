"""Run a plugin as a process and read what it wrote."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from support.processes import PluginProcess

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


BIN = Path(sys.executable).parent
SECRETS = ("api_token", "access_token")
ADDRESS = re.compile(r"[^\s@*\"']+@[\w-]+\.[a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Status and output of a finished process; the target's summary and rejects."""

    status: int
    stdout: str
    stderr: str
    summary: dict[str, Any] | None = None
    rejects: tuple[dict[str, Any], ...] = ()

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Every line of stdout as JSON."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records of a tap's output, of all streams, in order."""
        return [m["record"] for m in self.messages if m["type"] == "RECORD"]

    @property
    def state(self) -> dict[str, Any] | None:
        """The last state that a tap or a target printed."""
        return self.states[-1] if self.states else None

    @property
    def states(self) -> list[dict[str, Any]]:
        """All states, in order: STATE messages of a tap, plain lines of a target."""
        return [m.get("value", m) for m in self.messages if _is_state(m)]

    @property
    def outcomes(self) -> dict[str, int]:
        """How many records had which outcome, without outcomes that did not occur."""
        assert self.summary is not None, self.stderr
        return {name: n for name, n in self.summary["outcomes"].items() if n}

    @property
    def errors(self) -> list[str]:
        """The lines logged at ERROR."""
        lines = [line.split(" | ", 3) for line in self.stderr.splitlines()]
        return [
            parts[-1] for parts in lines if len(parts) > 1 and parts[1] == "ERROR   "
        ]


RunTarget = Callable[..., Run]  # A fixture: messages, then settings by keyword.


def run_tap(
    config: Mapping[str, Any],
    *,
    catalog: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    timeout: float = 100,
) -> Run:
    """Run tap-lytics to its end."""
    given = {"--config": config, "--catalog": catalog, "--state": state}
    return _run("tap-lytics", given, args=args, env=env, timeout=timeout)


def run_target(
    config: Mapping[str, Any],
    lines: Iterable[Mapping[str, Any] | str],
    *,
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    timeout: float = 100,
) -> Run:
    """Run target-bigcommerce over Singer messages (or raw lines) to its end.

    The run must pass the checks of `examine`.
    """
    with tempfile.TemporaryDirectory() as folder:
        full = with_files(config, Path(folder))
        run = _run(
            "target-bigcommerce",
            {"--config": full},
            args=args,
            env=env,
            stdin=to_text(lines),
            timeout=timeout,
        )
        return examine(run, full, env)


def to_text(lines: Iterable[Mapping[str, Any] | str]) -> str:
    """Write messages as JSON lines; strings are lines already."""
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    return "".join(text + "\n" for text in texts)


def with_files(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Put the target's files into the folder, unless the configuration has paths."""
    return {
        "rejects_path": str(folder / "rejects.jsonl"),
        "history_path": str(folder / "history.sqlite"),
        "summary_path": str(folder / "summary.json"),
        **config,
    }


def examine(run: Run, config: Mapping[str, Any], env: Mapping[str, str] | None) -> Run:
    """Check what holds for every run of the target, and add the content of its files.

    Outcomes add up to the records, no output contains a token, and no log above DEBUG
    contains an email address or a traceback.
    """
    texts = [_read(config.get(name)) for name in ("rejects_path", "summary_path")]
    assert_no_secret((run.stdout, run.stderr, *texts), config)
    if not {"DEBUG"} & {v for k, v in (env or {}).items() if k.endswith("LOGLEVEL")}:
        assert not ADDRESS.findall(run.stderr), run.stderr
        assert "Traceback" not in run.stderr, run.stderr
    rejects, summary = texts
    if summary:
        assert_sums(json.loads(summary))
    return replace(
        run,
        summary=json.loads(summary) if summary else None,
        rejects=tuple(json.loads(line) for line in rejects.splitlines()),
    )


def _read(path: Any) -> str:  # noqa: ANN401 - a setting
    is_there = isinstance(path, str) and Path(path).is_file()
    return Path(path).read_text(encoding="utf-8") if is_there else ""


def run_pipe(
    tap_config: Mapping[str, Any],
    target_config: Mapping[str, Any],
    *,
    catalog: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
    timeout: float = 100,
) -> tuple[Run, Run]:
    """Run `tap-lytics … | target-bigcommerce …` as a shell would.

    Without a catalog the tap runs discovery itself.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = {"--config": tap_config, "--catalog": catalog, "--state": state}
        full = with_files(target_config, folder)
        with (folder / "tap.err").open("w") as stderr:
            tap = PluginProcess("tap-lytics", _write(folder, given), stderr=stderr)
        with (folder / "target.err").open("w") as stderr, tap.stdout as records:
            target = PluginProcess(
                "target-bigcommerce",
                _write(folder, {"--config": full}, prefix="target-"),
                stdin=records,
                stderr=stderr,
            )
        status, stdout = _finish(target, timeout)
        tap_status = tap.wait(timeout)
        errors = [(folder / f"{side}.err").read_text() for side in ("tap", "target")]
        loaded = Run(status=status, stdout=stdout, stderr=errors[1])
        loaded = examine(loaded, full, None)
    assert_no_secret((stdout, *errors), tap_config)
    return Run(status=tap_status, stdout="", stderr=errors[0]), loaded


def merge(into: Any, new: Any) -> Any:  # noqa: ANN401 - JSON
    """Merge states as Meltano does: key by key, without removing any."""
    if isinstance(into, dict) and isinstance(new, dict):
        shared = {k: merge(into[k], new[k]) if k in into else new[k] for k in new}
        return {**into, **shared}
    assert not isinstance(new, dict), "Meltano fails here"
    return new


def assert_sums(summary: Mapping[str, Any]) -> None:
    """Assert that every record has one outcome, or is left for the next run."""
    assert sum(summary["outcomes"].values()) == summary["records"], summary
    assert summary["left"] >= 0, summary
    assert summary["left"] == 0 or summary["exit_status"] != 0, summary


def assert_no_secret(texts: Iterable[str], config: Mapping[str, Any]) -> None:
    """Assert that no text contains a token of the configuration."""
    secrets = [config[key] for key in SECRETS if isinstance(config.get(key), str)]
    for secret in secrets:
        assert not any(secret in text for text in texts if secret), "a token leaked"


def _run(
    executable: str,
    files: Mapping[str, Mapping[str, Any] | None],
    *,
    args: Sequence[str],
    env: Mapping[str, str] | None,
    timeout: float,
    stdin: str = "",
) -> Run:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = [*_write(folder, files), *args]
        with (folder / "stderr").open("w+b") as stderr:
            process = PluginProcess(
                executable, options, stdin=subprocess.PIPE, stderr=stderr, env=env
            )
            writer = threading.Thread(target=_feed, args=(process.stdin, stdin))
            writer.start()
            status, stdout = _finish(process, timeout)
            writer.join()
            stderr.seek(0)
            run = Run(status=status, stdout=stdout, stderr=stderr.read().decode())
    assert_no_secret((run.stdout, run.stderr), files["--config"] or {})
    return run


def _feed(pipe: IO[bytes], text: str) -> None:
    # A plugin may exit before it has read everything.
    with suppress(BrokenPipeError), pipe:
        rest = memoryview(text.encode())
        while rest:
            rest = rest[pipe.write(rest) :]


def _finish(process: PluginProcess, timeout: float) -> tuple[int, str]:
    """Read to the end and wait; a plugin that does not end in time is killed."""
    timer = threading.Timer(timeout, process.kill)
    timer.start()
    try:
        with process.stdout:
            stdout = process.stdout.read().decode()
        return process.wait(), stdout
    finally:
        timer.cancel()


def _write(
    folder: Path, files: Mapping[str, Mapping[str, Any] | None], *, prefix: str = ""
) -> list[str]:
    """Write each value to a file; return the options that name the files."""
    options = []
    for option, value in files.items():
        if value is not None:
            path = folder / f"{prefix}{option.strip('-')}.json"
            path.write_text(json.dumps(value), encoding="utf-8")
            options += [option, str(path)]
    return options


def _is_state(message: Mapping[str, Any]) -> bool:
    kind: str = message.get("type", "STATE")
    return kind == "STATE"
