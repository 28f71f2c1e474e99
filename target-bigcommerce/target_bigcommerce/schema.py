"""What a stream's SCHEMA says: whether it can be used, and whether a record fits it."""

from __future__ import annotations

import difflib
import logging
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from .errors import InputError, RecordRejectedError, RejectCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

logger = logging.getLogger("target-bigcommerce.schema")


class StreamSchema:
    """The SCHEMA of one stream.

    Raises:
        InputError: when it is not a valid JSON Schema.
    """

    def __init__(
        self, stream: str, schema: Mapping[str, Any], keys: Sequence[str]
    ) -> None:
        self._stream = stream
        self._properties: Mapping[str, Any] = schema.get("properties") or {}
        # A tap that does not know its schema declares no properties.
        self._is_open = not self._properties or bool(
            schema.get("additionalProperties") or schema.get("patternProperties")
        )
        self._keys = keys
        try:
            # Offline: a $ref must not make this process send a request.
            self._validator = jsonschema_rs.validator_for(
                dict(schema),
                validate_formats=False,
                offline=True,
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        except ValueError:
            raise InputError(
                f"The SCHEMA of stream {stream} is not a valid JSON Schema."
            ) from None

    def member_key(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        """Identify a record's member by the stream's keys."""
        return tuple(str(record.get(key)) for key in self._keys)

    def validate(self, record: Mapping[str, Any]) -> None:
        """Check that a record has its keys and fits the schema.

        Raises:
            RecordRejectedError: when it does not.
        """
        for key in self._keys:
            if key not in record:
                reason = f"the record lacks its key {key}"
                raise RecordRejectedError(RejectCode.MISSING_KEY, reason)
        if self._validator.is_valid(record):
            return
        error = next(self._validator.iter_errors(record))
        # The validator's own text quotes the value.
        path = ".".join(str(step) for step in error.instance_path) or "the record"
        reason = f"{path} does not match the stream's schema"
        raise RecordRejectedError(RejectCode.INVALID_RECORD, reason)

    def check_id_field(self, id_field: str, *, on_missing_id: str) -> None:
        """Warn if the SCHEMA does not declare the id field.

        Raises:
            InputError: when every record would be skipped; names similar fields.
        """
        if self._has(id_field):
            return
        close = difflib.get_close_matches(id_field, self._properties, n=3, cutoff=0.4)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        problem = f"Stream {self._stream} has no field {id_field!r}, named by id_field"
        if on_missing_id == "skip" and not self._is_open:
            raise InputError(f"{problem}.{hint}")
        logger.warning(
            "%s, in its SCHEMA. on_missing_id (%s) applies to records without it.%s",
            problem,
            on_missing_id,
            hint,
        )

    def warn_about_missing(self, sources: Iterable[str]) -> None:
        """Warn about mapped fields that the stream does not have."""
        missing = [] if self._is_open else [s for s in sources if not self._has(s)]
        if missing:
            logger.warning(
                "Stream %s has no field %s, named in the mapping: nothing is written"
                " for it.",
                self._stream,
                ", ".join(missing),
            )

    def _has(self, path: str) -> bool:
        steps = path.split(".")
        heads = (".".join(steps[:count]) for count in range(1, len(steps) + 1))
        return any(head in self._properties for head in heads)
