"""Text from files and pipes: UTF-8 in every locale, with or without a byte order mark.

Windows editors add a mark or save as UTF-16; both are recognised by the first bytes.
"""

from __future__ import annotations

import codecs
from contextlib import suppress
from os import fsencode

from .errors import ConfigError

BOM = codecs.BOM_UTF8
# What content that is not UTF-8 begins with. UTF-32 first: its mark begins like UTF-16.
SIGNATURES = (
    (codecs.BOM_UTF32_LE, "is UTF-32; save it as UTF-8"),
    (codecs.BOM_UTF32_BE, "is UTF-32; save it as UTF-8"),
    (codecs.BOM_UTF16_LE, "is UTF-16; save it as UTF-8"),
    (codecs.BOM_UTF16_BE, "is UTF-16; save it as UTF-8"),
    (b"\x1f\x8b", "is compressed with gzip; decompress it first"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd; decompress it first"),
    (b"BZh", "is compressed with bzip2; decompress it first"),
    (b"PK\x03\x04", "is a zip archive; unpack it first"),
)


def encoding_problem(content: bytes) -> str | None:
    """Say why content cannot be read as UTF-8, as in `is UTF-16; save it as UTF-8`.

    Returns:
        None if it is UTF-8.
    """
    for start, problem in SIGNATURES:
        if content.startswith(start):
            return problem
    if b"\0" in content[:4]:  # JSON begins with two ASCII characters.
        name = "UTF-32" if content[:4].count(0) > 2 else "UTF-16"  # noqa: PLR2004 - of four bytes
        return f"is {name}; save it as UTF-8"
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        where = f" (line {line})" if b"\n" in content.rstrip() else ""
        return f"is not UTF-8{where}; save it as UTF-8"
    return None


def decode_text(content: bytes, name: str) -> str:
    """Decode a whole file, without its byte order mark.

    Args:
        content: the file's bytes.
        name: names the file at the start of an error message.

    Raises:
        ConfigError: when it is not UTF-8.
    """
    if problem := encoding_problem(content):
        raise ConfigError(f"{name} {problem}.")
    return content.removeprefix(BOM).decode()


def decode_variable(text: str) -> str:
    """Return an environment variable's text as UTF-8, whatever the locale is."""
    with suppress(UnicodeError):
        return fsencode(text).decode()
    return text
