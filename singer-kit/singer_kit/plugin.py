"""What both plugins override in the Singer SDK's plugin base.

Includes every private name of the SDK that both rely on:

- `_env_var_config`, `_validate_config`: no public hook; the SDK's versions quote values
  in their messages and read `maybe` as false.
- `_handle_termination`: no public hook; the SDK's version drains inside the handler.
- `classproperty`, `_ConfigInput`: the types of overridden members.
"""

from __future__ import annotations

import functools
import io
import logging
import os
import signal
import sys
import warnings
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import click
from dotenv import dotenv_values, find_dotenv
from singer_sdk.cli import plugin_cli
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.plugin_base import PluginBase, SingerCommand
from typing_extensions import override

from .config import config_errors, read_config_files, read_environment, unknown_settings
from .errors import ConfigError, PluginError, ShutdownRequestedError
from .logs import (
    escape_log_records,
    prepare_stdout,
    require_stdout,
    set_up_logging,
)
from .shutdown import ShutdownSignal
from .text import decode_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import FrameType

    from singer_sdk.plugin_base import _ConfigInput


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

    @classmethod
    def subcommands(cls) -> Sequence[Subcommand]:
        """List the plugin's subcommands. Without one, it is a plain Singer plugin."""
        return ()

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
        _load_dotenv()
        return read_environment(os.environ, cls.settings_schema(), cls.env_prefix())

    @classmethod
    def validate(cls, config: dict[str, Any]) -> list[str]:
        """List all errors of a configuration; fill in its defaults."""
        errors = cls.validate_schema(config, cls.settings_schema())
        return errors or list(cls.settings_errors(config))

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        errors = self._check(self._config)
        if errors and raise_errors:
            raise ConfigError(*errors)
        return errors

    @classmethod
    def load_config(cls, given: _ConfigInput) -> dict[str, Any]:
        """Return the settings from `--config`, checked, with defaults filled in.

        Raises:
            ConfigError: with a line for each error.
        """
        config = {**given.config, **(cls._env_var_config if given.parse_env else {})}
        if errors := cls._check(config):
            raise ConfigError(*errors)
        return config

    @classmethod
    def _check(cls, config: dict[str, Any]) -> list[str]:
        """List all errors of a configuration, log warnings, fill in its defaults."""
        for line in unknown_settings(config, cls.settings_schema()):
            cls.logger.warning("%s", line)
        errors = cls.validate(config)
        for line in () if errors else cls.settings_warnings(config):
            cls.logger.warning("%s", line)
        return errors

    # Signals and the command line.

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        self.shutdown.set(signum)

    @plugin_cli
    def cli(cls) -> click.Command:  # noqa: N805 - a class property
        """The command, after setting up the log."""
        set_up_logging(cls.env_prefix(), cls.logger)
        return cls.get_singer_command()

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        return PluginCommand.wrap(super().get_singer_command(), cls)


class PluginCommand(SingerCommand, click.Group):
    """Runs the plugin or one of its subcommands.

    Logs each line of an expected error and exits with status 1; a usage error exits
    with status 2.
    """

    plugin: type[SingerPlugin]

    @classmethod
    def wrap(cls, command: click.Command, plugin: type[SingerPlugin]) -> Self:
        """Replace the SDK's command, keeping its options."""
        subcommands = plugin.subcommands()
        wrapped = cls(
            name=command.name,
            callback=_unless_subcommand(command.callback),
            params=command.params,
            help=command.help,
            context_settings=command.context_settings,
            logger=plugin.logger,
            commands=subcommands,
            invoke_without_command=True,
            subcommand_metavar="[COMMAND [ARGS]...]" if subcommands else "",
        )
        wrapped.plugin = plugin
        return wrapped

    @override
    def main(self, *args: Any, **kwargs: Any) -> Any:
        escape_log_records()
        prepare_stdout()
        try:
            require_stdout(self.plugin.stdout_hint)
            return super().main(*args, **kwargs)
        except PluginError as error:
            _log_lines(self.logger, error)
            self.plugin.after_error(error)
        sys.exit(1)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        # Same as the SDK, except that its error handling would log an empty line.
        logging.captureWarnings(capture=True)
        warnings.filterwarnings("once", category=DeprecationWarning)
        sys.excepthook = self.excepthook
        return super(SingerCommand, self).invoke(ctx)


class RunSubcommand(Protocol):
    """What a subcommand does."""

    def __call__(
        self,
        config: dict[str, Any],
        shutdown: ShutdownSignal,
        **options: Any,  # noqa: ANN401 - the subcommand's own
    ) -> int:
        """Run with checked settings; return the exit status, 0 or 1."""


class Subcommand(click.Command):
    """A subcommand of a plugin, such as `check` in `tap-lytics --config ENV check`.

    `--config` may stand before its name, after it, or in both places; a later file
    overrides an earlier one. SIGTERM and SIGINT set the shutdown signal; the status is
    128+n if `run` lets ShutdownRequestedError pass.

    Args:
        name: its name.
        run: does the work.
        help: describes it in `--help`.
        params: its own options and arguments, passed to `run` by name.
    """

    def __init__(
        self,
        name: str,
        run: RunSubcommand,
        *,
        help: str,  # noqa: A002 - click's name
        params: Iterable[click.Parameter] = (),
    ) -> None:
        self._config = click.Option(
            ["--config"],
            multiple=True,
            help="Configuration file location or 'ENV' to use environment variables.",
        )
        super().__init__(name, params=[*params, self._config], help=help)
        self._run = run

    @override
    def invoke(self, ctx: click.Context) -> None:
        group = ctx.find_root().command
        assert isinstance(group, PluginCommand)  # noqa: S101 - only it has subcommands
        plugin = group.plugin
        options = dict(ctx.params)
        paths = options.pop("config")
        shutdown = ShutdownSignal()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: shutdown.set(number))
        try:
            given = ctx.find_root().params["config"]
            after = plugin.cb_config(ctx, self._config, paths)
            given.config |= after.config
            given.parse_env |= after.parse_env
            status = self._run(plugin.load_config(given), shutdown, **options)
        except PluginError as error:
            _log_lines(plugin.logger, error)
            stopped = isinstance(error, ShutdownRequestedError)
            status = 128 + (shutdown.signal or 0) if stopped else 1
        ctx.exit(status)


def _load_dotenv() -> None:
    """Set variables from `.env` in this folder or one above, unless they are set.

    The SDK reads the file in the locale's encoding, and looks for it above the folder
    where the SDK is installed.
    """
    path = find_dotenv(usecwd=True)
    if path:
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
        text = decode_text(content, path)
        for name, value in dotenv_values(stream=io.StringIO(text)).items():
            if value is not None:
                os.environ.setdefault(name, os.fsdecode(value.encode()))


def _unless_subcommand(callback: Callable[..., Any] | None) -> Callable[..., Any]:
    """Wrap the plugin's callback, which click also calls before a subcommand."""
    assert callback is not None  # noqa: S101 - the SDK's command has one

    @functools.wraps(callback)
    def run(**params: Any) -> Any:  # noqa: ANN401 - the SDK's options
        if click.get_current_context().invoked_subcommand is None:
            return callback(**params)
        return None

    return run


def _log_lines(logger: logging.Logger, error: PluginError) -> None:
    for line in error.args:
        logger.error("%s", line)
