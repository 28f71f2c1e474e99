"""The Lytics account: who may call, and what goes wrong on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from .faults import OF_SCANS, OF_TOKENS
from .happenings import Happenings
from .lytics_answers import error, httpdate, spoiled_scan
from .lytics_calls import Calls
from .population import Population
from .scan import Scans
from .vendor import Vendor, failed, spoiled

if TYPE_CHECKING:
    from .clock import Clock
    from .faults import Fault, Faults
    from .journal import Journal, Side
    from .messages import Answer, Json, Request
    from .options import Options


class Account(Happenings, Vendor):
    """A Lytics account over generated people. No I/O."""

    side: ClassVar[Side] = "lytics"

    def __init__(
        self, options: Options, clock: Clock, faults: Faults, journal: Journal
    ) -> None:
        Vendor.__init__(self, clock, faults, journal)
        self.options = options
        self.population = Population(options, clock)
        self.seed_audiences()
        self._calls = Calls(self, Scans(options, self.population, clock))

    def call(self, method: str, path: str, text: str = "", **query: Json) -> Answer:
        """Call in-process with the right token; `text` is a filter that is posted."""
        token = self.options.lytics_token
        headers = {"Authorization": token, "Content-Type": "text/plain"}
        return self.handle(method, path, query, headers, text)

    # The way of a call.

    @override
    def settle(self) -> None:
        self.population.settle()

    @override
    def admit(self, request: Request) -> Answer | None:
        if request.headers.get("authorization") != self.options.lytics_token:
            return error(401, "Not authorized")
        if self.options.lytics_forbidden:
            return error(403, "Forbidden")
        return None

    @override
    def release(self, request: Request) -> None:
        return

    @override
    def dress(self, answer: Answer, fault: str) -> Answer:
        if not self.options.lytics_date_header or not answer.status:
            return answer
        date = httpdate(self.clock.now())
        return replace(answer, headers={**answer.headers, "Date": date})

    @override
    def can_have(self, kind: str, request: Request) -> bool:
        if kind not in OF_SCANS:
            return True
        by_token = bool(request.query.get("start"))
        return request.path.endswith("/scan") and (by_token or kind not in OF_TOKENS)

    @override
    def fail(self, fault: Fault) -> Answer:
        if fault.kind == "stale_cursor":
            return error(self.options.stale_token_status, "invalid start token")
        answer = failed(fault) or error(int(fault.kind[:3]), "sandbox fault")
        if fault.kind == "429_retry_after":
            wait = str(max(1, round(fault.seconds or 0)))
            return replace(answer, headers={**answer.headers, "Retry-After": wait})
        return answer

    @override
    def spoil(self, answer: Answer, fault: Fault, request: Request) -> Answer:
        if fault.kind[:3].isdigit():
            return error(int(fault.kind[:3]), "sandbox fault")
        token = request.query.get("start", "")
        return spoiled_scan(spoiled(answer, fault), fault.kind, token)

    @override
    def short_path(self, path: str) -> str:
        return path

    @override
    def endpoint(self, path: str) -> str:
        return self._calls.pattern(path)

    @override
    def extra_keys(self, request: Request) -> tuple[str, ...]:
        return ()

    @property
    @override
    def keeps_bodies(self) -> bool:
        return self.options.journal_bodies

    @override
    def work(self, request: Request) -> Answer:
        return self._calls.answer(request)
