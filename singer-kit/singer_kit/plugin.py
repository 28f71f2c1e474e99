"""The seam between a plugin and the Singer SDK.

Everything that both plugins override in the SDK's plugin base stands here, and with it
each private name of the SDK that both rely on:

- `_env_var_config`, `_validate_config`: no public hook; the SDK's own versions quote
  values in their messages and read `maybe` as false.
- `_handle_termination`: no public hook; the SDK's own drains inside the handler.
- `parse_environment_config`: the only function that loads a `.env` file.
- `classproperty`, `_ConfigInput`: the types of what is overridden.
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

    A plugin names this before the SDK's class, and sets `shutdown` before it calls the
    SDK's constructor.
    """

    stdout_hint: ClassVar[str]  # Completes the error about a closed standard output.
    shutdown: ShutdownSignal  # Set by the signal handlers that the SDK installs.

    @classmethod
    def env_prefix(cls) -> str:
        """The prefix of the variables that hold settings, such as `TAP_LYTICS_`."""
        return cls.name.upper().replace("-", "_") + "_"

    # What a plugin adds.

    @classmethod
    def settings_errors(cls, config: Mapping[str, Any]) -> Iterable[str]:
        """List what a configuration that satisfies the schema still has wrong."""
        del config
        return ()

    @classmethod
    def settings_warnings(cls, config: Mapping[str, Any]) -> Iterable[str]:
        """List what a valid configuration can hardly be meant to say."""
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
        """Leave the process in order after an expected error was logged."""

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
        """The declared settings together with the SDK's own."""
        schema = deepcopy(cls.config_jsonschema)  # The SDK adds to what it is given.
        cls.append_builtin_config(schema)
        return schema

    @classproperty
    @override
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805 - a class property
        parse_environment_config({}, cls.env_prefix())  # Only to load a .env file.
        return read_environment(os.environ, cls.settings_schema(), cls.env_prefix())

    @classmethod
    def validate(cls, config: dict[str, Any]) -> list[str]:
        """List all that is wrong with a configuration; fill in its defaults."""
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
        """Take the place of the SDK's command."""
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
        # As in the SDK, whose own error handling would add a line without content.
        logging.captureWarnings(capture=True)
        warnings.filterwarnings("once", category=DeprecationWarning)
        sys.excepthook = self.excepthook
        return super(SingerCommand, self).invoke(ctx)
