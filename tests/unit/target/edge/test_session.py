"""A connection tells nobody what it asks for."""

from __future__ import annotations

import logging

import pytest

from target_bigcommerce.api.session import open_session


@pytest.mark.parametrize("name", ["connection", "connectionpool", "response"])
def test_the_connections_own_warnings_do_not_reach_the_log(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    open_session("token", "agent")
    logger = logging.getLogger(f"urllib3.{name}")

    logger.warning("Failed to parse headers (url=…?email:in=o.brien@example.com)")

    assert not caplog.records
