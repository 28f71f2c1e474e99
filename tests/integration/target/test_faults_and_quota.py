"""Whatever the store answers, the right values are in it at the end."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from sandbox import Fault
from support.plugins import run_target
from support.singer import companies, record, schema, state
from support.store import companies_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from sandbox import Sandbox
    from support.plugins import RunTarget
    from support.store import MakeBox

    ConfigOf = Callable[[Sandbox], dict[str, Any]]

PASSING = (
    "429",
    "429_bare",
    "429_retry_after",
    "423",
    "500",
    "503",
    "504",
    "500_after",
    "503_after",
    "cut",
    "cut_after",
    "truncated",
    "not_json",
    "empty_body",
    "row_missing",
)
EXPECTED = {1001 + n: f"New {n}" for n in range(30)}


# Quota. How well it is kept is tested in virtual time, in target_edge.


def test_a_small_quota_is_waited_for(make_box: MakeBox, config_of: ConfigOf) -> None:
    box = make_box(quota=10, window_seconds=1.0)
    config = {**config_of(box), "batch_size_rows": 3}

    got = run_target(config, [schema(), *companies(0, 30)])

    assert got.outcomes == {"updated": 30}
    assert got.state == {"n": 30}
    assert companies_of(box) == EXPECTED
    assert got.summary is not None
    assert got.summary["quota_wait_seconds"] > 0
    assert "for the store's quota" in got.stderr


@pytest.mark.guarantee("quota-share")
def test_a_quota_that_others_eat_is_shared(
    make_box: MakeBox, config_of: ConfigOf
) -> None:
    box = make_box(quota=30, window_seconds=1.0, other_app_calls_per_window=15)
    config = {**config_of(box), "batch_size_rows": 3}

    got = run_target(config, [schema(), *companies(0, 30)])

    assert got.outcomes == {"updated": 30}
    assert companies_of(box) == EXPECTED


def test_calls_that_were_refused_for_quota_are_made_again(
    make_box: MakeBox, config_of: ConfigOf
) -> None:
    box = make_box(quota=12, window_seconds=1.0, rate_headers=False)

    got = run_target(config_of(box), [schema(), *companies(0, 30)])

    assert got.outcomes == {"updated": 30}
    assert companies_of(box) == EXPECTED


@pytest.mark.parametrize("width", [1, 3])
def test_no_more_calls_are_under_way_than_allowed(
    width: int, make_box: MakeBox, config_of: ConfigOf
) -> None:
    box = make_box(in_flight=width, latency_ms=10.0)
    config = {**config_of(box), "max_in_flight": width}

    got = run_target(config, [schema(), *companies(0, 30)])

    assert got.outcomes == {"updated": 30}
    assert 429 not in {entry.status for entry in box.journal}


def test_a_store_that_bears_fewer_calls_at_once_gets_fewer(
    make_box: MakeBox, config_of: ConfigOf
) -> None:
    box = make_box(in_flight=1, latency_ms=50.0, window_seconds=0.5)

    got = run_target(config_of(box), [schema(), *companies(0, 30)])

    assert got.outcomes == {"updated": 30}
    assert companies_of(box) == EXPECTED
    assert 429 in {entry.status for entry in box.journal}


# Faults.


def check_faults(
    seed: int, rate: float, make_box: MakeBox, config_of: ConfigOf
) -> None:
    """Let each kind of fault strike at a rate; the store must end right."""
    box = make_box(
        seed=seed,
        quota=1000,
        window_seconds=1.0,
        fault_seconds=0.1,
        fault_rates=dict.fromkeys(PASSING, rate),
    )
    people = [
        record(None, email=f"new.{n}@example.com", first_name="New", last_name=f"{n}")
        for n in range(12)
    ]
    names = ("company", "email", "first_name", "last_name")
    config = {
        **config_of(box),
        "batch_size_rows": 7,
        "on_missing_id": "create",
        "map_standard_fields": [{"from": name, "to": name} for name in names],
    }

    got = run_target(config, [schema(), *companies(0, 30), *people, state(42)])

    assert got.status == 0, got.stderr
    assert got.state == {"n": 42}
    assert sum(got.outcomes.values()) == 42
    assert "rejected" not in got.outcomes
    assert EXPECTED.items() <= companies_of(box).items()
    emails = [box.store.customers[n]["email"] for n in box.store.customers]
    assert sorted(each for each in emails if each.startswith("new.")) == sorted(
        f"new.{n}@example.com" for n in range(12)
    )
    assert len(values_of(box)) == 42
    assert [entry for entry in box.journal if entry.extra_keys] == []


@pytest.mark.guarantee("bounded-retries")
def test_faults_of_every_kind_end_with_the_right_store(
    make_box: MakeBox, config_of: ConfigOf
) -> None:
    check_faults(1, 0.012, make_box, config_of)


@pytest.mark.nightly
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2, 22))
def test_many_faults_of_every_kind_end_with_the_right_store(
    seed: int, make_box: MakeBox, config_of: ConfigOf
) -> None:
    check_faults(seed, 0.02, make_box, config_of)


@pytest.mark.guarantee("bounded-retries")
def test_a_store_that_never_answers_well_ends_the_run_behind_its_state(
    run: RunTarget, box: Sandbox
) -> None:
    box.faults.queue(Fault(kind="403", match="PUT /customers/attribute-values"))

    got = run(schema(), *companies(0, 5), batch_size_rows=2, quota_share_percent=100)

    assert got.status == 1
    [complaint] = got.errors
    assert "403" in complaint
    assert got.state is None
    assert got.summary is not None
    assert got.summary["left"] > 0


# Redirects.


@contextmanager
def another_host() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Serve somewhere else; gives the address and the headers that came."""
    came: list[dict[str, str]] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(dict(self.headers))
            self.send_response(200)
            self.end_headers()

        do_PUT = do_POST = do_GET  # noqa: N815 - the standard library's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("localhost", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}/customers", came
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_redirect_to_nowhere_is_told_as_one(run: RunTarget, box: Sandbox) -> None:
    nowhere = Fault(kind="redirect", match="GET /customers", times=9, to="http://[")
    box.faults.queue(nowhere)

    got = run(schema(), record(1001, company="New"), state(1))

    assert got.status == 1
    [complaint] = got.errors
    assert "302" in complaint


@pytest.mark.guarantee("token-stays-on-host")
@pytest.mark.parametrize("match", ["GET /customers/attributes", "PUT /customers"])
def test_a_redirect_to_another_host_gets_no_token(
    match: str, run: RunTarget, box: Sandbox
) -> None:
    with another_host() as (address, came):
        box.faults.queue(Fault(kind="redirect", match=match, times=9, to=address))

        got = run(schema(), record(1001, company="New"), state(1))

    assert came == []
    assert got.status == 1
    [complaint] = got.errors
    assert "302" in complaint
    assert "api_url" in complaint
    assert companies_of(box)[1001] != "New"
    assert got.state is None
