"""The seeded people: repeatable, in exact shares, generated lazily."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox import Kind, Options, Sandbox
from sandbox.people import REFUSED, People

if TYPE_CHECKING:
    from support.store import MakeBox

SHARES = st.floats(0, 0.25)


def test_same_seed_gives_same_people(make_box: MakeBox) -> None:
    one, same, other = make_box(), make_box(), make_box(seed=2)

    profiles = [[b.lytics.member(n) for n in range(50)] for b in (one, same, other)]
    customers = [
        [b.store.customers.peek(1001 + n) for n in range(50)] for b in (one, same)
    ]

    assert profiles[0] == profiles[1] != profiles[2]
    assert customers[0] == customers[1]


@given(
    members=st.integers(0, 400),
    without_id=SHARES,
    unknown_id=SHARES,
    refused=SHARES,
    shared_id=SHARES,
)
def test_each_kind_has_its_share(
    members: int, without_id: float, unknown_id: float, refused: float, shared_id: float
) -> None:
    people = People(
        Options(
            members=members,
            without_id=without_id,
            unknown_id=unknown_id,
            refused=refused,
            shared_id=shared_id,
        )
    )

    counts = Counter(people.kind(index) for index in range(members))

    bad = counts[Kind.BAD_EMAIL] + counts[Kind.TAKEN_EMAIL] + counts[Kind.LONG_COMPANY]
    assert abs(counts[Kind.WITHOUT_ID] - members * without_id) <= 4
    assert abs(counts[Kind.UNKNOWN_ID] - members * unknown_id) <= 4
    assert abs(bad - members * refused) <= 4
    assert abs(counts[Kind.SHARES_ID] - members * shared_id / 2) <= 4


def profiles_of(box: Sandbox, *kinds: Kind) -> list[dict[str, Any]]:
    people = box.lytics.population.people
    found = [n for n in range(people.members) if people.kind(n) in kinds]
    assert found
    return [box.lytics.member(n) for n in found]


def test_some_members_have_no_customer_id(box: Sandbox) -> None:
    profiles = profiles_of(box, Kind.WITHOUT_ID)

    assert not any("bigcommerce_customer_id" in profile for profile in profiles)


def test_some_customer_ids_are_unknown(box: Sandbox) -> None:
    profiles = profiles_of(box, Kind.UNKNOWN_ID)

    ids = {int(profile["bigcommerce_customer_id"]) for profile in profiles}
    assert not ids & set(box.store.customers)


def test_all_other_customer_ids_are_known(box: Sandbox) -> None:
    others = set(Kind) - {Kind.WITHOUT_ID, Kind.UNKNOWN_ID}

    profiles = profiles_of(box, *others)

    ids = {int(profile["bigcommerce_customer_id"]) for profile in profiles}
    assert ids <= set(box.store.customers)


def test_some_members_have_invalid_values() -> None:
    box = Sandbox(Options(members=300, refused=0.1))

    for profile in profiles_of(box, *REFUSED):
        row = {"id": int(profile["bigcommerce_customer_id"])}
        row |= {name: profile[name] for name in ("email", "company") if name in profile}

        assert box.store.call("PUT", "/customers", [row]).status == 422


def test_two_members_can_share_a_customer() -> None:
    box = Sandbox(Options(members=400, shared_id=0.1))
    profiles = [box.lytics.member(n) for n in range(400)]

    bearers = Counter(p.get("bigcommerce_customer_id") for p in profiles)
    del bearers[None]

    assert list(bearers.values()).count(2) == 20
    assert set(bearers.values()) == {1, 2}


def test_names_cover_several_scripts(box: Sandbox) -> None:
    names = "".join(box.lytics.member(n)["first_name"] for n in range(250))
    lasts = {box.lytics.member(n)["last_name"] for n in range(250)}

    assert "O'Brien" in lasts
    for letter in ("明", "м", "م", "ע", "さ", "ë", "🌟"):
        assert letter in names


def test_emails_use_example_domains(box: Sandbox) -> None:
    emails = [box.lytics.member(n)["email"] for n in range(250)]
    emails += [box.store.customers.peek(n)["email"] for n in box.store.customers]  # type: ignore[index]  # they are there

    assert {email[-12:-4].rpartition("@")[2] for email in emails} <= {
        "example",
        ".example",
    }


def test_customer_is_found_by_email(box: Sandbox) -> None:
    store = box.store.customers

    for number in store:
        assert store.by_email(store[number]["email"]) == number


def test_emails_are_unique(box: Sandbox) -> None:
    store = box.store.customers

    emails = [store[number]["email"].lower() for number in store]

    assert len(set(emails)) == len(emails)


def test_values_have_each_known_form(make_box: MakeBox) -> None:
    strict = make_box(bare_single_values=False, locations_are_objects=True)
    loose = make_box()

    def forms(box: Sandbox, name: str) -> set[type]:
        return {type(box.lytics.member(n)[name]) for n in range(50)}

    assert (forms(strict, "interests"), forms(strict, "location")) == ({list}, {dict})
    assert (forms(loose, "interests"), forms(loose, "location")) == ({list, str}, {str})


def test_profiles_can_have_ids(make_box: MakeBox) -> None:
    assert "_id" not in make_box().lytics.member(0)
    assert make_box(profile_ids=True).lytics.member(0)["_id"]


def test_account_can_have_many_fields(make_box: MakeBox) -> None:
    box = make_box(extra_fields=1500)

    columns = box.lytics.call("GET", "/api/schema/user").json()["data"]["columns"]
    profile = box.lytics.member(0)

    assert len(columns) > 1500
    assert 50 < sum(name.startswith("extra_") for name in profile) <= 1000


def test_members_are_generated_lazily() -> None:
    began = time.process_time()
    box = Sandbox(Options(members=1_000_000))

    page = box.lytics.call("GET", "/api/segment/vip_customers/scan", limit=100).json()
    box.store.call("GET", "/customers", id__in="1001,900001")

    assert page["total"] == 1_000_000
    assert time.process_time() - began < 1
