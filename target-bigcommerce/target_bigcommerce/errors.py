"""What can go wrong, named by what to do about it; every message speaks to the user."""

from __future__ import annotations

from dataclasses import dataclass

from singer_kit.errors import ConfigError as SettingsError  # noqa: F401 - interim
from singer_kit.errors import PluginError, RetriableError


class InputError(PluginError):
    """The input is no Singer stream that this target can use. Stop; state stays."""


class AttributeConflictError(PluginError):
    """An attribute cannot be had as the mapping wants it. Stop before any write."""


class TooManyRejectsError(PluginError):
    """More records were rejected than the user allowed. Stop after the drain."""


class TooManyClearsError(PluginError):
    """More values would be cleared than the user allowed. Clear no more, stop."""


class LimitReachedError(PluginError):
    """As many customers were changed as the user asked for. Stop reading, in peace."""


class ThrottledError(RetriableError):
    """The store returned 429: the throttle waits before the next attempt."""


class OutcomeUnknownError(PluginError):
    """A POST may or may not have been applied. Look its rows up before repeating it.

    Args:
        message: what failed, for the log.
        retry_after: seconds that the server asked to wait, if it did.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDetails:
    """Why BigCommerce rejected something, in its own words.

    They may quote personal data, so they are written to the rejects and nowhere else.
    """

    status: int
    title: str = ""
    errors: dict[str, str] | None = None


class RequestRejectedError(PluginError):
    """The store rejected a request. Bisect it, and reject the offending rows."""

    def __init__(self, message: str, details: ErrorDetails) -> None:
        super().__init__(message)
        self.details = details
