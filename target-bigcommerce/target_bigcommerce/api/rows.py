"""The rows that BigCommerce gives and takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from target_bigcommerce.errors import Refusal

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of rows, by their places in what was given: each in one of two."""

    done: dict[int, Row] = field(default_factory=dict)
    refused: dict[int, Refusal] = field(default_factory=dict)
