"""The errors that both plugins share, grouped by what the caller does next.

PluginError                      print its lines, exit with status 1
├── ConfigError                  stop: the user changes a setting
├── OutputError                  stop: standard output or a file cannot be written
├── AuthError                    stop: the API rejects the token or its scope
├── UnexpectedResponseError      stop: the API broke its contract; nothing is guessed
├── RetriesExhaustedError        stop: the next run continues from the state
├── StreamMapError               stop the run (tap) or reject the record (target)
├── ShutdownRequestedError       stop: a signal arrived; start nothing new
└── RetriableError               retry, after `retry_after` seconds if it is set
    └── ConnectionFailedError    retry twice: the run has not reached the host yet
NoResponseError                  one HTTP attempt got no usable response; the caller
│                                decides whether it may be repeated
└── UnreachableError             no connection was made, so nothing was sent
"""

from __future__ import annotations

from singer_sdk.exceptions import (
    ConfigValidationError,
    FatalAPIError,
    MapExpressionError,
    RetriableAPIError,
)


class PluginError(Exception):
    """An expected error. Each of its arguments is one line for the user."""


class ConfigError(PluginError, ConfigValidationError):
    """Invalid settings. Lines name the setting and its requirement, never a value."""

    def __init__(self, *lines: str) -> None:
        Exception.__init__(self, *lines)
        self.errors = list(lines)
        self.schema = None


class OutputError(PluginError):
    """Standard output or a file named in the settings cannot be written."""


class AuthError(PluginError, FatalAPIError):
    """The API rejects the token, or the token lacks a required scope."""


class UnexpectedResponseError(PluginError, FatalAPIError):
    """The API returned a response that its documentation does not allow."""


class RetriesExhaustedError(PluginError, FatalAPIError):
    """Every attempt failed."""


class StreamMapError(PluginError, MapExpressionError):
    """An expression of stream_maps failed on a record.

    Args:
        stream: the mapped stream.
        kind: the class name of the error that the expression raised. The error's text
            is left out, because it may quote data.
        fix: what to do, as a sentence.
    """

    def __init__(self, stream: str, kind: str, *, fix: str) -> None:
        super().__init__(
            f"An expression in stream_maps failed on a record of stream {stream}"
            f" ({kind}). {fix}"
        )
        self.stream = stream
        self.kind = kind
        self.fix = fix


class ShutdownRequestedError(PluginError):
    """SIGTERM or SIGINT arrived."""


class RetriableError(PluginError, RetriableAPIError):
    """This attempt failed; another may succeed.

    Args:
        message: what failed, for the log.
        retry_after: seconds that the server asked to wait, if it did.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ConnectionFailedError(RetriableError):
    """No connection could be made to a host that this run has not reached yet.

    Args:
        call: method and path.
        error: why.
    """

    def __init__(self, call: object, error: UnreachableError) -> None:
        super().__init__(f"{call} failed: {error.reason}.")
        self.fix = error.fix


class NoResponseError(Exception):
    """One attempt got no usable response: timeout, reset, or a body cut short.

    Args:
        reason: the kind of failure, with host and port where they matter. Never the
            HTTP client's message, which quotes the URL.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnreachableError(NoResponseError):
    """No connection was made, so nothing was sent.

    Args:
        reason: host, port and what failed.
        fix: what the user can do about it, as a sentence.
    """

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.fix = fix
