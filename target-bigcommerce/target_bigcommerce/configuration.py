"""The configuration as it is given: in files and in the environment."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .complaints import TYPES
from .errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PREFIX = "TARGET_BIGCOMMERCE_"
TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off"})


def from_files(paths: Iterable[str]) -> dict[str, Any]:
    """Read files of settings; those of a later one win.

    Raises:
        SettingsError: naming the file that cannot be read, quoting nothing of it.
    """
    config: dict[str, Any] = {}
    for path in paths:
        config |= _from_file(path)
    return config


def from_environment(
    environment: Mapping[str, str], schema: Mapping[str, Any]
) -> dict[str, Any]:
    """Read the settings that variables hold; an empty one is as good as none.

    Raises:
        SettingsError: naming each variable that holds something else than it should.
    """
    config: dict[str, Any] = {}
    wrong: list[str] = []
    for name, declared in schema["properties"].items():
        variable = PREFIX + name.upper()
        text = environment.get(variable, "")
        if not text.strip():
            continue
        kind = _kind(declared)
        try:
            config[name] = _READERS[kind](text)
        except (ValueError, RecursionError):
            form = " as JSON" if _READERS[kind] is _json else ""
            wrong.append(f"{variable} must be {TYPES[kind]}{form}.")
    if wrong:
        raise SettingsError(*wrong)
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


def _kind(declared: Mapping[str, Any]) -> str:
    kinds = declared.get("type", "object")
    return kinds if isinstance(kinds, str) else next(k for k in kinds if k != "null")


def _integer(text: str) -> int:
    # int() by itself would read "1_000" and other scripts' digits too.
    digits = text.strip()
    if not digits.isascii() or not digits.removeprefix("-").isdigit():
        raise ValueError
    return int(digits)


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in TRUE | FALSE:
        raise ValueError
    return word in TRUE


_READERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": _integer,
    "boolean": _boolean,
    "array": _json,
    "object": _json,
}
