"""An email that moves between customers in a batch, or that several customers have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from singer_kit.errors import AuthError
from support.customers import NAMES, TIER, member, person, put_customers
from support.reworded import replace_responses
from support.target_job import rejects_in

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox
    from support.store import MakeBox
    from support.target_job import MakeJob

EMAIL = [{"from": "email", "to": "email"}]
MATCH = {"on_missing_id": "match", "map_standard_fields": NAMES}
CREATE = {"on_missing_id": "create", "map_standard_fields": NAMES}


def emails(box: Sandbox) -> dict[int, str]:
    """The local parts of the emails in the store, by customer."""
    rows = box.store.customers.items()
    return {number: row["email"].partition("@")[0] for number, row in sorted(rows)}


def moves(**emails: str) -> list[dict[str, Any]]:
    """Records that give customers, named like `c1`, an email."""
    return [
        member(int(name[1:]), email=f"{local}@example.com")
        for name, local in emails.items()
    ]


@pytest.mark.parametrize("options", [{}, {"apply_valid_rows": True}])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    "moved",
    [
        {"c1": "m2", "c2": "new"},
        {"c2": "new", "c1": "m2"},
        {"c3": "m2", "c2": "m1", "c1": "new"},
        {"c1": "m2", "c2": "m3", "c3": "m4", "c4": "new"},
        {"c1": "M2", "c2": "new"},
        {"c1": "m12", "c12": "m1x"},
    ],
    ids=str,
)
def test_given_up_email_arrives(
    make_box: MakeBox,
    make_job: MakeJob,
    moved: dict[str, str],
    options: dict[str, Any],
    *,
    named: bool,
) -> None:
    box = make_box(errors_name_the_row=named, **options)
    put_customers(box, *range(1, 13))
    job = make_job(box, map_standard_fields=EMAIL)

    outcomes = job.write(*moves(**moved))

    assert outcomes == {"updated": len(moved)}
    assert moved.items() <= {f"c{n}": e for n, e in emails(box).items()}.items()
    assert job.values().keys() == {int(name[1:]) for name in moved}


def test_swapped_emails_stay_rejected(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 1, 2, 3)
    job = make_job(box, map_standard_fields=EMAIL)

    outcomes = job.write(*moves(c1="m2", c2="m1", c3="new"))

    assert outcomes == {"updated": 1, "rejected": 2}
    assert job.reject_codes == {"email_taken": 2}
    assert emails(box) == {1: "m1", 2: "m2", 3: "new"}


def test_taken_email_is_tried_once_more(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 1, 2)
    job = make_job(box, map_standard_fields=EMAIL, max_rejects=0)

    outcomes = job.write(*moves(c1="m2"))

    assert outcomes == {"rejected": 1}
    assert job.calls()["PUT /customers"] == 2
    assert job.run.rejects.distinct == 1


@pytest.mark.parametrize(
    "records",
    [
        [member(1, email="m2@example.com"), member(2, email="new@example.com")],
        [member(1, company="New"), member(1, email="m2@example.com")],
        [member(1, email="m2@example.com"), member(3)],
    ],
    ids=["handed over", "good record", "bad record"],
)
def test_no_outcome_if_an_error_comes_first(
    box: Sandbox, make_job: MakeJob, records: list[dict[str, Any]], tmp_path: Path
) -> None:
    put_customers(box, 1, 2, 3)
    job = make_job(box, map_standard_fields=NAMES)
    box.faults.queue(Fault(kind="401", match="* /customers/attribute-values"))

    with pytest.raises(AuthError):
        job.write(*records)

    assert not (tmp_path / "rejects.jsonl").exists()


@pytest.mark.parametrize("action", ["match", "create"])
@pytest.mark.parametrize("email", ["m2@example.com", "no.such.domain@invalid"])
def test_first_record_wins_though_an_email_is_refused(
    box: Sandbox, make_job: MakeJob, action: str, email: str
) -> None:
    put_customers(box, 1, 2, company="")
    names = [
        {**each, "write": "if_empty"} if each["to"] == "company" else each
        for each in NAMES
    ]
    job = make_job(box, on_missing_id=action, map_standard_fields=names)

    job.write(
        member(1, email=email),
        member(1, company="A"),
        {"id": None, **person(1, company="B")},
    )

    assert box.store.customers[1]["company"] == "A"


@pytest.mark.parametrize("action", ["match", "create"])
@pytest.mark.parametrize("companies", [("A", "B"), ("", "B"), ("A", "m")])
def test_refused_email_keeps_the_order_of_records(
    box: Sandbox, make_job: MakeJob, action: str, companies: tuple[str, str]
) -> None:
    put_customers(box, 1, 2)
    job = make_job(box, on_missing_id=action, map_standard_fields=NAMES)
    first, last = companies

    outcomes = job.write(
        member(1, company=first),
        member(1, email="m2@example.com"),
        {"id": None, **person(1, company=last)},
    )

    assert outcomes == {"updated": 2, "rejected": 1}
    assert box.store.customers[1]["company"] == last


def test_email_taken_at_first_counts_once(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    put_customers(box, 1)
    left = [{"errors": {".x": "email new@example.com already in use"}}]

    def refuse(method: str, path: str, _query: object, _body: object) -> Any:  # noqa: ANN401 - JSON
        is_update = (method, path) == ("PUT", "/customers")
        return (422, left.pop()) if is_update and left else None

    job = make_job(replace_responses(box, refuse), map_standard_fields=EMAIL)

    outcomes = job.write(*moves(c1="new"))

    assert outcomes == {"updated": 1}
    assert not (tmp_path / "rejects.jsonl").exists()
    assert dict(job.run.stats.changes) == {
        "email": 1,
        "LyticsAudience_vip_customers": 1,
    }


def test_given_up_email_goes_to_a_new_customer(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 1, 2)
    job = make_job(box, **CREATE)

    outcomes = job.write(
        *moves(c2="m1", c1="new"), {**person(2), "first_name": "Another"}
    )

    assert outcomes == {"updated": 2, "created": 1}
    assert sorted(emails(box).values()) == ["m1", "m2", "new"]
    assert box.store.customers[2]["first_name"] == "First2"
    assert len(job.values()) == 3


def test_record_before_the_move_is_the_old_holder(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, 1)
    job = make_job(box, **CREATE)

    outcomes = job.write({**person(1), "company": "After Ltd"}, *moves(c1="new"))

    assert outcomes == {"merged": 1, "updated": 1}
    assert box.store.customers[1]["company"] == "After Ltd"


def test_refused_move_leaves_the_email_with_its_holder(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, 1, 2)
    job = make_job(box, **MATCH)

    outcomes = job.write(*moves(c1="m2"), {**person(1), "company": "After Ltd"})

    assert outcomes == {"rejected": 1, "updated": 1}
    assert box.store.customers[1]["company"] == "After Ltd"


def test_new_email_matches_who_takes_it(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 1, 2)
    job = make_job(box, **MATCH, map_custom_attributes=[TIER])

    outcomes = job.write(
        *moves(c1="m2", c2="new"), {"email": "m2@example.com", "tier": "gold"}
    )

    assert outcomes == {"updated": 3}
    assert job.values("Tier") == {1: "gold"}


# Several customers with one email.


def put_duplicates(box: Sandbox, *numbers: int, email: str = "m1@example.com") -> None:
    for number in numbers:
        box.store.put_customer(number, **{**person(number), "email": email})


@pytest.mark.guarantee("ambiguous-email")
@pytest.mark.parametrize("on_missing_id", ["match", "create"])
@pytest.mark.parametrize("email", ["m1@example.com", "M1@Example.COM"])
def test_ambiguous_email_is_rejected(
    box: Sandbox, make_job: MakeJob, tmp_path: Path, on_missing_id: str, email: str
) -> None:
    put_duplicates(box, 1)
    put_duplicates(box, 2, email="M1@example.com")
    job = make_job(box, on_missing_id=on_missing_id, map_standard_fields=NAMES)

    outcomes = job.write({**person(3), "email": email}, person(4))

    created = "created" if on_missing_id == "create" else "skipped"
    assert outcomes == {"rejected": 1, created: 1}
    [reject] = rejects_in(tmp_path)
    assert reject["reject"]["code"] == "ambiguous_email"
    assert "2 customers of the store have its email: 1, 2" in reject["reject"]["reason"]
    assert not job.values().keys() & {1, 2}


def test_ambiguous_email_on_two_pages_is_rejected(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_duplicates(box, *range(1, 260))
    job = make_job(box, **CREATE)

    outcomes = job.write(person(1))

    assert outcomes == {"rejected": 1}
    assert job.reject_codes == {"ambiguous_email": 1}
    assert job.calls()["GET /customers"] == 2


@pytest.mark.guarantee("ambiguous-email")
def test_ambiguous_email_after_a_creation_is_rejected(
    box: Sandbox, make_job: MakeJob
) -> None:
    job = make_job(box, **CREATE)

    def add(entry: Any) -> None:  # noqa: ANN401 - an entry of the journal
        if entry.endpoint == "GET /customers":
            put_duplicates(box, 1, 2)

    box.journal.subscribe(add)
    outcomes = job.write(person(1))

    assert outcomes == {"rejected": 1}
    assert job.reject_codes == {"ambiguous_email": 1}


@pytest.mark.parametrize("new", ["m1", "M1"])
def test_email_that_others_have_and_one_takes_is_rejected(
    box: Sandbox, make_job: MakeJob, new: str
) -> None:
    put_duplicates(box, 1, 2)
    put_customers(box, 3)
    job = make_job(box, **MATCH)

    outcomes = job.write(*moves(c3=new), {"email": "m1@example.com", "company": "X"})

    assert outcomes == {"rejected": 2}
    assert job.reject_codes == {"ambiguous_email": 1, "email_taken": 1}


def test_email_that_two_customers_take_is_looked_up_again(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, 1, 2)
    job = make_job(box, **MATCH, map_custom_attributes=[TIER])

    outcomes = job.write(
        *moves(c1="new", c2="new"), {"email": "new@example.com", "tier": "gold"}
    )

    assert outcomes == {"updated": 2, "rejected": 1}
    holder = {n for n, local in emails(box).items() if local == "new"}
    assert job.values("Tier").keys() == holder


def test_customers_with_ids_may_share_an_email(box: Sandbox, make_job: MakeJob) -> None:
    put_duplicates(box, 1, 2)
    job = make_job(box, **MATCH)

    outcomes = job.write(member(1, company="A"), member(2, company="B"))

    assert outcomes == {"updated": 2}


def test_values_of_ambiguous_customers_are_not_cleared(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_duplicates(box, 1, 2)
    put_customers(box, 3, 4)
    job = make_job(box, **MATCH, on_exit="clear")
    job.write(*map(member, (1, 2, 3, 4)))
    job.write({"email": "m1@example.com"}, member(3), version=1)

    job.activate(1)

    assert job.values().keys() == {1, 2, 3}
