"""What can go wrong, named by what to do about it; every message speaks to the user."""

from __future__ import annotations


class LyticsError(Exception):
    """Root of the tap's own errors. Print the message alone and exit with status 1."""


class SettingsError(LyticsError):
    """The settings cannot work. Name the setting and what it takes; never its value."""


class AuthError(LyticsError):
    """Lytics does not know the token, or its role does not reach. Do not retry."""


class AudienceError(LyticsError):
    """The audience is gone, renamed, invalid or unknown. Export nothing of it."""


class LyticsUnavailableError(LyticsError):
    """Every try failed. Stop; the state stays at the last good page."""


class ProtocolError(LyticsError):
    """Lytics answered what its documents do not allow. Stop, do not guess."""


class StaleCursorError(LyticsError):
    """Lytics no longer knows the scan's cursor. Scan from the first page, once."""


class StateError(LyticsError):
    """The state given is not one of this tap. Stop, before anything is lost."""


class LedgerError(LyticsError):
    """The ledger is not this job's alone, or cannot be used. Stop, sending nothing."""


class OutputError(LyticsError):
    """The tap's output goes nowhere any more. Stop."""


class InterruptedByUserError(LyticsError):
    """A signal came. Begin nothing new, keep what was written, end."""


class RetriableError(Exception):
    """This try failed; the next may not. Never leaves the transport."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        finally_: type[LyticsError] = LyticsUnavailableError,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.finally_ = finally_
