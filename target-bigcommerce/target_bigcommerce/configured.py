"""The SDK's target with this target's settings."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Target
from typing_extensions import override

from singer_kit.plugin import SingerPlugin

from .settings import DECLARED, schema_errors, settings_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class ConfiguredTarget(SingerPlugin, Target):
    """Reads and validates its settings."""

    # A copy, as the SDK adds to it.
    config_jsonschema: ClassVar[dict[str, Any]] = deepcopy(DECLARED)

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        # Skips the SDK's Target, which adds load_method and add_record_metadata.
        super(Target, cls).append_builtin_config(config_jsonschema)

    @classmethod
    @override
    def validate_schema(
        cls, config: dict[str, Any], schema: Mapping[str, Any]
    ) -> list[str]:
        return schema_errors(config, schema)

    @classmethod
    @override
    def settings_errors(cls, config: Mapping[str, Any]) -> Iterable[str]:
        return settings_errors(config)
