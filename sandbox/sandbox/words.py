"""What changed in the store, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def diff_lines(diff: Mapping[str, Any]) -> Iterator[str]:
    """Say line by line what changed; no names and no addresses."""
    customers, values = diff["customers"], diff["values"]
    yield "what changed in the store:"
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
