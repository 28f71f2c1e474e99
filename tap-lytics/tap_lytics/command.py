"""The command line: an expected error is one line and status 1."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from singer_sdk.plugin_base import SingerCommand
from typing_extensions import Self, override

from .errors import LyticsError, OutputError, SettingsError
from .log_lines import keep_lines_plain
from .whole_output import write_whole

if TYPE_CHECKING:
    import logging
    from typing import IO

    import click


class OneLineCommand(SingerCommand):
    """Tells expected errors in a line; anything else keeps its traceback."""

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
        except LyticsError as error:
            for line in error.args:
                self.logger.error("%s", line)  # noqa: TRY400 - one line
            if isinstance(error, OutputError) and sys.stdout is not None:
                # The interpreter would flush what nobody reads, and complain.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _need_output() -> None:
    if sys.stdout is None:
        raise OutputError(
            "The tap has no standard output, as it was closed (>&-): send it to a"
            " target, or into a file."
        )


def read_json(file: IO[str] | None, what: str) -> dict[str, Any] | None:
    """Read a file that holds a JSON object; None without a file."""
    if file is None:
        return None
    try:
        found = json.load(file)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SettingsError(f"The file of the {what} is not a JSON object.")
    return found
