"""Normalizes observations: removes effects of time, randomness and thread order."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Json = Any

LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \| ([A-Z]+) +\| ")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
VERSION = re.compile(r'("version": ?)(\d{10,})')
LEDGER_ID = re.compile(r'("ledger_id": ?)"[^"]*"')
RECENT_SECONDS = 2 * 86_400
OUTPUT = tuple(
    f'{{"type":"{kind}"' for kind in ("SCHEMA", "RECORD", "ACTIVATE_VERSION", "STATE")
)
UNSTABLE_KEYS = ("seconds", "quota_wait_seconds")


def digest(text: str, length: int = 8) -> str:
    """Return the first digits of a text's hash."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:length]


def to_text(value: Json) -> str:
    """Format JSON canonically."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def masked(text: str) -> str:
    """Mask times near the machine's clock, scan versions and ledger ids."""
    versions: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        version = versions.setdefault(found[2], f"<version {len(versions) + 1}>")
        return f'{found[1]}"{version}"'

    text = VERSION.sub(name, TIME.sub(_without_now, text))
    return LEDGER_ID.sub(r'\1"<id>"', text)


def unordered(lines: Iterable[str]) -> list[str]:
    """Keep the schema and the last state, with the records sorted in between."""
    kinds = {name: [line for line in lines if name in line] for name in OUTPUT}
    schema, records, versions, states = kinds.values()
    return [*schema, *sorted(records), *versions, *states[-1:]]


def last_state(printed: bytes) -> Json:
    """Return the value of the last STATE, None if there is none."""
    found = [line for line in printed.splitlines() if b'{"type":"STATE"' in line]
    return json.loads(found[-1])["value"] if found else None


def members_of(printed: bytes) -> set[str]:
    """Return the keys of the members that were sent."""
    rows = map(json.loads, printed.splitlines())
    return {row["record"]["_member_id"] for row in rows if row["type"] == "RECORD"}


def mask_cursors(entries: Iterable[Mapping[str, Json]]) -> None:
    """Mask the cursors of scans, which depend on which part began first."""
    for entry in entries:
        if "start" in entry["query"]:
            entry["query"]["start"] = "<cursor>"


def _without_now(found: re.Match[str]) -> str:
    try:
        at = datetime.fromisoformat(found[0].replace(",", "."))
        seconds = at.timestamp()
    except (OverflowError, ValueError):
        return found[0]
    return "<now>" if abs(seconds - time.time()) < RECENT_SECONDS else found[0]


def of_log(text: str) -> dict[str, int]:
    """Count log lines by level, and other lines."""
    levels = Counter(
        found[1] if (found := LOG_LINE.match(line)) else "other"
        for line in text.splitlines()
    )
    return dict(sorted(levels.items()))


def of_requests(
    entries: Iterable[Mapping[str, Json]], names: Mapping[int, str]
) -> dict[str, int]:
    """Count requests by method, path, query and status.

    Ids of attribute values depend on thread order, so only their number is kept. Ids of
    attributes are replaced by names.
    """
    counts: Counter[str] = Counter()
    for entry in entries:
        query = dict(entry["query"])
        if "attribute-values" in entry["path"] and "id:in" in query:
            query["id:in"] = f"<{query['id:in'].count(',') + 1} ids>"
        for name in [name for name in query if name.startswith("attribute_id")]:
            ids = query[name].split(",")
            query[name] = ",".join(names.get(int(each), each) for each in ids)
        words = "&".join(f"{name}={query[name]}" for name in sorted(query))
        call = f"{entry['method']} {entry['path']}?{words}".rstrip("?")
        counts[f"{call} -> {entry['status']}"] += 1
    return dict(sorted(counts.items()))


def of_rejects(text: str) -> list[str]:
    """Keep code, status and record of each reject, in a fixed order."""
    kept = []
    for line in text.splitlines():
        row = json.loads(line)
        if row["type"] == "RECORD":
            reject = row.get("reject") or {}
            why = f"{reject.get('code')} {reject.get('status')}"
            kept.append(f"{why} {to_text(row['record'])}")
    return sorted(kept)


def of_changes(text: str) -> list[str]:
    """Return the changes without their times, in a fixed order."""
    rows = [json.loads(line) for line in text.splitlines()]
    return sorted(to_text({**row, "at": None}) for row in rows)


def of_summary(text: str) -> Json:
    """Return the summary without durations and counters of 0."""
    if not text:
        return None
    summary = json.loads(text)
    for name in UNSTABLE_KEYS:
        summary[name] = "<seconds>" if name in summary else None
    for name, value in summary.items():
        if isinstance(value, dict):
            summary[name] = {key: n for key, n in value.items() if n}
    return summary


def of_ledger(path: Path) -> dict[str, str]:
    """Return hashes of a ledger's layout and tables, without generated ids."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            return _tables(connection)
        except sqlite3.DatabaseError:
            return {"layout": "no database"}


def _tables(connection: sqlite3.Connection) -> dict[str, str]:
    tables = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
    ).fetchall()
    kept = {"layout": digest(to_text(tables))}
    for name, sql in tables:
        if sql.startswith("CREATE TABLE") and name != "lineage":
            rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608 - its own name
            texts = sorted(repr(row) for row in rows)
            kept[name] = f"{len(rows)} rows, {digest(to_text(texts))}"
    return kept


def of_files(folder: Path) -> dict[str, str]:
    """Return the modes of the files by name."""
    return {
        path.name: f"{path.stat().st_mode & 0o777:o}"
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def of_store(store: Mapping[str, Json]) -> dict[str, Json]:
    """Return the store's content without the ids of attributes and values."""
    names = names_of(store)
    values = {
        f"{value['customer_id']} {names[value['attribute_id']]}": value[
            "attribute_value"
        ]
        for value in store["values"]
    }
    kinds = {row["name"]: row["type"] for row in store["attributes"]}
    customers = {str(row["id"]): row for row in store["customers"]}
    return {"customers": customers, "attributes": kinds, "values": values}


def names_of(store: Mapping[str, Json]) -> dict[int, str]:
    """Return the names of the store's attributes by id."""
    return {row["id"]: row["name"] for row in store["attributes"]}


def of_changed_store(before: Json, after: Json) -> Json:
    """Return the differences between two views of a store, and a hash of the later."""
    customers = {
        number: _differing(before["customers"].get(number, {}), row)
        for number, row in after["customers"].items()
        if row != before["customers"].get(number)
    }
    values = {
        key: after["values"].get(key)
        for key in sorted(before["values"].keys() | after["values"].keys())
        if before["values"].get(key) != after["values"].get(key)
    }
    kept = {"attributes": after["attributes"], "customers": customers}
    return {**kept, "values": _by_value(values), "all": digest(to_text(after))}


def _differing(before: Mapping[str, Json], after: Mapping[str, Json]) -> Json:
    return {name: v for name, v in after.items() if before.get(name) != v}


def _by_value(values: Mapping[str, Json]) -> dict[str, str]:
    """Group customers by their value of an attribute."""
    gathered: dict[str, list[str]] = {}
    for key, value in values.items():
        customer, _, name = key.partition(" ")
        gathered.setdefault(f"{name}={value}", []).append(customer)
    return {key: " ".join(customers) for key, customers in sorted(gathered.items())}
