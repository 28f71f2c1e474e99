"""Condenses observations for the record: hashes, and enough to find a difference."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from .observed import digest, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Json = Any

TYPE = re.compile(r'\{"type": ?"(SCHEMA|RECORD|STATE|ACTIVATE_VERSION)"')
STREAM = re.compile(r'"stream": ?"([^"]*)"')
SHORT = 60  # Characters; shorter texts are not hashed.


def condensed(step: Mapping[str, Json]) -> dict[str, Json]:
    """Condense one step of a scenario."""
    ways: dict[str, Callable[[Json], Json]] = {
        "stdout": _messages,
        "states": _states,
        "requests": _requests,
        "rejects": _rejects,
        "changes": _changes,
        "summary": _summary,
        "store": _store,
    }
    return {
        name: ways[name](value) if value and name in ways else value
        for name, value in step.items()
    }


def _messages(lines: list[str]) -> list[str]:
    """Group the hashes of consecutive messages by type and stream."""
    runs: list[tuple[str, list[str]]] = []
    for line in lines:
        kind, stream = TYPE.match(line), STREAM.search(line)
        label = f"{kind[1]} {_brief(stream[1]) if stream else ''}" if kind else "text"
        if not runs or runs[-1][0] != label:
            runs.append((label, []))
        runs[-1][1].append(digest(line, 4))
    texts = [
        f"{label} {len(kept)}: {_brief(' '.join(kept), 600)}" for label, kept in runs
    ]
    return [*texts, digest("\n".join(lines))]


def _states(lines: list[str]) -> list[str]:
    """Keep the hash of every state, and the content of the last."""
    return [
        " ".join(digest(line, 4) for line in lines),
        _brief(_without_nulls(lines[-1]), 400),
    ]


def _without_nulls(state: str) -> str:
    """Format a state without nulls."""

    def without_null(value: Json) -> Json:
        if isinstance(value, dict):
            return {k: without_null(v) for k, v in value.items() if v is not None}
        return value

    return to_text(without_null(json.loads(state)))


def _requests(counts: Mapping[str, int]) -> list[str]:
    """Group requests by method, path and status; hash their queries."""
    gathered: dict[str, Counter[str]] = {}
    for call, count in counts.items():
        words, _, status = call.rpartition(" -> ")
        path, _, query = words.partition("?")
        gathered.setdefault(f"{path} -> {status}", Counter())[query] += count
    return [
        f"{queries.total()} {_brief(call, 100)} {_queries(queries)}".rstrip()
        for call, queries in gathered.items()
    ]


def _queries(queries: Counter[str]) -> str:
    [first, *others] = queries
    if not others and len(first) <= SHORT:
        return first
    return digest(to_text(sorted(queries.items())))


def _rejects(rows: Iterable[str]) -> dict[str, str]:
    """Group the hashes of records by code and status."""
    gathered: dict[str, list[str]] = {}
    for row in rows:
        code, status, record = row.split(" ", 2)
        gathered.setdefault(f"{code} {status}", []).append(digest(record, 4))
    return {why: " ".join(kept) for why, kept in gathered.items()}


def _changes(rows: list[str]) -> str:
    return f"{len(rows)} {digest(to_text(rows))}"


def _summary(summary: Mapping[str, Json]) -> list[Json]:
    return [summary["outcomes"], digest(to_text(summary))]


def _store(store: Mapping[str, Json]) -> dict[str, Json]:
    """Keep the changed customers with a hash of each, and the attribute values."""
    fields: Counter[str] = Counter()
    for changed in store["customers"].values():
        fields.update(changed.keys())
    customers = [f"{n}:{digest(to_text(v), 4)}" for n, v in store["customers"].items()]
    kept = {
        "attributes": store["attributes"],
        "fields": dict(sorted(fields.items())),
        "customers": _brief(" ".join(customers), 200),
        "values": {key: _brief(ids) for key, ids in _largest(store["values"]).items()},
        "all": store["all"],
    }
    return {name: value for name, value in kept.items() if value}


def _largest(values: Mapping[str, str], most: int = 4) -> dict[str, str]:
    """Keep the most frequent values."""
    order = sorted(values, key=lambda key: (-len(values[key]), key))
    return {key: values[key] for key in order[:most]}


def _brief(text: str, most: int = SHORT) -> str:
    """Shorten a long text to its beginning, length and hash."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}… {len(text)} {digest(text)}"
