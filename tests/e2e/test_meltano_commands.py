"""The plugins' commands through Meltano."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.store import put_values, values_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.meltano import MeltanoProject

pytestmark = pytest.mark.timeout(300)  # Meltano starts slowly on a busy machine.

VIP = "vip_customers"
ATTRIBUTE = f"LyticsAudience_{VIP}"
INVOKE = ("invoke", "target-bigcommerce:clear-audience")


def test_audience_is_cleared_through_meltano(
    sandbox: Sandbox, make_project: Callable[[Sandbox], MeltanoProject]
) -> None:
    first, second, *_ = sandbox.store.customers
    put_values(sandbox, {first: VIP, second: "news"}, ATTRIBUTE)
    project = make_project(sandbox)

    unconfirmed = project.run(*INVOKE, f"--audience={VIP}")
    wrong = project.run(*INVOKE, "--audience=gone", f"--attribute={ATTRIBUTE}")
    before = values_of(sandbox, ATTRIBUTE)
    cleared = project.run(*INVOKE, f"--audience={VIP}", f"--confirm={VIP}")

    assert (unconfirmed.status, wrong.status) == (2, 1), wrong.stderr
    assert before == {first: VIP, second: "news"}
    assert cleared.status == 0, cleared.stderr
    assert values_of(sandbox, ATTRIBUTE) == {second: "news"}
