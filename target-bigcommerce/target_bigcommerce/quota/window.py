"""Whether a call may start, from what is known of the quota's window. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

KEPT_BACK = 3  # Calls left at which to wait for the reset, as BigCommerce advises.
LOOK = 1 / 6  # Part of a window after which a call looks what other apps leave.
MARGIN = 0.05  # Part of the window by whose end spread calls shall be through.
SMOOTHING = 1 / 30  # Part of a window for which the last one's rate is believed.


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The window as a call sees it that wants to start. Times in seconds."""

    share: float
    quota: int
    window: float
    left: int  # As of the last answer.
    elapsed: float
    remaining: float
    since_answer: float
    since_call: float
    in_flight: int
    own: int  # Our calls of this window.
    others: int  # Calls of other apps, as of the last answer.
    others_before: float  # The same per second, in the window before.
    to_come: int  # Calls that the drain still has to make; 0 is unknown.


def our_share(quota: int, share: float) -> int:
    """Calls that we may make in a window; a tiny quota still lets one through."""
    return max(1, floor(round(share * quota, 6)))


def kept_back(quota: int, share: float) -> int:
    """Calls left at which none may start."""
    return min(max(KEPT_BACK, quota - our_share(quota, share)), quota - 1)


def others_rate(view: View) -> float:
    """Calls per second of other apps, as far as the last answer showed."""
    believed = view.window * SMOOTHING
    seen = view.others + view.others_before * believed
    return seen / (max(0.0, view.elapsed - view.since_answer) + believed)


def usable(view: View) -> float:
    """Calls that may start now at most: what is left, and our share of the quota.

    Those under way may not be in `left` yet, those of other apps since then neither.
    """
    unseen = view.in_flight + others_rate(view) * view.since_answer
    ours = our_share(view.quota, view.share)
    least = kept_back(view.quota, view.share)
    return min(view.left - unseen - least, ours - view.own)


def fair(view: View) -> float:
    """Calls that leave other apps theirs to the window's end; never under our half."""
    expected = others_rate(view) * (view.since_answer + view.remaining)
    room = view.left - view.in_flight - expected - KEPT_BACK
    return max(room, our_share(view.quota, view.share) / 2 - view.own)


def pause(view: View) -> float | None:
    """Seconds until to ask again, 0 to start; None: an answer under way will tell."""
    now = usable(view)
    if now <= 0:
        return _until_there_are_some(view)
    if fair(view) < min(1, now):
        return _until_another_look(view)
    return _spread(view, now)


def _until_there_are_some(view: View) -> float | None:
    certain = view.left - kept_back(view.quota, view.share)
    if certain <= 0 or view.own >= our_share(view.quota, view.share):
        return view.remaining
    return None if view.in_flight else _until_another_look(view)


def _until_another_look(view: View) -> float:
    """Only an answer shows what other apps leave: a call now and then looks."""
    return min(max(0.0, view.window * LOOK - view.since_call), view.remaining)


def _spread(view: View, now: float) -> float:
    """Spread calls only when the window does not cover those to come.

    Not either when other apps will have taken ours before its end.
    """
    allowed = min(now, fair(view))
    if view.to_come <= allowed or now <= others_rate(view) * view.remaining:
        return 0.0
    apart = max(0.0, view.remaining - MARGIN * view.window) / max(allowed, 1)
    return max(0.0, apart - view.since_call)
