"""Values of Lytics profiles arrive unchanged, and follow every change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from sandbox import Options, Sandbox
from support.plugins import run_pipe
from support.store import companies_of, contents, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

VIP = "vip_customers"
FROM_LYTICS = {"from": "company", "to": "company"}
CONSTANT = {"value": "Constant", "to": "company"}
MEMBERS = 60
LONGEST = 255  # Characters of a company, and of an attribute value.
CLEAN = {"without_id": 0.0, "unknown_id": 0.0, "refused": 0.0, "shared_id": 0.0}
KNOWN = [
    "O'Brien",
    "Zoë Müller-Łukasz",
    "👩🏽‍🚀 & 🏳️‍🌈",
    "مرحبا بالعالم",
    "שָׁלוֹם",
    "\u202eright to left\u202c",
    "e\u0301 is not é",
    '"; DROP TABLE customers; --',
    "back\\slash, comma, [bracket], {brace}, <b>tag</b>",
    "line\nbreak\r\n and\ttab",
    "  blanks around  ",
    "true",
    "null",
    "007",
    "1e3",
    "2026-11-24T00:00:00+01:00",
    "x" * LONGEST,
    "👋" * LONGEST,
    "ß" * LONGEST,
]
# JSON in UTF-8 cannot contain lone surrogates; a blank text is no value.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=LONGEST
).filter(str.strip)


def export(texts: list[str]) -> tuple[list[str], list[str]]:
    """Give each member a text, run the pipe, read the store."""
    with Sandbox(Options(members=len(texts), **CLEAN)) as box:  # type: ignore[arg-type]  # these are shares
        for index, text in enumerate(texts):
            box.lytics.change(index, {"company": text, "loyalty_tier": text})
        tap, target = run_pipe(
            box.tap_config(audiences=["vip_customers"], existing_users=True),
            box.target_config(
                id_field="bigcommerce_customer_id",
                map_standard_fields=[{"from": "company", "to": "company"}],
                map_custom_attributes=[{"from": "loyalty_tier", "to": "Tier"}],
            ),
        )
        assert (tap.status, target.status) == (0, 0), target.stderr
        customers = [
            int(box.lytics.member(index)["bigcommerce_customer_id"])
            for index in range(len(texts))
        ]
        companies, tiers = companies_of(box), values_of(box, "Tier")
    return [companies[n] for n in customers], [tiers[n] for n in customers]


@pytest.mark.timeout(600)
@settings(
    max_examples=3,
    phases=(Phase.explicit, Phase.generate),  # Each example runs two processes.
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(texts=st.lists(TEXTS, min_size=MEMBERS, max_size=MEMBERS))
@example(texts=KNOWN)
def test_any_text_arrives_unchanged(texts: list[str]) -> None:
    companies, tiers = export(texts)

    assert companies == texts
    assert tiers == texts


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(Options(members=6, **CLEAN)) as box:  # type: ignore[arg-type]  # these are shares
        yield box


def export_companies(
    box: Sandbox, entry: dict[str, str], state: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Run the pipe with one standard field mapped; the state that it leaves."""
    tap, target = run_pipe(
        box.tap_config(audiences=[VIP], existing_users=True),
        box.target_config(
            id_field="bigcommerce_customer_id", map_standard_fields=[entry]
        ),
        state=state,
    )
    assert (tap.status, target.status) == (0, 0), target.stderr
    return target.state


def test_mapping_changed_and_restored_ends_as_before(
    box: Sandbox,
) -> None:
    for index in range(6):
        box.lytics.change(index, {"company": f"Company {index}"})
    export_companies(box, FROM_LYTICS)
    before = contents(box)

    export_companies(box, CONSTANT)
    between = companies_of(box)
    export_companies(box, FROM_LYTICS)

    assert {between[1001 + index] for index in range(6)} == {"Constant"}
    assert contents(box) == before


def test_value_changed_and_restored_ends_as_before(box: Sandbox) -> None:
    seen, state = [], None

    for company in ("A", "B", "A"):
        box.lytics.change(0, {"company": company})
        state = export_companies(box, FROM_LYTICS, state)
        seen.append(companies_of(box)[1001])

    assert seen == ["A", "B", "A"]
