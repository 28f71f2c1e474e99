"""Members who left lose this audience's value; no one else loses anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.singer import activate, left, record, schema, state
from support.store import attribute_names, put_values, values_of, writes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.plugins import Run, RunTarget
    from support.singer import Message
    from support.store import MakeBox

CLEAR = {"on_exit": "clear"}
VALUES = dict.fromkeys(range(1001, 1006), "vip")


@pytest.fixture
def members(box: Sandbox) -> Sandbox:
    """Five customers in the audience, one who has another's value."""
    put_values(box, {**VALUES, 1006: "another_audience"})
    return box


def seen(*customers: object, version: int = 1) -> list[Message]:
    """Tell of members under a version."""
    return [record(customer, version=version) for customer in customers]


# Reported by a record.


def test_a_member_who_left_loses_the_value_and_keeps_everything_else(
    members: Sandbox, run: RunTarget
) -> None:
    company = members.store.customers[1001]["company"]

    got = run(schema(), left(1001, company="Never written"), state(1), **CLEAR)

    assert values_of(members) == {
        1002: "vip",
        1003: "vip",
        1004: "vip",
        1005: "vip",
        1006: "another_audience",
    }
    assert members.store.customers[1001]["company"] == company
    assert got.outcomes == {"cleared": 1}
    assert got.state == {"n": 1}


def test_an_exit_touches_no_other_value_and_rejects_nobody(
    members: Sandbox, run: RunTarget
) -> None:
    exits = [left(1006), left(1010), left(999_999), left(None)]

    got = run(schema(), *exits, state(4), **CLEAR)

    assert values_of(members) == {**VALUES, 1006: "another_audience"}
    assert got.outcomes == {"unchanged": 3, "skipped": 1}
    assert writes_of(members) == []
    assert got.rejects == ()


def test_by_default_a_member_who_left_keeps_the_value_and_is_counted(
    members: Sandbox, run: RunTarget
) -> None:
    got = run(schema(), left(1001), record(1002), activate(1), state(2))

    assert values_of(members) == {**VALUES, 1006: "another_audience"}
    assert got.outcomes == {"kept": 1, "unchanged": 1}


@pytest.mark.parametrize("batch_size", [100, 1], ids=["one batch", "batch by batch"])
def test_who_left_and_came_back_is_in_and_who_came_and_left_is_out(
    batch_size: int, members: Sandbox, run: RunTarget
) -> None:
    lines = [left(1001), record(1001), record(1010), left(1010), left(1002)]

    got = run(schema(), *lines, batch_size_rows=batch_size, **CLEAR)

    assert values_of(members).keys() == {1001, 1003, 1004, 1005, 1006}
    assert sum(got.outcomes.values()) == 5


def test_an_exit_counts_though_an_earlier_record_was_refused(
    members: Sandbox, run: RunTarget
) -> None:
    taken = members.store.customers[1002]["email"]

    got = run(
        schema(),
        record(1001, email=taken),
        left(1001),
        map_standard_fields=[{"from": "email", "to": "email"}],
        **CLEAR,
    )

    assert 1001 not in values_of(members)
    assert got.outcomes == {"rejected": 1, "cleared": 1}


def test_exits_alone_do_not_create_the_attribute(box: Sandbox, run: RunTarget) -> None:
    got = run(schema(), left(1001), **CLEAR)

    assert attribute_names(box) == set()
    assert got.outcomes == {"unchanged": 1}


# Reported by ACTIVATE_VERSION.


def test_who_was_not_seen_under_the_version_loses_the_value(
    members: Sandbox, run: RunTarget
) -> None:
    got = run(schema(), *seen(1001, 1002, 1010), activate(1), state(3), **CLEAR)

    assert values_of(members) == {
        1001: "vip",
        1002: "vip",
        1006: "another_audience",
        1010: "vip",
    }
    assert got.summary is not None
    assert got.summary["cleared_by_version"] == 3
    assert got.state == {"n": 3}


@pytest.mark.guarantee("no-false-exit")
@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(
            [activate(1), *seen(1001), state(1)],
            "No record came under the activated version",
            id="before its records, as the SDK's taps send it",
        ),
        pytest.param(
            [activate(1), state(1)],
            "an empty audience looks the same",
            id="an emptied audience",
        ),
        pytest.param(
            [*seen(1001, version=1), activate(2), state(1)],
            "No record came under the activated version",
            id="another version",
        ),
        pytest.param(
            [*seen(1001, "no. 7"), activate(1), state(1)],
            "1 records of the activated version had an unreadable id",
            id="an unreadable id",
        ),
    ],
)
def test_a_version_in_doubt_clears_nobody_and_says_so(
    lines: list[Any], said: str, members: Sandbox, run: RunTarget
) -> None:
    got = run(schema(), *lines, **CLEAR)

    assert values_of(members) == {**VALUES, 1006: "another_audience"}
    assert got.status == 0
    assert said in got.stderr
    assert "no value of LyticsAudience_vip is cleared" in got.stderr
    assert "delete this attribute in BigCommerce" in got.stderr


def test_of_two_members_with_one_id_one_may_leave(
    members: Sandbox, run: RunTarget
) -> None:
    put_before = [record(1001, member="a"), record(1001, member="b")]
    run(schema(keys=("member",)), *put_before, **CLEAR)

    got = run(
        schema(keys=("member",)),
        record(1001, member="b", version=2),
        activate(2),
        **CLEAR,
    )

    assert values_of(members) == {1001: "vip", 1006: "another_audience"}
    assert got.status == 0


def test_a_rejected_member_counts_as_seen(members: Sandbox, run: RunTarget) -> None:
    rejected = record(1002, company="x" * 300, version=1)

    got = run(schema(), *seen(1001), rejected, activate(1), **CLEAR)

    assert values_of(members).keys() == {1001, 1002, 1006}
    assert got.outcomes == {"unchanged": 1, "rejected": 1}


def test_a_matched_member_counts_as_seen(members: Sandbox, run: RunTarget) -> None:
    email = members.store.customers[1002]["email"]

    got = run(
        schema(),
        *seen(1001),
        record(None, email=email.upper(), version=1),
        activate(1),
        on_missing_id="match",
        map_standard_fields=[{"from": "email", "to": "email"}],
        **CLEAR,
    )

    assert values_of(members).keys() == {1001, 1002, 1006}
    assert got.outcomes == {"unchanged": 2}


@pytest.mark.guarantee("schema-change")
def test_a_new_schema_in_the_middle_forgets_nobody(
    members: Sandbox, run: RunTarget
) -> None:
    changed = schema(loyalty={"type": ["string", "null"]})

    run(schema(), *seen(1001), changed, *seen(1002), activate(1), **CLEAR)

    assert values_of(members).keys() == {1001, 1002, 1006}


def test_an_input_without_exits_is_told_of(members: Sandbox, run: RunTarget) -> None:
    got = run(schema(), record(1001), **CLEAR)

    assert "but the input reported no exits" in got.stderr
    assert values_of(members) == {**VALUES, 1006: "another_audience"}


# Too many.


@pytest.fixture
def crowd(make_box: MakeBox) -> Sandbox:
    """Four hundred customers, all in the audience."""
    box = make_box(members=400, quota=1000)
    put_values(box, dict.fromkeys(range(1001, 1401), "vip"))
    return box


def assert_stopped(got: Run, *words: str) -> None:
    """Status 1, with the figures and the way to allow it."""
    assert got.status == 1
    [complaint] = got.errors
    for word in (*words, "max_clear_percent 20", "run once with max_clear_percent"):
        assert word in complaint


@pytest.mark.guarantee("mass-clear-guard")
def test_a_version_that_would_clear_too_many_clears_nobody(
    crowd: Sandbox, run: RunTarget, config_of: Callable[[Sandbox], dict[str, Any]]
) -> None:
    lines = [schema(), *seen(*range(1001, 1281)), activate(1), state(280)]

    refused = run(*lines, **config_of(crowd), **CLEAR)
    left_alone = len(values_of(crowd))
    allowed = run(*lines, **config_of(crowd), **CLEAR, max_clear_percent=30)

    assert_stopped(refused, "120 of the 400 values")
    assert refused.state is None
    assert left_alone == 400
    assert allowed.status == 0
    assert len(values_of(crowd)) == 280


def test_too_many_records_of_exits_stop_after_a_hundred(
    crowd: Sandbox, run: RunTarget, config_of: Callable[[Sandbox], dict[str, Any]]
) -> None:
    lines = [line for n in range(1001, 1151) for line in (left(n), state(n - 1000))]

    got = run(schema(), *lines, **config_of(crowd), **CLEAR)

    assert_stopped(got, "150 of the 400 values")
    assert len(values_of(crowd)) == 300
    assert got.outcomes == {"cleared": 100}
    assert got.state in ({"n": 99}, {"n": 100})
