"""A rejected call is bisected to its offending rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit.errors import AuthError, PluginError, RetriesExhaustedError
from target_bigcommerce.api.limits import CallSize, StoreFacts
from target_bigcommerce.api.models import ApiRequest, ApiResponse, WriteResult
from target_bigcommerce.api.row_errors import BISECT_ATTEMPTS, RowErrors
from target_bigcommerce.api.writes import (
    Confirmation,
    WriteCall,
    is_too_large,
    named_rows,
    renumber,
    write_rows,
)
from target_bigcommerce.errors import (
    EndpointFailedError,
    ErrorDetails,
    FailedCallError,
    ForbiddenError,
    OutcomeUnknownError,
    RefusedCallError,
    RequestRejectedError,
    ThrottledError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_bigcommerce.api.models import Row
    from target_bigcommerce.api.transport import Transport


MAX_ROWS = 20
UNCONFIRMED = ErrorDetails(status=200)


class ControlReads:
    """Responds to the control reads; its other requests are not used here."""

    def __init__(self, error: PluginError | None = None) -> None:
        self._error = error
        self.calls = 0

    def send(self, _request: ApiRequest) -> ApiResponse:
        """Respond to a read."""
        self.calls += 1
        if self._error:
            raise self._error
        return ApiResponse(status=200, body={"data": []})


def row_errors(reads: ControlReads | None = None) -> RowErrors:
    return RowErrors(cast("Transport", reads or ControlReads()))


@dataclass(slots=True, kw_only=True)
class FakeStore:
    """A store that responds to bad rows in one of several ways."""

    bad: set[int]
    named: str = "index"  # or "email", "no", or several: one word per call
    applies_valid_rows: bool = False
    max_rows: int = MAX_ROWS
    omits: frozenset[int] = frozenset()
    calls: int = 0
    stored: set[int] = field(default_factory=set)

    def put(self, request: ApiRequest) -> Confirmation:
        """Respond to a call."""
        self.calls += 1
        rows = request.body
        if len(rows) > self.max_rows:
            raise RequestRejectedError("413", ErrorDetails(status=413))
        bad = [at for at, row in enumerate(rows) if row["id"] in self.bad]
        if not bad or self.applies_valid_rows:
            self.stored |= {row["id"] for row in rows} - self.bad
        if bad:
            raise RequestRejectedError("422", self._details(bad[0], rows[bad[0]]))
        omitted, self.omits = self.omits, frozenset()
        rest = [row for row in reversed(rows) if row["id"] not in omitted]
        return Confirmation(rows=rest)

    def look_up(self, rows: list[Row]) -> dict[object, Row]:
        """Find rows that were applied although their call was rejected."""
        ids = {row["id"] for row in rows} & self.stored
        return {number: {"id": number, "_found": True} for number in ids}

    def _details(self, at: int, row: Row) -> ErrorDetails:
        kinds = self.named.split()
        errors = {
            "index": {f"{at}.field": "wrong"},
            "email": {".update": f"email {row['email']} already in use"},
            "no": {".update": "something is wrong"},
        }[kinds[self.calls % len(kinds)]]
        return ErrorDetails(status=422, title=f"bad {row['id']}", errors=errors)


def rows_of(count: int) -> list[tuple[int, Row]]:
    """Rows whose ids differ from their indices."""
    return [
        (index, {"id": 100 + index, "email": f"p{index}@example.com"})
        for index in range(count)
    ]


def call_by_id(send: Callable[[list[Row]], list[Row]]) -> WriteCall:
    return by_request(lambda request: Confirmation(rows=send(request.body)))


def by_request(send: Callable[[ApiRequest], Confirmation]) -> WriteCall:
    return WriteCall(
        request=ApiRequest(method="PUT", path="/customers"),
        send=send,
        key_of_sent=lambda row: row["id"],
        key_of_confirmed=lambda row: row["id"],
    )


def written_by(
    call: WriteCall,
    count: int,
    size: CallSize | None = None,
    errors: RowErrors | None = None,
) -> WriteResult:
    """Write a number of rows with a call."""
    result = WriteResult()
    write_rows(
        rows_of(count),
        call,
        size or CallSize(MAX_ROWS),
        row_errors=errors or row_errors(),
        result=result,
    )
    return result


def write(store: FakeStore, count: int, *, looks_up: bool = False) -> WriteResult:
    """Write a number of rows to a store."""
    call = by_request(store.put)
    if looks_up:
        call = replace(call, find=store.look_up, is_idempotent=False)
    return written_by(call, count)


counts = st.integers(1, MAX_ROWS)
stores = st.builds(
    FakeStore,
    bad=st.sets(st.integers(100, 100 + MAX_ROWS)),
    named=st.lists(st.sampled_from(["index", "email", "no"]), min_size=1).map(" ".join),
    applies_valid_rows=st.booleans(),
    max_rows=st.integers(1, MAX_ROWS),
)


@given(store=stores, count=counts, looks_up=st.booleans())
def test_only_bad_rows_are_rejected_in_two_calls_per_row(
    store: FakeStore, count: int, *, looks_up: bool
) -> None:
    written = write(store, count, looks_up=looks_up)

    bad = {index for index in range(count) if 100 + index in store.bad}
    assert set(written.rejected) == bad
    assert set(written.done) == set(range(count)) - bad
    assert all(row["id"] == 100 + index for index, row in written.done.items())
    assert store.calls <= 2 * count


@given(stores, counts, st.sets(st.integers(100, 100 + MAX_ROWS)))
def test_row_is_either_done_or_rejected(
    store: FakeStore, count: int, omits: set[int]
) -> None:
    store.omits = frozenset(omits)

    written = write(store, count)

    assert sorted([*written.done, *written.rejected]) == list(range(count))
    assert {100 + index for index in written.done} & store.bad == set()
    assert store.calls <= 2 * count


def test_bad_row_keeps_its_own_error() -> None:
    store = FakeStore(bad={101, 103}, named="no")

    written = write(store, 4)

    titles = {index: details.title for index, details in written.rejected.items()}
    assert titles == {1: "bad 101", 3: "bad 103"}


def test_accepted_call_is_made_once() -> None:
    store = FakeStore(bad=set())

    write(store, 10)

    assert store.calls == 1


def test_named_row_costs_one_more_call() -> None:
    store = FakeStore(bad={104}, named="index")

    write(store, 10)

    assert store.calls == 2


def test_unconfirmed_rows_are_sent_once_more() -> None:
    store = FakeStore(bad=set(), omits=frozenset({102, 105}))

    written = write(store, 10)

    assert store.calls == 2
    assert len(written.done) == 10


def test_row_that_is_never_confirmed_is_rejected() -> None:
    call = call_by_id(lambda rows: [row for row in rows if row["id"] != 101])

    written = written_by(call, 3)

    assert written.rejected == {1: UNCONFIRMED}
    assert set(written.done) == {0, 2}


def test_size_is_lowered_for_the_run() -> None:
    store, size = FakeStore(bad=set(), max_rows=5), CallSize(10)
    call = by_request(store.put)

    written_by(call, 10, size)
    first = store.calls
    written_by(call, 10, size)

    assert (first, store.calls - first, size.limit) == (3, 2, 5)


@pytest.mark.parametrize(
    ("max_rows", "bad", "too_large", "known"),
    [
        (5, set(), None, {"rows": 5}),
        (5, {103}, None, {"rows": 5}),
        (MAX_ROWS, set(), 104, {}),  # A single row is too large for any call.
        (MAX_ROWS, {103}, None, {}),
    ],
)
def test_size_is_remembered_unless_a_row_was_the_cause(
    max_rows: int, bad: set[int], too_large: int | None, known: dict[str, int]
) -> None:
    store, facts = FakeStore(bad=bad, max_rows=max_rows), StoreFacts()
    size = CallSize(10, facts, "rows")

    def send(request: ApiRequest) -> Confirmation:
        if any(row["id"] == too_large for row in request.body):
            raise RequestRejectedError("413", ErrorDetails(status=413))
        return store.put(request)

    written = written_by(by_request(send), 10, size)

    rejected = bad | ({too_large} if too_large else set())
    assert {100 + at for at in written.rejected} == rejected
    assert facts.take_new() == known
    assert size.limit == known.get("rows", 10)


def test_calls_are_bounded_if_a_wrong_row_is_named() -> None:
    calls = [0]

    def send(rows: list[Row]) -> list[Row]:
        calls[0] += 1
        # The error always names the last row.
        raise RequestRejectedError(
            "422", ErrorDetails(status=422, errors={f"{len(rows) - 1}.x": ""})
        )

    call = call_by_id(send)
    written = written_by(call, 10)

    assert len(written.rejected) == 10
    assert calls[0] <= 20


def test_undecided_rows_are_rejected() -> None:
    calls, alone = [0], ErrorDetails(status=422, title="only one at a time, please")

    def send(rows: list[Row]) -> list[Row]:
        calls[0] += 1
        if len(rows) > 1:
            raise RequestRejectedError("422", alone)
        return []  # A success that confirms nothing.

    call = call_by_id(send)
    written = written_by(call, 4)

    assert calls[0] == 8
    assert written.rejected == dict.fromkeys(range(4), alone)


def test_other_errors_are_raised() -> None:
    def send(_rows: list[Row]) -> list[Row]:
        raise AuthError("no")

    call = call_by_id(send)

    with pytest.raises(AuthError):
        written_by(call, 3)


# Errors that may concern a row or the whole call.


def refused(status: int) -> PluginError:
    details = ErrorDetails(status=status, title="bad row")
    return RefusedCallError(f"PUT /customers returned {status}.", details)


def forbidden() -> PluginError:
    details = ErrorDetails(status=403, title="bad row")
    return ForbiddenError("PUT /customers returned 403.", details)


def exhausted(status: int) -> PluginError:
    details = ErrorDetails(status=status, title="bad row")
    error = RetriesExhaustedError("PUT /customers failed. Gave up after 10 attempts.")
    error.__cause__ = FailedCallError("PUT /customers failed.", details)
    return error


def lost_creation() -> PluginError:
    error = exhausted(500)
    error.__cause__ = OutcomeUnknownError("POST", ErrorDetails(status=500))
    return error


SUSPECTS = [
    *(refused(status) for status in (400, 404, 405, 406, 409, 415)),
    *(exhausted(status) for status in (0, 200, 423, 500, 502, 503, 504)),
    lost_creation(),
]


def failing(
    bad: set[int], error: PluginError, requests: list[ApiRequest] | None = None
) -> WriteCall:
    """Raise an error for every call that has a bad row."""

    def send(request: ApiRequest) -> Confirmation:
        if requests is not None:
            requests.append(request)
        if any(row["id"] in bad for row in request.body):
            raise error
        return Confirmation(rows=request.body)

    return by_request(send)


def describe(error: PluginError) -> str:
    cause = error.__cause__ or error
    return f"{type(cause).__name__} {cause.details.status}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", SUSPECTS, ids=describe)
@pytest.mark.parametrize("bad", [{104}, {100}, {101, 108}])
def test_row_that_fails_the_call_is_rejected(error: PluginError, bad: set[int]) -> None:
    written = written_by(failing(bad, error), 10)

    assert {100 + index for index in written.rejected} == bad
    assert len(written.done) == 10 - len(bad)


@pytest.mark.parametrize("error", SUSPECTS, ids=describe)
def test_error_is_raised_if_reads_fail_too(error: PluginError) -> None:
    errors = row_errors(ControlReads(exhausted(503)))

    with pytest.raises(type(error)) as caught:
        written_by(failing({104}, error), 10, errors=errors)

    assert caught.value is error


@pytest.mark.parametrize(
    "error", [AuthError("401"), PluginError("507")], ids=["401", "507"]
)
def test_error_of_the_call_needs_no_read(error: PluginError) -> None:
    reads = ControlReads()

    with pytest.raises(type(error)):
        written_by(failing({104}, error), 10, errors=row_errors(reads))

    assert reads.calls == 0


def test_calls_while_bisecting_are_tried_twice() -> None:
    requests: list[ApiRequest] = []

    written_by(failing({101}, exhausted(500), requests), 10)

    assert [request.attempts for request in requests][:1] == [None]
    assert {request.attempts for request in requests[1:]} == {BISECT_ATTEMPTS}


@pytest.mark.parametrize("count", [1, 10])
def test_error_that_passes_rejects_no_row(count: int) -> None:
    errors, left = row_errors(), [2]
    written_by(failing(set(), forbidden()), 1, errors=errors)

    def send(request: ApiRequest) -> Confirmation:
        left[0] -= 1
        if left[0] >= (count == 1):
            raise forbidden()
        return Confirmation(rows=request.body)

    written = written_by(by_request(send), count, errors=errors)

    assert len(written.done) == count


def test_forbidden_first_write_ends_the_run() -> None:
    reads = ControlReads()

    with pytest.raises(ForbiddenError):
        written_by(failing({104}, forbidden()), 10, errors=row_errors(reads))

    assert reads.calls == 0


def test_forbidden_row_is_found_after_a_write() -> None:
    errors = row_errors()
    written_by(failing(set(), forbidden()), 10, errors=errors)

    written = written_by(failing({104}, forbidden()), 10, errors=errors)

    assert set(written.rejected) == {4}
    assert written.rejected[4].status == 403


def test_token_revoked_after_a_write_is_named() -> None:
    errors = row_errors(ControlReads(forbidden()))
    written_by(failing(set(), forbidden()), 10, errors=errors)

    with pytest.raises(AuthError, match="writes of this run succeeded") as caught:
        written_by(failing({104}, forbidden()), 10, errors=errors)

    assert "store_hash" not in str(caught.value)


@pytest.mark.parametrize("status", [400, 404, 500])
def test_three_rows_alone_in_a_row_end_the_run(status: int) -> None:
    error = exhausted(status) if status == 500 else refused(status)
    result = WriteResult()

    with pytest.raises(
        EndpointFailedError, match=f"returned {status}.* third customer"
    ):
        write_rows(
            rows_of(10),
            failing(set(range(100, 110)), error),
            CallSize(MAX_ROWS),
            row_errors=row_errors(),
            result=result,
        )

    assert not result.rejected


def test_failing_endpoint_is_found_across_calls() -> None:
    errors, error = row_errors(), refused(400)
    written_by(failing({100, 101}, error), 2, errors=errors)

    with pytest.raises(EndpointFailedError):
        written_by(failing({100, 101, 102}, error), 3, errors=errors)


@pytest.mark.parametrize("count", [1, 2])
def test_customers_who_come_again_do_not_end_the_run(count: int) -> None:
    errors, error = row_errors(), refused(400)

    for _ in range(5):
        written = written_by(failing({100, 101}, error), count, errors=errors)

        assert len(written.rejected) == count


def test_another_status_or_a_success_starts_again() -> None:
    errors = row_errors()

    for error in [refused(400), refused(404)] * 2 + [refused(400), refused(400)]:
        written_by(failing({100}, error), 1, errors=errors)
    written_by(failing(set(), error), 1, errors=errors)
    written = written_by(failing({100, 101}, error), 3, errors=errors)

    assert set(written.done) == {2}


def test_rows_named_by_an_error_need_no_more_calls() -> None:
    requests: list[ApiRequest] = []
    details = ErrorDetails(status=400, errors={"4.email": "bad"})
    call = failing({104}, RefusedCallError("400", details), requests)

    written = written_by(call, 10)

    assert set(written.rejected) == {4}
    assert len(requests) == 2


def test_applied_row_is_done_though_its_call_fails() -> None:
    call = replace(
        failing({104}, exhausted(504)),
        find=lambda rows: {row["id"]: row for row in rows if row["id"] == 104},
    )

    written = written_by(call, 10)

    assert len(written.done) == 10


def test_throttled_endpoint_is_not_blamed_on_a_row() -> None:
    error = RetriesExhaustedError("POST /customers returned 429. Gave up.")
    error.__cause__ = ThrottledError("429")

    with pytest.raises(EndpointFailedError, match="returned 429"):
        written_by(failing({104}, error), 10)


# Successes that confirm only some rows.


def partly(
    bad: dict[int, str], *, named: str, status: int = 207, echoes: bool = False
) -> WriteCall:
    """Confirm good rows and report the bad ones, as one of several forms."""

    def send(request: ApiRequest) -> Confirmation:
        rows = request.body
        texts = {at: bad[r["id"]] for at, r in enumerate(rows) if r["id"] in bad}
        errors = {
            "index": {f"{at}.email": text for at, text in texts.items()},
            "text": {f".{at}": text for at, text in texts.items()},
            "no": {},
        }[named]
        done = rows if echoes else [r for r in rows if r["id"] not in bad]
        if not texts:
            return Confirmation(rows=done, status=status)
        failures = ErrorDetails(status=status, errors=errors or None)
        return Confirmation(
            rows=done, failures=failures, failed=len(texts), status=status
        )

    return by_request(send)


BAD = {102: "email a@b.co already in use", 105: "no such group"}


@pytest.mark.parametrize("status", [200, 207])
@pytest.mark.parametrize("named", ["index", "text"])
def test_failed_row_of_a_207_keeps_its_reason(named: str, status: int) -> None:
    written = written_by(partly(BAD, named=named, status=status), 10)

    reasons = {100 + at: details.text for at, details in written.rejected.items()}
    assert reasons == BAD
    assert {details.status for details in written.rejected.values()} == {status}
    assert len(written.done) == 8


def test_row_that_is_confirmed_and_failed_is_not_done() -> None:
    written = written_by(partly(BAD, named="index", echoes=True), 10)

    assert {100 + at for at in written.rejected} == set(BAD)


def test_207_without_reasons_rejects_what_is_missing() -> None:
    written = written_by(partly(BAD, named="no"), 10)

    assert {100 + at for at in written.rejected} == set(BAD)
    assert {details.status for details in written.rejected.values()} == {207}


def test_207_that_names_no_row_confirms_none() -> None:
    reads: list[int] = []

    def find(rows: list[Row]) -> dict[object, Row]:
        reads.extend(row["id"] for row in rows)
        return {row["id"]: row for row in rows if row["id"] not in BAD}

    call = replace(partly(BAD, named="no", echoes=True), find=find)

    written = written_by(call, 10)

    assert set(reads) == {row["id"] for _, row in rows_of(10)}
    assert {100 + at for at in written.rejected} == set(BAD)


def test_settled_rows_are_kept_when_the_run_ends() -> None:
    result, calls = WriteResult(), [0]

    def send(request: ApiRequest) -> Confirmation:
        calls[0] += 1
        if calls[0] == 3:
            raise AuthError("401")
        return Confirmation(rows=request.body)

    with pytest.raises(AuthError):
        write_rows(
            rows_of(10),
            by_request(send),
            CallSize(4),
            row_errors=row_errors(),
            result=result,
        )

    assert set(result.done) == set(range(8))


# The rows that an error names.

ROWS = [{"id": n, "email": f"p{n}@example.com"} for n in range(5)]


def details_with(
    errors: dict[str, str], title: str = "Update customers failed."
) -> ErrorDetails:
    return ErrorDetails(status=422, title=title, errors=errors)


@pytest.mark.parametrize(
    ("errors", "named"),
    [
        ({"3.email": "error.email"}, [3]),
        ({"3": "bad"}, [3]),
        ({"1.a": "x", "4.b": "y"}, [1, 4]),
        ({"9.email": "there is no such row"}, []),
        ({".customer_update": "no row is named"}, []),
        ({"id": "error.path.missing"}, []),
        ({".x": "Error: email P2@Example.com already in use"}, [2]),
        ({".x": "email p2@example.com."}, [2]),
        ({".x": "email 'p2@example.com' is taken"}, [2]),
        ({".x": "email p2@example.community is taken"}, []),
        ({".x": "email xp2@example.com is taken"}, []),
        ({}, []),
    ],
)
def test_rows_are_named_by_index_or_email(
    errors: dict[str, str], named: list[int]
) -> None:
    assert named_rows(details_with(errors), ROWS) == named


def test_email_within_another_is_not_named() -> None:
    rows = [{"email": "brien@example.com"}, {"email": "o'brien@example.com"}]

    named = named_rows(details_with({".x": "o'brien@example.com already in use"}), rows)

    assert named == [1]


def test_single_row_is_always_named() -> None:
    assert named_rows(details_with({"7.x": "?"}), ROWS[:1]) == [0]


def test_indices_are_translated_back() -> None:
    details = details_with({"0.email": "a", "1": "b", ".x": "c", "7.y": "d"})

    assert renumber(details, [3, 8]).errors == {
        "3.email": "a",
        "8": "b",
        ".x": "c",
        "7.y": "d",
    }


@pytest.mark.parametrize(
    ("details", "large"),
    [
        (ErrorDetails(status=413), True),
        (ErrorDetails(status=422, title="Max batch size allowed is 10"), True),
        (ErrorDetails(status=422, title="Update customers failed."), False),
    ],
)
def test_too_many_rows_differ_from_bad_rows(
    details: ErrorDetails, *, large: bool
) -> None:
    assert is_too_large(details) is large
