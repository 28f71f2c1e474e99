"""Single requests, with every fault of the sandbox."""

from __future__ import annotations

import logging
import threading
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from sandbox import Fault
from singer_kit.errors import (
    AuthError,
    RetriesExhaustedError,
    ShutdownRequestedError,
    UnexpectedResponseError,
)
from target_bigcommerce.api.models import ApiRequest
from target_bigcommerce.errors import OutcomeUnknownError, RequestRejectedError

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.store import MakeBox
    from support.store_client import Connect, ConnectedClient

RETRIED = [
    "429",
    "429_bare",
    "429_retry_after",
    "423",
    "500",
    "502",
    "503",
    "504",
    "500_after",
    "503_after",
    "cut",
    "cut_after",
    "truncated",
    "not_json",
    "empty_body",
]
NOT_FOR_POST = [kind for kind in RETRIED if not kind.startswith("42")]
READ = ApiRequest(method="GET", path="/customers/attributes")


def write(box: Sandbox) -> ApiRequest:
    customer_id = min(box.store.customers)
    row = {"id": customer_id, "company": "ACME & Söhne"}
    return ApiRequest(method="PUT", path="/customers", body=[row])


def creation(email: str = "new@example.com") -> ApiRequest:
    row = {"email": email, "first_name": "New", "last_name": "One"}
    return ApiRequest(method="POST", path="/customers", body=[row])


@pytest.mark.parametrize("kind", RETRIED)
def test_read_is_retried_until_it_succeeds(
    connected: ConnectedClient, kind: str
) -> None:
    connected.box.faults.queue(Fault(kind=kind, times=2))

    response = connected.transport.send(READ)

    assert response.body["data"] == []
    assert connected.calls == {READ.endpoint: 3}
    assert connected.counts.total() == 3


@pytest.mark.parametrize("kind", RETRIED)
def test_update_is_retried_until_it_succeeds(
    connected: ConnectedClient, kind: str
) -> None:
    connected.box.faults.queue(Fault(kind=kind, times=2))
    request = write(connected.box)

    response = connected.transport.send(request)

    assert response.body["data"][0]["company"] == "ACME & Söhne"
    assert (
        connected.box.store.customers[request.body[0]["id"]]["company"]
        == "ACME & Söhne"
    )
    assert connected.calls == {"PUT /customers": 3}


@pytest.mark.parametrize("kind", NOT_FOR_POST)
def test_post_with_unknown_outcome_is_not_repeated(
    connected: ConnectedClient, kind: str
) -> None:
    connected.box.faults.queue(Fault(kind=kind))

    with pytest.raises(OutcomeUnknownError):
        connected.transport.send(creation())

    assert connected.calls == {"POST /customers": 1}


@pytest.mark.parametrize("kind", ["429", "429_bare", "429_retry_after", "423"])
def test_post_that_was_not_started_is_retried(
    connected: ConnectedClient, kind: str
) -> None:
    connected.box.faults.queue(Fault(kind=kind, times=2))

    response = connected.transport.send(creation())

    assert response.body["data"][0]["email"] == "new@example.com"
    assert connected.calls == {"POST /customers": 3}


def test_slow_response_times_out_and_is_retried(
    connected: ConnectedClient, connect: Connect
) -> None:
    impatient = connect(connected.box, timeout_seconds=0.3)
    connected.box.faults.queue(Fault(kind="slow", seconds=30.0))

    response = impatient.transport.send(READ)

    assert response.status == 200
    assert impatient.counts[READ.endpoint, 0] >= 1


def test_outcome_of_a_slow_creation_is_unknown(
    connected: ConnectedClient, connect: Connect
) -> None:
    impatient = connect(connected.box, timeout_seconds=0.3)
    connected.box.faults.queue(Fault(kind="slow", seconds=30.0))

    with pytest.raises(OutcomeUnknownError):
        impatient.transport.send(creation())


def test_ten_attempts_are_made(connected: ConnectedClient) -> None:
    connected.box.faults.queue(Fault(kind="503", times=50))

    with pytest.raises(
        RetriesExhaustedError, match=r"GET .* returned 503 .* 10 attempts"
    ):
        connected.transport.send(READ)

    assert connected.calls == {READ.endpoint: 10}


def test_connection_that_never_worked_fails_within_seconds(
    connected: ConnectedClient,
) -> None:
    connected.box.stop()

    with pytest.raises(RetriesExhaustedError) as caught:
        connected.transport.send(READ)

    message = str(caught.value)
    assert message.startswith(f"{READ.endpoint} failed: 127.0.0.1:")
    assert "--environment=production" in message
    assert connected.counts == {(READ.endpoint, 0): 3}
    assert sum(connected.waits) <= 3


@pytest.mark.parametrize("first", [None, "503"])
def test_connection_that_worked_before_is_retried(
    first: str | None, connected: ConnectedClient
) -> None:
    if first:
        connected.box.faults.queue(Fault(kind=first, match=READ.endpoint))
    connected.transport.send(READ)
    connected.box.stop()

    with pytest.raises(
        RetriesExhaustedError, match=r"refused the connection.*after 10"
    ):
        connected.transport.send(READ)

    assert connected.counts[READ.endpoint, 0] == 10


@pytest.mark.parametrize(
    ("settings", "status", "names"),
    [
        ({"access_token": "wrong"}, 401, ["access_token", "store_hash", "modify"]),
        ({"store_hash": "other9"}, 403, ["access_token", "store_hash", "modify"]),
    ],
)
def test_wrong_token_or_store_fails_at_once(
    connected: ConnectedClient,
    connect: Connect,
    settings: dict[str, str],
    status: int,
    names: list[str],
) -> None:
    wrong = connect(connected.box, **settings)

    with pytest.raises(AuthError) as caught:
        wrong.transport.send(READ)

    message = str(caught.value)
    assert str(status) in message
    assert all(name in message for name in names)
    assert "wrong" not in message
    assert connected.box.journal.total == 1


def test_read_only_token_fails_at_the_first_write(
    make_sandbox: MakeBox, connect: Connect
) -> None:
    box = make_sandbox(members=5, read_only_token=True)
    connected = connect(box)

    connected.transport.send(READ)
    with pytest.raises(AuthError, match="read-only"):
        connected.transport.send(write(box))


@pytest.mark.parametrize("path", ["{url}/v3", "http://["], ids=["other host", "no URL"])
def test_redirect_is_not_followed(
    connected: ConnectedClient, make_sandbox: MakeBox, path: str
) -> None:
    other = make_sandbox(members=1)
    connected.box.faults.queue(Fault(kind="redirect", to=path.format(url=other.url)))

    with pytest.raises(UnexpectedResponseError, match=r"redirect .* Check api_url"):
        connected.transport.send(READ)

    assert other.journal.total == 0


@pytest.mark.parametrize(
    ("invalid", "error"),
    [
        (ApiRequest(method="GET", path="/nowhere"), UnexpectedResponseError),
        (ApiRequest(method="PATCH", path="/customers"), UnexpectedResponseError),
        (
            ApiRequest(method="GET", path="/customers", query={"id:in": "x"}),
            RequestRejectedError,
        ),
        (
            ApiRequest(method="PUT", path="/customers", body=[{"id": 1}] * 11),
            RequestRejectedError,
        ),
        (
            ApiRequest(method="GET", path="/customers", query={"id:in": "1," * 2000}),
            RequestRejectedError,
        ),
    ],
)
def test_invalid_request_fails_at_once(
    connected: ConnectedClient, invalid: ApiRequest, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"(GET|PUT|PATCH) /\w+ returned 4"):
        connected.transport.send(invalid)

    assert connected.box.journal.total == 1


def test_rejection_message_does_not_quote_the_store(
    connected: ConnectedClient,
) -> None:
    taken = next(iter(connected.box.store.customers.values()))["email"]

    with pytest.raises(RequestRejectedError) as caught:
        connected.transport.send(creation(taken))

    assert taken in str(caught.value.details.errors)
    assert taken not in str(caught.value)


def test_retry_is_one_warning_without_personal_data(
    connected: ConnectedClient, caplog: pytest.LogCaptureFixture
) -> None:
    connected.box.faults.queue(
        Fault(kind="503"), Fault(kind="cut"), Fault(kind="429_bare")
    )
    request = ApiRequest(
        method="GET", path="/customers", query={"email:in": "ann@example.com"}
    )

    with caplog.at_level(logging.INFO, logger="target-bigcommerce"):
        connected.transport.send(request)

    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 3
    assert all("GET /customers" in message for message in messages)
    assert all(
        message.endswith(f"(attempt {attempt} of 10).")
        for attempt, message in enumerate(messages, start=2)
    )
    assert "Retrying in 1.0 s" in messages[2]
    assert "example.com" not in " ".join(messages)
    assert connected.box.options.store_token not in " ".join(messages)


def test_429_waits_as_long_as_its_headers_state(connected: ConnectedClient) -> None:
    connected.box.faults.queue(Fault(kind="429_retry_after", seconds=17))

    connected.transport.send(READ)

    assert connected.waits == [pytest.approx(17.0, abs=0.01)]
    assert connected.throttle.waited_seconds == pytest.approx(17.0, abs=0.01)


def test_429_adds_no_backoff(connected: ConnectedClient, connect: Connect) -> None:
    backoffs: list[float] = []

    def jitter() -> float:
        backoffs.append(0.0)
        return 0.0

    own = connect(connected.box, jitter=jitter)
    connected.box.faults.queue(Fault(kind="429"), Fault(kind="503"))

    own.transport.send(READ)

    assert len(backoffs) == 1


def test_bare_429s_back_off_exponentially(connected: ConnectedClient) -> None:
    connected.box.faults.queue(Fault(kind="429_bare", times=8))

    connected.transport.send(READ)

    # A wait ends for a progress line every 30 seconds.
    waits = [round(wait) for wait in connected.waits]
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert sum(waits[5:]) == 32 + 60 + 60


def test_signal_ends_a_backoff_without_another_attempt(
    connected: ConnectedClient, connect: Connect
) -> None:
    patient = connect(connected.box, jitter=lambda: 100_000.0)
    connected.box.faults.queue(Fault(kind="503", times=9))
    threading.Timer(0.1, patient.shutdown.set, [15]).start()

    with pytest.raises(ShutdownRequestedError):
        patient.transport.send(READ)

    assert connected.box.journal.total == 1


def test_signal_lets_a_request_finish(connected: ConnectedClient) -> None:
    request = write(connected.box)
    connected.box.journal.subscribe(lambda _entry: connected.shutdown.set(15))

    response = connected.transport.send(request)

    assert response.status == 200
    with pytest.raises(ShutdownRequestedError):
        connected.transport.send(request)
    assert connected.box.journal.total == 1


def test_decimals_are_sent_as_numbers(connected: ConnectedClient) -> None:
    customer_id = min(connected.box.store.customers)
    row = {"id": customer_id, "store_credit_amounts": [{"amount": Decimal("9.50")}]}

    connected.transport.send(ApiRequest(method="PUT", path="/customers", body=[row]))

    sent = connected.box.journal[-1].body
    assert b'"amount":9.50' in sent


def test_token_that_is_no_header_value_is_an_error(
    connected: ConnectedClient, connect: Connect
) -> None:
    wrong = connect(connected.box, access_token="secret\nX-More: 1")

    with pytest.raises(UnexpectedResponseError, match="token") as caught:
        wrong.transport.send(READ)

    assert "secret" not in str(caught.value)
