"""The tap's settings: declared once, read once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

from .errors import SettingsError
from .moments import to_moment

if TYPE_CHECKING:
    from collections.abc import Mapping

WEEK_SECONDS = 7 * 24 * 3600
WEEK_MINUTES = 7 * 24 * 60
YEAR_HOURS = 366 * 24
PAGE_LIMIT = 100  # Lytics answers with no more, however much is asked for.

DECLARED = th.PropertiesList(
    th.Property(
        "api_token",
        th.StringType,
        required=True,
        secret=True,
        title="API token",
        description="Lytics access token, sent as it is in the header Authorization."
        " Its role must be able to read segments, tables and schemas.",
    ),
    th.Property(
        "audiences",
        th.ArrayType(th.StringType),
        default=[],
        title="Audiences",
        description="Slugs or ids of the audiences to export. Empty: discovery lists"
        " every audience (up to 20), and a sync names them and ends.",
    ),
    th.Property(
        "existing_users",
        th.BooleanType,
        default=False,
        title="Existing users",
        description="Send who is already in the audience when the job first runs."
        " If false, the first run sets the starting point and says how many it left"
        " out.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="With existing_users false: the starting point instead of the"
        " first run's time, so that a lost state does not move it.",
    ),
    th.Property(
        "require_fields",
        th.ArrayType(th.StringType),
        default=[],
        title="Required fields",
        description="Only members that have all of these fields; Lytics filters them,"
        " so that the others cost nothing.",
    ),
    th.Property(
        "poll_interval_seconds",
        th.IntegerType(minimum=0, maximum=WEEK_SECONDS),
        default=0,
        title="Poll interval",
        description="0: one pass, then exit. Otherwise keep running, and look for"
        " changes every so many seconds.",
    ),
    th.Property(
        "full_scan_interval_hours",
        th.IntegerType(minimum=0, maximum=YEAR_HOURS),
        default=24,
        title="Whole scan interval",
        description="A pass later than this after the last whole scan scans the whole"
        " audience again, which finds who entered or left by mere passing of time."
        " 0: never.",
    ),
    th.Property(
        "overlap_minutes",
        th.IntegerType(minimum=0, maximum=WEEK_MINUTES),
        default=30,
        title="Overlap",
        description="How far a pass for changes reaches back behind the bookmark."
        " Lytics computes membership behind the events and calls less than 30 minutes"
        " unreliable.",
    ),
    th.Property(
        "ledger_path",
        th.StringType,
        title="Ledger",
        description="A SQLite file in which the tap keeps the audience's members: it"
        " makes who entered, who changed and who left exact. One file per job.",
    ),
    th.Property(
        "emit_changes",
        th.BooleanType,
        default=True,
        title="Send changes",
        description="If false, with a ledger: send only who entered (and left), not"
        " who changed.",
    ),
    th.Property(
        "emit_exits",
        th.BooleanType,
        default=False,
        title="Send exits",
        description="Also report members who left. Needs a ledger and require_fields,"
        " or no ledger and existing_users.",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1, maximum=PAGE_LIMIT),
        default=PAGE_LIMIT,
        title="Page size",
        description="Members per request, at most 100.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        default="https://api.lytics.io",
        title="API URL",
        description="Where Lytics is. https only, except on a loopback address.",
    ),
    th.Property(
        "request_timeout_seconds",
        th.IntegerType(minimum=1, maximum=3600),
        default=60,
        title="Request timeout",
        description="How long one request may wait for an answer before it is tried"
        " again.",
    ),
    th.Property(
        "user_agent",
        th.StringType,
        default="tap-lytics",
        title="User agent",
        description="Sent in the header User-Agent.",
    ),
).to_dict()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings after validation; nothing reads the configuration beyond here."""

    api_token: str
    api_url: str
    audiences: tuple[str, ...]
    existing_users: bool
    start_date: datetime | None
    require_fields: tuple[str, ...]
    poll_interval_seconds: int
    full_scan_interval: timedelta
    overlap: timedelta
    ledger_path: str | None
    emit_changes: bool
    emit_exits: bool
    page_size: int
    request_timeout_seconds: int
    user_agent: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Read a configuration that was validated and has its defaults.

        Raises:
            SettingsError: when it was not, with all that is wrong.
        """
        try:
            return cls._read(config)
        except (KeyError, TypeError, ValueError):
            raise SettingsError("The settings were not validated.") from None

    @classmethod
    def _read(cls, config: Mapping[str, Any]) -> Settings:
        start, names = config.get("start_date"), ("audiences", "require_fields")
        lists: dict[str, Any] = {
            name: tuple(dict.fromkeys(config.get(name) or ())) for name in names
        }
        plain = ("api_token", "user_agent", "existing_users", "emit_changes")
        counts = ("poll_interval_seconds", "page_size", "request_timeout_seconds")
        read: dict[str, Any] = {name: config[name] for name in (*plain, "emit_exits")}
        read |= {name: int(config[name]) for name in counts}
        return cls(
            **read,
            **lists,
            api_url=config["api_url"].rstrip("/"),
            start_date=to_moment(start) if start else None,
            full_scan_interval=timedelta(hours=int(config["full_scan_interval_hours"])),
            overlap=timedelta(minutes=int(config["overlap_minutes"])),
            ledger_path=config.get("ledger_path") or None,
        )

    @property
    def has_whole_scans(self) -> bool:
        """Whether passes ever scan the whole audience, not only changes."""
        return self.existing_users or self.ledger_path is not None

    @property
    def repeats_passes(self) -> bool:
        """Whether a pass may follow another one in one process."""
        return self.poll_interval_seconds > 0 or self.versions_scans

    @property
    def versions_scans(self) -> bool:
        """Whether exits are told by a version at the end of a whole scan."""
        return self.emit_exits and self.ledger_path is None

    @property
    def records_exits(self) -> bool:
        """Whether exits are told by records."""
        return self.emit_exits and self.ledger_path is not None
