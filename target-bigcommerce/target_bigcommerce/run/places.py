"""Whether the files that a run will write can be written, tried before it begins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from target_bigcommerce.errors import SettingsError

if TYPE_CHECKING:
    from target_bigcommerce.settings import Settings

REPLACED = {"summary_path"}  # The others are appended to.


def see_writable(settings: Settings) -> None:
    """See that every file of a run has its place; none is made or changed by it.

    Raises:
        SettingsError: naming each setting whose file could not be written.
    """
    names = ["summary_path"]
    if not settings.dry_run:
        names += ["rejects_path", "changes_path"]
    found = [
        _trouble(name, path) for name in names if (path := getattr(settings, name))
    ]
    if lines := [line for line in found if line]:
        raise SettingsError(*lines)


def _trouble(setting: str, path: str) -> str:
    try:
        _try(Path(path), is_replaced=setting in REPLACED)
    except OSError as error:
        why = str(error.strerror)
    except ValueError:
        why = "no file has such a name"
    else:
        return ""
    return (
        f"{setting} cannot be written: {why}. Nothing was read; name a file in a folder"
        " that is there and that this user may write to."
    )


def _try(place: Path, *, is_replaced: bool) -> None:
    # A pipe or a device is believed: a try would be the end to whoever reads it.
    is_plain = place.is_file()
    if not place.exists() or (is_plain and is_replaced and not place.is_symlink()):
        _try_folder(place.resolve())
    elif is_plain or place.is_dir():
        os.close(os.open(place, os.O_RDWR | os.O_APPEND))


def _try_folder(place: Path) -> None:
    # Beside it, as a file of that name could be another run's by now.
    draft = f"{place}.{os.getpid()}.part"
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    Path(draft).unlink()
