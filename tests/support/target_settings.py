"""Target configurations that unit tests start from."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from target_bigcommerce.settings import (
    DECLARED,
    Settings,
    schema_errors,
    settings_errors,
)

Config = dict[str, Any]
REQUIRED = {"store_hash": "abc123", "access_token": "t0ken", "id_field": "id"}
PROPERTIES = DECLARED["properties"]


def config(**more: object) -> Config:
    """Return the required settings and these."""
    return {**REQUIRED, **more}


def validate(given_config: Config) -> list[str]:
    """List the errors of a configuration; fill in its defaults."""
    return schema_errors(given_config, DECLARED) or [*settings_errors(given_config)]


def settings(**more: object) -> Settings:
    """Validate and type a configuration."""
    given_config = config(**deepcopy(more))
    assert not validate(given_config)
    return Settings.from_config(given_config)
