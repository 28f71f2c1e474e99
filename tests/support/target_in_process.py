"""A target run in this process."""

from __future__ import annotations

import json
import logging
import signal
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.plugins import assert_sums
from target_bigcommerce.target import TargetBigCommerce

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


SECONDS = 20  # A run takes hundredths.
LOGGER = logging.getLogger("target-bigcommerce")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a run left behind."""

    status: int
    errors: list[str]
    summary: dict[str, Any]


def read_all(text: bytes, config: Mapping[str, Any]) -> Ended:
    """Let a target read the text to its end; it must be an orderly one."""
    with _one_target(config) as (target, heard), tempfile.TemporaryFile() as given:
        given.write(text)
        given.seek(0)
        signal.alarm(SECONDS)  # Pytest-timeout's own bell, for each run.

        status = target.run(given)  # type: ignore[arg-type]  # its descriptor is read

        signal.alarm(0)
    summary = json.loads(Path(config["summary_path"]).read_text(encoding="utf-8"))
    assert_sums(summary)
    errors = [line for level, line in heard.lines if level >= logging.ERROR]
    assert not [line for line in errors if line.startswith("Unexpected")], errors
    assert (status, len(errors)) in {(0, 0), (1, 1)}, errors
    return Ended(status=status, errors=errors, summary=summary)


class _Heard(logging.Handler):
    """Remembers what was said."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one line."""
        self.lines.append((record.levelno, record.getMessage()))


@contextmanager
def _one_target(
    config: Mapping[str, Any],
) -> Iterator[tuple[TargetBigCommerce, _Heard]]:
    """Make a target, hear what it says, and give its descriptors back."""
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    target = TargetBigCommerce(config=dict(config))
    heard = _Heard()
    LOGGER.addHandler(heard)
    try:
        yield target, heard
    finally:
        LOGGER.removeHandler(heard)
        target.context.close()
        target.shutdown.close()
        for number, handler in handlers.items():
            signal.signal(number, handler)
