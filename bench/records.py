"""A sandbox whose members can all be written, their records, and runs of the target."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import Options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sandbox import Sandbox

Record = dict[str, str]
TARGET = (str(Path(sys.executable).parent / "target-bigcommerce"),)
STREAM = "vip_customers"
ID_FIELD = "bigcommerce_customer_id"
FIELDS = ("email", "first_name", "last_name", "company", ID_FIELD)
CHANGED_EVERY = 20  # 5 % of the customers.
NO_LIMIT = 10_000_000


def writable(members: int, **options: Any) -> Options:  # noqa: ANN401 - options
    """Return options without people that the target rejects or skips."""
    given = {"quota": NO_LIMIT, "journal_bodies": False, **options}
    return Options(
        members=members, without_id=0, unknown_id=0, refused=0, shared_id=0, **given
    )


def members(box: Sandbox) -> list[Record]:
    """Return the fields of each member."""
    found = (box.lytics.member(index) for index in box.lytics.members(STREAM))
    return [{name: row[name] for name in FIELDS if name in row} for row in found]


def lines(
    records: Iterable[Record], changed: Sequence[str] = (), *, state_every: int = 0
) -> Iterator[str]:
    """Yield a Singer line for each record, with other values of every 20th's fields."""
    properties = {name: {"type": ["null", "string"]} for name in FIELDS}
    schema = {"type": "object", "properties": properties}
    yield _line(type="SCHEMA", stream=STREAM, schema=schema, key_properties=[])
    number = 0
    for number, each in enumerate(records, 1):
        is_changed = number % CHANGED_EVERY == 0
        new = {name: f"1{each.get(name, '')}" for name in changed if is_changed}
        yield _line(type="RECORD", stream=STREAM, record={**each, **new})
        if state_every and number % state_every == 0:
            yield _line(type="STATE", value={"records": number})
    yield _line(type="STATE", value={"records": number})


def write_config(
    box: Sandbox, folder: Path, settings: Mapping[str, object]
) -> tuple[str, str]:
    """Write a configuration of the target; return the arguments that name it."""
    path = folder / "config.json"
    config = {**box.target_config(), "id_field": ID_FIELD, **settings}
    path.write_text(json.dumps(config), encoding="utf-8")
    return "--config", str(path)


def run(command: Sequence[str], source: Path, folder: Path) -> None:
    """Run a target over the records of a file, in a folder."""
    with source.open("rb") as records:
        subprocess.run(
            command, cwd=folder, stdin=records, check=True, capture_output=True
        )


def _line(**message: Any) -> str:  # noqa: ANN401 - JSON
    return json.dumps(message) + "\n"
