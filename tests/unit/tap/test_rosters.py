"""Who is sent, who was seen, and when absence counts."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_lytics.absence import Sighting, doubt
from tap_lytics.ledger_row import FROM_START, LEFT, Row
from tap_lytics.moments import to_text
from tap_lytics.roster import Member, Overlap, modified_at
from tap_lytics.seen import SeenMembers, number_of
from tap_lytics.state import Place
from tap_lytics.verdict import Verdict, is_sent, judge, next_row

AT = datetime(2026, 5, 1, tzinfo=timezone.utc)
HALF_AN_HOUR = timedelta(minutes=30)


def key_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def member(number: int, *, content: int = 0, modified: datetime | None = AT) -> Member:
    key = key_of(number)
    return Member(
        key=key,
        record={"_member_id": key, "content": content},
        modified=to_text(modified) if modified else None,
        required=[],
    )


def admitted(roster: Overlap, *members: Member, whole: bool = False) -> int:
    records = roster.admit(members, whole=whole)
    roster.keep()
    return len(records)


def begun(at: datetime = AT) -> Overlap:
    roster = Overlap(HALF_AN_HOUR)
    roster.begin(Place(), at, at - HALF_AN_HOUR)
    return roster


def test_a_repeat_with_the_same_content_is_not_sent() -> None:
    roster = begun()

    first = admitted(roster, member(1), member(2))
    again = admitted(roster, member(1), member(2, content=1))

    assert (first, again) == (2, 1)


def test_a_whole_scan_sends_everybody() -> None:
    roster = begun()
    admitted(roster, member(1))

    assert admitted(roster, member(1), whole=True) == 1


def test_whom_no_later_pass_can_bring_is_not_remembered() -> None:
    roster = begun()

    admitted(roster, member(1, modified=AT - timedelta(hours=1)))

    assert not roster._sent


def test_the_memory_lasts_as_long_as_a_pass_can_bring_them_again() -> None:
    roster = begun()
    admitted(roster, member(1))

    for minutes in (29, 58):
        at = AT + timedelta(minutes=minutes)
        since = at - timedelta(minutes=29) - HALF_AN_HOUR
        roster.begin(Place(), at, since)
        assert admitted(roster, member(1)) == (0 if since <= AT else 1)


def test_a_thousand_passes_remember_no_more_than_the_overlap_holds() -> None:
    roster = Overlap(HALF_AN_HOUR)

    for number in range(1000):
        at = AT + timedelta(minutes=number)
        roster.begin(Place(), at, at - timedelta(minutes=1) - HALF_AN_HOUR)
        admitted(roster, member(number, modified=at))

    assert len(roster._sent) <= 33


def test_a_page_that_was_not_written_is_not_remembered() -> None:
    roster = begun()

    roster.admit([member(1)], whole=False)

    assert admitted(roster, member(1)) == 1


@pytest.mark.parametrize("modified", ["", "never", None])
def test_an_unreadable_time_is_no_time(modified: str | None) -> None:
    one = Member(key=key_of(1), record={}, modified=modified, required=[])

    assert modified_at(one) is None


@given(numbers=st.lists(st.integers(0, 1000)))
def test_seen_members_are_counted_once(numbers: list[int]) -> None:
    seen = SeenMembers()

    seen.update(map(key_of, numbers))

    assert seen.count() == len(set(numbers))
    assert seen.noted() == len(numbers)
    for number in numbers:
        member_bytes = bytes.fromhex(key_of(number))
        assert number_of(member_bytes) in seen.bucket(member_bytes[0])


def sighting(seen: int, total: int | None, *, starts: int = 1) -> Sighting:
    found = Sighting(starts=starts, total=total)
    found.add(key_of(number) for number in range(seen))
    return found


@pytest.mark.parametrize(
    ("found", "size_after", "redefined", "counts"),
    [
        (sighting(5, 5), 5, False, True),
        (sighting(6, 5), 5, False, True),
        (sighting(4, 5), 5, False, False),
        (sighting(5, None), 5, False, False),
        (sighting(5, 5, starts=0), 5, False, False),
        (sighting(5, 5), 5, True, False),
        (sighting(0, 0), 0, False, True),
        (sighting(0, 0), 5, False, False),
        (sighting(0, 0), None, False, False),
    ],
)
def test_absence_counts_only_after_a_scan_that_saw_everybody(
    found: Sighting,
    size_after: int | None,
    redefined: bool,  # noqa: FBT001 - a table
    counts: bool,  # noqa: FBT001 - a table
) -> None:
    why_not = doubt(found, size_after=size_after, redefined=redefined)

    assert (why_not == "") == counts


def test_a_scan_that_began_afresh_forgets_whom_it_had_seen() -> None:
    found = sighting(5, 9, starts=0)

    found.turn(1, 3)

    assert (found.seen.count(), found.total, found.starts) == (0, 3, 1)


def row(flags: int = 0, digest: bytes | None = b"as sent") -> Row:
    return Row(member=b"m", digest=digest, required="[]", generation=7, flags=flags)


@pytest.mark.parametrize(
    ("known", "content", "verdict"),
    [
        (None, b"", Verdict.ENTERED),
        (row(LEFT), b"", Verdict.ENTERED),
        (row(FROM_START), b"other", Verdict.FROM_START),
        (row(digest=None), b"", Verdict.UNCERTAIN),
        (row(), b"as sent", Verdict.SAME),
        (row(), b"other", Verdict.CHANGED),
    ],
)
def test_what_a_sighting_means(
    known: Row | None, content: bytes, verdict: Verdict
) -> None:
    assert judge(known, content, sends_existing=False) is verdict


def test_who_was_there_from_the_start_is_sent_once_that_is_wanted() -> None:
    verdict = judge(row(FROM_START), b"", sends_existing=True)

    assert is_sent(verdict, sends_changes=False)


@pytest.mark.parametrize("sends_changes", [True, False])
def test_changes_are_a_choice(sends_changes: bool) -> None:  # noqa: FBT001 - a table
    sent = is_sent(Verdict.CHANGED, sends_changes=sends_changes)

    assert sent == sends_changes
    assert is_sent(Verdict.ENTERED, sends_changes=sends_changes)


def test_what_was_not_sent_needs_no_undoing() -> None:
    seen = Row(member=b"m", digest=b"now", required="[]", generation=9, flags=0)

    assert next_row(seen, row(), sent=True).generation == 9
    assert next_row(seen, row(), sent=False).generation == 7
    assert next_row(seen, row(FROM_START), sent=False).flags == FROM_START
