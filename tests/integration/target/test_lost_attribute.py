"""An attribute that somebody deletes in the middle of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox.faults import Fault
from support.live_target import LiveTarget
from support.singer import record, schema, state
from support.store import attribute_names, values_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox
    from support.plugins import Run

VALUES = "PUT /customers/attribute-values"


@pytest.mark.guarantee("deleted-attribute")
@pytest.mark.parametrize("fault", ["", "empty_body", "not_json"])
def test_no_record_is_rejected_for_an_attribute_that_was_deleted(
    box: Sandbox, config: dict[str, Any], tmp_path: Path, fault: str
) -> None:
    hurried = {**config, "batch_size_rows": 1, "batch_wait_limit_seconds": 1}
    with LiveTarget(hurried, tmp_path) as target:
        target.send(schema(), record(1001), state(1))
        target.state()
        box.store.data.delete_attribute(1)
        if fault:
            box.faults.queue(Fault(kind=fault, match=VALUES, times=9))
        target.send_quietly(record(1002), state(2))

        ended = target.end()

    assert ended.status == 1
    assert ended.rejects == ()
    assert (
        "The attribute 'LyticsAudience_vip' was deleted from the store"
        in ended.errors[0]
    )


def test_no_customer_is_rejected_whose_creation_names_a_deleted_attribute(
    box: Sandbox, config: dict[str, Any], tmp_path: Path
) -> None:
    names = ("email", "first_name", "last_name")
    creating = {
        **config,
        "batch_size_rows": 1,
        "batch_wait_limit_seconds": 1,
        "on_missing_id": "create",
        "map_standard_fields": [{"from": name, "to": name} for name in names],
    }
    with LiveTarget(creating, tmp_path) as target:
        target.send(schema(), record(1001), state(1))
        target.state()
        box.store.data.delete_attribute(1)
        new = {"email": "new@shop.example", "first_name": "New", "last_name": "Comer"}
        target.send_quietly(record(None, **new), state(2))

        ended = target.end()

    assert ended.status == 1
    assert ended.rejects == ()
    assert (
        "The attribute 'LyticsAudience_vip' was deleted from the store"
        in ended.errors[0]
    )


def test_the_next_run_creates_a_deleted_attribute_anew(
    box: Sandbox, run: Callable[..., Run]
) -> None:
    run(schema(), record(1001))
    box.store.data.delete_attribute(1)

    again = run(schema(), record(1002))

    assert again.status == 0
    assert attribute_names(box) == {"LyticsAudience_vip"}
    assert values_of(box) == {1002: "vip"}
