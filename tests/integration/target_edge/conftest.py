"""The target's client against a sandbox, with waits that only move the clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import tenacity

from sandbox import Clock, Sandbox
from target_bigcommerce.api.calls import Calls
from target_bigcommerce.client import Client
from target_bigcommerce.interrupt import Interrupt
from target_bigcommerce.throttle import Throttle
from target_bigcommerce.transport import Transport

START = 1_700_000_000.0


@dataclass(slots=True, kw_only=True)
class Edge:
    """A client and what it is made of."""

    box: Sandbox
    interrupt: Interrupt
    throttle: Throttle
    transport: Transport
    client: Client
    waits: list[float] = field(default_factory=list)
    counts: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def asked(self) -> Counter[str]:
        """Calls by endpoint, as the sandbox saw them."""
        return self.box.journal.counts


Connect = Callable[..., Edge]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect to a sandbox; a wait moves the sandbox's clock instead of sleeping."""
    opened: list[Edge] = []

    def make(box: Sandbox, **settings: Any) -> Edge:  # noqa: ANN401 - the transport's
        interrupt: Interrupt = settings.pop("interrupt", None) or Interrupt()
        waits: list[float] = []
        counts: Counter[tuple[str, int]] = Counter()

        def wait(seconds: float) -> None:
            interrupt.wait(0)
            if seconds:
                waits.append(seconds)
                box.clock.advance(seconds)

        in_flight = settings.pop("max_in_flight", 3)
        throttle = Throttle(
            share=settings.pop("share", 1.0),
            max_in_flight=in_flight,
            clock=settings.pop("clock", box.clock.now),
            wait=settings.pop("wait", wait),
            chance=lambda: 1.0,
        )
        given = {
            "base_url": f"{box.url}/stores/{box.options.store_hash}/v3",
            "access_token": box.options.store_token,
            "user_agent": "test",
            "timeout_seconds": 5.0,
            "throttle": throttle,
            "interrupt": interrupt,
            "backoff": tenacity.wait_none(),
            "on_call": lambda endpoint, status: counts.update([(endpoint, status)]),
        }
        transport = Transport(**{**given, **settings})
        client = Client(transport, Calls(in_flight, interrupt))
        edge = Edge(
            box=box,
            interrupt=interrupt,
            throttle=throttle,
            transport=transport,
            client=client,
            waits=waits,
            counts=counts,
        )
        opened.append(edge)
        return edge

    yield make
    for edge in opened:
        edge.client.calls.close()
        edge.interrupt.close()


@pytest.fixture
def edge(make_sandbox: Callable[..., Sandbox], connect: Connect) -> Edge:
    """A store of some thirty customers that answers as it should."""
    return connect(make_sandbox(members=30, clock=Clock.still(1_700_000_000.0)))


@pytest.fixture
def open_store(
    make_sandbox: Callable[..., Sandbox], connect: Connect
) -> Callable[..., Edge]:
    """A store of a hundred customers and more, with options."""

    def make(**options: object) -> Edge:
        box = make_sandbox(
            **{"members": 120, "quota": 100_000, **options}, clock=Clock.still(START)
        )
        return connect(box)

    return make
