"""Any mix of records, any reading: the good arrive, the bad are kept with reasons."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Sandbox

if TYPE_CHECKING:
    from conftest import Job

Record = dict[str, Any]
MakeBox = Callable[..., Sandbox]
MakeJob = Callable[..., "Job"]
VIP = "vip_customers"
MAPPING: dict[str, Any] = {
    "map_standard_fields": [
        {"from": "email", "to": "email"},
        {"from": "company", "to": "company"},
    ],
    "map_custom_attributes": [{"from": "born", "to": "Born", "type": "date"}],
}
# What is wrong with a record, under which code it is kept, and what is wrong.
FLAWS: dict[str, tuple[str | None, Record]] = {
    "good": (None, {}),
    "unreadable id": ("unreadable_id", {"id": "none"}),
    "unknown id": ("unknown_customer", {"id": 1_000_000}),
    "long company": ("too_long", {"company": "x" * 256}),
    "no address": ("invalid_email", {"email": "nobody"}),
    "no date": ("wrong_type", {"born": "soon"}),
    "refused address": ("refused", {"email": "somebody@nowhere"}),
    "taken address": ("email_taken", {"email": "owner@example.com"}),
    "refused date": ("refused", {"born": "1990-01-01T10:00:00,5Z"}),
}
READINGS = st.fixed_dictionaries(
    {},
    optional={
        "apply_valid_rows": st.booleans(),
        "errors_name_the_row": st.booleans(),
        "answer_order": st.sampled_from(["request", "reversed"]),
        "overflow_status": st.sampled_from([413, 422]),
        "rows_per_call": st.sampled_from([3, 10]),
        "in_list_limit": st.sampled_from([0, 7]),
        "rate_headers": st.booleans(),
        "duplicate_rows_refused": st.booleans(),
        "unknown_keys_refused": st.booleans(),
        "cap_counts_customers": st.booleans(),
        "values_touch_customer": st.booleans(),
    },
)
WEATHER = st.sampled_from(
    [
        {},
        {"429": 0.1, "429_bare": 0.1},
        {"503": 0.1, "503_after": 0.1},
        {"cut": 0.1, "cut_after": 0.1},
        {"truncated": 0.1, "not_json": 0.1, "empty_body": 0.1},
        {"423": 0.1, "500_after": 0.1, "429_retry_after": 0.1},
    ]
)


def good(number: int) -> Record:
    return {
        "id": number,
        "email": f"m{number}@example.com",
        "company": "After Ltd",
        "born": "1990-01-01",
    }


def customers(box: Sandbox, count: int) -> Sandbox:
    box.store.put_customer(999, email="owner@example.com")
    for number in range(1, count + 1):
        box.store.put_customer(
            number, email=f"m{number}@example.com", company="Before Ltd"
        )
    return box


def rejected(path: Path) -> list[Record]:
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in rows if row["type"] == "RECORD"]


@given(
    flaws=st.lists(st.sampled_from(list(FLAWS)), max_size=30),
    reading=READINGS,
    weather=WEATHER,
)
@settings(max_examples=settings().max_examples // 5)
def test_the_good_arrive_the_bad_are_kept_and_their_replay_completes_the_store(
    make_box: MakeBox,
    open_job: MakeJob,
    flaws: list[str],
    reading: dict[str, Any],
    weather: dict[str, float],
) -> None:
    box = customers(make_box(**reading, fault_rates=weather), len(flaws))
    job = open_job(box, **MAPPING)
    records = [{**good(n), **FLAWS[flaw][1]} for n, flaw in enumerate(flaws, start=1)]

    job.write(*({**each, "member": n} for n, each in enumerate(records, start=1)))

    kept = {
        row["record"]["member"]: row["reject"]["code"]
        for row in rejected(Path(job.export.settings.rejects_path))
    }
    expected = {n: FLAWS[flaw][0] for n, flaw in enumerate(flaws, start=1)}
    if "truncated" in weather:  # Then the store's words may be lost with the body.
        in_doubt = {n for n, code in kept.items() if code == "refused"}
        expected |= {n: "refused" for n in in_doubt if expected[n] == "email_taken"}
    assert kept == {n: code for n, code in expected.items() if code}
    assert job.values().keys() >= {n for n, code in expected.items() if not code}

    box.faults.clear()
    again = open_job(box, **MAPPING)
    again.write(*map(good, kept))

    everybody = range(1, len(flaws) + 1)
    assert job.values() == dict.fromkeys(everybody, VIP)
    assert job.values("Born") == dict.fromkeys(everybody, "1990-01-01")
    assert {box.store.customers[n]["company"] for n in everybody} <= {"After Ltd"}
    assert not any(entry.extra_keys for entry in box.journal)
    for each in (job, again):
        each.close()
