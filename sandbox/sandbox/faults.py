"""Faults: their kinds, and which call gets one, queued or by probability."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Kind = Literal[
    "429",
    "429_bare",
    "429_retry_after",
    "401",
    "403",
    "400",
    "404",
    "405",
    "409",
    "415",
    "423",
    "500",
    "502",
    "503",
    "504",
    "501",
    "507",
    "500_after",
    "502_after",
    "503_after",
    "504_after",
    "slow",
    "drip",
    "cut",
    "cut_after",
    "truncated",
    "not_json",
    "empty_body",
    "row_missing",
    "redirect",
    "stale_cursor",
    "same_next",
    "empty_page",
    "empty_scan",
    "audience_renamed",
    "error_envelope",
    "error_code",
    "null_data",
    "date_ahead",
]
KINDS: tuple[str, ...] = get_args(Kind)
# These apply to pages of a scan: some to pages requested by token, one to first pages.
OF_TOKENS = frozenset({"stale_cursor", "same_next"})
OF_FIRST_PAGES = frozenset({"empty_scan"})
OF_SCANS = OF_TOKENS | OF_FIRST_PAGES | {"empty_page", "audience_renamed"}
# Responses with status 200 that report an error, as Lytics has sent.
ENVELOPES = frozenset({"error_envelope", "error_code", "null_data"})
OF_LYTICS = OF_SCANS | ENVELOPES | {"date_ahead"}
REPLACING = (
    frozenset(kind for kind in KINDS if kind[:3].isdigit())
    | {"cut", "redirect", "stale_cursor"}
    | ENVELOPES
)
AFTER = frozenset(kind for kind in KINDS if kind.endswith("_after")) - {
    "429_retry_after"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault for the next `times` matching calls.

    `match` is `METHOD /path`, with `*` as a wildcard; BigCommerce's paths start
    after `/v3`. `seconds` sets the delay of slow responses, the time of each byte of
    a drip, Retry-After, and how far a Date header is ahead; `to` is the target of a
    redirect.
    """

    kind: str
    match: str = "*"
    times: int = 1
    seconds: float | None = None
    to: str = "http://localhost:9/elsewhere"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault kind {self.kind!r}; kinds are {KINDS}")

    @property
    def prevents_call(self) -> bool:
        """Whether the call is not executed."""
        return self.kind in REPLACING - AFTER

    def matches(self, call: str) -> bool:
        """Return whether `METHOD /path` matches."""
        return fnmatchcase(call, self.match)


class Faults:
    """Queued faults first, in order; then those by probability, seeded."""

    def __init__(
        self, rates: Mapping[str, float], *, seed: int, seconds: float
    ) -> None:
        self._queue: list[Fault] = []
        self._chance = random.Random(seed)
        self._seconds = seconds
        self._rates: list[tuple[Fault, float]] = []
        self.set_rates(rates)

    def queue(self, *faults: Fault) -> None:
        """Queue faults for the next matching calls."""
        self._queue.extend(faults)

    def set_rates(self, rates: Mapping[str, float]) -> None:
        """Replace the probabilities: `kind` or `kind@METHOD /path` to 0..1."""
        self._rates = [(_to_fault(name), rate) for name, rate in rates.items()]

    def clear(self) -> None:
        """Remove all faults, queued and by probability."""
        self._queue.clear()
        self._rates.clear()

    @property
    def queued(self) -> tuple[Fault, ...]:
        """The faults still in the queue."""
        return tuple(self._queue)

    def pick(
        self, call: str, can_apply: Callable[[str], bool] = lambda _: True
    ) -> Fault | None:
        """Choose the fault for `METHOD /path` and take it off the queue.

        Faults that cannot apply to the call stay in the queue.
        """
        fault = self._from_queue(call, can_apply) or self._by_chance(call, can_apply)
        if fault and fault.seconds is None:
            return replace(fault, seconds=self._seconds)
        return fault

    def _from_queue(self, call: str, can_apply: Callable[[str], bool]) -> Fault | None:
        for at, fault in enumerate(self._queue):
            if fault.matches(call) and can_apply(fault.kind):
                left = replace(fault, times=fault.times - 1)
                self._queue[at : at + 1] = [left] if left.times > 0 else []
                return fault
        return None

    def _by_chance(self, call: str, can_apply: Callable[[str], bool]) -> Fault | None:
        for fault, rate in self._rates:
            is_match = fault.matches(call) and can_apply(fault.kind)
            if is_match and self._chance.random() < rate:
                return fault
        return None


def _to_fault(name: str) -> Fault:
    kind, _, match = name.partition("@")
    return Fault(kind=kind, match=match or "*")
