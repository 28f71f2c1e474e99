"""One request at a time, against every way in which the sandbox can fail."""

from __future__ import annotations

import logging
import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import requests
import tenacity

from sandbox import Fault
from target_bigcommerce.api.session import open_session
from target_bigcommerce.api.wire import Call
from target_bigcommerce.errors import (
    AuthError,
    InterruptedByUserError,
    ProtocolError,
    RefusedError,
    UnansweredError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Connect, Edge

    from sandbox import Sandbox

PASSING = [
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
NOT_FOR_POST = [kind for kind in PASSING if not kind.startswith("42")]
READ = Call(method="GET", path="/customers/attributes", what="the attributes")


def write(box: Sandbox) -> Call:
    customer_id = min(box.store.customers)
    row = {"id": customer_id, "company": "ACME & Söhne"}
    return Call(method="PUT", path="/customers", body=[row])


def creation(email: str = "new@example.com") -> Call:
    row = {"email": email, "first_name": "New", "last_name": "One"}
    return Call(method="POST", path="/customers", body=[row])


@pytest.mark.parametrize("kind", PASSING)
def test_a_read_is_repeated_until_it_is_answered(edge: Edge, kind: str) -> None:
    edge.box.faults.queue(Fault(kind=kind, times=2))

    answer = edge.transport.send(READ)

    assert answer.body["data"] == []
    assert edge.asked == {READ.endpoint: 3}
    assert edge.counts.total() == 3


@pytest.mark.parametrize("kind", PASSING)
def test_an_update_is_repeated_until_it_is_answered(edge: Edge, kind: str) -> None:
    edge.box.faults.queue(Fault(kind=kind, times=2))
    call = write(edge.box)

    answer = edge.transport.send(call)

    assert answer.body["data"][0]["company"] == "ACME & Söhne"
    assert edge.box.store.customers[call.body[0]["id"]]["company"] == "ACME & Söhne"
    assert edge.asked == {"PUT /customers": 3}


@pytest.mark.parametrize("kind", NOT_FOR_POST)
def test_a_post_without_an_answer_is_not_sent_again(edge: Edge, kind: str) -> None:
    edge.box.faults.queue(Fault(kind=kind))

    with pytest.raises(UnansweredError):
        edge.transport.send(creation())

    assert edge.asked == {"POST /customers": 1}


@pytest.mark.parametrize("kind", ["429", "429_bare", "429_retry_after", "423"])
def test_a_post_that_was_not_let_in_is_sent_again(edge: Edge, kind: str) -> None:
    edge.box.faults.queue(Fault(kind=kind, times=2))

    answer = edge.transport.send(creation())

    assert answer.body["data"][0]["email"] == "new@example.com"
    assert edge.asked == {"POST /customers": 3}


def test_a_slow_answer_is_given_up_and_asked_for_again(
    edge: Edge, connect: Connect
) -> None:
    impatient = connect(edge.box, timeout_seconds=0.2)
    edge.box.faults.queue(Fault(kind="slow", seconds=1.0))

    answer = impatient.transport.send(READ)

    assert answer.status == 200
    assert impatient.counts == {(READ.endpoint, 0): 1, (READ.endpoint, 200): 1}


def test_after_ten_tries_the_store_counts_as_unavailable(edge: Edge) -> None:
    edge.box.faults.queue(Fault(kind="503", times=50))

    with pytest.raises(UnavailableError, match=r"503 to GET .* after 10 tries"):
        edge.transport.send(READ)

    assert edge.asked == {READ.endpoint: 10}


def test_nobody_listening_counts_as_unavailable(edge: Edge) -> None:
    edge.box.stop()

    with pytest.raises(UnavailableError, match="ConnectionError") as caught:
        edge.transport.send(READ)

    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "status", "names"),
    [
        ({"access_token": "wrong"}, 401, ["access_token", "store_hash", "modify"]),
        ({"store_hash": "other9"}, 403, ["access_token", "store_hash", "modify"]),
    ],
)
def test_a_wrong_token_or_store_ends_at_the_first_call(
    edge: Edge,
    connect: Connect,
    settings: dict[str, str],
    status: int,
    names: list[str],
) -> None:
    store_hash = settings.pop("store_hash", None)
    if store_hash:
        settings["base_url"] = f"{edge.box.url}/stores/{store_hash}/v3"
    wrong = connect(edge.box, **settings)

    with pytest.raises(AuthError) as caught:
        wrong.transport.send(READ)

    message = str(caught.value)
    assert str(status) in message
    assert all(name in message for name in names)
    assert "wrong" not in message
    assert edge.box.journal.total == 1


def test_a_read_only_token_shows_at_the_first_write(
    make_sandbox: Callable[..., Sandbox], connect: Connect
) -> None:
    box = make_sandbox(members=5, read_only_token=True)
    edge = connect(box)

    edge.transport.send(READ)
    with pytest.raises(AuthError, match="read-only"):
        edge.transport.send(write(box))


def test_a_redirect_is_not_followed_and_the_token_goes_nowhere(
    edge: Edge, make_sandbox: Callable[..., Sandbox]
) -> None:
    elsewhere = make_sandbox(members=1)
    edge.box.faults.queue(Fault(kind="redirect", to=f"{elsewhere.url}/v3"))

    with pytest.raises(ProtocolError, match=r"redirect .* check api_url"):
        edge.transport.send(READ)

    assert elsewhere.journal.total == 0


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (Call(method="GET", path="/nowhere"), ProtocolError),
        (Call(method="PATCH", path="/customers"), ProtocolError),
        (Call(method="GET", path="/customers", query={"id:in": "x"}), RefusedError),
        (Call(method="PUT", path="/customers", body=[{"id": 1}] * 11), RefusedError),
        (
            Call(method="GET", path="/customers", query={"id:in": "1," * 2000}),
            RefusedError,
        ),
    ],
)
def test_our_own_defects_end_at_the_first_call(
    edge: Edge, call: Call, error: type[Exception]
) -> None:
    with pytest.raises(error, match="BigCommerce answered 4"):
        edge.transport.send(call)

    assert edge.box.journal.total == 1


def test_a_refusal_carries_bigcommerces_own_words_but_its_message_does_not(
    edge: Edge,
) -> None:
    taken = next(iter(edge.box.store.customers.values()))["email"]

    with pytest.raises(RefusedError) as caught:
        edge.transport.send(creation(taken))

    assert taken in str(caught.value.refusal.errors)
    assert taken not in str(caught.value)


def test_each_retry_is_one_warning_without_personal_data(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    edge.box.faults.queue(Fault(kind="503"), Fault(kind="cut"), Fault(kind="429_bare"))
    call = Call(method="GET", path="/customers", query={"email:in": "ann@example.com"})

    with caplog.at_level(logging.INFO, logger="target-bigcommerce"):
        edge.transport.send(call)

    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 3
    assert all("GET /customers" in message for message in messages)
    assert [f"Try {n} of 10" in m for n, m in enumerate(messages, 2)] == [True] * 3
    assert messages[2].endswith("in 1.0 s.")
    assert "example.com" not in " ".join(messages)
    assert edge.box.options.store_token not in " ".join(messages)


def test_a_429_is_waited_out_as_long_as_its_headers_say(edge: Edge) -> None:
    edge.box.faults.queue(Fault(kind="429_retry_after", seconds=17))

    edge.transport.send(READ)

    assert edge.waits == [pytest.approx(17.0, abs=0.01)]
    assert edge.throttle.waited_seconds == pytest.approx(17.0, abs=0.01)


def test_a_429_is_not_waited_out_twice(edge: Edge, connect: Connect) -> None:
    tries: list[int] = []

    def backoff(state: tenacity.RetryCallState) -> float:
        tries.append(state.attempt_number)
        return 0.0

    own = connect(edge.box, backoff=backoff)
    edge.box.faults.queue(Fault(kind="429"), Fault(kind="503"))

    own.transport.send(READ)

    assert tries == [2]


def test_bare_429s_back_off_ever_longer(edge: Edge) -> None:
    edge.box.faults.queue(Fault(kind="429_bare", times=8))

    edge.transport.send(READ)

    assert [round(wait) for wait in edge.waits] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_signal_ends_a_back_off_of_a_minute_at_once_and_no_try_follows(
    edge: Edge, connect: Connect
) -> None:
    patient = connect(edge.box, backoff=tenacity.wait_fixed(60))
    edge.box.faults.queue(Fault(kind="503", times=9))
    threading.Timer(0.1, patient.interrupt.set, [15]).start()
    began = time.monotonic()

    with pytest.raises(InterruptedByUserError):
        patient.transport.send(READ)

    assert time.monotonic() - began < 30
    assert edge.box.journal.total == 1


def test_a_signal_within_a_call_lets_it_finish(edge: Edge) -> None:
    call = write(edge.box)
    edge.box.journal.subscribe(lambda _entry: edge.interrupt.set(15))

    answer = edge.transport.send(call)

    assert answer.status == 200
    with pytest.raises(InterruptedByUserError):
        edge.transport.send(call)
    assert edge.box.journal.total == 1


def test_figures_are_sent_as_figures(edge: Edge) -> None:
    customer_id = min(edge.box.store.customers)
    row = {"id": customer_id, "store_credit_amounts": [{"amount": Decimal("9.50")}]}

    edge.transport.send(Call(method="PUT", path="/customers", body=[row]))

    sent = edge.box.journal[-1].body
    assert b'"amount":9.50' in sent


def test_no_netrc_adds_its_own_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password something\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    session = open_session("token", "test")

    sent = session.prepare_request(requests.Request("GET", "https://example.com/"))

    assert sent.headers["X-Auth-Token"] == "token"
    assert "Authorization" not in sent.headers


def test_a_token_that_no_header_can_hold_is_one_clear_error(
    edge: Edge, connect: Connect
) -> None:
    wrong = connect(edge.box, access_token="secret\nX-More: 1")

    with pytest.raises(ProtocolError, match="access_token") as caught:
        wrong.transport.send(READ)

    assert "secret" not in str(caught.value)
