"""Configurations of the target that unit tests begin with."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from target_bigcommerce.complaints import complaints
from target_bigcommerce.declared import DECLARED
from target_bigcommerce.settings import Settings

Config = dict[str, Any]
NEEDED = {"store_hash": "abc123", "access_token": "t0ken", "id_field": "id"}
PROPERTIES = DECLARED["properties"]


def config(**more: object) -> Config:
    """Give what is needed, and more."""
    return {**NEEDED, **more}


def settings(**more: object) -> Settings:
    """Read settings that nothing is wrong with."""
    given_config = config(**deepcopy(more))
    assert not complaints(given_config, DECLARED)
    return Settings.from_config(given_config)
