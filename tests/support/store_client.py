"""The target's API client connected to a sandbox; waits advance the clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from singer_kit.shutdown import ShutdownSignal
from target_bigcommerce.api.client import BigCommerceClient
from target_bigcommerce.api.parallel import ParallelCalls
from target_bigcommerce.api.transport import Throttle, Transport, open_session
from target_bigcommerce.fields import INCLUDES, has_fields

if TYPE_CHECKING:
    from sandbox import Sandbox

START = 1_700_000_000.0


@dataclass(slots=True, kw_only=True)
class ConnectedClient:
    """A client, its parts, and what it did."""

    box: Sandbox
    shutdown: ShutdownSignal
    throttle: Throttle
    transport: Transport
    client: BigCommerceClient
    waits: list[float] = field(default_factory=list)
    counts: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def calls(self) -> Counter[str]:
        """Number of calls by endpoint that reached the sandbox."""
        return self.box.journal.counts


Connect = Callable[..., ConnectedClient]


@contextmanager
def connecting() -> Iterator[Connect]:
    """Yield a function that connects a client to a sandbox; close all at the end."""
    clients: list[ConnectedClient] = []

    def make(box: Sandbox, **settings: Any) -> ConnectedClient:  # noqa: ANN401 - the transport's
        shutdown = ShutdownSignal()
        waits: list[float] = []
        counts: Counter[tuple[str, int]] = Counter()

        def wait(seconds: float) -> None:
            shutdown.wait(0)
            if seconds:
                waits.append(seconds)
                box.clock.advance(seconds)

        in_flight = settings.pop("max_in_flight", 3)
        throttle = Throttle(
            share=settings.pop("share", 1.0),
            max_in_flight=in_flight,
            clock=settings.pop("clock", box.clock.now),
            wait=settings.pop("wait", wait),
            jitter=lambda: 1.0,
        )
        session: dict[str, Any] = {
            "access_token": box.options.store_token,
            "user_agent": "test",
            "timeout_seconds": 30.0,
        }
        session |= {name: settings.pop(name) for name in session if name in settings}
        store = settings.pop("store_hash", box.options.store_hash)
        base_url = f"{box.url}/stores/{store}/v3"
        transport = Transport(
            base_url=base_url,
            open_session=lambda: open_session(base_url, **session),
            throttle=throttle,
            sleep=shutdown.wait,
            on_attempt=lambda endpoint, status: counts.update([(endpoint, status)]),
            **{"jitter": lambda: 0.0, **settings},
        )
        parallel = ParallelCalls(in_flight, shutdown)
        client = BigCommerceClient(
            transport, parallel, is_applied=has_fields, include=INCLUDES
        )
        connected = ConnectedClient(
            box=box,
            shutdown=shutdown,
            throttle=throttle,
            transport=transport,
            client=client,
            waits=waits,
            counts=counts,
        )
        clients.append(connected)
        return connected

    yield make
    for connected in clients:
        connected.client.close()
        connected.shutdown.close()
