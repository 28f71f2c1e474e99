"""The SDK's target, with this one's settings told of in its own words."""

from __future__ import annotations

import os
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Target
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.helpers._classproperty import classproperty
from typing_extensions import override

from .complaints import complaints, unknown
from .configuration import PREFIX, from_environment, from_files
from .declared import DECLARED
from .errors import SettingsError

if TYPE_CHECKING:
    import click
    from singer_sdk.plugin_base import _ConfigInput


class ConfiguredTarget(Target):
    """Reads its settings; what is wrong with them is said without quoting them."""

    # A copy, as the SDK adds to it.
    config_jsonschema: ClassVar[dict[str, Any]] = deepcopy(DECLARED)

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        # Past the SDK's target, which adds load_method and add_record_metadata.
        super(Target, cls).append_builtin_config(config_jsonschema)

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        # The SDK's own errors name no file, and its reader takes a list for settings.
        given = super().cb_config(ctx, param, ("ENV",) if "ENV" in value else ())
        given.config = from_files(path for path in value if path != "ENV")
        return given

    @classproperty
    @override
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805 - of the class
        schema = cls.config_jsonschema
        cls.append_builtin_config(schema)
        parse_environment_config({}, PREFIX)  # Only has it read a .env file.
        return from_environment(os.environ, schema)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        # The SDK's own messages quote values, and so tokens.
        schema = self.config_jsonschema
        self.append_builtin_config(schema)
        for line in unknown(self._config, schema):
            self.logger.warning("%s", line)
        found = complaints(self._config, schema)
        if found and raise_errors:
            raise SettingsError(*found)
        return found
