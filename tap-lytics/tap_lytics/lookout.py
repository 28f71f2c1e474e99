"""The look at an audience before it is read: there, valid and still the same one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .discovery import unknown
from .errors import AudienceError
from .prefetch import ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .client import Client, Look
    from .interrupt import Interrupt

RUN_ANEW = "discover again, and move or drop the stream's state"


class Lookout:
    """Looks at one audience; the scan of one that is not well finds nobody.

    An empty answer is never taken for an empty audience, as it may be gone.

    Args:
        client: asks Lytics.
        interrupt: ends waits.
        slug: the audience's, as the stream is called.
        audience_id: its id by the catalog, if that tells.
        formers: streams of the state that this run does not have, by their audiences'
            ids. A stream that begins must not be one of those under a new name.
    """

    def __init__(
        self,
        client: Client,
        interrupt: Interrupt,
        *,
        slug: str,
        audience_id: str | None,
        formers: Mapping[str, str],
    ) -> None:
        self._client = client
        self._interrupt = interrupt
        self._slug = slug
        self._audience_id = audience_id
        self._formers = formers

    def look(self, known_id: str | None) -> Look:
        """Look at the audience; `known_id` is the id that the state has for it.

        Raises:
            AudienceError: when it is gone, renamed, invalid or another one.
        """
        expected = known_id or self._audience_id
        look = self._ask(self._slug) or self._by_id(expected)
        if expected and look.audience.id != expected:
            raise AudienceError(
                f"The audience {self._slug} is not the one that was exported so far:"
                f" its slug was given to another one. If that one is meant, {RUN_ANEW}."
            )
        former = self._formers.get(look.audience.id)
        if former and not known_id:
            raise AudienceError(
                f"The audience {former} was renamed to {self._slug}: in the state,"
                f" rename the part of stream {former} to {self._slug} to go on from"
                " there, or remove it to start anew."
            )
        if look.audience.is_invalid:
            raise AudienceError(
                f"Lytics calls the audience {self._slug} invalid, so nobody can be read"
                " from it: mend its definition in Lytics."
            )
        return look

    def _ask(self, name: str) -> Look | None:
        return ask(partial(self._client.look, name), self._interrupt)

    def _by_id(self, expected: str | None) -> Look:
        renamed = self._ask(expected) if expected else None
        if renamed is None:
            raise self._missing()
        if renamed.audience.slug != self._slug:
            raise AudienceError(
                f"The audience {self._slug} was renamed to {renamed.audience.slug}: set"
                f" audiences to the new name, {RUN_ANEW}."
            )
        return renamed

    def _missing(self) -> AudienceError:
        listed = ask(self._client.audiences, self._interrupt)
        if self._slug in {each.slug for each in listed}:
            return AudienceError(
                f"Lytics lists the audience {self._slug}, but shows nothing of it: run"
                " again later, and ask Lytics if it stays so."
            )
        return unknown(self._slug, listed)
