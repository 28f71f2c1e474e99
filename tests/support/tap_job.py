"""Syncs of the tap in this process, against a Lytics account that is not served."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox import Clock, Options, Sandbox
from singer_kit.shutdown import ShutdownSignal
from support.lytics import ID, InProcess
from tap_lytics.ledger import open_ledger
from tap_lytics.records import MismatchCounter, RecordBuilder
from tap_lytics.settings import DECLARED, Settings
from tap_lytics.state import StreamState
from tap_lytics.sync import build_run, build_sync

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_kit.http import HttpSender


START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


VIP = "vip_customers"


FIELDS = ("email", ID, "company")


DAY = 24 * 3600


class Collected:
    """An output that keeps what it is given, and the last state."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.versions: list[int | None] = []
        self.activated: list[int] = []
        self.states: list[dict[str, Any]] = []
        self.covered = 0  # Records that the last state covers.

    def write(
        self, records: Sequence[dict[str, Any]], *, version: int | None = None
    ) -> None:
        """Keep records."""
        self.records += records
        self.versions += [version] * len(records)

    def checkpoint(self, state: StreamState) -> None:
        """Keep a state."""
        written: dict[str, Any] = {}
        state.write(written)
        self.states.append(written)
        self.covered = len(self.records)

    def activate_version(self, version: int) -> None:
        """Keep a version."""
        self.activated.append(version)

    def sent(self) -> Counter[str]:
        """Count the records by e-mail address, exits by customer id."""
        return Counter(r.get("email") or f"left:{r[ID]}" for r in self.records)

    def exits(self) -> list[str]:
        """Name the customers reported as left, in order."""
        return [r[ID] for r in self.records if r["_sdc_deleted_at"]]


class Job:
    """Runs of the tap over one audience, as a process each, with one state."""

    def __init__(
        self,
        *,
        members: int = 25,
        seed: int = 1,
        options: Mapping[str, Any],
        **config: Any,  # noqa: ANN401 - settings
    ) -> None:
        self.clock = Clock.still(START.timestamp())
        self.box = Sandbox(
            Options(
                members=members,
                seed=seed,
                without_id=0,
                shared_id=0,
                refused=0,
                **options,
            ),
            clock=self.clock,
        )
        self.sender: HttpSender = InProcess(self.box)
        self.own_clock_is_ahead = timedelta()
        self.state: dict[str, Any] = {}
        self.config = {
            "page_size": 5,
            **{
                name: declared["default"]
                for name, declared in DECLARED["properties"].items()
                if "default" in declared
            },
            "api_token": "none",
            **config,
        }
        self.config["page_size"] = config.get("page_size", 5)

    def run(self, output: Collected | None = None, *, syncs: int = 1) -> Collected:
        """Sync in one process; the state of the last sync is kept."""
        output = output or Collected()
        shutdown = ShutdownSignal()
        # Otherwise no sync follows in the same process.
        config = self.config | ({"poll_interval_seconds": 60} if syncs > 1 else {})
        run = build_run(
            Settings.from_config(config),
            shutdown=shutdown,
            sender=self.sender,
            clock=self._own_time,
        )
        fields = run.client.fields()
        known = {field.name: field for field in fields}
        path = run.settings.ledger_path
        ledger = None if path is None else open_ledger(path, [self.state], [])
        sync = build_sync(
            run,
            slug=VIP,
            audience_id=None,
            builder=RecordBuilder(
                [known[name] for name in FIELDS],
                identities=[field.name for field in fields if field.is_identity],
                mismatches=MismatchCounter(report=lambda *_: None),
                with_exits=run.settings.reports_exits_by_record,
                required=[known[name] for name in run.settings.require_fields],
            ),
            ledger=ledger,
            absent_streams={},
            output=output,
            logger=logging.getLogger("tap-lytics.test"),
        )
        try:
            for _ in range(syncs):
                sync.run(
                    StreamState.read(
                        VIP, output.states[-1] if output.states else self.state
                    )
                )
        finally:
            if ledger:
                ledger.close()
            shutdown.close()
        self.state = output.states[-1]
        return output

    def _own_time(self) -> datetime:
        now = datetime.fromtimestamp(self.clock.now(), tz=UTC)
        return now + self.own_clock_is_ahead

    def email(self, index: int) -> str:
        """The address of a seeded person."""
        return str(self.box.lytics.member(index)["email"])

    def customer(self, index: int) -> str:
        """The customer id of a seeded person."""
        return str(self.box.lytics.member(index)[ID])

    def days_later(self, days: float = 1.1) -> None:
        """Let a full sync be due by the time that passed."""
        self.clock.advance(days * DAY)

    def stranger(self, number: int = 0) -> int:
        """The index of a person who is not in the audience at the start."""
        return self.box.options.members + number


MakeJob = Callable[..., Job]
