"""Whether a call may start, from what is known of the quota's window. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

KEPT_BACK = 3  # Calls left at which to wait for the reset, as BigCommerce advises.
SLICES = 60  # A wait for other apps is cut into this many parts of a window.
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


def kept_back(quota: int, share: float) -> float:
    """Calls left at which none may start; a tiny quota still lets one through."""
    return min(max(KEPT_BACK, round((1 - share) * quota, 6)), quota - 1)


def others_rate(view: View) -> float:
    """Calls per second of other apps; silence lowers it, so that we look again."""
    believed = view.window * SMOOTHING
    seen = view.others + view.others_before * believed
    return seen / (view.elapsed + believed)


def usable(view: View) -> float:
    """Calls that may start now at most: what is left, and our share of the quota.

    Those under way may not be in `left` yet, those of other apps since then neither.
    """
    unseen = view.in_flight + others_rate(view) * view.since_answer
    least = kept_back(view.quota, view.share)
    return min(view.left - unseen - least, view.share * view.quota - view.own)


def fair(view: View) -> float:
    """Calls that leave other apps theirs to the window's end; never under our half."""
    rate = others_rate(view)
    expected = rate * (view.since_answer + view.remaining)
    room = view.left - view.in_flight - expected - KEPT_BACK
    return max(room, view.share * view.quota / 2 - view.own)


def pause(view: View) -> float | None:
    """Seconds until to ask again, 0 to start; None: an answer under way will tell."""
    now = usable(view)
    if now <= 0:
        return _until_there_are_some(view)
    if fair(view) < min(1, now):
        return _slice(view)
    return _spread(view, min(now, fair(view)))


def _until_there_are_some(view: View) -> float | None:
    certain = view.left - kept_back(view.quota, view.share)
    if certain <= 0 or view.own >= view.share * view.quota:
        return view.remaining
    return None if view.in_flight else _slice(view)


def _slice(view: View) -> float:
    return min(view.window / SLICES, view.remaining)


def _spread(view: View, allowed: float) -> float:
    """Spread calls only when the window does not cover those to come."""
    if view.to_come <= allowed:
        return 0.0
    apart = max(0.0, view.remaining - MARGIN * view.window) / max(allowed, 1)
    return max(0.0, apart - view.since_call)
