"""For any mix of records and any way of answering: all that can be written is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import Fault, Options, Sandbox
from support.plugins import to_text
from support.singer import record, schema
from support.store import companies_of, values_of
from support.target_in_process import read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support.singer import Message

CUSTOMERS = 24
TAKEN = "taken@example.com"
SINCE = "1990-01-01"
BAD = {
    "unreadable id": "unreadable_id",
    "unknown id": "unknown_customer",
    "long company": "too_long",
    "bad email": "invalid_email",
    "taken email": "email_taken",
    "wrong type": "invalid_record",
    "no date": "wrong_type",
    "refused email": "refused",
    "refused date": "refused",
}
CLEAN = dict.fromkeys(("without_id", "unknown_id", "refused", "shared_id"), 0)
READINGS = st.fixed_dictionaries(
    {},
    optional={
        "apply_valid_rows": st.booleans(),
        "errors_name_the_row": st.booleans(),
        "answer_order": st.sampled_from(["request", "reversed"]),
        "overflow_status": st.sampled_from([413, 422]),
        "rows_per_call": st.sampled_from([3, 10]),
        "in_list_limit": st.sampled_from([0, 7]),
        "largest_id": st.sampled_from([0, 3_000_000]),
        "url_limit": st.sampled_from([300, 2048]),
        "cap_counts_customers": st.booleans(),
        "duplicate_rows_refused": st.booleans(),
        "unknown_keys_refused": st.booleans(),
        "rate_headers": st.booleans(),
    },
)
# Those that are answered at once; the others are waited for in the tests of faults.
FAULTS = st.lists(
    st.builds(
        Fault,
        kind=st.just("row_missing"),
        match=st.sampled_from(["PUT /customers", "PUT /customers/attribute-values"]),
    ),
    max_size=1,
)
KINDS = st.lists(
    st.sampled_from(["good", "good", "good", *BAD]), min_size=1, max_size=CUSTOMERS
)


WRONG: dict[str, Callable[[int], dict[str, Any]]] = {
    "good": lambda _: {},
    "unreadable id": lambda n: {"id": f"no. {n}"},
    "unknown id": lambda n: {"id": 4_000_000 + n},
    "long company": lambda n: {"company": f"{n} " * 200},
    "bad email": lambda n: {"email": f"new.{n}"},
    "taken email": lambda _: {"email": TAKEN},
    "wrong type": lambda n: {"company": [n]},
    "no date": lambda n: {"tier": f"soon {n}"},
    # Both look well enough to us, and not to the store.
    "refused email": lambda n: {"email": f"new.{n}@nowhere"},
    "refused date": lambda _: {"tier": "1990-01-01T10:00:00,5Z"},
}


def to_record(n: int, kind: str) -> Message:
    """Make the n-th record; only a good one can be written as it is."""
    message = record(
        1001 + n,
        member=str(n),
        company=f"New {n}",
        email=f"new.{n}@example.com",
        tier=SINCE,
    )
    message["record"] |= WRONG[kind](n)
    return message


def fixed(rejects: list[Message]) -> list[Message]:
    """Fix what was wrong in each."""
    return [
        line if line["type"] == "SCHEMA" else to_record(int(_member(line)), "good")
        for line in rejects
    ]


def _member(line: Message) -> str:
    member: str = line["record"]["member"]
    return member


def read_rejects(config: Mapping[str, Any]) -> list[Message]:
    """Take the rejects away, as mv does."""
    path = Path(config["rejects_path"])
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    path.unlink()
    return lines


def check(
    kinds: list[str], readings: dict[str, Any], faults: list[Fault], folder: Path
) -> None:
    """Run, check store and rejects, fix, run again, check again."""
    options = Options(
        members=CUSTOMERS, others=0, newsletter=0, quota=10**6, **CLEAN, **readings
    )
    with Sandbox(options) as box:
        box.store.put_customer(9_000, email=TAKEN)
        box.faults.queue(*faults)
        config = box.target_config(
            id_field="id",
            map_standard_fields=[{"from": n, "to": n} for n in ("company", "email")],
            map_custom_attributes=[{"from": "tier", "to": "Since", "type": "date"}],
            batch_size_rows=10,
            rejects_path=str(folder / "rejects.jsonl"),
            summary_path=str(folder / "summary.json"),
        )
        lines = [schema(keys=("member",))]
        lines += [to_record(n, kind) for n, kind in enumerate(kinds)]
        good = {1001 + n: f"New {n}" for n, k in enumerate(kinds) if k == "good"}
        # Their slugs were in the same call as what was refused.
        half = {1001 + n: k for n, k in enumerate(kinds) if k == "refused date"}
        everybody = {1001 + n: f"New {n}" for n in range(len(kinds))}

        first = read_all(to_text(lines).encode(), config)
        rejects = read_rejects(config)

        assert first.status == 0, first.errors
        assert good.items() <= companies_of(box).items()
        assert values_of(box).keys() - half.keys() == good.keys()
        reasons = {
            int(_member(line)): line["reject"]["code"]
            for line in rejects
            if line["type"] == "RECORD"
        }
        assert reasons == {n: BAD[k] for n, k in enumerate(kinds) if k != "good"}

        second = read_all(to_text(fixed(rejects)).encode(), config)

        assert second.status == 0, second.errors
        assert read_rejects(config) == []
        assert everybody.items() <= companies_of(box).items()
        assert values_of(box).keys() == everybody.keys()
        assert values_of(box, "Since") == dict.fromkeys(everybody, SINCE)
        assert not any(entry.extra_keys for entry in box.journal)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the files of all runs."""
    return tmp_path_factory.mktemp("mix")


@pytest.mark.guarantee("one-bad-record-one-reject")
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(kinds=KINDS, readings=READINGS, faults=FAULTS)
def test_good_records_are_written_and_bad_ones_come_back_mended(
    kinds: list[str], readings: dict[str, Any], faults: list[Fault], folder: Path
) -> None:
    check(kinds, readings, faults, folder)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@settings(max_examples=5000, suppress_health_check=[HealthCheck.too_slow])
@given(kinds=KINDS, readings=READINGS, faults=FAULTS)
def test_very_many_mixes_are_written_and_come_back_mended(
    kinds: list[str], readings: dict[str, Any], faults: list[Fault], folder: Path
) -> None:
    check(kinds, readings, faults, folder)
