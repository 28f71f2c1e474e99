"""Every field of the hosted job's form has its equal; one test each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from meltano_project import declared_project
from running import Run, run_pipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meltano_project import MeltanoProject

    from sandbox import Sandbox

VIP = "vip_customers"


def export(
    tap_config: Mapping[str, Any],
    target_config: Mapping[str, Any],
    state: Mapping[str, Any] | None = None,
) -> Run:
    """Run the pipe; both sides must end well."""
    tap, target = run_pipe(tap_config, target_config, state=state)
    assert tap.status == 0, tap.stderr
    assert target.status == 0, target.stderr
    return target


def values_of(box: Sandbox, attribute: str) -> dict[int, str]:
    """Read the values of one attribute, by customer."""
    [number] = [
        row["id"] for row in box.store.attributes.values() if row["name"] == attribute
    ]
    return {
        customer: row["attribute_value"]
        for (customer, attribute_id), row in box.store.values.items()
        if attribute_id == number
    }


def put_customer(box: Sandbox, index: int, **fields: Any) -> int:  # noqa: ANN401 - JSON
    """Change a clean member's fields; the id of their customer."""
    box.lytics.change(index, fields)
    return int(box.lytics.member(index)["bigcommerce_customer_id"])


@pytest.fixture
def sandbox(make_sandbox: Callable[..., Sandbox]) -> Sandbox:
    """Clean members only."""
    return make_sandbox(
        members=12, without_id=0, unknown_id=0, refused=0, shared_id=0, newsletter=5
    )


def test_authorization_is_one_token_a_side(
    sandbox: Sandbox, make_project: Callable[[Sandbox], MeltanoProject]
) -> None:
    tokens = {
        "TAP_LYTICS_API_TOKEN",
        "TARGET_BIGCOMMERCE_STORE_HASH",
        "TARGET_BIGCOMMERCE_ACCESS_TOKEN",
    }

    run = make_project(sandbox).run("run", "tap-lytics", "target-bigcommerce")

    assert tokens <= set(sandbox.env())
    assert run.status == 0, run.stderr


def test_label_and_description_are_a_jobs_name_and_job_id_names_it_in_the_store(
    sandbox: Sandbox, tap_config: dict[str, Any], target_config: dict[str, Any]
) -> None:
    export(tap_config, {**target_config, "job_id": "summer_sale"})

    assert {job["name"] for job in declared_project()["jobs"]} >= {"vip-customers"}
    assert set(values_of(sandbox, "LyticsAudience_summer_sale").values()) == {VIP}


def test_audience_chooses_who_is_exported(
    sandbox: Sandbox, tap_config: dict[str, Any], target_config: dict[str, Any]
) -> None:
    export({**tap_config, "audiences": ["newsletter_readers"]}, target_config)

    own = values_of(sandbox, "LyticsAudience_newsletter_readers")
    assert set(own.values()) == {"newsletter_readers"}
    assert "LyticsAudience_vip_customers" not in {
        row["name"] for row in sandbox.store.attributes.values()
    }


def test_id_field_names_the_customer(
    sandbox: Sandbox, tap_config: dict[str, Any], target_config: dict[str, Any]
) -> None:
    customer = put_customer(sandbox, 0, company="By id alone")

    export(tap_config, {**target_config, "id_field": "bigcommerce_customer_id"})

    assert sandbox.store.customers[customer]["company"] == "By id alone"


def test_audience_attribute_field_holds_the_slug(
    sandbox: Sandbox, tap_config: dict[str, Any], target_config: dict[str, Any]
) -> None:
    export(tap_config, {**target_config, "audience_attribute": "Our audience"})

    assert len(values_of(sandbox, "Our audience")) == 12
    assert set(values_of(sandbox, "Our audience").values()) == {VIP}


def test_without_an_audience_attribute_field_one_is_created(
    sandbox: Sandbox, tap_config: dict[str, Any], target_config: dict[str, Any]
) -> None:
    export(tap_config, target_config)

    assert set(values_of(sandbox, f"LyticsAudience_{VIP}").values()) == {VIP}


def test_map_standard_fields_defaults_to_the_email(
    sandbox: Sandbox, tap_config: dict[str, Any], target_config: dict[str, Any]
) -> None:
    customer = put_customer(
        sandbox, 0, email="new.address@example.com", first_name="Not mapped"
    )
    del target_config["map_standard_fields"]

    export(tap_config, target_config)

    assert sandbox.store.customers[customer]["email"] == "new.address@example.com"
    assert sandbox.store.customers[customer]["first_name"] != "Not mapped"


def test_map_custom_attributes_creates_and_sets_them(
    sandbox: Sandbox, tap_config: dict[str, Any], target_config: dict[str, Any]
) -> None:
    customer = put_customer(sandbox, 0, loyalty_tier="platinum")

    export(tap_config, target_config)

    assert values_of(sandbox, "Loyalty tier")[customer] == "platinum"


@pytest.mark.parametrize(("existing_users", "exported"), [(True, 12), (False, 0)])
def test_existing_users_is_a_choice_and_off_by_default(
    existing_users: bool,  # noqa: FBT001 - a row of the table
    exported: int,
    sandbox: Sandbox,
    tap_config: dict[str, Any],
    target_config: dict[str, Any],
) -> None:
    tap_config["existing_users"] = existing_users
    if not existing_users:
        del tap_config["existing_users"]

    export(tap_config, target_config)

    audience = f"LyticsAudience_{VIP}"
    names = {row["name"] for row in sandbox.store.attributes.values()}
    got = values_of(sandbox, audience) if audience in names else {}
    assert len(got) == exported


def test_who_enters_after_the_first_run_is_exported(
    sandbox: Sandbox, tap_config: dict[str, Any], target_config: dict[str, Any]
) -> None:
    tap_config["existing_users"] = False
    first = export(tap_config, target_config)
    newcomer = next(
        index
        for index in sandbox.lytics.members("newsletter_readers")
        if index not in set(sandbox.lytics.members(VIP))
    )
    sandbox.lytics.enter(newcomer, VIP)

    export(tap_config, target_config, state=first.state)

    customer = int(sandbox.lytics.member(newcomer)["bigcommerce_customer_id"])
    assert values_of(sandbox, f"LyticsAudience_{VIP}") == {customer: VIP}


def test_the_continuous_job_looks_and_writes_every_minute_or_at_100() -> None:
    project = declared_project()
    jobs = {job["name"]: job["tasks"] for job in project["jobs"]}
    taps = {tap["name"]: tap for tap in project["plugins"]["extractors"]}
    [target] = project["plugins"]["loaders"]
    defaults = {row["name"]: row.get("value") for row in target["settings"]}

    [task] = jobs["vip-customers-continuous"]

    assert task == "tap-lytics-continuous target-bigcommerce"
    assert taps["tap-lytics-continuous"]["config"]["poll_interval_seconds"] == 60
    assert "batch_size_rows" not in target["config"]
    assert "batch_wait_limit_seconds" not in target["config"]
    assert {"batch_size_rows", "batch_wait_limit_seconds"} <= set(defaults)


def test_users_without_a_customer_id_are_skipped_and_never_sent(
    sandbox: Sandbox, tap_config: dict[str, Any], target_config: dict[str, Any]
) -> None:
    sandbox.lytics.put_member({"email": "no.id@example.com", "first_name": "No"})

    target = export(tap_config, target_config)

    assert "skipped" in target.stderr
    sent = json.dumps([entry.body for entry in sandbox.journal], default=str)
    assert "no.id@example.com" not in sent
