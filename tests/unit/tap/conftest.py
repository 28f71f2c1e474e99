"""A Lytics account in this process, and passes over it without any HTTP."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from lytics_in_process import ID, InProcess

from sandbox import Clock, Options, Sandbox
from tap_lytics.client import Client
from tap_lytics.interrupt import Interrupt
from tap_lytics.ledger_file import open_ledger
from tap_lytics.ledger_roster import LedgerRoster
from tap_lytics.lookout import Lookout
from tap_lytics.members import Contradictions, Shape
from tap_lytics.passes import AudiencePasses
from tap_lytics.reader import Reader, Surroundings
from tap_lytics.roster import Overlap
from tap_lytics.settings import DECLARED, Settings
from tap_lytics.state import Place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tap_lytics.ledger import Ledger

START = datetime(2026, 3, 1, 8, 0, tzinfo=timezone.utc)
VIP = "vip_customers"
FIELDS = ("email", ID, "company")
DAY = 24 * 3600


class Collected:
    """An outlet that keeps what it is given, and the last state."""

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

    def checkpoint(self, place: Place) -> None:
        """Keep a state."""
        state: dict[str, Any] = {}
        place.write(state)
        self.states.append(state)
        self.covered = len(self.records)

    def activate(self, version: int) -> None:
        """Keep a version."""
        self.activated.append(version)

    def sent(self) -> Counter[str]:
        """Count the records by e-mail address, exits by customer id."""
        return Counter(r.get("email") or f"left:{r[ID]}" for r in self.records)

    def exits(self) -> list[str]:
        """Name the customers told as left, in order."""
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
        self.transport = InProcess(self.box)
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

    def run(self, outlet: Collected | None = None, *, passes: int = 1) -> Collected:
        """Make passes in one process; the state of the last one is kept."""
        outlet = outlet or Collected()
        settings = Settings.from_config(self.config)
        client = Client(self.transport)  # type: ignore[arg-type]  # it sends as well
        fields = client.fields()
        known = {field.name: field for field in fields}
        shape = Shape(
            [known[name] for name in FIELDS],
            identities=[field.name for field in fields if field.is_identity],
            contradictions=Contradictions(tell=lambda *_: None),
            with_exits=settings.records_exits,
            required=[known[name] for name in settings.require_fields],
        )
        interrupt = Interrupt()
        ledger = self._ledger(settings)
        roster = (
            LedgerRoster(ledger, slug=VIP, shape=shape, settings=settings)
            if ledger
            else Overlap(settings.overlap)
        )
        around = Surroundings(
            client=client,
            settings=settings,
            interrupt=interrupt,
            ledger=lambda: ledger,  # type: ignore[arg-type, return-value]  # not asked here
            clock=self._own_time,
        )
        logger = logging.getLogger("tap-lytics.test")
        running = AudiencePasses(
            Reader(around, slug=VIP, shape=shape, logger=logger),
            around=around,
            lookout=Lookout(client, interrupt, slug=VIP, audience_id=None, formers={}),
            outlet=outlet,
            roster=roster,
            logger=logger,
        )
        try:
            for _ in range(passes):
                place = Place.read(
                    VIP, outlet.states[-1] if outlet.states else self.state
                )
                running.run(place)
        finally:
            if ledger:
                ledger.close()
            interrupt.close()
        self.state = outlet.states[-1]
        return outlet

    def _ledger(self, settings: Settings) -> Ledger | None:
        if settings.ledger_path is None:
            return None
        return open_ledger(settings.ledger_path, [self.state], [])

    def _own_time(self) -> datetime:
        now = datetime.fromtimestamp(self.clock.now(), tz=timezone.utc)
        return now + self.own_clock_is_ahead

    def email(self, index: int) -> str:
        """The address of a seeded person."""
        return str(self.box.lytics.member(index)["email"])

    def customer(self, index: int) -> str:
        """The customer id of a seeded person."""
        return str(self.box.lytics.member(index)[ID])

    def days_later(self, days: float = 1.1) -> None:
        """Let a whole scan be due by the time that went by."""
        self.clock.advance(days * DAY)

    def stranger(self, number: int = 0) -> int:
        """The index of a person who is not in the audience at the start."""
        return self.box.options.members + number


MakeJob = Callable[..., Job]


@pytest.fixture(scope="session")
def make_job() -> MakeJob:
    """Make jobs by their settings; `options` are the sandbox's."""

    def make(
        *,
        options: Mapping[str, Any] | None = None,
        **config: Any,  # noqa: ANN401 - settings
    ) -> Job:
        return Job(options=options or {}, **config)

    return make


@pytest.fixture(scope="session")
def collected() -> type[Collected]:
    """Give the outlet that collects, for a test that cuts a run off."""
    return Collected


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Name a file that may become a ledger."""
    return str(tmp_path / "members.ledger")


@pytest.fixture
def job(make_job: MakeJob, path: str) -> Job:
    """A job that tells exits and starts with who enters from now on."""
    return make_job(ledger_path=path, require_fields=[ID], emit_exits=True)


@pytest.fixture
def full_job(job: Job) -> Job:
    """A job that tells exits and sends everybody first."""
    job.config["existing_users"] = True
    return job


@pytest.fixture
def interrupt() -> Interrupt:
    """Take signals as a run does."""
    return Interrupt()
