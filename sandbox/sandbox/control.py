"""The control API under `/_sandbox/`: inspect the sandbox, change data, queue faults.

Its calls cost no quota and are not in the journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from .faults import Fault
from .http import Request, Response, json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bigcommerce.store import Store
    from .clock import Clock
    from .faults import Faults
    from .journal import Journal
    from .lytics.account import Account

MEMBER_VERBS = ("change", "enter", "leave")
AUDIENCE_VERBS = ("rename", "delete", "invalidate", "redefine")


class Controlled(Protocol):
    """What the control API needs of a sandbox."""

    clock: Clock
    faults: Faults
    journal: Journal
    lytics: Account
    store: Store

    def reset(self) -> None:
        """Restore the seeded state."""


class Control:
    """Handles the control calls of one sandbox."""

    def __init__(self, box: Controlled) -> None:
        self._box = box
        self._routes: dict[str, Callable[[Request], Any]] = {
            "GET /_sandbox/journal": self._journal,
            "GET /_sandbox/store": self._store,
            "GET /_sandbox/diff": lambda _: self._box.store.diff(),
            "POST /_sandbox/faults": self._faults,
            "POST /_sandbox/members": self._members,
            "POST /_sandbox/audiences": self._audiences,
            "POST /_sandbox/customers": self._customers,
            "POST /_sandbox/clock": self._clock,
            "POST /_sandbox/mark": lambda _: self._box.store.mark(),
            "POST /_sandbox/reset": lambda _: self._box.reset(),
        }

    def handle(self, request: Request) -> Response:
        """Handle one call: a 404 lists the known calls, a 400 contains the error."""
        route = self._routes.get(f"{request.method} {request.path}")
        if route is None:
            return json_response(404, {"calls": sorted(self._routes)})
        try:
            return json_response(200, route(request))
        except (LookupError, TypeError, ValueError) as error:
            return json_response(400, {"error": f"{type(error).__name__}: {error}"})

    def _journal(self, request: Request) -> dict[str, Any]:
        journal = self._box.journal
        entries = journal.since(int(request.query.get("since", 0)))
        return {
            "total": journal.total,
            "counts": dict(sorted(journal.counts.items())),
            "statuses": dict(sorted(journal.statuses.items())),
            "entries": [entry.to_dict() for entry in entries],
        }

    def _store(self, _: Request) -> dict[str, Any]:
        store = self._box.store
        with store.lock:
            customers = [store.customers.peek(n) for n in store.customers]
            values = [store.values[key] for key in sorted(store.values)]
            return {
                "customers": customers,
                "attributes": list(store.attributes.values()),
                "values": values,
            }

    def _faults(self, request: Request) -> dict[str, int]:
        body = _body(request)
        faults = self._box.faults
        if body.get("clear"):
            faults.clear()
        if "rates" in body:
            faults.set_rates(body["rates"])
        if "bad_rows" in body:
            self._box.store.bad_rows = dict(body["bad_rows"])
        faults.queue(*(Fault(**fault) for fault in body.get("queue", [])))
        return {"queued": len(faults.queued)}

    def _members(self, request: Request) -> dict[str, Any]:
        body = _body(request)
        verb = body.pop("do")
        lytics = self._box.lytics
        if verb == "put":
            return {"index": lytics.put_member(**body)}
        if verb not in MEMBER_VERBS:
            raise ValueError(f"do must be put or one of {MEMBER_VERBS}")
        index = body.pop("index")
        getattr(lytics, verb)(index, **body)
        return {"index": index}

    def _customers(self, request: Request) -> dict[str, int]:
        body = _body(request)
        number = int(body["id"])
        self._box.store.put_customer(number, **body.get("fields", {}))
        return {"id": number}

    def _audiences(self, request: Request) -> dict[str, Any]:
        body = _body(request)
        verb, slug = body.pop("do"), body.pop("slug")
        if verb not in AUDIENCE_VERBS:
            raise ValueError(f"do must be one of {AUDIENCE_VERBS}")
        getattr(self._box.lytics, verb)(slug, **body)
        return {"slug": slug}

    def _clock(self, request: Request) -> dict[str, float]:
        body = _body(request)
        clock = self._box.clock
        if "scale" in body:
            clock.scale = float(body["scale"])
        if "set" in body:
            clock.set(float(body["set"]))
        clock.advance(float(body.get("advance", 0)))
        return {"now": clock.now()}


def _body(request: Request) -> dict[str, Any]:
    return msgspec.json.decode(request.body or b"{}", type=dict[str, Any])
