"""How often which call goes wrong on a bad day."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Shares of the calls to both vendors; about one call in ten goes wrong.
STORM: Mapping[str, float] = MappingProxyType(
    {
        "429": 0.01,
        "429_bare": 0.01,
        "429_retry_after": 0.005,
        "500": 0.01,
        "503": 0.01,
        "502_after": 0.01,
        "504_after": 0.01,
        "cut": 0.01,
        "cut_after": 0.01,
        "truncated": 0.01,
        "slow": 0.01,
    }
)
# A second one in the same scan ends the run, and only Meltano begins another.
STORM_AND_LOST_CURSORS: Mapping[str, float] = MappingProxyType(
    {**STORM, "stale_cursor": 0.01}
)
