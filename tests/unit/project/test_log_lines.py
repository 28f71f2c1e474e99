"""What both plugins log stays one line, and shows what it hides."""

from __future__ import annotations

import logging

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import singer_kit.logs
import tap_lytics.log_lines

RECORDS = [
    pytest.param(tap_lytics.log_lines.PlainRecord, id="tap"),
    pytest.param(singer_kit.logs.EscapedLogRecord, id="target"),
]


@pytest.mark.parametrize("kind", RECORDS)
@given(text=st.text())
@example(text="a\nb\x1b[2J\u202e\u2028\ud800")
def test_whatever_is_named_a_message_is_one_line_to_be_seen(
    kind: type[logging.LogRecord], text: str
) -> None:
    record = kind("x", logging.INFO, "file", 1, "The stream %s.", (text,), None)

    message = record.getMessage()

    assert message.isprintable()
    assert message.splitlines() == [message]


@pytest.mark.parametrize("kind", RECORDS)
def test_a_text_that_can_be_seen_is_not_touched(kind: type[logging.LogRecord]) -> None:
    record = kind("x", logging.INFO, "file", 1, "Zoë's “50 %%” 🎉 %s", ("שלום",), None)

    assert record.getMessage() == "Zoë's “50 %” 🎉 שלום"


@pytest.mark.parametrize("kind", RECORDS)
def test_no_name_makes_a_line_endless(kind: type[logging.LogRecord]) -> None:
    record = kind("x", logging.INFO, "file", 1, "The stream %s.", ("s" * 10**6,), None)

    message = record.getMessage()

    assert len(message) < 10_000
    assert message.endswith("…")
