"""From a refused call to its guilty rows: set them aside, send the rest again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_bigcommerce.errors import Refusal, RefusedError

from .answers import guilty_rows, is_too_large
from .rows import Written

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from .rows import Row

CALLS_PER_ROW = 2
OK = 200
UNCONFIRMED = Refusal(status=OK, title="BigCommerce did not confirm the row")


class CallSize:
    """How many rows or ids a call may carry; lowered for the run when it is refused.

    Several threads may lower it; the lowest wins.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def lower(self, refused: int) -> None:
        """So many were too many: half of them are tried from now on."""
        self.most = max(1, min(self.most, refused // 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How rows of one kind are sent, and found again in the answer.

    `before_resend` looks rows up that may have been applied although the call was
    refused; those found are done.
    """

    send: Callable[[list[Row]], Sequence[Row]]
    key_of_sent: Callable[[Row], Hashable]
    key_of_answered: Callable[[Row], Hashable]
    before_resend: Callable[[list[Row]], dict[Hashable, Row]] = lambda _rows: {}


def narrow(rows: Sequence[tuple[int, Row]], way: Way, size: CallSize) -> Written:
    """Write rows that bear their places, as far as the store takes them.

    At most two calls per row are made; what is undecided then is refused.
    """
    return _Narrowing(rows, way, size).run()


class _Narrowing:
    """One call's rows on their way to done or refused."""

    def __init__(
        self, rows: Sequence[tuple[int, Row]], way: Way, size: CallSize
    ) -> None:
        self._way = way
        self._size = size
        self._parts = deque([list(rows)])
        self._calls_left = CALLS_PER_ROW * len(rows)
        self._unconfirmed: list[tuple[int, Row]] = []
        self._resent = False
        self._last = UNCONFIRMED
        self._written = Written()

    def run(self) -> Written:
        while self._parts or self._unconfirmed:
            if not self._parts:
                self._resend_unconfirmed()
            elif self._calls_left <= 0:
                self._give_up()
            else:
                self._send(self._parts.popleft())
        return self._written

    def _send(self, part: list[tuple[int, Row]]) -> None:
        if not part:
            return
        if len(part) > self._size.most:
            self._parts.extendleft(reversed(_cut(part, self._size.most)))
            return
        self._calls_left -= 1
        try:
            answered = self._way.send([row for _, row in part])
        except RefusedError as error:
            self._last = error.refusal
            self._after_refusal(part, error.refusal)
        else:
            self._confirm(part, answered)

    def _confirm(self, part: list[tuple[int, Row]], answered: Sequence[Row]) -> None:
        found = {self._way.key_of_answered(row): row for row in answered}
        for place, row in part:
            confirmed = found.get(self._way.key_of_sent(row))
            if confirmed is not None:
                self._written.done[place] = confirmed
            elif self._resent:
                self._written.refused[place] = UNCONFIRMED
            else:
                self._unconfirmed.append((place, row))

    def _after_refusal(self, part: list[tuple[int, Row]], refusal: Refusal) -> None:
        if is_too_large(refusal) and len(part) > 1:
            self._size.lower(len(part))
            self._parts.extendleft(reversed(_cut(part, self._size.most)))
            return
        guilty = set(guilty_rows(refusal, [row for _, row in part]))
        accused = [part[at] for at in sorted(guilty)]
        rest = [one for at, one in enumerate(part) if at not in guilty]
        found = self._look_up(part)
        for place, _ in accused:
            if place not in found:
                self._written.refused[place] = refusal
        rest = [one for one in rest if one[0] not in found]
        self._parts.extendleft(reversed([rest] if accused else _halves(rest)))

    def _resend_unconfirmed(self) -> None:
        """Once, all together; those found by a look-up need it no more."""
        self._resent = True
        found = self._look_up(self._unconfirmed)
        self._parts.append([one for one in self._unconfirmed if one[0] not in found])
        self._unconfirmed = []

    def _look_up(self, part: list[tuple[int, Row]]) -> set[int]:
        known = self._way.before_resend([row for _, row in part])
        places = set()
        for place, row in part:
            found = known.get(self._way.key_of_sent(row))
            if found is not None:
                self._written.done[place] = found
                places.add(place)
        return places

    def _give_up(self) -> None:
        for place, _ in self._parts.popleft():
            self._written.refused[place] = self._last


def _cut(part: list[tuple[int, Row]], most: int) -> list[list[tuple[int, Row]]]:
    return [part[at : at + most] for at in range(0, len(part), most)]


def _halves(part: list[tuple[int, Row]]) -> list[list[tuple[int, Row]]]:
    middle = (len(part) + 1) // 2
    return [half for half in (part[:middle], part[middle:]) if half]
