"""ACTIVATE_VERSION: clear the audience of those who were not seen under the version."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from target_bigcommerce.plan import Change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_bigcommerce.api.models import StoredValue
    from target_bigcommerce.run.export import Export

    from .versions import Seen

CLEARED_AT_ONCE = 100

logger = logging.getLogger("target-bigcommerce.exits")


def activate(export: Export, stream: str, seen: Seen) -> None:
    """Delete the audience's values of those who left; what waits is written already.

    Raises:
        TooManyClearsError: before the first deletion, when they are too many.
    """
    attribute = export.settings.audience_attribute_of(stream)
    doubt = _doubt(seen)
    if doubt:
        logger.warning(
            "%s: nobody is cleared from %s. If everybody is to be cleared, delete this"
            " attribute in BigCommerce.",
            doubt,
            attribute,
        )
        return
    for number in export.book.known_ids([attribute]):
        left = _left(export, number, stream, seen)
        export.guard.admit(
            len(left),
            attribute=attribute,
            total=lambda: export.store.count_values(number),  # noqa: B023 - used at once
        )
        _clear(export, stream, attribute, left)
        logger.info("Cleared %s of %d who left %s.", attribute, len(left), stream)


def _doubt(seen: Seen) -> str:
    if not seen.records:
        return (
            "No record came under the version that the tap activates (an emptied"
            " audience looks the same)"
        )
    if seen.unreadable:
        return (
            f"{seen.unreadable} records of the version had an unreadable id, or none"
            " and were rejected"
        )
    return ""


def _left(export: Export, number: int, stream: str, seen: Seen) -> list[StoredValue]:
    # Another's value in the attribute is not ours to delete.
    return [
        value
        for value in export.store.values_of(number)
        if value.value == stream and value.customer_id not in seen.customers
    ]


def _clear(
    export: Export, stream: str, attribute: str, values: Sequence[StoredValue]
) -> None:
    for at in range(0, len(values), CLEARED_AT_ONCE):
        part = values[at : at + CLEARED_AT_ONCE]
        export.store.delete_values([value.id for value in part])
        export.tally.cleared_by_version += len(part)
        for value in part:
            change = Change(name=attribute, is_attribute=True, old=value.value)
            export.note(stream, value.customer_id, [change])
