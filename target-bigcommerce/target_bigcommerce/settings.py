"""The settings: declared, validated and typed."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from singer_sdk import typing as th

from singer_kit.config import (
    config_errors,
    connection_errors,
    connection_settings,
    missing_setting,
    token_errors,
    typed_values,
)

from .errors import RecordRejectedError
from .fields import (
    ATTRIBUTE_TYPES,
    CUSTOMER_FIELDS,
    MAX_ATTRIBUTE_NAME_LENGTH,
    READ_ONLY_FIELDS,
    REQUIRED_TO_CREATE,
)
from .mapping import (
    METADATA,
    MappingEntry,
    RecordMapping,
    attribute_entries,
    field_entries,
    read_value,
    to_desired_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ENV_PREFIX = "TARGET_BIGCOMMERCE_"
# The prefix used by the job that Lytics hosts.
AUDIENCE_ATTRIBUTE_PREFIX = "LyticsAudience_"
STORE_HASH = re.compile(r"[A-Za-z0-9]+")
DEFAULT_STANDARD_FIELDS = [{"from": "email", "to": "email"}]
WRITES = ("always", "if_empty")
DEFAULT_API_URL = "https://api.bigcommerce.com"
TYPE_SYNONYMS = {
    **dict.fromkeys(("integer", "int", "float", "decimal", "numeric"), "number"),
    **dict.fromkeys(("text", "str", "boolean", "bool"), "string"),
    **dict.fromkeys(("datetime", "date-time", "timestamp"), "date"),
}
# Forms of other tools: JSONPath, templates, indexes, pointers.
NO_PATH = re.compile(r"[][{}]|^\$\.|\.\.|^[./]|\.$")
EXAMPLE_MAP = '{"STREAM": {"company": "addresses[0][\'company\']"}}'

# Declared.

_ENTRY = (
    th.Property("from", th.StringType, description="Record field, as a dotted path."),
    th.Property("value", th.AnyType, description="Constant to write instead of from."),
    th.Property("to", th.StringType, description="Customer field or attribute."),
    th.Property("values", th.ObjectType(additional_properties=True)),
    th.Property("default", th.AnyType, description="For values not in values."),
    th.Property("write", th.StringType(allowed_values=list(WRITES))),
)
_TYPE = th.Property("type", th.StringType(allowed_values=list(ATTRIBUTE_TYPES)))
_STANDARD_KEYS = frozenset(each.name for each in _ENTRY)
ENTRY_KEYS = {
    "map_standard_fields": _STANDARD_KEYS,
    "map_custom_attributes": _STANDARD_KEYS | {_TYPE.name},
}

DECLARED = th.PropertiesList(
    th.Property(
        "store_hash",
        th.StringType,
        required=True,
        title="Store hash",
        description="Hash of the store, such as abc123: the part after store- in the"
        " address of its control panel.",
    ),
    th.Property(
        "access_token",
        th.StringType,
        required=True,
        secret=True,
        title="Access token",
        description="Access token of a store-level API account whose Customers scope is"
        " set to modify.",
    ),
    th.Property(
        "id_field",
        th.StringType,
        required=True,
        title="Id field",
        description="Record field that holds the BigCommerce customer id.",
    ),
    th.Property(
        "map_standard_fields",
        th.ArrayType(th.ObjectType(*_ENTRY)),
        default=DEFAULT_STANDARD_FIELDS,
        title="Map standard fields",
        description="Entries that map record fields to customer fields. They replace"
        " the default; an empty array maps nothing.",
    ),
    th.Property(
        "map_custom_attributes",
        th.ArrayType(th.ObjectType(*_ENTRY, _TYPE)),
        default=[],
        title="Map custom attributes",
        description="Entries that map record fields to customer attributes of type"
        " string, number or date. Missing attributes are created.",
    ),
    th.Property(
        "audience_attribute",
        th.StringType,
        title="Audience attribute",
        description="Customer attribute that holds the audience's slug; without it,"
        " LyticsAudience_{job_id}. It is created if the store does not have it.",
    ),
    th.Property(
        "job_id",
        th.StringType,
        title="Job id",
        description="Name of this job in the audience attribute's name; without it, the"
        " stream's name, so that two audiences never share an attribute.",
    ),
    th.Property(
        "batch_size_rows",
        th.IntegerType(minimum=1, maximum=10_000),
        default=100,
        title="Batch size",
        description="Number of buffered customers that triggers a drain. One look-up"
        " covers at most 250 of them.",
    ),
    th.Property(
        "batch_wait_limit_seconds",
        th.IntegerType(minimum=1, maximum=86_400),
        default=60,
        title="Batch wait limit",
        description="Maximum time that a record is buffered before it is written, even"
        " while no input arrives.",
    ),
    th.Property(
        "on_missing_id",
        th.StringType(allowed_values=["skip", "match", "create"]),
        default="skip",
        title="On missing id",
        description="What to do with a record that has no customer id: skip it, match a"
        " customer by the mapped email, or match and create one if there is none.",
    ),
    th.Property(
        "on_exit",
        th.StringType(allowed_values=["keep", "clear"]),
        default="keep",
        title="On exit",
        description="What to do with the audience's value of a member who left: keep"
        " or clear it.",
    ),
    th.Property(
        "max_clear_percent",
        th.IntegerType(minimum=0, maximum=100),
        default=20,
        title="Maximum share of values cleared",
        description="Share of the audience attribute's values that may be cleared"
        " within 24 hours, over all runs; 10 values always may. A run that would clear"
        " more clears none of them and ends with status 1.",
    ),
    th.Property(
        "on_null",
        th.StringType(allowed_values=["keep", "clear"]),
        default="keep",
        title="On null",
        description="What a null does to the store's value: keep or empty it (never"
        " email or names). Fields that a record lacks are never changed.",
    ),
    th.Property(
        "max_in_flight",
        th.IntegerType(minimum=1, maximum=3),
        default=3,
        title="Requests in flight",
        description="Maximum number of concurrent requests.",
    ),
    th.Property(
        "quota_share_percent",
        th.IntegerType(minimum=1, maximum=100),
        default=90,
        title="Quota share",
        description="Share of the store's request quota that this job may use; the rest"
        " is left to other apps.",
    ),
    th.Property(
        "rejects_path",
        th.StringType,
        default="rejects.jsonl",
        title="Rejects",
        description="File to which rejected records are appended, one file per job. It"
        " contains personal data.",
    ),
    th.Property(
        "max_rejects",
        th.IntegerType(minimum=0),
        default=1000,
        title="Maximum rejects",
        description="Maximum number of distinct rejected records in a run. One more"
        " stops it after the current drain with status 1.",
    ),
    th.Property(
        "history",
        th.BooleanType,
        default=True,
        title="History",
        description="Keep a history of runs, changes with old and new value, and"
        " rejects. on_exit clear needs it.",
    ),
    th.Property(
        "history_path",
        th.StringType,
        default="bigcommerce-history.sqlite",
        title="History path",
        description="SQLite file of the history, one per store and shared by its jobs,"
        " on a local disk. It contains personal data.",
    ),
    th.Property(
        "history_days",
        th.IntegerType(minimum=1, maximum=36_500),
        default=90,
        title="History days",
        description="Days after which the history is deleted.",
    ),
    th.Property(
        "changes_path",
        th.StringType,
        title="Changes",
        description="File to which a line of JSON is appended for every value written:"
        " time, stream, customer, field or attribute, old and new value. It contains"
        " personal data.",
    ),
    th.Property(
        "dry_run",
        th.BooleanType,
        default=False,
        title="Dry run",
        description="Read and plan without writing anything, and log how many values of"
        " each field would change.",
    ),
    th.Property(
        "limit",
        th.IntegerType(minimum=1),
        title="Limit",
        description="Stop after this many customers were updated or created, for a"
        " first test. Such a run prints no state and clears no values.",
    ),
    th.Property(
        "summary_path",
        th.StringType,
        title="Summary",
        description="File to which the run's summary is written as a JSON object: at"
        " its start, every 30 seconds and at its end.",
    ),
    *connection_settings(
        api_url=DEFAULT_API_URL,
        api_url_description="Base URL of the API, without /stores/{hash}/v3. It must"
        " use https, except on a loopback address.",
        user_agent="target-bigcommerce",
    ),
).to_dict()


# Typed.


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings after validation. Nothing else reads the configuration."""

    store_hash: str
    access_token: str
    id_field: str
    standard: tuple[MappingEntry, ...]
    attributes: tuple[MappingEntry, ...]
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
    history: bool
    history_path: str
    history_days: int
    changes_path: str | None
    dry_run: bool
    limit: int | None
    summary_path: str | None
    api_url: str
    request_timeout_seconds: int
    user_agent: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Build the settings from a valid configuration with defaults filled in."""
        values = typed_values(config, DECLARED)
        return cls(
            standard=field_entries(values.pop("map_standard_fields")),
            attributes=attribute_entries(values.pop("map_custom_attributes")),
            **values,
        )

    def audience_attribute_of(self, stream: str) -> str:
        """Return the name of the attribute that holds a stream's slug."""
        default = AUDIENCE_ATTRIBUTE_PREFIX + (self.job_id or stream)
        return self.audience_attribute or default

    @property
    def attribute_types(self) -> dict[str, str]:
        """The mapped attributes' types, by the attribute's name."""
        return {entry.to: entry.rules.name for entry in self.attributes}

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
        """The `include` values with which GET returns every mapped field."""
        found = (CUSTOMER_FIELDS[entry.to].include for entry in self.standard)
        return tuple(sorted({include for include in found if include}))


# Validation. No message quotes a value.


def schema_errors(config: dict[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """List where a configuration does not satisfy its schema; fill in defaults.

    Mappings are checked by `mapping_errors`, whose messages are clearer.
    """
    errors = config_errors(config, schema, env_prefix=ENV_PREFIX, skip=ENTRY_KEYS)
    for name in ENTRY_KEYS:
        errors += mapping_errors(name, config.get(name, []))
    return errors


def settings_errors(config: Mapping[str, Any]) -> Iterator[str]:
    """List errors of a configuration that satisfies its schema."""
    token = config["access_token"]
    yield from token_errors("access_token", token, "BigCommerce", ENV_PREFIX)
    yield from _store_hash_errors(config["store_hash"])
    if not config["id_field"].strip():
        yield missing_setting("id_field", ENV_PREFIX)
    if not config["rejects_path"].strip():
        yield "rejects_path must name a file."
    yield from _history_errors(config)
    yield from path_errors("id_field", config["id_field"])
    yield from [*connection_errors(config)] or _api_url_errors(config["api_url"])
    yield from _audience_attribute_errors(config)
    yield from _missing_id_errors(config)
    for name, to_entries in (
        ("map_standard_fields", field_entries),
        ("map_custom_attributes", attribute_entries),
    ):
        yield from _constant_errors(name, to_entries(config[name]))


def settings_warnings(config: Mapping[str, Any]) -> Iterator[str]:
    """List likely mistakes in a valid configuration."""
    yield from path_warnings("id_field", config["id_field"])
    for name in ENTRY_KEYS:
        for at, row in enumerate(config[name]):
            yield from path_warnings(f'{name}[{at}]: "from"', row.get("from") or "")
    for at, row in enumerate(config["map_custom_attributes"]):
        if row["to"] in CUSTOMER_FIELDS:
            yield (
                f"map_custom_attributes[{at}] writes an attribute named {row['to']}."
                " For the customer's field of this name, use map_standard_fields."
            )
    if path := urlsplit(config["api_url"]).path.strip("/"):
        yield (
            f"api_url has the path /{path}, which comes before the path of every"
            " call. Remove it unless a proxy of yours needs it."
        )


def _api_url_errors(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    if (parts.hostname or "").endswith("mybigcommerce.com"):
        yield (
            "api_url is the address of the store's pages. The API is at"
            f" {DEFAULT_API_URL}; store_hash names the store."
        )
    if re.match(r"/(stores|v[0-9])(/|$)", parts.path):
        base = f"{parts.scheme}://{parts.netloc}"
        yield (
            "api_url must be without the path /stores/{hash}/v3, which is added from"
            f" store_hash. Set it to {base}."
        )


def mapping_errors(name: str, rows: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """List errors of a mapping's entries. `name` is the setting, for messages."""
    if not isinstance(rows, list):
        yield (
            f"{name} must be an array of entries such as"
            ' [{"from": "email", "to": "email"}]. If it was set in parts'
            f" ({name}.… in Meltano), set the whole array as JSON instead."
        )
        return
    for at, row in enumerate(rows):
        place = f"{name}[{at}]"
        errors = list(_entry_errors(place, row, ENTRY_KEYS[name]))
        yield from errors or _TARGET_ERRORS[name](place, row)
    yield from _duplicate_errors(name, rows)


def _store_hash_errors(text: str) -> Iterator[str]:
    if not text:
        yield missing_setting("store_hash", ENV_PREFIX)
    elif not STORE_HASH.fullmatch(text):
        yield (
            "store_hash must be the hash alone, such as abc123, not a URL and without"
            " the prefix store-. In the control panel's address"
            " https://store-abc123.mybigcommerce.com it follows store-."
        )


def _history_errors(config: Mapping[str, Any]) -> Iterator[str]:
    if not config["history"]:
        if config["on_exit"] == "clear":
            yield (
                "on_exit clear needs the history, to limit how many values are cleared"
                " in 24 hours. Set history to true, or on_exit to keep."
            )
        return
    path = config["history_path"].strip()
    if not path:
        yield "history_path must name a file. To keep no history, set history to false."
        return
    for name in ("rejects_path", "changes_path", "summary_path"):
        other = config.get(name)
        if other and Path(other) == Path(path):
            yield f"history_path and {name} name the same file. Change one of them."


def _audience_attribute_errors(config: Mapping[str, Any]) -> Iterator[str]:
    limit = MAX_ATTRIBUTE_NAME_LENGTH
    name = config.get("audience_attribute") or ""
    if len(name) > limit:
        yield f"audience_attribute has more than {limit} characters."
    default = AUDIENCE_ATTRIBUTE_PREFIX + (config.get("job_id") or "")
    if not name and len(default) > limit:
        yield (
            "job_id is too long: the audience attribute"
            f" {AUDIENCE_ATTRIBUTE_PREFIX}{{job_id}} would have more than {limit}"
            " characters."
        )
    if name and any(row["to"] == name for row in config["map_custom_attributes"]):
        yield (
            "audience_attribute is also mapped in map_custom_attributes, which would"
            " overwrite the audience's slug. Name another attribute."
        )


def _missing_id_errors(config: Mapping[str, Any]) -> Iterator[str]:
    choice = config["on_missing_id"]
    needed = {"skip": (), "match": ("email",), "create": REQUIRED_TO_CREATE}[choice]
    mapped = {row["to"] for row in config["map_standard_fields"]}
    missing = [name for name in needed if name not in mapped]
    if missing:
        yield (
            f"on_missing_id {choice} needs entries in map_standard_fields for"
            f" {', '.join(missing)}."
        )


def _entry_errors(place: str, row: Any, keys: frozenset[str]) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if not isinstance(row, dict):
        yield f'{place} must be an object such as {{"from": "email", "to": "email"}}.'
        return
    if row.keys() - keys:
        yield f"{place} has an unknown key. Valid keys: {', '.join(sorted(keys))}."
        return
    yield from _required_key_errors(place, row)
    yield from _optional_key_errors(place, row)


def _required_key_errors(place: str, row: Mapping[str, Any]) -> Iterator[str]:
    if ("from" in row) == ("value" in row):
        yield f'{place} needs either "from" (a record field) or "value" (a constant).'
    for key in ("from", "to"):
        if key in row and not _is_filled_text(row[key]):
            yield f'{place}: "{key}" must be a string that is not empty.'
        elif key == "from" and "from" in row:
            yield from path_errors(f'{place}: "from"', row["from"])
    if "to" not in row:
        yield f'{place} needs "to", where the value is written.'


def _optional_key_errors(place: str, row: Mapping[str, Any]) -> Iterator[str]:
    if "values" in row and not isinstance(row["values"], dict):
        yield f'{place}: "values" must be an object such as {{"gold": 7}}.'
    if "default" in row and "values" not in row:
        yield f'{place}: "default" needs "values".'
    if row.get("write", "always") not in WRITES:
        yield f'{place}: "write" must be always or if_empty.'


def path_errors(name: str, path: str) -> Iterator[str]:
    """List why a dotted path cannot lead to a value of a record.

    Args:
        name: names the path at the start of a message.
        path: the path.
    """
    if path in METADATA:
        yield (
            f"{name} is metadata, which this target does not write. Name a field of"
            ' the record, or write a constant with "value".'
        )


def path_warnings(name: str, path: str) -> Iterator[str]:
    """Warn about a path that is none in this target, but may be a field's name."""
    is_index = any(step.isdecimal() for step in path.split("."))
    if path != path.strip():
        yield f"{name} begins or ends with a blank. Remove it if the field has none."
    elif is_index or NO_PATH.search(path):
        yield (
            f"{name} is read as the names of nested objects, separated by dots. To pick"
            " an item of a list, define a field in stream_maps, as in"
            f" {EXAMPLE_MAP}, and name that field."
        )


def _is_filled_text(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(value, str) and bool(value.strip())


def _field_errors(place: str, row: Mapping[str, Any]) -> Iterator[str]:
    to = row["to"]
    if to in READ_ONLY_FIELDS:
        yield f"{place}: {to} cannot be written through a mapping."
    elif to not in CUSTOMER_FIELDS:
        name = re.sub(r"[\s-]+", "_", to.strip().lower())
        close = difflib.get_close_matches(name, CUSTOMER_FIELDS, n=1)
        hint = (
            f" Did you mean {close[0]}?"
            if close
            else " An attribute of your own belongs in map_custom_attributes."
        )
        yield (
            f"{place}: BigCommerce has no customer field {to!r}.{hint}"
            f" Valid fields: {', '.join(CUSTOMER_FIELDS)}."
        )


def _attribute_errors(place: str, row: Mapping[str, Any]) -> Iterator[str]:
    if len(row["to"]) > MAX_ATTRIBUTE_NAME_LENGTH:
        yield (
            f"{place}: an attribute's name has at most {MAX_ATTRIBUTE_NAME_LENGTH}"
            " characters."
        )
    if row["to"] != row["to"].strip():
        yield f'{place}: "to" begins or ends with a blank. Remove it.'
    kind = row.get("type", "string")
    if kind not in [*ATTRIBUTE_TYPES]:
        meant = TYPE_SYNONYMS.get(kind.lower()) if isinstance(kind, str) else None
        hint = f" Use {meant}." if meant else ""
        yield f"{place}: type must be string, number or date.{hint}"


_TARGET_ERRORS = {
    "map_standard_fields": _field_errors,
    "map_custom_attributes": _attribute_errors,
}


def _duplicate_errors(name: str, rows: Sequence[Any]) -> Iterator[str]:
    targets = [row.get("to") for row in rows if isinstance(row, dict)]
    counts = Counter(to for to in targets if isinstance(to, str))
    for to, count in counts.items():
        if count > 1:
            yield f"{name} has {count} entries for {to!r}. Keep one of them."
    folded: dict[str, str] = {}
    for to in counts:
        other = folded.setdefault(to.casefold(), to)
        if other != to:
            yield (
                f"{name} has entries for {other!r} and {to!r}, which differ only in"
                " upper and lower case. Write both the same way, or keep one."
            )


def _constant_errors(name: str, entries: Iterable[MappingEntry]) -> Iterator[str]:
    """List constants of a mapping that BigCommerce would never accept."""
    for at, entry in enumerate(entries):
        for place, constant in _constants(entry):
            try:
                value = read_value({}, constant)
                to_desired_value(value, constant, clears_nulls=False)
            except RecordRejectedError as error:
                yield f"{name}[{at}], {place}: {error.reason}."


def _constants(entry: MappingEntry) -> Iterator[tuple[str, MappingEntry]]:
    """Yield each constant of an entry as its own entry, with its key for messages."""
    if entry.source is None:
        yield '"value"', entry
    plain = replace(entry, source=None, table=None)
    for number, value in enumerate((entry.table or {}).values(), start=1):
        yield f'"values" no. {number}', replace(plain, constant=value)
    if entry.has_default:
        yield '"default"', replace(plain, constant=entry.default)
