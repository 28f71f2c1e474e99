"""The account's user fields as both versions of the schema call tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fields import Field

if TYPE_CHECKING:
    from .population import Population

BUILTINS = (("_created", "date"), ("_modified", "date"), ("_split", "int"))


def schema_table(population: Population) -> dict[str, Any]:
    """`GET /api/schema/user`, in the recorded form."""
    fields = _fields(population)
    return {
        "name": "user",
        "by_fields": [field.name for field in fields if field.is_by],
        "columns": [_column(field) for field in fields],
    }


def schema_fields(population: Population) -> list[dict[str, Any]]:
    """`GET /v2/schema/user/field`, in a plausible form."""
    return [
        {
            "id": field.name,
            "type": field.type,
            "shortdesc": field.label,
            "longdesc": "",
            "mergeop": field.merge,
            "is_identifier": field.is_by,
        }
        for field in _fields(population)
    ]


def _column(field: Field) -> dict[str, Any]:
    return {
        "as": field.name,
        "is_by": field.is_by,
        "type": field.type,
        "op": field.merge,
        "shortdesc": field.label,
        "longdesc": "",
        "froms": ["default"],
        "identities": [field.name],
    }


def _fields(population: Population) -> list[Field]:
    fields = list(population.fields.values())
    if population.options.builtins_in_schema:
        fields += [Field(name=n, type=t, value=lambda _: None) for n, t in BUILTINS]
    return fields
