"""Runs of the target in this process that are killed at a step.

A step is before and after each call, line, flush and STATE. The store's own content
says which values each call changed.
"""

from __future__ import annotations

import io
import json
import signal
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from support.history import rows_of
from support.plugins import to_text
from support.store import contents
from support.target_job import AdvancingShutdown, StoreSender, box_config
from target_bigcommerce.files import LineFile
from target_bigcommerce.run import build_run
from target_bigcommerce.target import TargetBigCommerce

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox import Sandbox
    from singer_kit.http import HttpResponse
    from support.singer import Message

# Customer, field or attribute, old value, new value.
ChangedValue = tuple[int, str, Any, Any]


class KilledError(BaseException):
    """The process is killed."""


class Steps:
    """Counts steps, and kills at one; a killed process makes no further step."""

    def __init__(self, kill_at: int | None) -> None:
        self.count = 0
        self._kill_at = kill_at

    def step(self) -> None:
        """Make a step, or be killed."""
        if self._kill_at is not None and self.count >= self._kill_at:
            raise KilledError
        self.count += 1


class KillableRuns:
    """Runs of the target on one store, each of which may be killed.

    Args:
        box: the store.
        folder: where the files are.
        config: settings.
    """

    def __init__(self, box: Sandbox, folder: Path, **config: object) -> None:
        self.box = box
        self.history_path = folder / "history.sqlite"
        self.changes_path = folder / "changes.jsonl"
        self._config = {
            **box_config(box),
            "id_field": "id",
            "max_in_flight": 1,  # A kill in a thread would not end the run.
            "rejects_path": str(folder / "rejects.jsonl"),
            "changes_path": str(self.changes_path),
            "history_path": str(self.history_path),
            **config,
        }
        self.changed: list[ChangedValue] = []  # By the store's own content.
        self.last_state: Any = None
        self.steps = 0  # Of the last run.

    def run(
        self,
        messages: Iterable[Message],
        kill_at: int | None = None,
        **config: object,
    ) -> int | None:
        """Run the target; return its exit status, None if it was killed."""
        steps = Steps(kill_at)
        printed = _Printed(steps)
        target = self._open_target(steps, config)
        try:
            with redirect_stdout(printed):
                return target.run(io.StringIO(to_text(messages)))
        except KilledError:
            return None
        finally:
            target.context.close()
            target.shutdown.close()
            self.steps = steps.count
            for line in printed.getvalue().splitlines():
                self.last_state = json.loads(line)

    def recorded(self, state: str = "done") -> list[ChangedValue]:
        """Read the changes of a state from the history."""
        query = f"SELECT customer, name, old, new FROM changes WHERE state = '{state}'"  # noqa: S608 - a constant
        return [
            (customer, name, old and json.loads(old), new and json.loads(new))
            for customer, name, old, new in rows_of(self.history_path, query)
        ]

    def lines(self) -> list[ChangedValue]:
        """Read the lines of `changes_path`."""
        if not self.changes_path.exists():
            return []
        rows = map(json.loads, self.changes_path.read_text("utf-8").splitlines())
        return [
            (
                row["customer_id"],
                row.get("field", row.get("attribute")),
                row["old"],
                row["new"],
            )
            for row in rows
        ]

    def _open_target(
        self, steps: Steps, config: dict[str, object]
    ) -> TargetBigCommerce:
        handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            return TargetBigCommerce(
                config={**self._config, **config},
                shutdown=AdvancingShutdown(self.box.clock),
                build=partial(
                    build_run,
                    clock=self.box.clock.now,
                    now=self.box.clock.now,
                    open_session=lambda *_, **__: _KillableSender(self, steps),
                    open_file=partial(_KillableFile, steps=steps),
                ),
            )
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


class _KillableSender(StoreSender):
    """Sends requests; notes which values each changed."""

    def __init__(self, runs: KillableRuns, steps: Steps) -> None:
        super().__init__(runs.box)
        self._runs = runs
        self._steps = steps

    @override
    def send(self, method: str, target: str, **more: Any) -> HttpResponse:
        self._steps.step()
        before = _values(self._runs.box)
        try:
            response = super().send(method, target, **more)
        finally:
            after = _values(self._runs.box)
            self._runs.changed += [
                (*key, before.get(key), after.get(key))
                for key in sorted({*before, *after})
                if before.get(key) != after.get(key)
            ]
        self._steps.step()
        return response


class _KillableFile(LineFile):
    """A file of lines; a kill leaves a partial line, or none, or a whole one."""

    def __init__(self, path: str, setting: str, *, steps: Steps) -> None:
        super().__init__(path, setting)
        self._steps = steps

    @override
    def append(self, rows: Iterable[Any]) -> None:
        listed = list(rows)
        for row in listed:
            self._step_or_write_part()
            super().append([row])
        self._steps.step()

    @override
    def sync(self) -> None:
        self._steps.step()
        super().sync()
        self._steps.step()

    def _step_or_write_part(self) -> None:
        try:
            self._steps.step()
        except KilledError:
            with Path(self.path).open("ab") as file:
                file.write(b'{"id":')
            raise


class _Printed(io.StringIO):
    """Standard output."""

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self._steps = steps

    @override
    def write(self, text: str, /) -> int:
        self._steps.step()
        written = super().write(text)
        self._steps.step()
        return written


def _values(box: Sandbox) -> dict[tuple[int, str], Any]:
    """Return all fields and attribute values by customer and name."""
    found = contents(box)
    values: dict[tuple[int, str], Any] = {
        (customer, name): value
        for customer, fields in found["customers"].items()
        for name, value in fields.items()
        if name in {"email", "first_name", "last_name", "company"}
    }
    values.update(found["values"])
    return values
