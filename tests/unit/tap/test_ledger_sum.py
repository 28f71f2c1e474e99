"""What a ledger's job sent adds up to the audience, whatever happens to either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.lytics import ID

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from support.tap_job import Job

    MakeJob = Callable[..., Any]


STEPS = st.lists(
    st.tuples(
        st.integers(0, 11),
        st.sampled_from(
            [
                "change",
                "become another",
                "enter",
                "leave",
                "drift in",
                "drift out",
                "run",
            ]
        ),
        st.booleans(),
    ),
    max_size=16,
)


@settings(
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=settings.default.max_examples // 4,
)
@given(steps=STEPS, seed=st.integers(0, 3))
def test_what_was_sent_adds_up_to_who_is_in_the_audience(
    make_job: MakeJob,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, str, bool]],
    seed: int,
) -> None:
    """A target that applies what it gets knows who is in, whatever it forgot."""
    folder = tmp_path_factory.mktemp("ledger")
    job = make_job(
        members=8,
        seed=seed,
        page_size=3,
        existing_users=True,
        emit_exits=True,
        require_fields=[ID],
        ledger_path=str(folder / "l.ledger"),
        options={"others": 4, "newsletter": 4},
    )
    store = {r[ID] for r in job.run().records}
    for index, verb, target_dies in [*steps, (0, "last", False)]:
        job.clock.advance(7 if verb != "last" else 2 * 24 * 3600)
        if verb in {"run", "last"}:
            kept = job.state
            for record in job.run().records:
                act = store.discard if record["_sdc_deleted_at"] else store.add
                act(record[ID])
            job.state = kept if target_dies else job.state
        else:
            happen(job, index, verb)

    members = job.box.lytics.members()
    assert store == {job.customer(index) for index in members}


def happen(job: Job, index: int, verb: str) -> None:
    lytics = job.box.lytics
    if verb == "change":
        lytics.change(index, {"company": f"At {job.clock.now()}"})
    elif verb == "become another":
        lytics.change(index, {ID: str(9000 + int(job.clock.now()) % 5)})
    elif verb.startswith("drift"):
        {"in": lytics.enter, "out": lytics.leave}[verb.split()[1]](index, touch=False)
    else:
        getattr(lytics, verb)(index)
