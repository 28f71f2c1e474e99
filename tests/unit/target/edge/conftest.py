"""A signal that tests of the edge can give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from target_bigcommerce.interrupt import Interrupt

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def interrupt() -> Iterator[Interrupt]:
    """Make an interrupt that nobody has set."""
    made = Interrupt()
    yield made
    made.close()
