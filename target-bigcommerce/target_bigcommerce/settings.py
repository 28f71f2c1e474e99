"""The settings as typed values, read once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from .declared import DECLARED
from .mapping import RecordMapping
from .records.entries import to_entries
from .records.fields import AUDIENCE_PREFIX, CUSTOMER_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .records.entries import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings after validation; nothing reads the configuration beyond here."""

    store_hash: str
    access_token: str
    id_field: str
    standard: tuple[Entry, ...]
    attributes: tuple[Entry, ...]
    audience_attribute: str | None
    job_id: str | None
    batch_size_rows: int
    batch_wait_limit_seconds: int
    on_missing_id: str
    on_exit: str
    max_clear_percent: int
    on_null: str
    max_in_flight: int
    quota_share_percent: int
    rejects_path: str
    max_rejects: int
    changes_path: str | None
    dry_run: bool
    limit: int | None
    summary_path: str | None
    api_url: str
    request_timeout_seconds: int
    user_agent: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Read a configuration that was validated and has its defaults."""
        optional = ("audience_attribute", "job_id", "changes_path", "summary_path")
        mapped = ("map_standard_fields", "map_custom_attributes", "limit", "api_url")
        names = {each.name for each in fields(cls)} & DECLARED["properties"].keys()
        plain = names - {*optional, *mapped}
        limit = config.get("limit")
        texts: dict[str, Any] = {name: config.get(name) or None for name in optional}
        return cls(
            **{name: _plain(config[name]) for name in plain},
            **texts,
            standard=to_entries(config["map_standard_fields"]),
            attributes=to_entries(config["map_custom_attributes"]),
            limit=None if limit is None else int(limit),
            api_url=config["api_url"].rstrip("/"),
        )

    def audience_attribute_of(self, stream: str) -> str:
        """Name the attribute that holds the slug of a stream's audience."""
        return self.audience_attribute or AUDIENCE_PREFIX + (self.job_id or stream)

    @property
    def record_mapping(self) -> RecordMapping:
        """How records become customers."""
        return RecordMapping(
            id_field=self.id_field,
            standard=self.standard,
            attributes=self.attributes,
            clears_nulls=self.on_null == "clear",
        )

    @property
    def includes(self) -> tuple[str, ...]:
        """What a look-up of customers must include, so that it can be compared."""
        found = (CUSTOMER_FIELDS[entry.to].include for entry in self.standard)
        return tuple(sorted({include for include in found if include}))


def _plain(value: Any) -> Any:  # noqa: ANN401 - any setting
    # JSON Schema takes 60.0 for an integer.
    is_number = not isinstance(value, (bool, str))
    return int(value) if is_number else value
