"""The corpus as scenarios: inputs and responses that once broke a plugin."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .canned_lytics import FOREVER, Canned
from .exits import COMPANY
from .registry import CLEAN, add

if TYPE_CHECKING:
    from .registry import Run
    from .stage import Stage

CORPUS = Path(__file__).parents[1] / "integration" / "corpus"
NOTE = re.compile(rb"# ([A-Z][a-z ]+): (.*)")
LYTICS = {"members": 25, "others": 5, "newsletter": 5}
EXITS = {"emit_exits": True}
LEDGER = {**EXITS, "require_fields": ["bigcommerce_customer_id"], "ledger_path": "l.db"}
JOBS: dict[str, dict[str, Any]] = {
    "versions": EXITS,
    "ledger": LEDGER,
    "ledger incremental": LEDGER,
    "discovery of all": {"audiences": []},
}
LATER = {"resumed", "incremental", "ledger", "ledger incremental"}


def read(path: Path) -> tuple[dict[str, str], bytes]:
    """Split a case into the notes in its first lines and the rest."""
    notes: dict[str, str] = {}
    rest = path.read_bytes()
    while found := NOTE.fullmatch(rest.partition(b"\n")[0]):
        notes[found[1].decode()] = found[2].decode()
        rest = rest.partition(b"\n")[2]
    return notes, rest


def _json(notes: dict[str, str], name: str, default: Any) -> Any:  # noqa: ANN401 - JSON
    return json.loads(notes[name]) if name in notes else default


def _for_tap(path: Path) -> Run:
    notes, content = read(path)
    job = notes.get("Job", "full")
    canned = Canned.read(
        content,
        kind=notes["On"],
        first=_json(notes, "First", 0),
        times=_json(notes, "Times", FOREVER),
    )

    def run(stage: Stage) -> None:
        settings = {
            "existing_users": True,
            "page_size": 5,
            "request_timeout_seconds": 2,
            **JOBS.get(job, {}),
        }
        state = None
        if job in LATER:
            printed = stage.tap(settings).splitlines()
            states = [m for m in map(json.loads, printed) if m["type"] == "STATE"]
            state = states[1 if job == "resumed" else -1]["value"]
            place = state["bookmarks"]["vip_customers"]
            if job == "ledger":
                place["last_whole_scan"] = "2001-01-01T00:00:00Z"
            place.update(_json(notes, "Bookmark", {}))
        is_discovery = job in {"discovery", "discovery of all"}
        stage.tap(
            settings,
            args=["--discover"] if is_discovery else [],
            state=state,
            canned=canned,
        )

    return run


def _for_target(path: Path) -> Run:
    notes, content = read(path)
    values = {int(n): value for n, value in _json(notes, "Values", {}).items()}

    def run(stage: Stage) -> None:
        if values:
            stage.put_values(values)
        settings = {"request_timeout_seconds": 5, **_json(notes, "Settings", {})}
        stage.target(content, {**COMPANY, **settings})

    return run


for _path in sorted((CORPUS / "tap").glob("*.case")):
    add("corpus-tap", _path.stem, _for_tap(_path), **LYTICS)
for _path in sorted((CORPUS / "target").glob("*.case")):
    _options = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in _json(read(_path)[0], "Store", {}).items()
    }
    add("corpus-target", _path.stem, _for_target(_path), **{**CLEAN, **_options})
