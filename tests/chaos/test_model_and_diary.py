"""What the long runs find wrong at their end, they can find."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.chart import ticks
from chaos.diary import Sample, growth, picture
from chaos.model import ATTRIBUTE, TIER, VIP, differences
from chaos.processes import Vitals
from sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

MEMBERS = 20
STRANGER = 1001 + MEMBERS
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def equal() -> Sandbox:
    """Give a store that is as the audience wants it."""
    wrong = {"without_id": 0.0, "unknown_id": 0.0, "refused": 0.0, "shared_id": 0.0}
    box = Sandbox(Options(members=MEMBERS, others=5, **wrong))  # type: ignore[arg-type]  # these are shares
    audience, tier = (box.store.add_attribute(name) for name in (ATTRIBUTE, TIER))
    for index in box.lytics.members(VIP):
        member = box.lytics.member(index)
        customer = int(member["bigcommerce_customer_id"])
        names = ("email", "first_name", "last_name", "company")
        fields = {name: member[name] for name in names if name in member}
        box.store.put_customer(customer, **fields)
        box.store.values[customer, audience] = VIP
        if "loyalty_tier" in member:
            box.store.values[customer, tier] = member["loyalty_tier"]
    return box


def leave(box: Sandbox) -> None:
    box.lytics.leave(0, VIP)


def enter(box: Sandbox) -> None:
    box.lytics.enter(MEMBERS, VIP)


def change_company(box: Sandbox) -> None:
    box.lytics.change(0, {"company": "Another"})


def change_tier(box: Sandbox) -> None:
    box.lytics.change(0, {"loyalty_tier": "another"})


def lose_value(box: Sandbox) -> None:
    box.store.values.pop((1001, 1))


def test_a_store_that_is_equal_has_no_differences(equal: Sandbox) -> None:
    found = differences(equal)

    assert found == []


@pytest.mark.parametrize(
    ("happening", "customer"),
    [
        (leave, 1001),
        (enter, STRANGER),
        (change_company, 1001),
        (change_tier, 1001),
        (lose_value, 1001),
    ],
)
def test_each_way_to_differ_is_found(
    equal: Sandbox, happening: Callable[[Sandbox], None], customer: int
) -> None:
    happening(equal)

    found = differences(equal)

    assert {each.customer for each in found} == {customer}


def samples(memory: list[float], descriptors: list[int] | None = None) -> list[Sample]:
    """Make samples of a tap that stays as it is, and of this target."""
    steady = Vitals(memory=50.0, peak=50.0, descriptors=9)
    return [
        Sample(
            minutes=at / 2,
            vitals={
                "tap": steady,
                "target": Vitals(memory=size, peak=size, descriptors=files),
            },
            behind=3,
            calls=at * 10,
            refused=at,
        )
        for at, (size, files) in enumerate(
            zip(memory, descriptors or [9] * len(memory), strict=True)
        )
    ]


def test_what_is_flat_is_not_called_growth() -> None:
    found = growth(samples([40.0, *[60.0, 61.0] * 20]))

    assert found == []


def test_a_leak_of_memory_is_told() -> None:
    found = growth(samples([60.0 + at for at in range(40)]))

    assert found == ["The target's memory grew from 74.5 to 94.5 MB."]


def test_a_leak_of_files_is_told() -> None:
    found = growth(samples([60.0] * 40, [9 + at // 2 for at in range(40)]))

    assert found == ["The target's open files grew from 18 to 28."]


def test_the_picture_has_a_point_for_every_sample_of_every_line() -> None:
    drawn = ET.fromstring(picture(samples([60.0] * 40)))  # noqa: S314 - our own text

    lines = drawn.findall(f"{SVG}polyline")
    assert [len(line.attrib["points"].split()) for line in lines] == [40] * 5


@given(st.floats(min_value=0, max_value=1e9))
def test_ticks_reach_from_zero_over_the_largest_value(largest: float) -> None:
    marks = ticks(largest)

    assert marks[0] == 0
    assert marks[-1] >= largest
    assert 2 <= len(marks) <= 5
    assert len({b - a for a, b in pairwise(marks)}) == 1
