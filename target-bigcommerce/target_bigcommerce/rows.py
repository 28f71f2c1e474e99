"""The rows that BigCommerce gives and takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A definition: what every customer may have a value of."""

    id: int
    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeValue:
    """One value to write."""

    customer_id: int
    attribute_id: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredValue:
    """One value that the store has."""

    id: int
    attribute_id: int
    customer_id: int
    value: str
