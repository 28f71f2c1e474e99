"""Exports in this process: the real client, a store behind it, a clock beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from audience_members import member, put
from requests.adapters import BaseAdapter
from target_settings import validate
from typing_extensions import override

from sandbox import Clock, Options, Sandbox
from target_bigcommerce.api.session import open_session
from target_bigcommerce.audience import Audience
from target_bigcommerce.exits.activation import activate
from target_bigcommerce.interrupt import Interrupt
from target_bigcommerce.run.opening import Opening
from target_bigcommerce.schema import StreamSchema
from target_bigcommerce.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_780_000_000.0
VIP = "vip_customers"
Record = Mapping[str, Any]


class StoreAdapter(BaseAdapter):
    """Hands a session's requests to a store in this process."""

    def __init__(self, box: Sandbox) -> None:
        super().__init__()
        self._box = box

    @override
    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        url = urlsplit(str(request.url))
        answer = self._box.store.handle(
            str(request.method),
            url.path,
            url.query,
            dict(request.headers),
            request.body or b"",
        )
        if answer.ending != "whole":
            raise requests.ConnectionError(answer.ending)
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response._content = answer.body
        response.request = request
        return response

    @override
    def close(self) -> None:
        pass


class Passing(Interrupt):
    """Its waits let the clock pass instead of waiting."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    @override
    def wait(self, seconds: float) -> None:
        self._clock.advance(seconds)


class Job:
    """An export's audiences against a store; several runs are several jobs."""

    def __init__(self, box: Sandbox, folder: Path, **config: object) -> None:
        full = deepcopy(
            {
                **box_config(box),
                "id_field": "id",
                "rejects_path": str(folder / "rejects.jsonl"),
                **config,
            }
        )
        assert not validate(full)
        self.box = box
        self._interrupt = Passing(box.clock)
        self.config = full
        self.opening = Opening(
            interrupt=self._interrupt,
            clock=box.clock.now,
            open_session=self._open_session,
        )
        self.export, self.throttle = self.opening.export(Settings.from_config(full))
        self._audiences: dict[str, Audience] = {}

    def _open_session(self, *given: str) -> requests.Session:
        session = open_session(*given)
        session.mount("http://", StoreAdapter(self.box))
        return session

    def close(self) -> None:
        """Give back what it holds."""
        self._interrupt.close()

    def audience(self, stream: str = VIP, **properties: object) -> Audience:
        """Open a stream once, by default with any properties."""
        if stream not in self._audiences:
            schema = {"properties": properties, "additionalProperties": True}
            message = {"type": "SCHEMA", "stream": stream, "schema": schema}
            self.export.rejects.remember_schema(message)
            opened = Audience(self.export, stream, StreamSchema(stream, schema, ()))
            self._audiences[stream] = opened
        return self._audiences[stream]

    def write(
        self, *records: Record, stream: str = VIP, version: int | None = None
    ) -> dict[str, int]:
        """Take records and drain them; gives the outcomes so far."""
        audience = self.audience(stream)
        for record in records:
            message: dict[str, Any] = {"type": "RECORD", "stream": stream}
            message |= {"record": record}
            message |= {} if version is None else {"version": version}
            kept = {n: v for n, v in record.items() if n != "_sdc_deleted_at"}
            audience.take(kept, message)
            if audience.is_full:
                audience.drain()
        audience.drain()
        self.export.settle()
        return self.outcomes

    def activate(self, version: int, stream: str = VIP) -> None:
        """Activate a version."""
        activate(self.export, stream, self.export.versions.of(stream, version))

    @property
    def outcomes(self) -> dict[str, int]:
        """How many records had which outcome; all that were read have one."""
        outcomes = {str(name): n for name, n in self.export.tally.outcomes.items() if n}
        assert sum(outcomes.values()) == self.export.tally.read
        return outcomes

    @property
    def reject_codes(self) -> dict[str, int]:
        """How many records were rejected for what."""
        return {code.value: n for code, n in self.export.tally.rejects.items()}

    def values(self, attribute: str = f"LyticsAudience_{VIP}") -> dict[int, str]:
        """Every customer's value of an attribute in the store."""
        store = self.box.store
        numbers = [n for n, row in store.attributes.items() if row["name"] == attribute]
        return {
            customer_id: row["attribute_value"]
            for (customer_id, number), row in store.values.items()
            if number in numbers
        }

    def calls(self) -> dict[str, int]:
        """How often each endpoint was called."""
        return dict(self.box.journal.counts)


def box_config(box: Sandbox) -> dict[str, Any]:
    """The settings that lead to a store that is not served."""
    return {
        "api_url": "http://127.0.0.1:9",
        "store_hash": box.options.store_hash,
        "access_token": box.options.store_token,
    }


MakeBox = Callable[..., Sandbox]
MakeJob = Callable[..., Job]


@pytest.fixture(scope="session")
def make_box() -> MakeBox:
    """Make sandboxes that are not served, with quota to spare."""

    def make(**options: Any) -> Sandbox:  # noqa: ANN401 - options
        calm = {"members": 0, "others": 0, "newsletter": 0, "quota": 10_000}
        return Sandbox(Options(**{**calm, **options}), clock=Clock.still(NOW))

    return make


@pytest.fixture
def box(make_box: MakeBox) -> Sandbox:
    """An empty store."""
    return make_box()


@pytest.fixture(scope="session")
def open_job(tmp_path_factory: pytest.TempPathFactory) -> MakeJob:
    """Open a job in a folder of its own, for a test with many examples."""

    def open_one(box: Sandbox, **config: object) -> Job:
        return Job(box, tmp_path_factory.mktemp("job"), **config)

    return open_one


@pytest.fixture
def make_job(tmp_path: Path) -> Iterable[MakeJob]:
    """Make jobs by their settings; all are closed when the test ends."""
    jobs: list[Job] = []

    def make(box: Sandbox, **config: object) -> Job:
        jobs.append(Job(box, tmp_path, **config))
        return jobs[-1]

    yield make
    for job in jobs:
        job.close()


@pytest.fixture
def audience(box: Sandbox, make_job: MakeJob) -> Sandbox:
    """A store in which 1, 2 and 3 are of the audience and 4 is not."""
    put(box, 1, 2, 3, 4)
    make_job(box, map_standard_fields=[]).write(*map(member, (1, 2, 3)))
    box.journal.clear()
    return box


@pytest.fixture
def interrupt() -> Iterator[Interrupt]:
    """Make an interrupt that nobody has set."""
    made = Interrupt()
    yield made
    made.close()
