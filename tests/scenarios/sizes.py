"""Large audiences and large calls, and vendors that do not take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import observed
from .registry import CLEAN, add
from .stage import MAPPING

if TYPE_CHECKING:
    from .registry import Run
    from .stage import Stage

# Scans with several cursors.

LARGE: dict[str, Any] = {**CLEAN, "members": 1200, "others": 50}
PAGES: dict[str, Any] = {"page_size": 100}
ALL: dict[str, Any] = {**PAGES, "existing_users": True}
LEDGER: dict[str, Any] = {
    **ALL,
    "ledger_path": "vip.ledger",
    "require_fields": ["bigcommerce_customer_id"],
    "emit_exits": True,
}
SPLITS: dict[str, dict[str, object]] = {
    "served": {},
    "ignored": {"splits": "ignored"},
    "ignored-on-post": {"splits": "ignored_on_post"},
    "refused": {"splits": "refused"},
    "without-some-members": {"without_split": 0.005},
}
SCANS = (
    ("served", ALL, 1),
    ("served", ALL, 4),
    ("served", LEDGER, 1),
    ("served", LEDGER, 4),
    ("ignored", ALL, 4),
    ("ignored-on-post", LEDGER, 4),
    ("refused", ALL, 4),
    ("without-some-members", ALL, 4),
    ("without-some-members", LEDGER, 4),
)


def _two_scans(settings: dict[str, Any], cursors: int) -> Run:
    """Scan, let members enter, leave and change, and scan again."""

    def run(stage: Stage) -> None:
        stage.is_ordered = False
        given = {**settings, "scan_parallelism": cursors}
        stage.tap(given)
        stage.advance(hours=1)
        stage.change(0, company="Changed Ltd")
        stage.leave(5)
        stage.leave(6, touch=False)
        stage.enter(1210)
        stage.enter(1211, touch=False)
        stage.advance(hours=25)
        stage.tap(given)

    return run


def _cut_and_resume(first: int, second: int, states: int) -> Run:
    """Cut a scan off after some of its pages, and resume it."""

    def run(stage: Stage) -> None:
        stage.is_ordered = False
        printed = stage.tap({**ALL, "scan_parallelism": first})
        at = 0
        for _ in range(states):
            at = printed.index(b"\n", printed.index(b'{"type":"STATE"', at)) + 1
        cut = printed[:at]
        stage.state = observed.last_state(cut)
        resumed = stage.tap({**ALL, "scan_parallelism": second})
        # Which members were sent before depends on which page arrived first.
        stage.observations.clear()
        before, after = observed.members_of(cut), observed.members_of(resumed)
        stage.note("sent twice", len(before & after))
        stage.note("sent", observed.digest(" ".join(sorted(before | after))))

    return run


for _splits, _given, _cursors in SCANS:
    _kind = "ledger-" if _given is LEDGER else ""
    _title = f"{_kind}splits-{_splits}-{_cursors}"
    add("parts", _title, _two_scans(_given, _cursors), **LARGE, **SPLITS[_splits])
for _first, _second, _states in ((4, 4, 3), (4, 4, 8), (4, 8, 5), (4, 1, 5), (1, 4, 5)):
    add(
        "parts",
        f"cut-with-{_first}-after-{_states}-resumed-with-{_second}",
        _cut_and_resume(_first, _second, _states),
        **LARGE,
    )

# Calls of the target.

MANY: dict[str, Any] = {**CLEAN, "members": 130, "email_differing": 0}
NO_FIELD: dict[str, Any] = {"map_standard_fields": []}
ONE: dict[str, Any] = {"map_custom_attributes": MAPPING["map_custom_attributes"][:1]}
BY_CUSTOMER: dict[str, object] = {"cap_counts_customers": "true"}
STORES: dict[str, dict[str, object]] = {
    "by-row": {},
    "by-row-422": {"overflow_status": 422},
    "by-customer": BY_CUSTOMER,
    "lists-of-50": {**BY_CUSTOMER, "in_list_limit": 50},
    "rows-of-5": {"rows_per_call": 5},
}
TARGETS: dict[str, dict[str, Any]] = {
    "small-batches": {},
    "large-batches": {"batch_size_rows": 250},
    "attributes-only": {"batch_size_rows": 250, **NO_FIELD},
    "one-attribute": {"batch_size_rows": 250, **NO_FIELD, **ONE},
    "without-history": {"batch_size_rows": 250, "history": False},
}


def _three_runs(settings: dict[str, Any]) -> Run:
    """Write everybody, then nothing, then a few."""

    def run(stage: Stage) -> None:
        given = {"max_in_flight": 1, **settings}  # A fixed order of calls.
        printed = stage.tap(ALL, once_for="sizes")
        stage.target(printed, given)
        stage.target(printed, given)
        changed = printed.replace(b'"loyalty_tier":"gold"', b'"loyalty_tier":"tin"')
        stage.target(changed, given)

    return run


WRITES = {
    "by-row": TARGETS,
    "by-row-422": ("large-batches",),
    "by-customer": ("large-batches", "attributes-only"),
    "lists-of-50": ("large-batches", "attributes-only"),
    "rows-of-5": ("large-batches",),
}
for _store, _names in WRITES.items():
    for _name in _names:
        _run = _three_runs(TARGETS[_name])
        add("calls", f"{_store}-{_name}", _run, **MANY, **STORES[_store])
