"""A run of the target in this process: the real client against a sandbox's store."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

from requests.structures import CaseInsensitiveDict
from typing_extensions import override

from singer_kit.errors import NoResponseError
from singer_kit.http import HttpResponse
from singer_kit.shutdown import ShutdownSignal
from target_bigcommerce.run import build_run
from target_bigcommerce.sink import CustomerSink
from target_bigcommerce.target import TargetBigCommerce

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Clock, Sandbox


NOW = 1_780_000_000.0
VIP = "vip_customers"
Record = Mapping[str, Any]


class StoreSender:
    """Sends requests to a store in this process."""

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
        response = self._box.store.handle(
            method,
            f"/stores/{self._box.options.store_hash}/v3{path}",
            query,
            {
                "X-Auth-Token": self._box.options.store_token,
                "Content-Type": content_type,
            },
            body or b"",
        )
        if response.ending != "whole":
            raise NoResponseError(response.ending)
        headers = CaseInsensitiveDict(response.headers)
        return HttpResponse(status=response.status, headers=headers, body=response.body)

    def close(self) -> None:
        """Close nothing."""


class AdvancingShutdown(ShutdownSignal):
    """A shutdown signal whose waits only advance the clock."""

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
                "history_path": str(folder / "history.sqlite"),
                **config,
            }
        )
        self._shutdown = AdvancingShutdown(box.clock)
        self.target = self.open_target()
        self.run = self.target.context
        self._sinks: dict[str, CustomerSink] = {}

    def open_target(self, **config: object) -> TargetBigCommerce:
        """Open a target against the store, with some settings changed."""
        handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            return TargetBigCommerce(
                config=deepcopy({**self.config, **config}),
                shutdown=self._shutdown,
                build=partial(
                    build_run,
                    clock=self.box.clock.now,
                    now=self.box.clock.now,
                    open_session=lambda *_, **__: StoreSender(self.box),
                ),
            )
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def close(self) -> None:
        """Close the run."""
        self.run.close()
        self._shutdown.close()

    def sink(self, stream: str = VIP, **properties: object) -> CustomerSink:
        """Open a stream, once; its schema also allows other properties."""
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
        """Add records, drain them and clear exits; returns the outcomes so far."""
        sink = self.sink(stream)
        for record in records:
            message: dict[str, Any] = {"type": "RECORD", "stream": stream}
            message |= {"record": record}
            message |= {} if version is None else {"version": version}
            sink.add_record(dict(record), message)
            if sink.is_full:
                sink.process_batch({})
        sink.process_batch({})
        sink.clear_exits()
        self.run.commit()
        return self.outcomes

    def activate(self, version: int, stream: str = VIP) -> None:
        """Activate a version."""
        self.sink(stream).activate_version(version)

    @property
    def outcomes(self) -> dict[str, int]:
        """Records by outcome; every record that was read has one."""
        outcomes = {str(name): n for name, n in self.run.stats.outcomes.items() if n}
        assert sum(outcomes.values()) == self.run.stats.read
        return outcomes

    @property
    def reject_codes(self) -> dict[str, int]:
        """Rejected records by code."""
        return {code.value: n for code, n in self.run.stats.rejects.items()}

    def values(self, attribute: str = f"LyticsAudience_{VIP}") -> dict[int, str]:
        """The values of an attribute in the store, by customer."""
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
    """Settings for a store that is not served over HTTP."""
    return {
        "api_url": "http://127.0.0.1:9",
        "store_hash": box.options.store_hash,
        "access_token": box.options.store_token,
    }


MakeJob = Callable[..., Job]


def clearing_job(make_job: MakeJob, box: Sandbox, **config: object) -> Job:
    """Make a job that clears exits and, by default, writes no field."""
    return make_job(box, **{"map_standard_fields": [], "on_exit": "clear", **config})


def rejects_in(folder: Path) -> list[dict[str, Any]]:
    """Read the rejected records of the jobs of a folder."""
    lines = (folder / "rejects.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [row for row in rows if row["type"] == "RECORD"]
