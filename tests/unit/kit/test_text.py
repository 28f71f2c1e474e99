"""Files are read as UTF-8, and any other encoding is named."""

from __future__ import annotations

import bz2
import gzip

import pytest

from singer_kit.errors import ConfigError
from singer_kit.text import decode_text, decode_variable, encoding_problem

TEXT = '{"company": "Käse 🧀"}\r\n'


@pytest.mark.parametrize(
    "content",
    [TEXT.encode(), TEXT.encode("utf-8-sig"), b"", b"{", "\ufeff".encode()],
)
def test_utf_8_is_read_with_and_without_mark(content: bytes) -> None:
    assert decode_text(content, "x") == content.decode().lstrip("\ufeff")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (TEXT.encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (TEXT.encode("utf-16-le"), "is UTF-16; save it as UTF-8"),
        (TEXT.encode("utf-16-be"), "is UTF-16; save it as UTF-8"),
        (TEXT.encode("utf-32"), "is UTF-32; save it as UTF-8"),
        (TEXT.encode("utf-32-le"), "is UTF-32; save it as UTF-8"),
        (TEXT.encode("utf-32-be"), "is UTF-32; save it as UTF-8"),
        ('{"a": "ä"}'.encode("cp1252"), "is not UTF-8; save it as UTF-8"),
        ("{\n\n'ä'\n}".encode("latin-1"), "is not UTF-8 (line 3); save it as UTF-8"),
        ('{"a": "日本"}'.encode("shift-jis"), "is not UTF-8; save it as UTF-8"),
        (gzip.compress(b"{}", mtime=0), "is compressed with gzip; decompress it first"),
        (bz2.compress(b"{}"), "is compressed with bzip2; decompress it first"),
    ],
)
def test_other_encoding_is_named(content: bytes, problem: str) -> None:
    assert encoding_problem(content) == problem

    with pytest.raises(ConfigError) as caught:
        decode_text(content, "Configuration file x")

    assert caught.value.args == (f"Configuration file x {problem}.",)


@pytest.mark.parametrize("text", ["Köln", "", "\udcff"])
def test_variable_is_read_as_utf_8(text: str) -> None:
    assert decode_variable(text) == text
