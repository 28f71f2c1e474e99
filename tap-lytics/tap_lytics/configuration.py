"""The configuration as it is given: in files and in the environment."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable


def from_files(paths: Iterable[str]) -> dict[str, Any]:
    """Read files of settings; those of a later one win.

    Raises:
        SettingsError: naming the file that cannot be read, quoting nothing of it.
    """
    config: dict[str, Any] = {}
    for path in paths:
        config |= _from_file(path)
    return config


def _from_file(path: str) -> dict[str, Any]:
    try:
        # Some editors put a mark before the text.
        found = _json(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(
            f"The configuration file {path} cannot be read: {error.strerror}."
        ) from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SettingsError(
            f"The configuration file {path} is not a JSON object of settings."
        )
    return found


def _json(text: str) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(text, parse_float=Decimal)
