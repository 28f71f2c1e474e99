"""Whether the store has what it was sent. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .comparing import is_field_settled
from .fields import CUSTOMER_FIELDS
from .wanted import Want

if TYPE_CHECKING:
    from collections.abc import Mapping

# All that a look-up of customers can be asked to include.
INCLUDES = sorted({each.include for each in CUSTOMER_FIELDS.values()} - {""})


def has_fields(found: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Whether a customer is as a row of a PUT would have it."""
    return all(
        is_field_settled(name, Want(value=new), found.get(name), new)
        for name, new in sent.items()
        if name != "id"
    )
