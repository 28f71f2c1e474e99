"""A stream's SCHEMA: whether it can be used, and whether a record fits it."""

from __future__ import annotations

import difflib
import logging
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from target_bigcommerce.errors import InputError, RecordRejectedError, RejectCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

logger = logging.getLogger("target-bigcommerce.schema")


class StreamSchema:
    """What a stream says of its records.

    Raises:
        InputError: when it is no JSON Schema.
    """

    def __init__(
        self, stream: str, schema: Mapping[str, Any], keys: Sequence[str]
    ) -> None:
        self._stream = stream
        self._properties: Mapping[str, Any] = schema.get("properties") or {}
        # A tap that knows no schema names no properties at all.
        self._is_open = not self._properties or bool(
            schema.get("additionalProperties") or schema.get("patternProperties")
        )
        self._keys = keys
        try:
            # Offline: a schema from elsewhere must not make this process fetch things.
            self._validator = jsonschema_rs.validator_for(
                dict(schema),
                validate_formats=False,
                offline=True,
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        except ValueError:
            raise InputError(
                f"The SCHEMA of stream {stream} is no valid JSON Schema."
            ) from None

    def member(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        """Say which member a record is of, by the stream's keys."""
        return tuple(str(record.get(key)) for key in self._keys)

    def validate(self, record: Mapping[str, Any]) -> None:
        """See that a record keeps to the schema.

        Raises:
            RecordRejectedError: when it does not.
        """
        for key in self._keys:
            if key not in record:
                raise RecordRejectedError(
                    RejectCode.MISSING_KEY, f"it lacks its key {key}"
                )
        if self._validator.is_valid(record):
            return
        error = next(self._validator.iter_errors(record))
        place = ".".join(str(step) for step in error.instance_path) or "it"
        # The validator's own text quotes the value; where it is says enough.
        reason = f"{place} contradicts the stream's schema"
        raise RecordRejectedError(RejectCode.INVALID_RECORD, reason)

    def look_for(self, id_field: str, *, on_missing_id: str) -> None:
        """See that there can be customers; warn where the SCHEMA names no id of them.

        Raises:
            InputError: when every record would be skipped, naming what is near.
        """
        if self._has(id_field):
            return
        near = difflib.get_close_matches(id_field, self._properties, n=3, cutoff=0.4)
        meant = f" Is one of these meant: {', '.join(near)}?" if near else ""
        said = (
            f"The stream {self._stream} has no field {id_field!r}, which id_field names"
        )
        if on_missing_id == "skip" and not self._is_open:
            raise InputError(f"{said}.{meant}")
        logger.warning(
            "%s, in its SCHEMA: a record without it is a case for on_missing_id, which"
            " is %s.%s",
            said,
            on_missing_id,
            meant,
        )

    def warn_of_missing(self, sources: Iterable[str]) -> None:
        """Warn of mapped fields that the stream does not have: they stay unwritten."""
        missing = [] if self._is_open else [s for s in sources if not self._has(s)]
        if missing:
            logger.warning(
                "The stream %s has no field %s, which the mapping names: nothing is"
                " written from there.",
                self._stream,
                ", ".join(missing),
            )

    def _has(self, path: str) -> bool:
        steps = path.split(".")
        heads = (".".join(steps[:count]) for count in range(1, len(steps) + 1))
        return any(head in self._properties for head in heads)
