"""The target reads its settings from the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_bigcommerce.settings import ENV_PREFIX
from target_bigcommerce.target import TargetBigCommerce

if TYPE_CHECKING:
    import pytest

VARIABLES = {
    "STORE_HASH": "abc123",
    "ACCESS_TOKEN": "t0ken",
    "ID_FIELD": "id",
    "DRY_RUN": "yes",
    "FLATTENING_MAX_DEPTH": "2",
    "STREAM_MAPS": '{"a": {}}',
}


def test_target_reads_its_variables_and_those_of_the_sdk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, text in VARIABLES.items():
        monkeypatch.setenv(ENV_PREFIX + name, text)

    target = TargetBigCommerce(parse_env_config=True)

    assert target.settings.dry_run
    assert target.config["flattening_max_depth"] == 2
    assert target.config["stream_maps"] == {"a": {}}
    target.shutdown.close()


def test_variables_begin_with_the_plugins_prefix() -> None:
    assert TargetBigCommerce.env_prefix() == ENV_PREFIX
