"""The command line: an expected error is one line and status 1."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from singer_kit.errors import PluginError

from .errors import OutputError
from .interrupt import Interrupt
from .log_lines import keep_lines_plain
from .messages.leaving import leave
from .whole_output import write_whole

if TYPE_CHECKING:
    import logging

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
            _need_output()
            return super().main(*args, **kwargs)
        except PluginError as error:
            for line in error.args:
                self.logger.error("%s", line)  # noqa: TRY400 - one line
            leave(None, Interrupt())  # No run, so no handler of signals either.
            sys.exit(1)


def _need_output() -> None:
    if sys.stdout is None:
        raise OutputError(
            "The target has no standard output, as it was closed (>&-): STATE is"
            " printed there. Send it into a file."
        )
