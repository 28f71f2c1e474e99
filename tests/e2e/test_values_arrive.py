"""A text in a Lytics profile is the same text in the customer and the attribute."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from sandbox import Options, Sandbox
from support.plugins import run_pipe
from support.store import companies_of, values_of

MEMBERS = 60
LONGEST = 255  # Of a company, and of an attribute's value.
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
# Lone surrogates are no text: no JSON in UTF-8 can hold them.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=LONGEST)


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
    phases=(Phase.explicit, Phase.generate),  # Each try is two processes.
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(texts=st.lists(TEXTS, min_size=MEMBERS, max_size=MEMBERS))
@example(texts=KNOWN)
def test_any_text_arrives_as_it_left(texts: list[str]) -> None:
    companies, tiers = export(texts)

    assert companies == texts
    assert tiers == texts
