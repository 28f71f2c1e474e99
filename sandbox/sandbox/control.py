"""The sandbox's own calls under `/_sandbox/`: look at it, and let things happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from .faults import Fault
from .messages import Answer, Request, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .box import Sandbox

VERBS = ("change", "enter", "leave")
AUDIENCE_VERBS = ("rename", "delete", "invalidate", "redefine")


class Control:
    """Answers the control calls of one sandbox."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self._routes: dict[str, Callable[[Request], Any]] = {
            "GET /_sandbox/journal": self._journal,
            "GET /_sandbox/store": self._store,
            "GET /_sandbox/diff": lambda _: self._box.store.diff(),
            "POST /_sandbox/faults": self._faults,
            "POST /_sandbox/members": self._members,
            "POST /_sandbox/audiences": self._audiences,
            "POST /_sandbox/clock": self._clock,
            "POST /_sandbox/mark": lambda _: self._box.store.mark(),
            "POST /_sandbox/reset": lambda _: self._box.reset(),
        }

    def answer(self, request: Request) -> Answer:
        """Answer one control call; a wrong one gets 400 with the reason."""
        route = self._routes.get(f"{request.method} {request.path}")
        if route is None:
            return json_answer(404, {"calls": sorted(self._routes)})
        try:
            return json_answer(200, route(request))
        except (LookupError, TypeError, ValueError) as error:
            return json_answer(400, {"error": f"{type(error).__name__}: {error}"})

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
        given = _given(request)
        faults = self._box.faults
        if given.get("clear"):
            faults.clear()
        if "rates" in given:
            faults.set_rates(given["rates"])
        faults.queue(*(Fault(**one) for one in given.get("queue", [])))
        return {"queued": len(faults.queued)}

    def _members(self, request: Request) -> dict[str, Any]:
        given = _given(request)
        verb = given.pop("do")
        lytics = self._box.lytics
        if verb == "put":
            return {"index": lytics.put_member(**given)}
        if verb not in VERBS:
            raise ValueError(f"do is put or one of {VERBS}")
        index = given.pop("index")
        getattr(lytics, verb)(index, **given)
        return {"index": index}

    def _audiences(self, request: Request) -> dict[str, Any]:
        given = _given(request)
        verb, slug = given.pop("do"), given.pop("slug")
        if verb not in AUDIENCE_VERBS:
            raise ValueError(f"do is one of {AUDIENCE_VERBS}")
        getattr(self._box.lytics, verb)(slug, **given)
        return {"slug": slug}

    def _clock(self, request: Request) -> dict[str, float]:
        given = _given(request)
        clock = self._box.clock
        if "scale" in given:
            clock.scale = float(given["scale"])
        if "set" in given:
            clock.set(float(given["set"]))
        clock.advance(float(given.get("advance", 0)))
        return {"now": clock.now()}


def _given(request: Request) -> dict[str, Any]:
    return msgspec.json.decode(request.body or b"{}", type=dict[str, Any])
