"""Who is sent, who was seen, and when absence counts."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_lytics.coverage import (
    ScanCoverage,
    SeenMembers,
    number_of,
    why_exits_are_uncertain,
)
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


def test_a_repeat_with_the_same_content_is_not_sent() -> None:
    memory = started()

    first = selected(memory, member(1), member(2))
    again = selected(memory, member(1), member(2, content=1))

    assert (first, again) == (2, 1)


def test_a_full_sync_sends_everybody() -> None:
    memory = started()
    selected(memory, member(1))

    assert selected(memory, member(1), is_full=True) == 1


def test_whom_no_later_pass_can_bring_is_not_remembered() -> None:
    memory = started()

    selected(memory, member(1, modified=AT - timedelta(hours=1)))

    assert not memory._sent


def test_the_memory_lasts_as_long_as_a_pass_can_bring_them_again() -> None:
    memory = started()
    selected(memory, member(1))

    for minutes in (29, 58):
        at = AT + timedelta(minutes=minutes)
        since = at - timedelta(minutes=29) - HALF_AN_HOUR
        memory.start_read(StreamState(), at, since)
        assert selected(memory, member(1)) == (0 if since <= AT else 1)


def test_a_thousand_passes_remember_no_more_than_the_overlap_holds() -> None:
    memory = RecentMemory(HALF_AN_HOUR)

    for number in range(1000):
        at = AT + timedelta(minutes=number)
        memory.start_read(StreamState(), at, at - timedelta(minutes=1) - HALF_AN_HOUR)
        selected(memory, member(number, modified=at))

    assert len(memory._sent) <= 33


def test_a_page_that_was_not_written_is_not_remembered() -> None:
    memory = started()

    memory.select([member(1)], is_full=False)

    assert selected(memory, member(1)) == 1


@pytest.mark.parametrize("modified", ["", "never", None])
def test_an_unreadable_time_is_no_time(modified: str | None) -> None:
    one = Member(key=key_of(1), record={}, modified=modified, required=[])

    assert modified_at(one) is None


@given(numbers=st.lists(st.integers(0, 1000)))
def test_seen_members_are_counted_once(numbers: list[int]) -> None:
    seen = SeenMembers()

    seen.update(map(key_of, numbers))

    assert seen.count() == len(set(numbers))
    assert seen.count_read() == len(numbers)
    for number in numbers:
        member_bytes = bytes.fromhex(key_of(number))
        assert number_of(member_bytes) in seen.bucket(member_bytes[0])


def coverage_of(seen: int, total: int | None, *, starts: int = 1) -> ScanCoverage:
    found = ScanCoverage(starts=starts, total=total)
    found.add(key_of(number) for number in range(seen))
    return found


@pytest.mark.parametrize(
    ("found", "size_after", "redefined", "counts"),
    [
        (coverage_of(5, 5), 5, False, True),
        (coverage_of(6, 5), 5, False, True),
        (coverage_of(4, 5), 5, False, False),
        (coverage_of(5, None), 5, False, False),
        (coverage_of(5, 5, starts=0), 5, False, False),
        (coverage_of(5, 5), 5, True, False),
        (coverage_of(0, 0), 0, False, True),
        (coverage_of(0, 0), 5, False, False),
        (coverage_of(0, 0), None, False, False),
    ],
)
def test_absence_counts_only_after_a_scan_that_saw_everybody(
    found: ScanCoverage,
    size_after: int | None,
    redefined: bool,  # noqa: FBT001 - a table
    counts: bool,  # noqa: FBT001 - a table
) -> None:
    why_not = why_exits_are_uncertain(found, size_after=size_after, redefined=redefined)

    assert (why_not == "") == counts


def test_a_scan_that_began_afresh_forgets_whom_it_had_seen() -> None:
    found = coverage_of(5, 9, starts=0)

    found.start_page(1, 3)

    assert (found.seen.count(), found.total, found.starts) == (0, 3, 1)


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
def test_what_a_coverage_of_means(
    known: LedgerRow | None, content: bytes, change: MemberChange
) -> None:
    assert classify(known, content, sends_existing=False) is change


def test_who_was_there_from_the_start_is_sent_once_that_is_wanted() -> None:
    change = classify(row(BASELINE), b"", sends_existing=True)

    assert is_sent(change, sends_changes=False)


@pytest.mark.parametrize("sends_changes", [True, False])
def test_changes_are_a_choice(sends_changes: bool) -> None:  # noqa: FBT001 - a table
    sent = is_sent(MemberChange.CHANGED, sends_changes=sends_changes)

    assert sent == sends_changes
    assert is_sent(MemberChange.ENTERED, sends_changes=sends_changes)


def test_what_was_not_sent_needs_no_undoing() -> None:
    seen = LedgerRow(member=b"m", digest=b"now", required="[]", generation=9, flags=0)

    assert next_row(seen, row(), sent=True).generation == 9
    assert next_row(seen, row(), sent=False).generation == 7
    assert next_row(seen, row(BASELINE), sent=False).flags == BASELINE
