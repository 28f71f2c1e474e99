"""What both plugins override in the Singer SDK's plugin base.

Includes every private name of the SDK that both rely on:

- `_env_var_config`, `_validate_config`: no public hook; the SDK's versions quote values
  in their messages and read `maybe` as false.
- `_handle_termination`: no public hook; the SDK's version drains inside the handler.
- `parse_environment_config`: the only function that loads a `.env` file.
- `classproperty`, `_ConfigInput`: the types of overridden members.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Self

from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.plugin_base import PluginBase, SingerCommand
from typing_extensions import override

from .config import config_errors, read_config_files, read_environment, unknown_settings
from .errors import ConfigError, PluginError
from .logs import buffer_stdout, escape_log_records, require_stdout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import FrameType

    import click
    from singer_sdk.plugin_base import _ConfigInput

    from .shutdown import ShutdownSignal


class SingerPlugin(PluginBase):
    """Strict settings, one-line errors and graceful shutdown for a tap or target.

    A plugin lists this class before the SDK's class among its bases, and sets
    `shutdown` before it calls the SDK's constructor.
    """

    stdout_hint: ClassVar[str]  # Completes the error about a closed standard output.
    shutdown: ShutdownSignal  # Set by the signal handlers that the SDK installs.

    @classmethod
    def env_prefix(cls) -> str:
        """The prefix of the variables that hold settings, such as `TAP_LYTICS_`."""
        return cls.name.upper().replace("-", "_") + "_"

    # Hooks for a plugin.

    @classmethod
    def settings_errors(cls, config: Mapping[str, Any]) -> Iterable[str]:
        """List errors that the schema cannot express. The schema is satisfied."""
        del config
        return ()

    @classmethod
    def settings_warnings(cls, config: Mapping[str, Any]) -> Iterable[str]:
        """List likely mistakes in a valid configuration."""
        del config
        return ()

    @classmethod
    def validate_schema(
        cls, config: dict[str, Any], schema: Mapping[str, Any]
    ) -> list[str]:
        """List where a configuration does not satisfy the schema; fill in defaults."""
        return config_errors(config, schema, env_prefix=cls.env_prefix())

    @classmethod
    def after_error(cls, error: PluginError) -> None:
        """Clean up after an expected error was logged, before the process exits."""

    # Settings.

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        # The SDK's errors name no file, and its reader accepts a list of settings.
        given = super().cb_config(ctx, param, ("ENV",) if "ENV" in value else ())
        given.config = read_config_files(path for path in value if path != "ENV")
        return given

    @classmethod
    def settings_schema(cls) -> dict[str, Any]:
        """The JSON Schema of the plugin's settings and the SDK's own."""
        schema = deepcopy(cls.config_jsonschema)  # The SDK modifies its argument.
        cls.append_builtin_config(schema)
        return schema

    @classproperty
    @override
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805 - a class property
        parse_environment_config({}, cls.env_prefix())  # Only to load a .env file.
        return read_environment(os.environ, cls.settings_schema(), cls.env_prefix())

    @classmethod
    def validate(cls, config: dict[str, Any]) -> list[str]:
        """List all errors of a configuration; fill in its defaults."""
        errors = cls.validate_schema(config, cls.settings_schema())
        return errors or list(cls.settings_errors(config))

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        for line in unknown_settings(self._config, self.settings_schema()):
            self.logger.warning("%s", line)
        errors = self.validate(self._config)
        if errors and raise_errors:
            raise ConfigError(*errors)
        for line in () if errors else self.settings_warnings(self._config):
            self.logger.warning("%s", line)
        return errors

    # Signals and the command line.

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        self.shutdown.set(signum)

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        return PluginCommand.wrap(super().get_singer_command(), cls)


class PluginCommand(SingerCommand):
    """Logs each line of an expected error and exits with status 1."""

    plugin: type[SingerPlugin]

    @classmethod
    def wrap(cls, command: click.Command, plugin: type[SingerPlugin]) -> Self:
        """Replace the SDK's command, keeping its options."""
        wrapped = cls(
            name=command.name,
            callback=command.callback,
            params=command.params,
            help=command.help,
            context_settings=command.context_settings,
            logger=plugin.logger,
        )
        wrapped.plugin = plugin
        return wrapped

    @override
    def main(self, *args: Any, **kwargs: Any) -> Any:
        escape_log_records()
        buffer_stdout()
        try:
            require_stdout(self.plugin.stdout_hint)
            return super().main(*args, **kwargs)
        except PluginError as error:
            for line in error.args:
                self.logger.error("%s", line)  # noqa: TRY400 - no traceback
            self.plugin.after_error(error)
        sys.exit(1)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        # Same as the SDK, except that its error handling would log an empty line.
        logging.captureWarnings(capture=True)
        warnings.filterwarnings("once", category=DeprecationWarning)
        sys.excepthook = self.excepthook
        return super(SingerCommand, self).invoke(ctx)
