"""Members who left lose the value of their audience, and only that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.live_target import LiveTarget
from support.singer import activate, left, record, schema, state
from support.store import put_values, values_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox
    from support.plugins import RunTarget
    from support.singer import Message
    from support.store import MakeBox

CLEAR = {"on_exit": "clear"}
VALUES = {**dict.fromkeys(range(1001, 1006), "vip"), 1006: "another_audience"}


@pytest.fixture
def members(box: Sandbox) -> Sandbox:
    """Five customers in the audience, and one in another."""
    put_values(box, VALUES)
    return box


def seen(*customers: object, version: int = 1) -> list[Message]:
    """Records of a version."""
    return [record(customer, version=version) for customer in customers]


def test_exit_record_clears_only_the_audience_value(
    members: Sandbox, run: RunTarget
) -> None:
    company = members.store.customers[1001]["company"]
    others = [left(1006), left(1010), left(999_999), left(None)]

    got = run(schema(), left(1001, company="Never written"), *others, state(5), **CLEAR)

    assert values_of(members) == {n: v for n, v in VALUES.items() if n != 1001}
    assert members.store.customers[1001]["company"] == company
    assert got.outcomes == {"cleared": 1, "unchanged": 3, "skipped": 1}
    assert got.state == {"n": 5}
    assert got.rejects == ()


def test_exit_counts_after_a_rejected_record(members: Sandbox, run: RunTarget) -> None:
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


def test_member_missing_from_version_is_cleared(
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
    ("lines", "reason"),
    [
        # The SDK's taps activate a version before its records.
        pytest.param(
            [activate(1), *seen(1001), state(1)],
            "No record came under the activated version",
            id="activated before its records",
        ),
        pytest.param(
            [activate(1), state(1)],
            "an empty audience looks the same",
            id="no records",
        ),
        pytest.param(
            [*seen(1001, "no. 7"), activate(1), state(1)],
            "1 record of the activated version had an unreadable id",
            id="unreadable id",
        ),
    ],
)
def test_unreliable_version_clears_nothing(
    lines: list[Any], reason: str, members: Sandbox, run: RunTarget
) -> None:
    got = run(schema(), *lines, **CLEAR)

    assert values_of(members) == VALUES
    assert got.status == 0
    assert reason in got.stderr
    assert "no value of LyticsAudience_vip is cleared" in got.stderr
    assert "clear-audience --audience vip" in got.stderr


@pytest.mark.guarantee("schema-change")
def test_new_schema_keeps_the_members_seen(members: Sandbox, run: RunTarget) -> None:
    changed = schema(loyalty={"type": ["string", "null"]})

    run(schema(), *seen(1001), changed, *seen(1002), activate(1), **CLEAR)

    assert values_of(members).keys() == {1001, 1002, 1006}


@pytest.mark.guarantee("mass-clear-guard")
def test_version_that_clears_too_many_ends_run(
    make_box: MakeBox, run: RunTarget, config_of: Callable[[Sandbox], dict[str, Any]]
) -> None:
    box = make_box(members=400, quota=1000)
    put_values(box, dict.fromkeys(range(1001, 1401), "vip"))
    lines = [schema(), *seen(*range(1001, 1281)), activate(1), state(280)]

    refused = run(*lines, **config_of(box), **CLEAR)
    kept = len(values_of(box))
    allowed = run(*lines, **config_of(box), **CLEAR, max_clear_percent=30)

    assert refused.status == 1
    [error] = refused.errors
    assert "120 of the 400 values" in error
    assert "max_clear_percent 20" in error
    assert "run once with max_clear_percent" in error
    assert refused.state is None
    assert kept == 400
    assert allowed.status == 0
    assert len(values_of(box)) == 280


@pytest.mark.guarantee("no-false-exit")
@pytest.mark.parametrize(
    ("rule", "message", "is_kept"),
    [
        ({"_sdc_deleted_at": "tier"}, record(1001, tier="2026-01-01"), False),
        ({"_sdc_deleted_at": "tier"}, record(1001, tier=None), True),
        ({"_sdc_deleted_at": None}, left(1001), True),
        ({"__filter__": "not _sdc_deleted_at"}, left(1001), True),
        (
            {"company": "company.title()", "__else__": None, "id": "id"},
            left(1001),
            False,
        ),
    ],
    ids=["made", "not made", "removed", "filtered", "others excluded"],
)
def test_record_after_the_stream_maps_decides(
    members: Sandbox, run: RunTarget, rule: Message, message: Message, *, is_kept: bool
) -> None:
    got = run(schema(), message, state(1), stream_maps={"vip": rule}, **CLEAR)

    assert got.status == 0, got.stderr
    assert (1001 in values_of(members)) is is_kept
    assert got.state == {"n": 1}
    assert got.rejects == ()


@pytest.mark.parametrize(
    "mark", ["", " ", "null", "False", "0", 0, False, True, -1], ids=repr
)
def test_value_of_a_live_member_is_kept(
    members: Sandbox, run: RunTarget, mark: object
) -> None:
    got = run(schema(), record(1001, _sdc_deleted_at=mark), **CLEAR)

    assert values_of(members) == VALUES
    assert got.outcomes == {"unchanged": 1}


def test_exit_is_cleared_while_the_input_is_silent(
    members: Sandbox, config: dict[str, Any], tmp_path: Path
) -> None:
    waiting = {**config, **CLEAR, "batch_wait_limit_seconds": 1}

    with LiveTarget(waiting, tmp_path) as target:
        target.send(schema(), record(1002), state(1), left(1001), state(2))
        states = [target.state()]
        if states[-1] == {"n": 1}:
            states.append(target.state())

        assert states[-1] == {"n": 2}
        assert 1001 not in values_of(members)
        target.close_input()
        assert target.end().outcomes == {"unchanged": 1, "cleared": 1}
