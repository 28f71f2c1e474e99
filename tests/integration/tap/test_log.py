"""What a run that goes well logs, and what it never does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import run_tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

    Config = Callable[..., dict[str, Any]]


def test_a_start_date_in_the_future_is_only_a_warning(
    sandbox: Sandbox, config_of: Config
) -> None:
    config = config_of(sandbox, existing_users=False, start_date="2999-01-01")

    run = run_tap(config)

    assert run.status == 0
    warnings = [line for line in run.stderr.splitlines() if " WARNING " in line]
    assert len(warnings) == 1
    assert "start_date is in the future" in warnings[0]


@pytest.mark.guarantee("no-token-leaks")
def test_nothing_secret_is_logged_even_at_debug(
    sandbox: Sandbox, config_of: Config
) -> None:
    run = run_tap(config_of(sandbox), env={"TAP_LYTICS_LOGLEVEL": "DEBUG"})

    assert run.status == 0
    assert sandbox.options.lytics_token not in run.stderr


@pytest.mark.guarantee("private-files")
def test_no_persons_data_is_logged(
    make_sandbox: Callable[..., Sandbox], config_of: Config
) -> None:
    box = make_sandbox(members=20)
    box.lytics.change(3, {"orders_count": "a person's secret"})

    run = run_tap(config_of(box))

    assert "orders_count" in run.stderr
    for secret in ("a person's secret", "example.com", "@"):
        assert secret not in run.stderr
