"""Any mix of good and bad records, on stores of any documented behaviour."""

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
from support.target_in_process import run_in_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support.singer import Message

CUSTOMERS = 24
TAKEN = "taken@example.com"
SINCE = "1990-01-01"
REJECT_CODES = {
    "unreadable id": "unreadable_id",
    "unknown id": "unknown_customer",
    "long company": "too_long",
    "bad email": "invalid_email",
    "taken email": "email_taken",
    "wrong type": "wrong_type",
    "no date": "wrong_type",
    "rejected email": "refused",
}
CLEAN = dict.fromkeys(("without_id", "unknown_id", "refused", "shared_id"), 0)
VARIANTS = st.fixed_dictionaries(
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
FAULTS = st.lists(
    st.builds(
        Fault,
        kind=st.just("row_missing"),
        match=st.sampled_from(["PUT /customers", "PUT /customers/attribute-values"]),
    ),
    max_size=1,
)
KINDS = st.lists(
    st.sampled_from(["good", "good", "good", *REJECT_CODES]),
    min_size=1,
    max_size=CUSTOMERS,
)


CHANGES: dict[str, Callable[[int], dict[str, Any]]] = {
    "good": lambda _: {},
    "unreadable id": lambda n: {"id": f"no. {n}"},
    "unknown id": lambda n: {"id": 4_000_000 + n},
    "long company": lambda n: {"company": f"{n} " * 200},
    "bad email": lambda n: {"email": f"new.{n}"},
    "taken email": lambda _: {"email": TAKEN},
    "wrong type": lambda n: {"company": {"n": n}},
    "no date": lambda n: {"tier": f"soon {n}"},
    # The target accepts it; the store rejects it.
    "rejected email": lambda n: {"email": f"new.{n}@nowhere"},
}


def to_record(n: int, kind: str = "good") -> Message:
    """The n-th record, with a defect unless it is good."""
    message = record(
        1001 + n,
        member=str(n),
        company=f"New {n}",
        email=f"new.{n}@example.com",
        tier=SINCE,
    )
    message["record"] |= CHANGES[kind](n)
    return message


def take_rejects(config: Mapping[str, Any]) -> list[Message]:
    """Read the rejects and remove the file."""
    path = Path(config["rejects_path"])
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    path.unlink()
    return lines


def check(
    kinds: list[str], variant: dict[str, Any], faults: list[Fault], folder: Path
) -> None:
    """Run, check store and rejects, fix the rejects, run again, check again."""
    options = Options(
        members=CUSTOMERS, others=0, newsletter=0, quota=10**6, **CLEAN, **variant
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
        lines = [schema(keys=("member",)), *map(to_record, range(len(kinds)), kinds)]
        bad = {n: REJECT_CODES[kind] for n, kind in enumerate(kinds) if kind != "good"}
        companies = {1001 + n: f"New {n}" for n in range(len(kinds))}
        good = {k: v for k, v in companies.items() if k - 1001 not in bad}

        first = run_in_process(to_text(lines).encode(), config)
        rejects = take_rejects(config)

        assert first.status == 0, first.errors
        assert good.items() <= companies_of(box).items()
        assert values_of(box).keys() == good.keys()
        rejected = [line for line in rejects if line["type"] == "RECORD"]
        codes = {int(r["record"]["member"]): r["reject"]["code"] for r in rejected}
        assert codes == bad

        fixed = [rejects[0], *map(to_record, codes)] if rejects else []
        second = run_in_process(to_text(fixed).encode(), config)

        assert second.status == 0, second.errors
        assert take_rejects(config) == []
        assert companies.items() <= companies_of(box).items()
        assert values_of(box).keys() == companies.keys()
        assert values_of(box, "Since") == dict.fromkeys(companies, SINCE)
        assert not any(entry.extra_keys for entry in box.journal)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the files of all runs."""
    return tmp_path_factory.mktemp("mix")


@pytest.mark.guarantee("one-bad-record-one-reject")
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(kinds=KINDS, variant=VARIANTS, faults=FAULTS)
def test_good_records_are_written_and_fixed_rejects_replayed(
    kinds: list[str], variant: dict[str, Any], faults: list[Fault], folder: Path
) -> None:
    check(kinds, variant, faults, folder)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@settings(max_examples=5000, suppress_health_check=[HealthCheck.too_slow])
@given(kinds=KINDS, variant=VARIANTS, faults=FAULTS)
def test_many_mixes_are_written_and_replayed(
    kinds: list[str], variant: dict[str, Any], faults: list[Fault], folder: Path
) -> None:
    check(kinds, variant, faults, folder)
