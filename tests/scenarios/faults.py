"""Failing calls: retried, given up, or fatal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .exits import BY_LEDGER, BY_VERSION, CLEAR, COMPANY
from .jobs import ALL, SMALL
from .messages import companies, record, schema, state
from .registry import CLEAN, add, scenario
from .writes import WITH_NAMES

if TYPE_CHECKING:
    from .registry import Run
    from .stage import Stage

SCAN = "* /api/segment/*"
RETRIABLE = (
    ("429_bare", "429_retry_after", "500", "502", "503", "504"),
    ("cut", "cut_after", "truncated", "not_json", "empty_body"),
)
FATAL = ("401", "403", "redirect")
SEQUENTIAL = {**COMPANY, "max_in_flight": 1, "batch_size_rows": 10}
# After a 429 the target waits until the window ends, so it must be short.
QUICK = {**CLEAN, "window": 0.2, "fault_seconds": 0}


def _queue(*kinds: str, match: str, times: int = 1) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "match": match, "times": times, "seconds": 0} for kind in kinds
    ]


def _tap_retries(*kinds: str) -> Run:
    def run(stage: Stage) -> None:
        stage.faults(*_queue(*kinds, match="GET *"))
        stage.sync(ALL)
        stage.faults(*_queue(*kinds, match=SCAN))
        stage.advance(hours=1)
        stage.change(1, company="Changed Ltd")
        stage.sync(ALL)

    return run


for _number, _kinds in enumerate(RETRIABLE, 1):
    add("faults", f"tap-what-passes-{_number}", _tap_retries(*_kinds), **SMALL)


@scenario("faults", **SMALL)
def tap_what_never_passes(stage: Stage) -> None:
    for kind in FATAL:
        stage.faults(*_queue(kind, match=SCAN))
        stage.tap(ALL)
    stage.faults(*_queue("403", match="GET *"))
    stage.tap(args=["--discover"])


@scenario("faults", **SMALL)
def tap_gives_up(stage: Stage) -> None:
    for kind in ("429_retry_after", "503", "cut", "not_json"):
        stage.faults(*_queue(kind, match=SCAN, times=10))
        stage.tap(ALL)


@scenario("faults", **SMALL)
def tap_gives_up_in_the_middle(stage: Stage) -> None:
    stage.sync(BY_LEDGER, CLEAR)
    stage.advance(hours=25)
    stage.leave(3, touch=False)
    stage.faults(*_queue("stale_cursor", match=SCAN))
    stage.sync(BY_LEDGER, CLEAR)
    stage.advance(hours=25)
    stage.faults(*_queue("stale_cursor", match=SCAN, times=9))
    stage.sync(BY_LEDGER, CLEAR)
    stage.faults()
    stage.sync(BY_LEDGER, CLEAR)


@scenario("faults", **SMALL)
def tap_an_answer_that_is_slow(stage: Stage) -> None:
    stage.faults({"kind": "slow", "match": SCAN, "seconds": 3})
    stage.tap({**ALL, "request_timeout_seconds": 1})


@scenario("faults", **SMALL)
def tap_a_wait_that_is_asked_for(stage: Stage) -> None:
    stage.faults({"kind": "429_retry_after", "match": SCAN, "seconds": 1})
    stage.tap(ALL)


@scenario("faults", **SMALL, lytics_forbidden="true")
def tap_a_role_that_reaches_nothing(stage: Stage) -> None:
    stage.sync(ALL)
    stage.tap(args=["--discover"])


@scenario("faults", **SMALL)
def tap_a_scan_that_loses_members(stage: Stage) -> None:
    stage.sync(BY_VERSION, CLEAR)
    stage.advance(hours=25)
    stage.faults({"kind": "empty_page", "match": SCAN, "times": 1})
    stage.sync(BY_VERSION, CLEAR)


@scenario("faults", **SMALL)
def tap_clocks_that_differ(stage: Stage) -> None:
    for seconds in (30, -7200, 400 * 86_400):
        stage.now += seconds
        stage.tap(ALL)
        stage.now -= seconds


WRITES = ("PUT /customers", "PUT /customers/attribute-values", "GET /customers")


def _target_retries(match: str, *kinds: str) -> Run:
    def run(stage: Stage) -> None:
        stage.faults(*_queue(*kinds, match=match))
        stage.target([schema(), *companies(25)], SEQUENTIAL)

    return run


for _match in WRITES:
    for _number, _kinds in enumerate(
        ((*RETRIABLE[0], "423", "429"), (*RETRIABLE[1], "500_after", "503_after")), 1
    ):
        _called = _match.lower().replace(" /", "-").replace("/", "-")
        add(
            "faults",
            f"target-what-passes-{_called}-{_number}",
            _target_retries(_match, *_kinds),
            **QUICK,
        )


@scenario("faults", **QUICK)
def target_what_never_passes(stage: Stage) -> None:
    matches = (*WRITES, "GET /customers/attributes")
    for kind, match in zip((*FATAL, "401"), matches, strict=True):
        stage.faults(*_queue(kind, match=match))
        stage.target([schema(), *companies(12, name=kind)], SEQUENTIAL)


@scenario("faults", **QUICK)
def target_gives_up(stage: Stage) -> None:
    for number, kind in enumerate(("429_retry_after", "503", "cut", "row_missing")):
        stage.faults(*_queue(kind, match="PUT /customers", times=10))
        stage.target([schema(), *companies(12, name=f"Try {number}")], SEQUENTIAL)


@scenario("faults", **QUICK)
def target_a_row_that_is_never_confirmed(stage: Stage) -> None:
    for match in ("PUT /customers", "PUT /customers/attribute-values"):
        stage.faults(*_queue("row_missing", match=match, times=30))
        stage.target([schema(), *companies(5, name=match)], SEQUENTIAL)


@scenario("faults", **QUICK)
def target_an_answer_that_is_slow(stage: Stage) -> None:
    stage.faults({"kind": "slow", "match": "PUT /customers", "seconds": 3})
    settings = {**SEQUENTIAL, "request_timeout_seconds": 1}
    stage.target([schema(), *companies(12)], settings)


def _creations(kind: str) -> Run:
    def run(stage: Stage) -> None:
        people = [
            record(None, email=f"new.{n}@example.com", first_name="N", last_name=f"{n}")
            for n in range(12)
        ]
        settings = {**WITH_NAMES, "max_in_flight": 1, "on_missing_id": "create"}
        stage.faults(*_queue(kind, match="POST /customers"))
        stage.target([schema(), *people, state(12)], settings)

    return run


for _kind in (
    "500",
    "500_after",
    "cut",
    "cut_after",
    "truncated",
    "row_missing",
    "429",
):
    add(
        "faults",
        f"target-creation-{_kind.replace('_', '-')}",
        _creations(_kind),
        **QUICK,
    )


@scenario("faults", **QUICK)
def target_an_attribute_whose_creation_is_lost(stage: Stage) -> None:
    for number, kind in enumerate(("500_after", "cut", "not_json")):
        stage.faults(*_queue(kind, match="POST /customers/attributes"))
        settings = {**SEQUENTIAL, "audience_attribute": f"Audience {number}"}
        stage.target([schema(), *companies(12)], settings)
