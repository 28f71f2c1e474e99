"""A log message is one printable line, whatever it names."""

from __future__ import annotations

import io
import logging
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from singer_kit.errors import OutputError
from singer_kit.logs import (
    EscapedLogRecord,
    counted,
    drop_sdk_lines,
    prepare_stdout,
    read_log_level,
    require_stdout,
    were,
)


def record(text: str, *args: object) -> EscapedLogRecord:
    return EscapedLogRecord("x", logging.INFO, "file", 1, text, args, None)


@pytest.mark.guarantee("log-injection")
@given(text=st.text())
@example(text="a\nb\x1b[2J\u202e\u2028\ud800")
def test_message_is_one_printable_line(text: str) -> None:
    message = record("The stream %s.", text).getMessage()

    assert message.isprintable()
    assert message.splitlines() == [message]


def test_printable_text_is_unchanged() -> None:
    message = record("Zoë's “50 %%” 🎉 %s", "שלום").getMessage()

    assert message == "Zoë's “50 %” 🎉 שלום"


def test_message_length_is_capped() -> None:
    message = record("The stream %s.", "s" * 10**6).getMessage()

    assert len(message) < 10_000
    assert message.endswith("…")


def test_closed_stdout_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)

    with pytest.raises(OutputError, match=r"is closed .* Send it to a file"):
        require_stdout("Send it to a file.")


def test_unbuffered_stdout_gets_a_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    class Raw(io.RawIOBase):
        def writable(self) -> bool:
            return True

    unbuffered = io.TextIOWrapper(Raw(), write_through=True)  # type: ignore[arg-type]  # as with python -u
    monkeypatch.setattr(sys, "stdout", unbuffered)

    prepare_stdout()

    assert isinstance(sys.stdout.buffer, io.BufferedWriter)


def test_buffered_stdout_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    buffered = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", buffered)

    prepare_stdout()

    assert sys.stdout is buffered


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_stdout_prints_utf_8(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding=encoding))

    prepare_stdout()
    print("Köln", flush=True)  # noqa: T201 - the test's subject

    assert content.getvalue() == "Köln\n".encode()


@pytest.mark.parametrize(
    ("variables", "level", "invalid"),
    [
        ({}, "INFO", None),
        ({"LOGLEVEL": "debug"}, "DEBUG", None),
        ({"LOGLEVEL": " Warning "}, "WARNING", None),
        ({"LOGLEVEL": "warn"}, "WARNING", None),
        ({"LOGLEVEL": "fatal"}, "CRITICAL", None),
        ({"LOGLEVEL": "10"}, "DEBUG", None),
        ({"LOGLEVEL": "0"}, "DEBUG", None),
        ({"LOGLEVEL": "25"}, "WARNING", None),
        ({"LOGLEVEL": "1000"}, "CRITICAL", None),
        ({"LOGLEVEL": "TRACE"}, "INFO", "LOGLEVEL"),
        ({"LOGLEVEL": "-5"}, "INFO", "LOGLEVEL"),
        ({"LOGLEVEL": "%(levelname)s"}, "INFO", "LOGLEVEL"),
        ({"LOGLEVEL": "TRACE", "TAP_X_LOGLEVEL": "ERROR"}, "ERROR", None),
        ({"LOGLEVEL": "ERROR", "TAP_X_LOGLEVEL": "loud"}, "INFO", "TAP_X_LOGLEVEL"),
        ({"LOGLEVEL": "ERROR", "TAP_X_LOGLEVEL": ""}, "ERROR", None),
    ],
)
def test_log_level_is_known_or_info(
    variables: dict[str, str], level: str, invalid: str | None
) -> None:
    assert read_log_level(variables, "TAP_X_") == (level, invalid)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0 records were"),
        (1, "1 record was"),
        (2, "2 records were"),
        (1002, "1,002 records were"),
    ],
)
def test_noun_and_verb_follow_the_number(number: int, expected: str) -> None:
    assert were(number, "record") == expected
    assert expected.startswith(counted(number, "record"))


def test_irregular_plural_is_given() -> None:
    assert [counted(n, "entry", "entries") for n in (1, 3)] == ["1 entry", "3 entries"]


def test_useless_lines_of_the_sdk_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test-plugin")
    drop_sdk_lines(logger)
    caplog.set_level(logging.INFO)

    logger.info("Skipping parse of env var settings...")
    logger.info("Reading settings.")
    mapper = logging.getLogger("singer_sdk.mapper")
    mapper.info("Found '%s' filter rule: %s", "vip", "email != 'ann@example.com'")
    mapper.info("Set null transform as default for '%s'", "vip")

    assert caplog.messages == [
        "Reading settings.",
        "Set null transform as default for 'vip'",
    ]
