"""The command line: an expected error is one line and status 1."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from singer_sdk.plugin_base import SingerCommand
from typing_extensions import Self, override

from .errors import BigCommerceError, SettingsError
from .interrupt import Interrupt
from .log_lines import keep_lines_plain
from .messages.leaving import leave
from .whole_output import write_whole

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    import click


class OneLineCommand(SingerCommand):
    """Tells expected errors in a line each."""

    @classmethod
    def of(cls, command: click.Command, logger: logging.Logger) -> Self:
        """Make one of the SDK's command."""
        return cls(
            name=command.name,
            callback=command.callback,
            params=command.params,
            help=command.help,
            context_settings=command.context_settings,
            logger=logger,
        )

    @override
    def main(self, *args: Any, **kwargs: Any) -> Any:
        keep_lines_plain()
        write_whole()
        try:
            return super().main(*args, **kwargs)
        except BigCommerceError as error:
            for line in error.args:
                self.logger.error("%s", line)  # noqa: TRY400 - one line
            leave(None, Interrupt())  # No run, so no handler of signals either.
            sys.exit(1)


@contextmanager
def read_configuration() -> Iterator[None]:
    """Speak for a configuration file that cannot be read, quoting nothing of it."""
    try:
        yield
    except OSError as error:
        raise SettingsError(
            f"The configuration file {error.filename} cannot be read: {error.strerror}."
        ) from None
    except (TypeError, ValueError):
        raise SettingsError(
            "The configuration file is not a JSON object of settings."
        ) from None
