"""Syncs of the tap in this process, against a Lytics account that is not served."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from sandbox import Clock, Options, Sandbox
from singer_kit.errors import ShutdownRequestedError
from singer_kit.http import HttpResponse
from singer_kit.shutdown import ShutdownSignal
from tap_lytics.ledger import open_ledger
from tap_lytics.records import MismatchCounter, RecordBuilder, identity_names
from tap_lytics.settings import DECLARED, Settings
from tap_lytics.state import StreamState
from tap_lytics.sync import build_run, build_sync
from tap_lytics.transport import ApiRequest

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
DAY = 24 * 3600
VIP = "vip_customers"
ID = "bigcommerce_customer_id"
FIELDS = ("email", ID, "company")


class Collected:
    """An output that keeps what is written to it."""

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
        """Count the records by email address, exits by customer id."""
        return Counter(r.get("email") or f"exit:{r[ID]}" for r in self.records)

    def exits(self) -> list[str]:
        """Return the customer ids of the exits, in order."""
        return [r[ID] for r in self.records if r["_sdc_deleted_at"]]

    def apply(self, customers: set[str] | None = None) -> set[str]:
        """Return the customer ids of a store to which the records were written."""
        found = set(customers or ())
        for record in self.records:
            act = found.discard if record.get("_sdc_deleted_at") else found.add
            act(record[ID])
        return found


class Job:
    """Runs of the tap over one audience that share one state.

    Args:
        members: size of the audience.
        seed: of the account's data.
        options: further options of the sandbox.
        config: settings of the tap.
    """

    def __init__(
        self,
        *,
        members: int = 25,
        seed: int = 1,
        options: Mapping[str, Any] | None = None,
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
                **(options or {}),
            ),
            clock=self.clock,
        )
        self.sender = AccountSender(self.box)
        self.local_clock_ahead = timedelta()
        self.state: dict[str, Any] = {}
        self.shape: dict[str, Any] = {}  # Selection, schema and stream maps.
        declared = DECLARED["properties"].items()
        self.config = {
            **{name: each["default"] for name, each in declared if "default" in each},
            "page_size": 5,
            "api_token": "none",
            **config,
        }

    def run(self, output: Collected | None = None, *, syncs: int = 1) -> Collected:
        """Sync in one process; a run that succeeds keeps its last state."""
        output = output or Collected()
        shutdown = ShutdownSignal()
        # Otherwise no sync follows in the same process.
        config = self.config | ({"poll_interval_seconds": 60} if syncs > 1 else {})
        run = build_run(
            Settings.from_config(config),
            shutdown=shutdown,
            sender=self.sender,
            clock=self.local_time,
        )
        fields = run.client.fields()
        known = {field.name: field for field in fields}
        path = run.settings.ledger_path
        is_known = bool(self.state.get("ledger_id"))
        ledger = None if path is None else open_ledger(path, is_known=is_known)
        sync = build_sync(
            run,
            slug=VIP,
            audience_id=None,
            builder=RecordBuilder(
                [known[name] for name in FIELDS],
                identities=identity_names(fields),
                mismatches=MismatchCounter(report=lambda *_: None),
                with_exits=run.settings.reports_exits_by_record,
                required=[known[name] for name in run.settings.require_fields],
            ),
            ledger=ledger,
            absent_streams={},
            output=output,
            logger=logging.getLogger("tap-lytics.test"),
            shape=self.shape,
        )
        try:
            for _ in range(syncs):
                state = output.states[-1] if output.states else self.state
                sync.run(StreamState.read(VIP, state))
        finally:
            if ledger:
                ledger.close()
            shutdown.close()
        self.state = output.states[-1]
        return output

    def run_interrupted(self, *, at_page: int, loses_page: bool = False) -> Collected:
        """Sync, and shut down as this page is requested, the first one being 1.

        The state is not kept. A page that is lost is one that the account hands out.
        """
        output, sender, first = Collected(), self.sender, len(self.sender.scans)

        def interrupt(request: ApiRequest) -> None:
            if is_scan(request) and len(sender.scans) - first == at_page - 1:
                if loses_page:
                    sender.handle(request)
                raise ShutdownRequestedError

        sender.before = interrupt
        with pytest.raises(ShutdownRequestedError):
            self.run(output)
        sender.before = lambda _: None
        return output

    def local_time(self) -> datetime:
        """The time on the tap's machine."""
        now = datetime.fromtimestamp(self.clock.now(), tz=UTC)
        return now + self.local_clock_ahead

    def email(self, index: int) -> str:
        """The email address of a seeded person."""
        return str(self.box.lytics.member(index)["email"])

    def customer(self, index: int) -> str:
        """The customer id of a seeded person."""
        return str(self.box.lytics.member(index)[ID])

    def audience(self) -> set[str]:
        """The customer ids of the members."""
        return {self.customer(index) for index in self.box.lytics.members()}

    def outsider(self, number: int = 0) -> int:
        """The index of a person who is not in the audience at the start."""
        return self.box.options.members + number

    def days_later(self, days: float = 1.1) -> None:
        """Let so much time pass that a full sync is due."""
        self.clock.advance(days * DAY)


MakeJob = Callable[..., Job]


class AccountSender:
    """An HTTP sender to an account in this process.

    `before` is called with every request. `corrupt` gets the number of a page of a
    scan, from 1, and its content, which it may change, `describe` the details of the
    audience.
    """

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self.before: Callable[[ApiRequest], object] = lambda _: None
        self.corrupt: Callable[[int, dict[str, Any]], object] | None = None
        self.date_ahead = timedelta()  # Of the header of responses.
        self.describe: Callable[[dict[str, Any]], object] | None = None
        self.lost_pages: set[int] = set()  # Requested twice; one response is lost.
        self.scans: list[ApiRequest] = []

    def send(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> HttpResponse:
        """Respond at once."""
        path, _, query = target.partition("?")
        request = ApiRequest(
            method=method,
            path=path,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            body=None if body is None else body.decode(),
        )
        self.before(request)
        if not is_scan(request):
            return self._described(request, self.handle(request, content_type))
        self.scans.append(request)
        if len(self.scans) in self.lost_pages:
            self.handle(request, content_type)
        response = self.handle(request, content_type)
        if not self.corrupt:
            return response
        content = json.loads(response.body)
        self.corrupt(len(self.scans), content)
        return replace(response, body=json.dumps(content).encode())

    def _described(self, request: ApiRequest, response: HttpResponse) -> HttpResponse:
        if not self.describe or not request.path.startswith("/v2/segment/"):
            return response
        content = json.loads(response.body)
        self.describe(content["data"])
        return replace(response, body=json.dumps(content).encode())

    def close(self) -> None:
        """Nothing is open."""

    def full_syncs(self) -> int:
        """Count the full syncs that requested their first page."""
        firsts = [call for call in self.scans if not call.query.get("start")]
        return len([call for call in firsts if "_modified" not in (call.body or "")])

    def handle(self, request: ApiRequest, content_type: str = "") -> HttpResponse:
        """Give the account a request, and its response."""
        response = self._box.lytics.handle(
            request.method,
            request.path,
            request.query,
            {
                "Authorization": self._box.options.lytics_token,
                "Content-Type": content_type if request.body else "",
            },
            request.body or "",
        )
        headers = dict(response.headers)
        if self.date_ahead and "Date" in headers:
            date = parsedate_to_datetime(headers["Date"]) + self.date_ahead
            headers["Date"] = format_datetime(date, usegmt=True)
        return HttpResponse(status=response.status, headers=headers, body=response.body)


def is_scan(request: ApiRequest) -> bool:
    """Whether a request is for a page of members."""
    return request.path.endswith("/scan")


def ends_at(page: int) -> Callable[[int, dict[str, Any]], object]:
    """Let a page be empty and the last one, though its total says otherwise."""

    def end(number: int, content: dict[str, Any]) -> None:
        if number == page:
            content.update(data=[], _next="")

    return end
