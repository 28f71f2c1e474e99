"""Files of personal data: readable by their owner alone, whole lines only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from target_bigcommerce.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable

CHUNK = 65_536

_encoder = msgspec.json.Encoder(decimal_format="number")


class LineFile:
    """A file to which lines of JSON are appended.

    Args:
        path: where it is; it is made at the first line.
        setting: the setting that names it, for errors.
    """

    def __init__(self, path: str, *, setting: str) -> None:
        self.path = path
        self._setting = setting
        self._descriptor: int | None = None
        self._is_dirty = False

    def append(self, rows: Iterable[Any]) -> None:
        """Append rows, each as a line.

        Raises:
            OutputError: when the file cannot be written.
        """
        lines = b"".join(_encoder.encode(row) + b"\n" for row in rows)
        try:
            descriptor = self._open()
            while lines:
                lines = lines[os.write(descriptor, lines) :]
        except OSError as error:
            raise self._cannot(error) from None
        self._is_dirty = True

    def sync(self) -> None:
        """Make sure that what was appended outlives a power cut."""
        if self._descriptor is not None and self._is_dirty:
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                raise self._cannot(error) from None
            self._is_dirty = False

    def _open(self) -> int:
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
            self._descriptor = os.open(self.path, flags, 0o600)
            _drop_cut_line(self._descriptor)
        return self._descriptor

    def _cannot(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self._setting} cannot be written: {error.strerror}. State stays behind"
            " what could not be kept."
        )


def _drop_cut_line(descriptor: int) -> None:
    # A line cut off by a crash was never covered by a state, so its record comes again.
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
    except OSError:  # A pipe or a device: nothing is left over in it.
        return
    at = end
    while at:
        start = max(0, at - CHUNK)
        found = os.pread(descriptor, at - start, start).rfind(b"\n")
        if found >= 0:
            at = start + found + 1
            break
        at = start
    if at < end:
        os.ftruncate(descriptor, at)
