"""Every field of the hosted job's form has a counterpart, tested field by field.

The form is filled in three times: with defaults, with every optional field, and with
Existing Users unticked.
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
    """A sandbox and the runs that exported into it."""

    box: Sandbox
    runs: list[Run]

    @property
    def customer(self) -> int:
        """The id of the customer whose profile is NEW."""
        return int(self.box.lytics.member(0)["bigcommerce_customer_id"])

    def run(
        self,
        tap: Mapping[str, Any],
        target: Mapping[str, Any],
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Run the pipe; both plugins must succeed."""
        extracted, loaded = run_pipe(
            self.box.tap_config(**tap),
            self.box.target_config(id_field="bigcommerce_customer_id", **target),
            state=state,
        )
        assert extracted.status == 0, extracted.stderr
        assert loaded.status == 0, loaded.stderr
        self.runs.append(loaded)


@pytest.fixture(scope="module")
def defaults() -> Iterator[Export]:
    """Export with the required settings and one custom attribute."""
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
def all_fields() -> Iterator[Export]:
    """Export with a named audience attribute and another standard field."""
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
    """Export twice without Existing Users; a member enters in between."""
    with Sandbox(Options(members=12, newsletter=5, **CLEAN)) as box:  # type: ignore[arg-type]  # these are shares
        export = Export(box=box, runs=[])
        export.run({"audiences": [VIP]}, {"job_id": "summer_sale"})
        assert not [entry for entry in box.journal if entry.method == "PUT"]
        outside = set(box.lytics.members(NEWSLETTER)) - set(box.lytics.members(VIP))
        box.lytics.enter(min(outside), VIP)
        state = export.runs[0].state
        export.run({"audiences": [VIP]}, {"job_id": "summer_sale"}, state)
        yield export


def test_authorization_is_two_tokens_and_a_store_hash(
    defaults: Export,
) -> None:
    expected = {
        "TAP_LYTICS_API_TOKEN",
        "TARGET_BIGCOMMERCE_STORE_HASH",
        "TARGET_BIGCOMMERCE_ACCESS_TOKEN",
    }

    given = set(defaults.box.env())

    assert {name for name in given if not name.endswith("API_URL")} == expected
    assert not {401, 403} & {entry.status for entry in defaults.box.journal}


def test_job_id_names_the_audience_attribute(
    unticked: Export,
) -> None:
    jobs = {job["name"] for job in declared_project()["jobs"]}

    assert "vip-customers" in jobs
    assert attribute_names(unticked.box) == {"LyticsAudience_summer_sale"}


def test_audiences_selects_the_members(all_fields: Export) -> None:
    readers = {
        int(all_fields.box.lytics.member(index)["bigcommerce_customer_id"])
        for index in all_fields.box.lytics.members(NEWSLETTER)
    }

    assert set(values_of(all_fields.box, "Our audience")) == readers


def test_id_field_identifies_the_customer(defaults: Export) -> None:
    row = defaults.box.store.customers[defaults.customer]

    assert row["email"] == NEW["email"]


def test_audience_attribute_field_holds_the_slug(all_fields: Export) -> None:
    values = values_of(all_fields.box, "Our audience")

    assert set(values.values()) == {NEWSLETTER}
    assert attribute_names(all_fields.box) == {"Our audience"}


def test_audience_attribute_is_created_by_default(
    defaults: Export,
) -> None:
    values = values_of(defaults.box, f"LyticsAudience_{VIP}")

    assert len(values) == 12
    assert set(values.values()) == {VIP}


def test_map_standard_fields_defaults_to_the_email(defaults: Export) -> None:
    changed = defaults.box.store.diff()["customers"]["fields"]

    assert set(changed) == {"email"}


def test_map_standard_fields_writes_only_mapped_fields(
    all_fields: Export,
) -> None:
    row = all_fields.box.store.customers[all_fields.customer]

    assert row["company"] == "By mapping alone"
    assert set(all_fields.box.store.diff()["customers"]["fields"]) == {"company"}


def test_map_custom_attributes_creates_attributes(defaults: Export) -> None:
    values = values_of(defaults.box, "Loyalty tier")

    assert values[defaults.customer] == NEW["loyalty_tier"]


def test_existing_users_exports_present_members(defaults: Export) -> None:
    [run] = defaults.runs

    assert run.outcomes == {"updated": 12, "skipped": 1}


def test_no_existing_users_exports_later_entrants(
    unticked: Export,
) -> None:
    first, second = unticked.runs

    assert first.outcomes == {}
    assert second.outcomes == {"updated": 1}
    assert len(values_of(unticked.box, "LyticsAudience_summer_sale")) == 1


def test_continuous_job_has_the_hosted_intervals() -> None:
    project = declared_project()
    jobs = {job["name"]: job["tasks"] for job in project["jobs"]}
    taps = {tap["name"]: tap["config"] for tap in project["plugins"]["extractors"]}
    target, _ = project["plugins"]["loaders"]
    defaults = {row["name"]: row.get("value") for row in target["settings"]}

    settings = {**defaults, **target["config"]}

    assert jobs["vip-customers-continuous"] == [
        "tap-lytics-continuous target-bigcommerce-continuous"
    ]
    assert taps["tap-lytics-continuous"]["poll_interval_seconds"] == 60
    assert settings["batch_wait_limit_seconds"] == 60
    assert settings["batch_size_rows"] == 100


def test_members_without_customer_id_are_never_sent(
    defaults: Export,
) -> None:
    sent = json.dumps([entry.body for entry in defaults.box.journal], default=str)

    assert defaults.runs[0].outcomes["skipped"] == 1
    assert NEW["email"] in sent
    assert NO_ID["email"] not in sent
