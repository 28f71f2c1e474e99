"""The command line: options from arguments, `serve`, and `run` with its summary."""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .box import Sandbox
from .faults import KINDS
from .options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PORT = 8765
EPILOG = f"""\
A fault by probability is KIND=SHARE or KIND@METHOD /path=SHARE, for example
--fault 429=0.02 --fault "503_after@PUT /customers=0.05". Kinds: {", ".join(KINDS)}.
--set takes any option of the table in the README, for example
--set apply_valid_rows=true."""
OUTPUT = Path("output", "sandbox")  # Of the environment `sandbox` in meltano.yml.
DEFAULTS = {field.name: field.default for field in fields(Options)}
COMMAND_NOT_FOUND = 127
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(argv: Sequence[str]) -> int:
    """Run the command line; returns the exit status."""
    parser = build_parser()
    args = parser.parse_args(argv)
    try:
        box = Sandbox(to_options(args))
    except ValueError as error:
        parser.error(str(error))
    _start(box)
    try:
        return _serve(box) if args.verb == "serve" else _run(box, args.command)
    finally:
        box.stop()


def _start(box: Sandbox) -> None:
    try:
        box.start()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        box.start(port=0)
        _log(f"sandbox: port {box.options.port} is in use, using {box.port}")


def _serve(box: Sandbox) -> int:
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    _log(f"sandbox: serving at {box.url}")
    for name, value in box.env().items():
        sys.stdout.write(f"export {name}={value}\n")
    sys.stdout.flush()
    stopping.wait()
    return 0


def _run(box: Sandbox, command: Sequence[str]) -> int:
    words = list(command[1:] if command[:1] == ["--"] else command)
    if not words:
        _log("sandbox: run needs a command: python -m sandbox run -- CMD")
        return 2
    clear_output(OUTPUT)
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        status = run_command(words, {**box.env(), **fresh_state(Path(folder))})
    for line in diff_lines(box.store.diff()):
        _log(line)
    return status


def fresh_state(folder: Path) -> dict[str, str]:
    """Return the variables that let Meltano keep its state in a folder.

    The store of every run is new, and a state of an earlier one does not describe it.
    """
    return {
        "MELTANO_DATABASE_URI": f"sqlite:///{folder / 'meltano.db'}",
        "MELTANO_STATE_BACKEND_URI": "systemdb",
    }


def clear_output(folder: Path) -> None:
    """Remove the files of an earlier run, whose store was another one."""
    if folder.is_dir() and not folder.is_symlink() and any(folder.iterdir()):
        shutil.rmtree(folder)
        _log(f"sandbox: removed the files of an earlier run in {folder}")


def _log(text: str) -> None:
    # Not to stdout, which is the command's.
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


# Arguments.


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of `serve` and `run`."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A local Lytics and BigCommerce on one loopback port.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("serve", "Serve until interrupted."),
        (
            "run",
            (
                "Serve while CMD runs, then print what it changed in the store. CMD"
                " gets a new store and a new state of Meltano, and output/sandbox is"
                " emptied."
            ),
        ),
    ):
        subparser = verbs.add_parser(
            verb,
            help=text,
            description=text,
            epilog=EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_options(subparser)
        if verb == "run":
            subparser.add_argument(
                "command",
                nargs=argparse.REMAINDER,
                metavar="-- CMD ...",
                help="command to run, with the plugins' settings in its environment",
            )
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--port", type=int, default=PORT, help="0: any free port (%(default)s)")
    add("--members", type=int, default=1000, help="of vip_customers (%(default)s)")
    add("--seed", type=int, default=1, help="seed of the people (%(default)s)")
    add("--latency", type=float, default=0, metavar="MS", help="of every call, in ms")
    add("--quota", type=int, default=150, help="calls per window (%(default)s)")
    add("--window", type=float, default=30, metavar="S", help="seconds (%(default)s)")
    add(
        "--other-app",
        type=int,
        default=0,
        metavar="N",
        help="calls per window by another app (%(default)s)",
    )
    add(
        "--fault",
        type=_to_rate,
        action="append",
        default=[],
        metavar="KIND=SHARE",
        help="fault by probability; repeatable",
    )
    add(
        "--set",
        type=_to_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any option of the table in the README; repeatable",
    )


def _to_rate(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    if name.partition("@")[0] not in KINDS:
        raise argparse.ArgumentTypeError(f"unknown fault kind {name!r}")
    return name, float(share)


def _to_setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    default = DEFAULTS.get(name)
    if not isinstance(default, (bool, int, float, str)):
        raise argparse.ArgumentTypeError(f"unknown option {name!r}")
    try:
        return name, msgspec.convert(value, type(default), strict=False)
    except msgspec.ValidationError:
        kind = type(default).__name__
        raise argparse.ArgumentTypeError(f"{name} must be of type {kind}") from None


def to_options(args: argparse.Namespace) -> Options:
    """Turn arguments into options; raises ValueError if they are inconsistent."""
    options = Options(
        port=args.port,
        members=args.members,
        seed=args.seed,
        latency_ms=args.latency,
        quota=args.quota,
        window_seconds=args.window,
        other_app_calls_per_window=args.other_app,
        fault_rates=dict(args.fault),
    )
    return replace(options, **dict(args.set))


# Running a command.


def run_command(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a command, forwarding signals; returns its status, 128+n after a signal."""
    try:
        process = subprocess.Popen(command, env={**os.environ, **env})
    except OSError as error:
        _log(f"sandbox: cannot run {command[0]}: {error.strerror}")
        return COMMAND_NOT_FOUND
    before = {
        number: signal.signal(number, lambda n, _: _forward(process, n))
        for number in FORWARDED
    }
    try:
        status = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - status if status < 0 else status


def _forward(process: subprocess.Popen[bytes], number: int) -> None:
    # A terminal sends its SIGINT to the command as well; do not send it twice.
    sent_by_terminal = number == signal.SIGINT and sys.stdin.isatty()
    if process.poll() is None and not sent_by_terminal:
        process.send_signal(number)


def diff_lines(diff: Mapping[str, Any]) -> Iterator[str]:
    """Describe a store's diff line by line, in counts without personal data."""
    customers, values = diff["customers"], diff["values"]
    yield "changes in the store:"
    yield f"  customers updated   {len(customers['updated'])}"
    for name, count in customers["fields"].items():
        yield f"    {name:<30} {count}"
    yield f"  customers created   {len(customers['created'])}"
    yield f"  attributes created  {_names(diff['attributes']['created'])}"
    for verb in ("set", "changed", "cleared"):
        yield f"  values {verb:<12} {sum(values[verb].values())}"
        for name, count in values[verb].items():
            yield f"    {name:<30} {count}"


def _names(names: list[str]) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else "0"
