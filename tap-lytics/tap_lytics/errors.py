"""The tap's own errors, beside those of `singer_kit.errors`, by what the caller does.

PluginError                       print its lines, exit with status 1
├── AudienceError                 stop: the audience is gone, renamed or invalid
├── StateError                    stop: the state was not written by this tap
├── LedgerError                   stop: the ledger is in use or unusable
├── StaleCursorError              restart the scan at its first page
└── RetriableError                retry
    └── MalformedResponseError    retry; after the last attempt it is
                                  UnexpectedResponseError
"""

from __future__ import annotations

from singer_kit.errors import PluginError, RetriableError


class AudienceError(PluginError):
    """The audience is gone, renamed, invalid or unknown. Nothing of it is sent."""


class StateError(PluginError):
    """The given state was not written by this tap. Nothing is read."""


class LedgerError(PluginError):
    """The ledger is in use, or cannot be used. Nothing is sent."""


class StaleCursorError(PluginError):
    """Lytics does not accept the cursor or the splits of a scan."""


class MalformedResponseError(RetriableError):
    """The body of a response is not what Lytics documents, or was cut short."""
