"""Counts the project's files that one small run of each plugin enters.

python -m bench.tour

A file is entered when one of its functions is called, in any thread, between the start
of the console script and its exit. Calls during imports do not count, because every run
imports nearly every file. The number approximates how many files a reader opens.
"""

from __future__ import annotations

import atexit
import json
import runpy
import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, FrameType

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PAGE = 100
AUDIENCE = "vip_customers"
ID_FIELD = "bigcommerce_customer_id"
SHARED = "singer_kit"
# Frames of the import system; the console script itself runs below `runpy`.
IMPORTING = "<frozen importlib._bootstrap>"

Json = dict[str, Any]


class Tour:
    """Collects the code objects that are called, except during imports."""

    def __init__(self) -> None:
        self._codes: set[CodeType] = set()

    def start(self) -> None:
        """Watch this thread and those it starts."""
        threading.setprofile(self._watch)
        sys.setprofile(self._watch)

    def stop(self) -> None:
        """Stop watching this thread."""
        sys.setprofile(None)
        threading.setprofile(None)

    def files(self) -> list[str]:
        """Return the files of the code called so far."""
        return sorted({code.co_filename for code in self._codes.copy()})

    def _watch(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code not in self._codes and not _importing(frame):
            self._codes.add(code)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            return True
        frame = frame.f_back
    return False


def watch(report: Path, script: str, arguments: Sequence[str]) -> None:
    """Run a console script in this process; write the entered files at exit."""
    tour = Tour()

    @atexit.register
    def write() -> None:
        tour.stop()
        report.write_text(json.dumps(tour.files()), encoding="utf-8")

    sys.argv = [script, *arguments]
    tour.start()
    runpy.run_path(script, run_name="__main__")


def entered(script: str, config: Json, messages: Sequence[Json] = ()) -> set[str]:
    """Run a console script in its own process; return the files it enters."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, settings = folder / "messages.jsonl", folder / "config.json"
        source.write_text("".join(json.dumps(each) + "\n" for each in messages))
        settings.write_text(json.dumps(config))
        report = folder / "files.json"
        command = [sys.executable, __file__, str(report), str(BIN / script)]
        with source.open("rb") as lines:
            process = subprocess.run(
                [*command, "--config", str(settings)],
                check=False,
                cwd=folder,
                stdin=lines,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                encoding="utf-8",
            )
        if process.returncode:
            raise SystemExit(f"{script} failed:\n{process.stderr}")
        return set(json.loads(report.read_text()))


def target_run(box: Sandbox) -> set[str]:
    """Write one changed customer of a new store, and one attribute value."""
    config = box.target_config()
    customer = _first_customer(config)
    kinds = {ID_FIELD: "integer", "email": "string", "company": "string"}
    properties = {name: {"type": ["null", kind]} for name, kind in kinds.items()}
    schema = {"type": "object", "properties": properties}
    record = {
        ID_FIELD: customer["id"],
        "email": customer["email"],
        "company": f"{customer['company']} & Sons",
    }
    messages: list[Json] = [
        {"type": "SCHEMA", "schema": schema, "key_properties": []},
        {"type": "RECORD", "record": record},
    ]
    mapping = [{"from": name, "to": name} for name in ("email", "company")]
    return entered(
        "target-bigcommerce",
        {**config, "id_field": ID_FIELD, "map_standard_fields": mapping},
        [
            *({**message, "stream": AUDIENCE} for message in messages),
            {"type": "STATE", "value": {"done": True}},
        ],
    )


def tap_run(box: Sandbox) -> set[str]:
    """Read an audience of one page in full."""
    return entered(
        "tap-lytics", box.tap_config(audiences=[AUDIENCE], existing_users=True)
    )


def main() -> None:
    """Count and print."""
    for run, package in ((target_run, "target_bigcommerce"), (tap_run, "tap_lytics")):
        with Sandbox(Options(members=PAGE)) as box:
            files = run(box)
        own = [path for name in (package, SHARED) for path in _sources(name)]
        found = [path for path in own if str(path) in files]
        title = run.__name__.removesuffix("_run")
        print(f"{title}: {len(found)} of {len(own)} files entered")
        for path in found:
            print(f"  {path.relative_to(ROOT)}")


def _first_customer(config: Json) -> Json:
    url = f"{config['api_url']}/stores/{config['store_hash']}/v3/customers?limit=1"
    token = {"X-Auth-Token": config["access_token"]}
    with urlopen(Request(url, headers=token)) as response:  # noqa: S310 - the sandbox
        rows: list[Json] = json.load(response)["data"]
        return rows[0]


def _sources(package: str) -> list[Path]:
    """Return a package's files; none for one that is not installed."""
    spec = find_spec(package)
    folders = (spec and spec.submodule_search_locations) or []
    return sorted(path for folder in folders for path in Path(folder).rglob("*.py"))


if __name__ == "__main__":
    if sys.argv[1:]:
        watch(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
    else:
        main()
