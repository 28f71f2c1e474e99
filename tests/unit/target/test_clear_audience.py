"""clear-audience deletes one audience's values, after a confirmation."""

from __future__ import annotations

import logging
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import click
import pytest

from sandbox import Fault
from singer_kit.errors import PluginError, ShutdownRequestedError
from singer_kit.shutdown import ShutdownSignal
from support.customers import VIP, put_customers
from support.history import rows_of
from support.store import put_values, values_of
from support.target_job import StoreSender, box_config
from target_bigcommerce.commands import clear_audience
from target_bigcommerce.errors import AudienceError, HistoryError
from target_bigcommerce.run import build_run
from target_bigcommerce.target import TargetBigCommerce

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox

ATTRIBUTE = f"LyticsAudience_{VIP}"


class Clearing:
    """Runs the command against a store."""

    def __init__(self, box: Sandbox, folder: Path, shutdown: ShutdownSignal) -> None:
        self.box = box
        self.shutdown = shutdown
        self.history = folder / "history.sqlite"
        self.questions: list[str] = []
        self._folder = folder

    def run(
        self,
        audience: str = VIP,
        *,
        answer: str | None = None,
        attribute: str | None = None,
        confirm: str | None = None,
        dry_run: bool = False,
        **settings: object,
    ) -> int:
        """Run it with options, an answer and further settings."""
        config: dict[str, Any] = {
            **box_config(self.box),
            "id_field": "id",
            "history_path": str(self.history),
            "rejects_path": str(self._folder / "rejects.jsonl"),
            **settings,
        }
        assert TargetBigCommerce.validate(config) == []

        def ask(question: str, _: ShutdownSignal) -> str | None:
            self.questions.append(question)
            return answer

        return clear_audience(
            config,
            self.shutdown,
            build=partial(
                build_run,
                clock=self.box.clock.now,
                now=self.box.clock.now,
                open_session=lambda *_, **__: StoreSender(self.box),
            ),
            ask=ask,
            audience=audience,
            attribute=attribute,
            confirm=confirm,
            dry_run=dry_run,
        )

    @property
    def values(self) -> dict[int, str]:
        """The values of the audience's attribute by customer."""
        return values_of(self.box, ATTRIBUTE)

    @property
    def writes(self) -> list[str]:
        """The endpoints of all calls that are not reads."""
        return [each.endpoint for each in self.box.journal if each.method != "GET"]

    @property
    def runs(self) -> list[tuple[str, str]]:
        """Job and status of each run in the history."""
        if not self.history.exists():
            return []
        return rows_of(self.history, "SELECT job, status FROM runs ORDER BY id")  # type: ignore[return-value]

    def changes(self, state: str = "done") -> int:
        """Count the recorded changes in a state."""
        query = f"SELECT count(*) FROM changes WHERE state = '{state}'"  # noqa: S608
        [(count,)] = rows_of(self.history, query)
        return int(count)


@pytest.fixture
def clearing(
    box: Sandbox,
    tmp_path: Path,
    shutdown: ShutdownSignal,
    caplog: pytest.LogCaptureFixture,
) -> Clearing:
    """A store in which 250 customers have the audience's value, and 20 another's."""
    caplog.set_level(logging.INFO)
    put_customers(box, *range(1, 271))
    values = dict.fromkeys(range(1, 251), VIP) | dict.fromkeys(range(251, 271), "news")
    put_values(box, values, ATTRIBUTE)
    return Clearing(box, tmp_path, shutdown)


NEWS = dict.fromkeys(range(251, 271), "news")


# What is deleted.


def test_only_the_audiences_values_are_deleted(
    clearing: Clearing, caplog: pytest.LogCaptureFixture
) -> None:
    assert clearing.run(confirm=VIP) == 0

    assert clearing.values == NEWS
    assert set(clearing.writes) == {"DELETE /customers/attribute-values"}
    assert ATTRIBUTE in {row["name"] for row in clearing.box.store.attributes.values()}
    assert f"Cleared {ATTRIBUTE} of 250 customers." in caplog.text


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ({}, {"attribute": "Shared"}),
        ({"audience_attribute": "Shared"}, {}),
        ({"audience_attribute": "Other"}, {"attribute": "Shared"}),
        ({"job_id": "x", "audience_attribute": "Shared"}, {}),
    ],
    ids=str,
)
def test_attribute_is_the_settings_or_the_given_one(
    clearing: Clearing, config: dict[str, Any], options: dict[str, Any]
) -> None:
    put_values(clearing.box, {1: VIP, 2: "news"}, "Shared")

    assert clearing.run(confirm=VIP, **options, **config) == 0

    assert values_of(clearing.box, "Shared") == {2: "news"}
    assert len(clearing.values) == 270


def test_job_id_names_the_attribute(clearing: Clearing) -> None:
    put_values(clearing.box, {1: VIP}, "LyticsAudience_weekly")

    assert clearing.run(confirm=VIP, job_id="weekly") == 0

    assert values_of(clearing.box, "LyticsAudience_weekly") == {}


def test_value_changed_after_the_question_is_kept(clearing: Clearing) -> None:
    [number] = clearing.box.store.attributes

    class Sender(StoreSender):
        def send(self, method: str, target: str, **more: Any) -> Any:  # noqa: ANN401
            if "customer_id%3Ain" in target or "customer_id:in" in target:
                self._box.store.values[7, number] = "news"
            return super().send(method, target, **more)

    config: dict[str, Any] = {
        **box_config(clearing.box),
        "id_field": "id",
        "history_path": str(clearing.history),
    }
    assert TargetBigCommerce.validate(config) == []
    options = {"audience": VIP, "attribute": None, "confirm": VIP, "dry_run": False}
    clear_audience(
        config,
        clearing.shutdown,
        build=partial(build_run, open_session=lambda *_, **__: Sender(clearing.box)),
        **options,
    )

    assert clearing.values == {7: "news", **NEWS}


@pytest.mark.parametrize("on_exit", ["keep", "clear"])
def test_guard_neither_limits_nor_counts_it(clearing: Clearing, on_exit: str) -> None:
    assert clearing.run(confirm=VIP, on_exit=on_exit, max_clear_percent=0) == 0

    assert clearing.values == NEWS
    [(clears,)] = rows_of(
        clearing.history, "SELECT count(*) FROM changes WHERE action = 'clear'"
    )
    assert clears == 0


# Confirmation.


def test_question_names_count_attribute_and_store(clearing: Clearing) -> None:
    assert clearing.run(answer=f" {VIP}\n") == 0

    [question] = clearing.questions
    for part in (VIP, ATTRIBUTE, "250 customers", clearing.box.options.store_hash):
        assert part in question
    assert clearing.values == NEWS


@pytest.mark.parametrize("answer", ["", "\n", "y\n", "yes\n", "news\n", VIP.upper()])
def test_any_other_answer_deletes_nothing(clearing: Clearing, answer: str) -> None:
    with pytest.raises(AudienceError, match="Nothing was deleted"):
        clearing.run(answer=answer)

    assert len(clearing.values) == 270
    assert clearing.writes == []
    assert clearing.runs == []


def test_without_a_terminal_confirm_is_required(clearing: Clearing) -> None:
    with pytest.raises(click.UsageError, match="--confirm"):
        clearing.run(answer=None)

    assert clearing.writes == []


@pytest.mark.parametrize("confirm", ["news", "", VIP.upper(), f"{VIP} "])
def test_other_confirmation_is_a_usage_error(clearing: Clearing, confirm: str) -> None:
    with pytest.raises(click.UsageError, match="--confirm must be"):
        clearing.run(confirm=confirm)

    assert list(clearing.box.journal) == []


@pytest.mark.parametrize("audience", ["", " ", "\t"])
def test_blank_audience_is_a_usage_error(clearing: Clearing, audience: str) -> None:
    with pytest.raises(click.UsageError, match="--audience"):
        clearing.run(audience, confirm=audience)

    assert list(clearing.box.journal) == []


def test_dry_run_only_counts(
    clearing: Clearing, caplog: pytest.LogCaptureFixture
) -> None:
    assert clearing.run(dry_run=True) == 0

    assert "250 customers" in caplog.text
    assert "nothing was deleted" in caplog.text
    assert (clearing.writes, clearing.questions, clearing.runs) == ([], [], [])


# Nothing to delete.


def test_attribute_without_values_has_nothing_to_clear(
    clearing: Clearing, caplog: pytest.LogCaptureFixture
) -> None:
    put_values(clearing.box, {}, "Empty")

    assert clearing.run(confirm=VIP, attribute="Empty") == 0

    assert "Nothing to clear" in caplog.text
    assert clearing.runs == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lyticsaudience_VIP_customers", f"Did you mean {ATTRIBUTE}?"),
        ("LyticsAudience_vip", f"Did you mean {ATTRIBUTE}?"),
        ("Tier", "Name it with --attribute"),
    ],
)
def test_unknown_attribute_is_an_error(
    clearing: Clearing, name: str, hint: str
) -> None:
    with pytest.raises(AudienceError) as caught:
        clearing.run(confirm=VIP, attribute=name)

    assert f"no attribute {name}" in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize("slug", ["vip_customer", "VIP_CUSTOMERS", "gone"])
def test_wrong_slug_lists_those_present(clearing: Clearing, slug: str) -> None:
    with pytest.raises(AudienceError) as caught:
        clearing.run(slug, confirm=slug, attribute=ATTRIBUTE)

    assert "vip_customers (250), news (20)." in str(caught.value)
    assert ("Did you mean vip_customers?" in str(caught.value)) == (
        slug == "vip_customer"
    )
    assert clearing.writes == []


@pytest.mark.parametrize(
    "values",
    [
        ["ada@example.com", "ada@example.com"],
        ["Ada Lovelace", "Ada Lovelace"],
        ["4711", "4712"],
        ["x" * 61, "x" * 61],
    ],
    ids=str,
)
def test_values_that_may_be_personal_are_not_listed(
    clearing: Clearing, values: list[str]
) -> None:
    put_values(clearing.box, dict(enumerate(values, start=1)), "Notes")

    with pytest.raises(AudienceError) as caught:
        clearing.run(confirm=VIP, attribute="Notes")

    assert not any(value in str(caught.value) for value in values)
    assert "It has 2 values" in str(caught.value)


# The history.


def test_deletions_are_a_run_of_their_own(clearing: Clearing, box: Sandbox) -> None:
    clearing.run(confirm=VIP)

    assert clearing.runs == [(f"clear-audience {VIP}", "succeeded")]
    assert clearing.changes() == 250
    rows = rows_of(
        clearing.history, "SELECT DISTINCT stream, name, old, new FROM changes"
    )
    assert rows == [(VIP, ATTRIBUTE, f'"{VIP}"', None)]
    [(store,)] = rows_of(clearing.history, "SELECT DISTINCT store FROM runs")
    assert store == box.options.store_hash


def test_summary_of_the_job_is_kept(clearing: Clearing, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text("kept")

    clearing.run(confirm=VIP, summary_path=str(path))

    assert path.read_text() == "kept"


def test_deletions_are_in_the_change_log(clearing: Clearing, tmp_path: Path) -> None:
    path = tmp_path / "changes.jsonl"

    clearing.run(confirm=VIP, changes_path=str(path))

    assert len(path.read_text().splitlines()) == 250


@pytest.mark.parametrize("content", [b"not a history", b"SQLite format 3\0"])
def test_unusable_history_deletes_nothing(clearing: Clearing, content: bytes) -> None:
    clearing.history.write_bytes(content)

    with pytest.raises(HistoryError, match="Nothing was deleted"):
        clearing.run(confirm=VIP)

    assert clearing.writes == []


def test_history_can_be_switched_off(clearing: Clearing) -> None:
    assert clearing.run(confirm=VIP, history=False) == 0

    assert clearing.values == NEWS
    assert clearing.runs == []


# Failures.


@pytest.mark.parametrize("kind", ["401", "507", "404"])
def test_failure_half_way_records_what_was_deleted(
    clearing: Clearing, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    match = "DELETE /customers/attribute-values"
    deletions = []

    def fail_later(entry: Any) -> None:  # noqa: ANN401 - the sandbox's
        if entry.endpoint == match and entry.status < 300:
            deletions.append(entry)
            if len(deletions) == 1:
                clearing.box.faults.queue(Fault(kind=kind, match="*", times=500))

    clearing.box.journal.subscribe(fail_later)

    status = clearing.run(confirm=VIP)

    assert status == 1
    left = [number for number, text in clearing.values.items() if text == VIP]
    assert 0 < len(left) < 250
    assert clearing.changes() == 250 - len(left)
    assert clearing.runs == [(f"clear-audience {VIP}", "failed")]
    assert f"{250 - len(left)} of 250 customers" in caplog.text


def test_failed_command_can_be_run_again(clearing: Clearing) -> None:
    match = "DELETE /customers/attribute-values"
    clearing.box.faults.queue(Fault(kind="401", match=match))
    assert clearing.run(confirm=VIP) == 1

    assert clearing.run(confirm=VIP) == 0

    assert clearing.values == NEWS
    assert clearing.changes() == 250
    assert clearing.changes("pending") == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_it_and_it_can_be_run_again(
    clearing: Clearing, number: signal.Signals
) -> None:
    def stop(entry: Any) -> None:  # noqa: ANN401 - the sandbox's
        if entry.method == "DELETE":
            clearing.shutdown.set(number)

    clearing.box.journal.subscribe(stop)

    assert clearing.run(confirm=VIP) == 128 + number

    left = len([text for text in clearing.values.values() if text == VIP])
    assert 0 < left < 250
    assert clearing.runs == [(f"clear-audience {VIP}", "stopped")]
    again = Clearing(clearing.box, clearing.history.parent, ShutdownSignal())
    clearing.box.journal.subscribe(lambda _: None)
    assert again.run(confirm=VIP) == 0
    assert clearing.values == NEWS
    assert clearing.changes() == 250
    again.shutdown.close()


def test_next_run_resolves_what_a_killed_one_deleted(clearing: Clearing) -> None:
    def kill(entry: Any) -> None:  # noqa: ANN401 - the sandbox's
        if entry.method == "DELETE" and not clearing.runs[1:]:
            raise SystemExit  # After the store executed the call.

    clearing.box.journal.subscribe(kill)
    with pytest.raises(SystemExit):
        clearing.run(confirm=VIP)
    assert clearing.changes() == 0
    assert clearing.changes("pending") > 0

    assert clearing.run(confirm=VIP) == 0

    assert clearing.values == NEWS
    assert clearing.changes() == 250
    assert clearing.changes("pending") == 0
    job = f"clear-audience {VIP}"
    assert clearing.runs == [(job, "killed"), (job, "succeeded")]


def test_signal_before_the_first_call_deletes_nothing(clearing: Clearing) -> None:
    clearing.shutdown.set(signal.SIGINT)

    with pytest.raises(ShutdownRequestedError):
        clearing.run(confirm=VIP)

    assert clearing.writes == []


def test_unreadable_store_is_an_error(clearing: Clearing) -> None:
    clearing.box.faults.queue(Fault(kind="401", match="GET /customers/attributes"))

    with pytest.raises(PluginError):
        clearing.run(confirm=VIP)
