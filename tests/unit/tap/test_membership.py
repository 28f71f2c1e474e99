"""Which members are sent: the memory of recent syncs, and ledger rows."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from tap_lytics.ledger import BASELINE, LEFT, LedgerRow
from tap_lytics.membership import (
    MemberChange,
    RecentMemory,
    classify,
    is_sent,
    modified_at,
    next_row,
)
from tap_lytics.records import Member, format_timestamp
from tap_lytics.state import StreamState

AT = datetime(2026, 5, 1, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)


def key_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def member(number: int, *, content: int = 0, modified: datetime | None = AT) -> Member:
    key = key_of(number)
    return Member(
        key=key,
        record={"_member_id": key, "content": content},
        modified=format_timestamp(modified) if modified else None,
        required=[],
    )


def selected(memory: RecentMemory, *members: Member, is_full: bool = False) -> int:
    records = memory.select(members, is_full=is_full)
    memory.save()
    return len(records)


def started(at: datetime = AT) -> RecentMemory:
    memory = RecentMemory(HALF_AN_HOUR)
    memory.start_read(StreamState(), at, at - HALF_AN_HOUR)
    return memory


def test_unchanged_repeat_is_not_sent() -> None:
    memory = started()

    first = selected(memory, member(1), member(2))
    again = selected(memory, member(1), member(2, content=1))

    assert (first, again) == (2, 1)


def test_full_sync_sends_unchanged_members() -> None:
    memory = started()
    selected(memory, member(1))

    assert selected(memory, member(1), is_full=True) == 1


def test_member_outside_overlap_is_forgotten() -> None:
    memory = started()
    old = member(1, modified=AT - timedelta(hours=1))

    first, again = selected(memory, old), selected(memory, old)

    assert (first, again) == (1, 1)


def test_member_is_remembered_within_overlap() -> None:
    memory = started()
    selected(memory, member(1))

    for minutes in (29, 58):
        at = AT + timedelta(minutes=minutes)
        since = at - timedelta(minutes=29) - HALF_AN_HOUR
        memory.start_read(StreamState(), at, since)
        assert selected(memory, member(1)) == (0 if since <= AT else 1)


def test_memory_holds_only_the_overlap() -> None:
    memory = RecentMemory(HALF_AN_HOUR)
    changed = [
        member(number, modified=AT + timedelta(minutes=number))
        for number in range(1000)
    ]
    for number, one in enumerate(changed):
        at = AT + timedelta(minutes=number)
        memory.start_read(StreamState(), at, at - timedelta(minutes=1) - HALF_AN_HOUR)
        selected(memory, one)

    repeated = selected(memory, *changed)

    assert len(changed) - repeated <= 33


def test_unsaved_page_is_not_remembered() -> None:
    memory = started()

    memory.select([member(1)], is_full=False)

    assert selected(memory, member(1)) == 1


@pytest.mark.parametrize("modified", ["", "never", None])
def test_unreadable_modified_time_is_none(modified: str | None) -> None:
    one = Member(key=key_of(1), record={}, modified=modified, required=[])

    assert modified_at(one) is None


def row(flags: int = 0, digest: bytes | None = b"as sent") -> LedgerRow:
    return LedgerRow(
        member=b"m", digest=digest, required="[]", generation=7, flags=flags
    )


@pytest.mark.parametrize(
    ("known", "content", "change"),
    [
        (None, b"", MemberChange.ENTERED),
        (row(LEFT), b"", MemberChange.ENTERED),
        (row(BASELINE), b"other", MemberChange.BASELINE),
        (row(digest=None), b"", MemberChange.UNCERTAIN),
        (row(), b"as sent", MemberChange.SAME),
        (row(), b"other", MemberChange.CHANGED),
    ],
)
def test_change_of_member(
    known: LedgerRow | None, content: bytes, change: MemberChange
) -> None:
    assert classify(known, content, sends_existing=False) is change


def test_baseline_member_is_sent_if_wanted() -> None:
    change = classify(row(BASELINE), b"", sends_existing=True)

    assert is_sent(change, sends_changes=False)


@pytest.mark.parametrize("sends_changes", [True, False])
def test_changes_are_sent_only_if_wanted(sends_changes: bool) -> None:  # noqa: FBT001 - a parameter
    sent = is_sent(MemberChange.CHANGED, sends_changes=sends_changes)

    assert sent == sends_changes
    assert is_sent(MemberChange.ENTERED, sends_changes=sends_changes)


def test_unsent_row_keeps_what_was_sent() -> None:
    seen = LedgerRow(member=b"m", digest=b"now", required="[]", generation=9, flags=0)

    assert next_row(seen, row(), sent=True) == seen
    assert next_row(seen, row(), sent=False) == row()
    assert next_row(seen, row(BASELINE), sent=False) == row(BASELINE)
