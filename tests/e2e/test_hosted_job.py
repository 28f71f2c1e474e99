"""Every field of the hosted job's form has its equal; a test names each.

The form is filled in three times: as it comes, with everything in it that has a
default, and with Existing Users left unticked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Options, Sandbox
from support.meltano import declared_project
from support.plugins import Run, run_pipe
from support.store import attribute_names, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VIP, NEWSLETTER = "vip_customers", "newsletter_readers"
CLEAN = {"without_id": 0.0, "unknown_id": 0.0, "refused": 0.0, "shared_id": 0.0}
NO_ID = {"email": "no.id@example.com", "first_name": "No"}
NEW = {
    "email": "new.address@example.com",
    "first_name": "Not mapped",
    "loyalty_tier": "platinum",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A sandbox, and what the exports into it said."""

    box: Sandbox
    runs: list[Run]

    @property
    def customer(self) -> int:
        """Whose profile is NEW."""
        return int(self.box.lytics.member(0)["bigcommerce_customer_id"])

    def run(
        self,
        tap: Mapping[str, Any],
        target: Mapping[str, Any],
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Run the pipe; both sides must end well."""
        extracted, loaded = run_pipe(
            self.box.tap_config(**tap),
            self.box.target_config(id_field="bigcommerce_customer_id", **target),
            state=state,
        )
        assert extracted.status == 0, extracted.stderr
        assert loaded.status == 0, loaded.stderr
        self.runs.append(loaded)


@pytest.fixture(scope="module")
def as_it_comes() -> Iterator[Export]:
    """Export with nothing filled in but what must be, and one custom attribute."""
    with Sandbox(Options(members=12, newsletter=5, **CLEAN)) as box:  # type: ignore[arg-type]  # these are shares
        box.lytics.change(0, NEW)
        box.lytics.put_member(NO_ID)
        export = Export(box=box, runs=[])
        tier = {"from": "loyalty_tier", "to": "Loyalty tier"}
        export.run(
            {"audiences": [VIP], "existing_users": True},
            {"map_custom_attributes": [tier]},
        )
        yield export


@pytest.fixture(scope="module")
def filled_in() -> Iterator[Export]:
    """Export with the audience's attribute named, and other standard fields mapped."""
    with Sandbox(Options(members=12, newsletter=5, **CLEAN)) as box:  # type: ignore[arg-type]  # these are shares
        box.lytics.change(0, {**NEW, "company": "By mapping alone"})
        box.lytics.enter(0, NEWSLETTER)
        export = Export(box=box, runs=[])
        company = {"from": "company", "to": "company"}
        export.run(
            {"audiences": [NEWSLETTER], "existing_users": True},
            {"audience_attribute": "Our audience", "map_standard_fields": [company]},
        )
        yield export


@pytest.fixture(scope="module")
def unticked() -> Iterator[Export]:
    """Export without Existing Users, twice: somebody enters between the two."""
    with Sandbox(Options(members=12, newsletter=5, **CLEAN)) as box:  # type: ignore[arg-type]  # these are shares
        export = Export(box=box, runs=[])
        export.run({"audiences": [VIP]}, {"job_id": "summer_sale"})
        assert not [entry for entry in box.journal if entry.method == "PUT"]
        outside = set(box.lytics.members(NEWSLETTER)) - set(box.lytics.members(VIP))
        box.lytics.enter(min(outside), VIP)
        state = export.runs[0].state
        export.run({"audiences": [VIP]}, {"job_id": "summer_sale"}, state)
        yield export


def test_authorization_is_one_token_a_side_and_the_stores_hash(
    as_it_comes: Export,
) -> None:
    expected = {
        "TAP_LYTICS_API_TOKEN",
        "TARGET_BIGCOMMERCE_STORE_HASH",
        "TARGET_BIGCOMMERCE_ACCESS_TOKEN",
    }

    given = set(as_it_comes.box.env())

    assert {name for name in given if not name.endswith("API_URL")} == expected
    assert {entry.status for entry in as_it_comes.box.journal} <= {200, 204}


def test_label_and_description_are_a_jobs_and_job_id_names_it_in_the_store(
    unticked: Export,
) -> None:
    jobs = {job["name"] for job in declared_project()["jobs"]}

    assert "vip-customers" in jobs
    assert attribute_names(unticked.box) == {"LyticsAudience_summer_sale"}


def test_audience_chooses_who_is_exported(filled_in: Export) -> None:
    readers = {
        int(filled_in.box.lytics.member(index)["bigcommerce_customer_id"])
        for index in filled_in.box.lytics.members(NEWSLETTER)
    }

    assert set(values_of(filled_in.box, "Our audience")) == readers


def test_id_field_names_the_customer(as_it_comes: Export) -> None:
    row = as_it_comes.box.store.customers[as_it_comes.customer]

    assert row["email"] == NEW["email"]


def test_audience_attribute_field_holds_the_slug(filled_in: Export) -> None:
    values = values_of(filled_in.box, "Our audience")

    assert set(values.values()) == {NEWSLETTER}
    assert attribute_names(filled_in.box) == {"Our audience"}


def test_without_an_audience_attribute_field_one_is_created(
    as_it_comes: Export,
) -> None:
    values = values_of(as_it_comes.box, f"LyticsAudience_{VIP}")

    assert len(values) == 12
    assert set(values.values()) == {VIP}


def test_map_standard_fields_defaults_to_the_email(as_it_comes: Export) -> None:
    changed = as_it_comes.box.store.diff()["customers"]["fields"]

    assert set(changed) == {"email"}


def test_map_standard_fields_writes_what_it_names_and_nothing_else(
    filled_in: Export,
) -> None:
    row = filled_in.box.store.customers[filled_in.customer]

    assert row["company"] == "By mapping alone"
    assert set(filled_in.box.store.diff()["customers"]["fields"]) == {"company"}


def test_map_custom_attributes_creates_and_sets_them(as_it_comes: Export) -> None:
    values = values_of(as_it_comes.box, "Loyalty tier")

    assert values[as_it_comes.customer] == NEW["loyalty_tier"]


def test_existing_users_ticked_exports_who_is_there(as_it_comes: Export) -> None:
    [run] = as_it_comes.runs

    assert run.outcomes == {"updated": 12, "skipped": 1}


def test_existing_users_unticked_exports_who_enters_later_alone(
    unticked: Export,
) -> None:
    first, second = unticked.runs

    assert first.outcomes == {}
    assert second.outcomes == {"updated": 1}
    assert len(values_of(unticked.box, "LyticsAudience_summer_sale")) == 1


def test_the_continuous_job_looks_and_writes_every_minute_or_at_100() -> None:
    project = declared_project()
    jobs = {job["name"]: job["tasks"] for job in project["jobs"]}
    taps = {tap["name"]: tap["config"] for tap in project["plugins"]["extractors"]}
    [target] = project["plugins"]["loaders"]
    defaults = {row["name"]: row.get("value") for row in target["settings"]}

    settings = {**defaults, **target["config"]}

    assert jobs["vip-customers-continuous"] == [
        "tap-lytics-continuous target-bigcommerce"
    ]
    assert taps["tap-lytics-continuous"]["poll_interval_seconds"] == 60
    assert settings["batch_wait_limit_seconds"] == 60
    assert settings["batch_size_rows"] == 100


def test_users_without_a_customer_id_are_skipped_and_never_sent(
    as_it_comes: Export,
) -> None:
    sent = json.dumps([entry.body for entry in as_it_comes.box.journal], default=str)

    assert as_it_comes.runs[0].outcomes["skipped"] == 1
    assert NEW["email"] in sent
    assert NO_ID["email"] not in sent
