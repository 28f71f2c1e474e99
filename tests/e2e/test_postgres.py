"""Every field type of the tap, through target-postgres into PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from support.meltano import ROOT
from support.plugins import run_tap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sandbox import Sandbox

TARGET = ROOT / ".venv" / "third_party" / "targets" / "bin" / "target-postgres"
STREAM = "vip_customers"
USER = "postgres"


def server_programs() -> Path:
    """Find PostgreSQL's server programs, which Debian does not put on PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("initdb")
    if on_path:
        places.append(Path(on_path).parent)
    if not places:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    if not TARGET.exists():
        pytest.skip("target-postgres is not installed; `make test` installs it")
    return places[-1]


def as_server(command: Sequence[str], folder: Path) -> None:
    """Run a program as a user that PostgreSQL accepts, as it refuses root."""
    is_root = os.geteuid() == 0
    prefix = ["runuser", "-u", USER, "--"] if is_root else []
    subprocess.run(
        [*prefix, *command], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )


@pytest.fixture
def port() -> Iterator[int]:
    """Serve an empty database on a loopback port."""
    programs = server_programs()
    # Not below pytest's own folder, which another user may not enter.
    folder = Path("/tmp") / f"postgres-{os.getpid()}"  # noqa: S108 - see above
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, USER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    cluster = str(folder / "cluster")
    options = f"-p {number} -c listen_addresses=127.0.0.1"
    options += f" -c unix_socket_directories={folder} -c fsync=off"
    control = [str(programs / "pg_ctl"), "--pgdata", cluster, "--wait"]
    log = str(folder / "log")
    try:
        initdb = str(programs / "initdb")
        given = ["--auth=trust", "--encoding=UTF8", f"--username={USER}", "--no-sync"]
        as_server([initdb, "--pgdata", cluster, *given], folder)
        as_server([*control, "--options", options, "--log", log, "start"], folder)
        yield number
        as_server([*control, "--mode", "fast", "stop"], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def load(lines: str, port: int, folder: Path) -> list[dict[str, Any]]:
    """Feed the target and return the rows of its table."""
    config = folder / "config.json"
    config.write_text(
        json.dumps(
            {
                "host": "127.0.0.1",
                "port": port,
                "user": USER,
                "password": "unused",
                "database": "postgres",
                "default_target_schema": "public",
                "add_record_metadata": False,
                "activate_version": False,
            }
        ),
        encoding="utf-8",
    )
    done = subprocess.run(
        [str(TARGET), "--config", str(config)],
        input=lines,
        encoding="utf-8",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    query = f"SELECT row_to_json(t) FROM {STREAM} t"  # noqa: S608 - a constant
    address = ["--host=127.0.0.1", f"--port={port}", f"--username={USER}"]
    output = subprocess.run(
        ["psql", *address, "--no-align", "--tuples-only", "--command", query],  # noqa: S607 - found on PATH
        check=True,
        encoding="utf-8",
        capture_output=True,
    )
    return [json.loads(line) for line in output.stdout.splitlines()]


def parse_time(text: str | None) -> datetime | None:
    """Parse a time; one without a zone is UTC, as target-postgres writes it."""
    if text is None:
        return None
    found = msgspec.convert(text, datetime)  # Any number of fraction digits.
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def test_target_postgres_gets_every_field_type(
    sandbox: Sandbox, tap_config: dict[str, Any], port: int, tmp_path: Path
) -> None:
    tap = run_tap(tap_config)
    [schema] = [m["schema"] for m in tap.messages if m["type"] == "SCHEMA"]
    times = {
        name
        for name, kind in schema["properties"].items()
        if kind.get("format") == "date-time"
    }

    rows = load(tap.stdout, port, tmp_path)

    sent = {record["_member_id"]: record for record in tap.records}
    assert len(rows) == len(sent) == sandbox.options.members
    for row in rows:
        expected = sent[row["_member_id"]]
        for name, value in row.items():
            if name in times:
                assert parse_time(value) == parse_time(expected[name]), name
            else:
                assert value == expected.get(name), name
