"""The `production` environment of meltano.yml, run against the sandbox."""

from __future__ import annotations

import sqlite3
import stat
from typing import TYPE_CHECKING, Any

import pytest

from support.meltano import declared_project
from support.store import contents, values_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.meltano import MeltanoProject

pytestmark = pytest.mark.timeout(300)  # Meltano starts slowly on a busy machine.

VIP = "vip_customers"
ATTRIBUTE = f"LyticsAudience_{VIP}"
RUN = ("--environment=production", "run", "vip-customers")


def test_production_exports_only_later_entrants(
    make_sandbox: Callable[..., Sandbox],
    make_project: Callable[[Sandbox], MeltanoProject],
) -> None:
    box = make_sandbox(members=40)
    project = make_project(box)
    before = contents(box)
    first = project.run(*RUN)
    after_first = contents(box)
    entrant = min(set(box.lytics.members("newsletter_readers")) - set(range(40)))
    box.lytics.enter(entrant, VIP)

    second = project.run(*RUN)

    assert (first.status, second.status) == (0, 0), first.stderr + second.stderr
    assert before == after_first
    customer = int(box.lytics.member(entrant)["bigcommerce_customer_id"])
    assert values_of(box, ATTRIBUTE) == {customer: VIP}


def test_production_uses_required_fields_and_a_ledger(
    make_sandbox: Callable[..., Sandbox],
    make_project: Callable[[Sandbox], MeltanoProject],
) -> None:
    box = make_sandbox(members=40)
    project = make_project(box)

    run = project.run(*RUN, TAP_LYTICS_EXISTING_USERS="true")

    assert run.status == 0, run.stderr
    assert "skipped" not in run.stderr, "a member without an id was requested"
    assert len(values_of(box, ATTRIBUTE)) > 30
    files = project.folder / "data" / "production"
    written = {each.name for each in (files / "vip-customers").iterdir()}
    assert written >= {"changes.jsonl", "summary.json"}
    assert (files / "history.sqlite").exists()
    ledger = files / "members.ledger"
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o600
    with sqlite3.connect(ledger) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_runs_without_the_state_leave_job_alone(
    make_sandbox: Callable[..., Sandbox],
    make_project: Callable[[Sandbox], MeltanoProject],
) -> None:
    box = make_sandbox(members=40)
    project = make_project(box)
    first = project.run(*RUN)
    entrant = min(set(box.lytics.members("newsletter_readers")) - set(range(40)))
    box.lytics.enter(entrant, VIP)
    production = "--environment=production"

    project.run(production, "config", "test", "tap-lytics")
    project.run(*RUN, "--full-refresh", TARGET_BIGCOMMERCE_DRY_RUN="true")
    project.run(*RUN, "--state-id-suffix=try")
    between = values_of(box, ATTRIBUTE)
    second = project.run(*RUN)

    assert (first.status, second.status) == (0, 0), first.stderr + second.stderr
    customer = int(box.lytics.member(entrant)["bigcommerce_customer_id"])
    assert not between
    assert values_of(box, ATTRIBUTE) == {customer: VIP}


@pytest.mark.parametrize("environment", ["sandbox", "production"])
def test_project_contains_only_sandbox_secrets(environment: str) -> None:
    [declared] = [
        row for row in declared_project()["environments"] if row["name"] == environment
    ]
    plugins = declared["config"]["plugins"]
    given = [row["config"] for rows in plugins.values() for row in rows]

    secrets = {
        value
        for config in given
        for name, value in config.items()
        if name.endswith("_token")
    }

    assert all(secret.startswith("sandbox-") for secret in secrets)
    assert bool(secrets) == (environment == "sandbox")


def test_sandbox_environment_uses_loopback_only() -> None:
    [declared] = [
        row for row in declared_project()["environments"] if row["name"] == "sandbox"
    ]
    plugins = declared["config"]["plugins"]

    urls = {
        row["name"]: row["config"]["api_url"]
        for rows in plugins.values()
        for row in rows
        if row["name"] in {"tap-lytics", "target-bigcommerce"}  # The others inherit.
    }

    assert set(urls) == {"tap-lytics", "target-bigcommerce"}
    assert all(url.startswith("http://127.0.0.1:") for url in urls.values())


@pytest.mark.parametrize("environment", ["sandbox", "production"])
def test_no_file_is_used_by_two_jobs_or_environments(environment: str) -> None:
    used = {
        row["name"]: paths_of(row)
        for row in declared_project()["environments"]
        if row["name"] == environment
    }
    others = [
        path
        for row in declared_project()["environments"]
        if row["name"] != environment
        for path in paths_of(row)
    ]

    paths = used[environment]

    assert len(paths) == len(set(paths)) >= 6
    assert not set(paths) & set(others)


def paths_of(environment: dict[str, Any]) -> list[str]:
    """List the files of the loaders' jobs, without the history that jobs share."""
    return [
        path
        for row in environment["config"]["plugins"]["loaders"]
        for name, path in row["config"].items()
        if name.endswith("_path") and name != "history_path"
    ]
