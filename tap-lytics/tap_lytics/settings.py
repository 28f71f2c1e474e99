"""The tap's settings: declared, checked beyond their schema, and typed, once each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from singer_sdk import typing as th

from singer_kit.config import (
    connection_errors,
    connection_settings,
    token_errors,
    typed_values,
)

from .records import format_timestamp, has_zone, parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_API_URL = "https://api.lytics.io"
WEEK_SECONDS = 7 * 24 * 3600
WEEK_MINUTES = 7 * 24 * 60
YEAR_HOURS = 366 * 24
MAX_PARALLELISM = 8  # The HTTP session keeps 10 connections open.
MAX_PAGE_SIZE = 100  # Lytics returns no more, however many are requested.

DECLARED = th.PropertiesList(
    th.Property(
        "api_token",
        th.StringType,
        required=True,
        secret=True,
        title="API token",
        description="Lytics access token, sent as is in the Authorization header. Its"
        " role must be able to read segments, tables and schemas.",
    ),
    th.Property(
        "audiences",
        th.ArrayType(th.StringType),
        default=[],
        title="Audiences",
        description="Slugs or ids of the audiences to export. If empty, discovery lists"
        " up to 20 audiences, and a sync fails with their names.",
    ),
    th.Property(
        "existing_users",
        th.BooleanType,
        default=False,
        title="Existing users",
        description="Send the members who are in the audience when the job first runs."
        " If false, the first run sends no records and only sets the starting point.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Starting point to use instead of the time of the first run if"
        " existing_users is false. It survives the loss of the state. Write it with a"
        " time zone and in quotes, because Meltano drops the zone of an unquoted time.",
    ),
    th.Property(
        "require_fields",
        th.ArrayType(th.StringType),
        default=[],
        title="Required fields",
        description="Export only members who have all of these fields. Lytics filters"
        " them, so other members cost no requests.",
    ),
    th.Property(
        "poll_interval_seconds",
        th.IntegerType(minimum=0, maximum=WEEK_SECONDS),
        default=0,
        title="Poll interval",
        description="Keep running and sync again at this interval. 0 syncs once and"
        " exits.",
    ),
    th.Property(
        "full_scan_interval_hours",
        th.IntegerType(minimum=0, maximum=YEAR_HOURS),
        default=24,
        title="Full sync interval",
        description="Run a full sync when the last one is older than this. Only a full"
        " sync finds members who entered or left because time passed. 0 disables the"
        " interval.",
    ),
    th.Property(
        "scan_parallelism",
        th.IntegerType(minimum=1, maximum=MAX_PARALLELISM),
        default=4,
        title="Scan parallelism",
        description="How many cursors a full sync reads with at the same time. Used"
        " only for more than 1,000 members, and only if the parts that Lytics splits"
        " the audience into add up to the whole; otherwise one cursor is used.",
    ),
    th.Property(
        "resend",
        th.BooleanType,
        default=False,
        title="Resend",
        description="Send again all members that the job may send: everybody, or with"
        " existing_users false everybody but those of the first run (without a ledger:"
        " everybody who changed since the starting point). For one run after a change"
        " of the mapping; with poll_interval_seconds, only the first sync does it.",
    ),
    th.Property(
        "overlap_minutes",
        th.IntegerType(minimum=0, maximum=WEEK_MINUTES),
        default=30,
        title="Overlap",
        description="Lookback window subtracted from the bookmark on every incremental"
        " sync. Lytics computes membership with a delay and calls windows under 30"
        " minutes unreliable.",
    ),
    th.Property(
        "ledger_path",
        th.StringType,
        title="Ledger",
        description="SQLite file in which the tap records the audience's members, so"
        " that it knows exactly who entered, changed and left. Several jobs can share"
        " a file.",
    ),
    th.Property(
        "emit_changes",
        th.BooleanType,
        default=True,
        title="Send changes",
        description="Send members whose profile changed. If false, which needs a"
        " ledger, send only members who entered (and left).",
    ),
    th.Property(
        "emit_exits",
        th.BooleanType,
        default=False,
        title="Send exits",
        description="Also report members who left. Needs ledger_path and"
        " require_fields, or existing_users without a ledger.",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1, maximum=MAX_PAGE_SIZE),
        default=MAX_PAGE_SIZE,
        title="Page size",
        description="Members per request, at most 100.",
    ),
    *connection_settings(
        api_url=DEFAULT_API_URL,
        api_url_description="Base URL of the Lytics API. Must be https, except for a"
        " loopback address.",
        user_agent="tap-lytics",
    ),
).to_dict()


def settings_errors(config: Mapping[str, Any], env_prefix: str) -> Iterator[str]:
    """List what is wrong with a configuration that satisfies the schema."""
    yield from token_errors("api_token", config["api_token"], "Lytics", env_prefix)
    yield from [*connection_errors(config)] or _api_url_errors(config["api_url"])
    try:
        parse_timestamp(config.get("start_date") or "1970-01-01")
    except ValueError:
        yield "start_date must be a date or time such as 2026-01-31T08:00:00Z."
    for name in ("audiences", "require_fields"):
        if not all(config[name]):
            yield f"{name} has an empty entry."
    yield from _combination_errors(config)


def _api_url_errors(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host.endswith(("lytics.com", "lytics.io")) and host.startswith(("app.", "www.")):
        yield f"api_url is the address of Lytics' pages. Use {DEFAULT_API_URL}."
    if re.match(r"/(api|v[0-9])(/|$)", parts.path):
        yield (
            f"api_url must be without the path {parts.path}, which every call adds."
            f" Set it to {parts.scheme}://{parts.netloc}."
        )


def settings_warnings(config: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """List what is unlikely to be intended in a valid configuration."""
    if path := urlsplit(config.get("api_url") or "").path.strip("/"):
        yield (
            f"api_url has the path /{path}, which comes before the path of every"
            " call. Remove it unless a proxy of yours needs it."
        )
    start = config.get("start_date")
    if start and not config["existing_users"]:
        yield from _start_warnings(start, now)


def _start_warnings(start: str, now: datetime) -> Iterator[str]:
    at = parse_timestamp(start)
    if not has_zone(start):
        yield (
            f"start_date has no time zone and is read as {format_timestamp(at)}. Write"
            " one, in quotes, because Meltano drops it otherwise: start_date:"
            ' "2026-01-31T08:00:00+01:00".'
        )
    if at > now:
        yield (
            "start_date is in the future and is ignored: the time of the first run is"
            " the starting point."
        )


def _combination_errors(config: Mapping[str, Any]) -> Iterator[str]:
    ledger = bool(config.get("ledger_path"))
    if config["emit_exits"] and ledger and not config["require_fields"]:
        yield (
            "emit_exits with ledger_path needs require_fields: the record of an exit"
            " holds the values of these fields, such as the customer id."
        )
    if config["emit_exits"] and not ledger and not config["existing_users"]:
        yield (
            "emit_exits needs ledger_path, or existing_users true: exits are found by"
            " full syncs, and there are none without either setting."
        )
    if config["emit_exits"] and not ledger and not config["full_scan_interval_hours"]:
        yield (
            "emit_exits without ledger_path needs full_scan_interval_hours above 0:"
            " only full syncs find exits, and there would be no second one."
        )
    if not config["emit_changes"] and not ledger:
        yield (
            "emit_changes false needs ledger_path: only a ledger can distinguish"
            " members who entered from members who changed."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The typed settings. Nothing reads the configuration after this."""

    api_token: str
    api_url: str
    audiences: tuple[str, ...]
    existing_users: bool
    start_date: datetime | None
    require_fields: tuple[str, ...]
    poll_interval_seconds: int
    full_sync_interval: timedelta
    scan_parallelism: int
    resend: bool
    overlap: timedelta
    ledger_path: str | None
    emit_changes: bool
    emit_exits: bool
    page_size: int
    request_timeout_seconds: int
    user_agent: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Type a configuration that was validated and has its defaults."""
        values = typed_values(config, DECLARED)
        for name in ("audiences", "require_fields"):
            values[name] = tuple(dict.fromkeys(values[name]))
        start, hours = values["start_date"], values.pop("full_scan_interval_hours")
        return cls(
            **values
            | {
                "start_date": parse_timestamp(start) if start else None,
                "full_sync_interval": timedelta(hours=hours),
                "overlap": timedelta(minutes=values.pop("overlap_minutes")),
            }
        )

    @property
    def has_full_syncs(self) -> bool:
        """Whether full syncs ever run."""
        return self.existing_users or self.ledger_path is not None

    @property
    def may_repeat_syncs(self) -> bool:
        """Whether a sync may follow another in the same process."""
        return self.poll_interval_seconds > 0 or self.reports_exits_by_version

    @property
    def reports_exits_by_version(self) -> bool:
        """Whether exits are reported by ACTIVATE_VERSION after a full sync."""
        return self.emit_exits and self.ledger_path is None

    @property
    def reports_exits_by_record(self) -> bool:
        """Whether exits are reported by records with `_sdc_deleted_at`."""
        return self.emit_exits and self.ledger_path is not None
