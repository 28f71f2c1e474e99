"""One row that the store cannot take is rejected; the rest of the batch is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from singer_kit.errors import AuthError, RetriesExhaustedError, UnexpectedResponseError
from support.customers import NAMES, TIER, leaver, member, person, put_customers
from support.reworded import replace_responses
from support.target_job import rejects_in
from target_bigcommerce.errors import EndpointFailedError, PlanLimitError

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox
    from support.store import MakeBox
    from support.target_job import MakeJob

STATUSES = [400, 403, 404, 405, 409, 415, 422, 500, 503, 504]
MARK = "poison"
MEMBERS = range(1, 21)


def changed(number: int, **more: object) -> dict[str, Any]:
    return member(number, **person(number, company="After Ltd", tier="gold"), **more)


@pytest.mark.guarantee("one-bad-record-one-reject")
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("field", ["company", "tier"])
def test_bad_row_does_not_block_the_batch(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path, status: int, field: str
) -> None:
    box = make_box(bad_rows={MARK: status})
    put_customers(box, *MEMBERS, company="Before Ltd")
    job = make_job(box, map_standard_fields=NAMES, map_custom_attributes=[TIER])
    records = [changed(number) for number in MEMBERS]
    records[6][field] = MARK
    records[13][field] = MARK

    job.write(changed(30), changed(1))  # A write succeeds before the bad rows.
    outcomes = job.write(*records)

    assert outcomes == {"updated": 18, "unchanged": 1, "rejected": 3}
    assert set(job.values("Tier")) == set(MEMBERS) - {7, 14}
    rejects = rejects_in(tmp_path)[1:]
    assert [row["record"]["id"] for row in rejects] == [7, 14]
    assert {row["reject"]["status"] for row in rejects} == {status}
    assert all(row["reject"]["request_id"].startswith("sandbox-") for row in rejects)


@pytest.mark.guarantee("one-bad-record-one-reject")
@pytest.mark.parametrize("status", [400, 409, 500])
def test_bad_creation_does_not_block_the_batch(
    make_box: MakeBox, make_job: MakeJob, status: int
) -> None:
    box = make_box(bad_rows={MARK: status})
    job = make_job(box, map_standard_fields=NAMES, on_missing_id="create")

    outcomes = job.write(
        *(person(n, company=MARK if n == 4 else "New Ltd") for n in range(1, 11))
    )

    assert outcomes == {"created": 9, "rejected": 1}
    emails = [row["email"] for row in box.store.customers.values()]
    assert sorted(emails) == sorted(
        {f"m{n}@example.com" for n in range(1, 11)} - {"m4@example.com"}
    )


@pytest.mark.parametrize("status", [400, 404, 422, 500])
@pytest.mark.parametrize("name", ["id:in", "customer_id:in", "email:in"])
def test_refused_look_up_rejects_its_record_only(
    box: Sandbox, make_job: MakeJob, tmp_path: Path, status: int, name: str
) -> None:
    put_customers(box, *MEMBERS)
    make_job(box, map_standard_fields=[]).write(member(1))
    value = "m7@example.com" if name == "email:in" else "7"

    def refuse(method: str, _path: str, query: dict[str, str], _body: object) -> Any:  # noqa: ANN401 - JSON
        is_bad = method == "GET" and value in query.get(name, "").split(",")
        return (status, {"title": "bad value"}) if is_bad else None

    job = make_job(
        replace_responses(box, refuse),
        map_standard_fields=NAMES,
        on_missing_id="create",
    )
    records = [changed(number) for number in MEMBERS]
    if name == "email:in":
        records = [{**record, "id": None} for record in records]

    outcomes = job.write(*records)

    assert outcomes == {"updated": 19, "rejected": 1}
    [reject] = rejects_in(tmp_path)
    assert reject["record"]["email"] == "m7@example.com"
    assert reject["reject"]["status"] == status
    assert reject["reject"]["reason"] == "bad value"
    assert len(box.store.customers) == len(MEMBERS)


@pytest.mark.parametrize("status", [400, 404, 410, 422, 500, 207])
def test_refused_deletion_rejects_its_record_only(
    box: Sandbox, make_job: MakeJob, status: int
) -> None:
    put_customers(box, *MEMBERS)
    config: dict[str, Any] = {"map_standard_fields": [], "on_exit": "clear"}
    make_job(box, **config).write(*map(member, MEMBERS))
    values = box.store.call("GET", "/customers/attribute-values", customer_id__in="7")
    bad = str(values.json()["data"][0]["id"])

    def refuse(method: str, _path: str, query: dict[str, str], _body: object) -> Any:  # noqa: ANN401 - JSON
        is_bad = method == "DELETE" and bad in query["id:in"].split(",")
        return (status, {"errors": {".x": "bad value"}}) if is_bad else None

    job = make_job(replace_responses(box, refuse), **config, max_clear_percent=100)

    outcomes = job.write(*map(leaver, MEMBERS))

    assert outcomes == {"cleared": 19, "rejected": 1}
    assert len(job.values()) == 1


@pytest.mark.parametrize("status", ["400", "403", "409"])
def test_row_applied_before_its_error_is_done(
    box: Sandbox, make_job: MakeJob, status: str
) -> None:
    put_customers(box, 1, 2)
    job = make_job(box, map_standard_fields=NAMES)
    job.write(changed(1))
    box.faults.queue(
        Fault(kind="503_after", match="PUT /customers"),
        Fault(kind=status, match="PUT /customers", times=2),
    )

    job.write(changed(2))

    assert job.outcomes == {"updated": 2}


# Errors that end the run.


@pytest.mark.parametrize("status", [400, 404, 405, 500, 503])
def test_endpoint_that_refuses_everything_ends_the_run(
    box: Sandbox, make_job: MakeJob, status: int
) -> None:
    put_customers(box, *MEMBERS)
    match = "PUT /customers/attribute-values"
    box.faults.queue(Fault(kind=str(status), match=match, times=10_000))
    job = make_job(box, map_standard_fields=[])

    with pytest.raises(EndpointFailedError, match=f"{match} returned {status}"):
        job.write(*map(member, MEMBERS))

    assert not job.reject_codes


@pytest.mark.parametrize("kind", ["400", "404", "500", "cut"])
def test_store_that_fails_altogether_ends_the_run(
    box: Sandbox, make_job: MakeJob, kind: str
) -> None:
    put_customers(box, *MEMBERS)
    job = make_job(box, map_standard_fields=NAMES)

    def fail(entry: Any) -> None:  # noqa: ANN401 - an entry of the journal
        if entry.method == "PUT":
            box.faults.queue(Fault(kind=kind, times=10_000))

    job.write(changed(1))
    box.journal.subscribe(fail)
    with pytest.raises((RetriesExhaustedError, UnexpectedResponseError)):
        job.write(*(changed(number) for number in MEMBERS[1:]))

    assert not job.reject_codes


def test_token_revoked_during_the_run_is_named(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, *MEMBERS)
    job = make_job(box, map_standard_fields=[])
    job.write(member(1))
    match = "PUT /customers/attribute-values"
    box.faults.queue(Fault(kind="403", match=match, times=10_000))

    with pytest.raises(EndpointFailedError, match="no longer has the scope") as caught:
        job.write(*map(member, MEMBERS))

    assert "store_hash" not in str(caught.value)


@pytest.mark.parametrize("match", ["GET *", "PUT *", "DELETE *"])
def test_token_that_becomes_invalid_is_named(
    box: Sandbox, make_job: MakeJob, match: str
) -> None:
    put_customers(box, *MEMBERS)
    config: dict[str, Any] = {"map_custom_attributes": [TIER], "on_null": "clear"}
    job = make_job(box, map_standard_fields=[], **config)
    job.write(member(1, tier="gold"))
    box.faults.queue(Fault(kind="401", match=match, times=10_000))

    with pytest.raises(AuthError, match="was revoked or has expired") as caught:
        job.write(member(1, tier=None), member(2, tier="gold"))

    assert "store_hash" not in str(caught.value)


def test_forbidden_first_write_names_token_and_store(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, *MEMBERS)
    box.faults.queue(Fault(kind="403", match="PUT *"))
    box.store.add_attribute("LyticsAudience_vip_customers")
    job = make_job(box, map_standard_fields=[], max_in_flight=1)

    with pytest.raises(AuthError, match="store_hash"):
        job.write(*map(member, MEMBERS))


@pytest.mark.parametrize("match", ["PUT *", "POST *", "GET /customers"])
@pytest.mark.parametrize("kind", ["501", "507"])
def test_501_and_507_are_not_retried(
    box: Sandbox, make_job: MakeJob, match: str, kind: str
) -> None:
    box.faults.queue(Fault(kind=kind, match=match, times=10_000))
    put_customers(box, *MEMBERS)
    job = make_job(box, map_standard_fields=NAMES, on_missing_id="create")

    with pytest.raises((PlanLimitError, UnexpectedResponseError), match=kind) as caught:
        job.write(changed(1), person(40))

    assert kind != "507" or "limit of its BigCommerce plan" in str(caught.value)
    assert sum(1 for entry in box.journal if entry.status == int(kind)) == 1


# Successes that report failures.


@pytest.mark.parametrize("body", ["errors", "detail", "title"])
def test_failed_row_of_a_207_keeps_its_reason(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path, body: str
) -> None:
    box = make_box(partial_207=True, error_body=body)
    put_customers(box, *range(1, 21))
    job = make_job(box, map_standard_fields=NAMES)
    records = [changed(number) for number in MEMBERS]
    records[6]["email"] = "m20@example.com"

    outcomes = job.write(*records)

    assert outcomes == {"updated": 19, "rejected": 1}
    [reject] = rejects_in(tmp_path)
    assert reject["reject"]["status"] == 207
    assert reject["reject"]["request_id"].startswith("sandbox-")
    texts = {"errors": "already in use", "detail": "already in use", "title": "confirm"}
    assert texts[body] in reject["reject"]["reason"]


@pytest.mark.parametrize("name", ["values", "creations"])
def test_partly_failed_call_rejects_only_what_failed(
    make_box: MakeBox, make_job: MakeJob, name: str
) -> None:
    box = make_box(partial_207=True)
    born = {"from": "born", "to": "Born", "type": "date"}
    job = make_job(
        box,
        map_standard_fields=NAMES,
        map_custom_attributes=[born] if name == "values" else [],
        on_missing_id="create",
    )
    records = [person(number, born="2026-03-01") for number in MEMBERS]
    records[6] |= {"born": "2026-03-01T10:00:00,5Z", "email": "no.such.domain@invalid"}

    outcomes = job.write(*records)

    assert outcomes == {"created": 19, "rejected": 1}
    assert len(job.values()) == 19
