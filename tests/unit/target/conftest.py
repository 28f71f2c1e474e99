"""Runs of the target in this process: the real client against a sandbox's store."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from audience_members import member, put
from requests.structures import CaseInsensitiveDict
from typing_extensions import override

from sandbox import Clock, Options, Sandbox
from singer_kit.errors import NoResponseError
from singer_kit.http import HttpResponse
from singer_kit.shutdown import ShutdownSignal
from target_bigcommerce.run import build_run
from target_bigcommerce.sink import CustomerSink
from target_bigcommerce.target import TargetBigCommerce

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_780_000_000.0
VIP = "vip_customers"
Record = Mapping[str, Any]


class StoreSender:
    """Passes requests to a store in this process."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box

    def send(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> HttpResponse:
        """Let the store respond."""
        path, _, query = target.partition("?")
        answer = self._box.store.handle(
            method,
            f"/stores/{self._box.options.store_hash}/v3{path}",
            query,
            {
                "X-Auth-Token": self._box.options.store_token,
                "Content-Type": content_type,
            },
            body or b"",
        )
        if answer.ending != "whole":
            raise NoResponseError(answer.ending)
        headers = CaseInsensitiveDict(answer.headers)
        return HttpResponse(status=answer.status, headers=headers, body=answer.body)

    def close(self) -> None:
        """Close nothing."""


class PassingShutdown(ShutdownSignal):
    """Its waits advance the clock instead of waiting."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    @override
    def wait(self, seconds: float) -> None:
        self._clock.advance(seconds)


class Job:
    """A run of the target against a store; several runs are several jobs."""

    def __init__(self, box: Sandbox, folder: Path, **config: object) -> None:
        self.box = box
        self.config: dict[str, Any] = deepcopy(
            {
                **box_config(box),
                "id_field": "id",
                "rejects_path": str(folder / "rejects.jsonl"),
                **config,
            }
        )
        self._shutdown = PassingShutdown(box.clock)
        self.target = self.open_target()
        self.run = self.target.context
        self._sinks: dict[str, CustomerSink] = {}

    def open_target(self, **config: object) -> TargetBigCommerce:
        """Open a target against the store, with some settings otherwise."""
        handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            return TargetBigCommerce(
                config=deepcopy({**self.config, **config}),
                shutdown=self._shutdown,
                build=partial(
                    build_run,
                    clock=self.box.clock.now,
                    open_session=lambda *_, **__: StoreSender(self.box),
                ),
            )
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def close(self) -> None:
        """Close what it holds."""
        self.run.close()
        self._shutdown.close()

    def sink(self, stream: str = VIP, **properties: object) -> CustomerSink:
        """Open a stream once, by default with any properties."""
        if stream not in self._sinks:
            schema = {"properties": properties, "additionalProperties": True}
            message = {"type": "SCHEMA", "stream": stream, "schema": schema}
            self.run.rejects.remember_schema(message)
            self._sinks[stream] = CustomerSink(
                self.target, stream, schema, [], run=self.run
            )
        return self._sinks[stream]

    def write(
        self, *records: Record, stream: str = VIP, version: int | None = None
    ) -> dict[str, int]:
        """Take records and drain them; gives the outcomes so far."""
        sink = self.sink(stream)
        for record in records:
            message: dict[str, Any] = {"type": "RECORD", "stream": stream}
            message |= {"record": record}
            message |= {} if version is None else {"version": version}
            sink.add_record(dict(record), message)
            if sink.is_full:
                sink.process_batch({})
        sink.process_batch({})
        self.run.commit()
        return self.outcomes

    def activate(self, version: int, stream: str = VIP) -> None:
        """Activate a version."""
        self.sink(stream).activate_version(version)

    @property
    def outcomes(self) -> dict[str, int]:
        """How many records had which outcome; all that were read have one."""
        outcomes = {str(name): n for name, n in self.run.stats.outcomes.items() if n}
        assert sum(outcomes.values()) == self.run.stats.read
        return outcomes

    @property
    def reject_codes(self) -> dict[str, int]:
        """How many records were rejected for what."""
        return {code.value: n for code, n in self.run.stats.rejects.items()}

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
def shutdown() -> Iterator[ShutdownSignal]:
    """Make a shutdown signal that is not set."""
    made = ShutdownSignal()
    yield made
    made.close()
