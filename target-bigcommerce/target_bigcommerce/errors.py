"""What can go wrong, named by what to do about it; every message speaks to the user."""

from __future__ import annotations

from dataclasses import dataclass

from singer_kit.errors import AuthError as AuthError
from singer_kit.errors import ConfigError as SettingsError
from singer_kit.errors import OutputError as OutputError
from singer_kit.errors import PluginError as BigCommerceError
from singer_kit.errors import RetriableError
from singer_kit.errors import RetriesExhaustedError as UnavailableError
from singer_kit.errors import ShutdownRequestedError as InterruptedByUserError
from singer_kit.errors import UnexpectedResponseError as ProtocolError


class InputError(BigCommerceError):
    """The input is no Singer stream that this target can use. Stop; state stays."""


class AttributeConflictError(BigCommerceError):
    """An attribute cannot be had as the mapping wants it. Stop before any write."""


class TooManyRejectsError(BigCommerceError):
    """More records were rejected than the user allowed. Stop after the drain."""


class TooManyClearsError(BigCommerceError):
    """More values would be cleared than the user allowed. Clear no more, stop."""


class LimitReachedError(BigCommerceError):
    """As many customers were changed as the user asked for. Stop reading, in peace."""


class PassingError(RetriableError):
    """This try failed, another may not. Wait as long as it takes, send again."""

    def __init__(self, message: str, *, throttled: bool = False) -> None:
        super().__init__(message)
        self.throttled = throttled


class UnansweredError(BigCommerceError):
    """A POST may or may not have been applied. Look up before it is repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why BigCommerce did not take something.

    `title` and `errors` are its own words: they may quote a person's data, so they
    go into the rejects and nowhere else.
    """

    status: int
    title: str = ""
    errors: dict[str, str] | None = None


class RefusedError(BigCommerceError):
    """The store refused a whole call. Narrow down to the guilty rows, reject those."""

    def __init__(self, message: str, refusal: Refusal) -> None:
        super().__init__(message)
        self.refusal = refusal
