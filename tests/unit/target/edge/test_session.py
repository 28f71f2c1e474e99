"""A connection tells nobody what it asks for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from target_bigcommerce.api.session import open_session

if TYPE_CHECKING:
    import pytest


def test_the_connections_own_warnings_do_not_reach_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    open_session("token", "agent")
    logger = logging.getLogger("urllib3.connectionpool")

    logger.warning("Failed to parse headers (url=…?email:in=o.brien@example.com)")

    assert not caplog.records
