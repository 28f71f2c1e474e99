"""Which audiences and fields there are to export, asked of the account."""

from __future__ import annotations

import difflib
from functools import partial
from typing import TYPE_CHECKING

from .catalog import Entry
from .errors import AudienceError, SettingsError
from .prefetch import ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .account import Audience
    from .client import Client
    from .interrupt import Interrupt

MAX_LISTED = 20  # More would make a catalog that nobody means: 216 MB for 500.
MAX_NAMED = 100  # Slugs in the line of an error.


def discover(
    client: Client, interrupt: Interrupt, names: Sequence[str]
) -> tuple[Entry, ...]:
    """Find the audiences of these slugs or ids; without any, all the account has.

    Raises:
        AudienceError: for a name that there is not, with the nearest.
        SettingsError: when there are too many to list them all.
    """
    if names:
        found = [_look(client, interrupt, name) for name in names]
        audiences = list({audience.id: audience for audience in found}.values())
    else:
        audiences = ask(client.audiences, interrupt)
        if len(audiences) > MAX_LISTED:
            raise SettingsError(
                f"The account has {len(audiences)} audiences; set audiences to those"
                f" to export: {slugs(audiences)}."
            )
    fields = ask(client.fields, interrupt)
    return tuple(
        Entry(slug=each.slug, audience_id=each.id, fields=fields) for each in audiences
    )


def unknown(name: str, audiences: Sequence[Audience]) -> AudienceError:
    """Say that there is no such audience, and which are nearest."""
    near = difflib.get_close_matches(name, [each.slug for each in audiences], n=3)
    hint = f"nearest are {', '.join(near)}" if near else f"there are {slugs(audiences)}"
    return AudienceError(f"Lytics has no audience {name}; {hint}. Set audiences.")


def slugs(audiences: Sequence[Audience]) -> str:
    """List the slugs, as far as a line can hold them."""
    names = sorted(each.slug for each in audiences)
    more = len(names) - MAX_NAMED
    text = ", ".join(names[:MAX_NAMED]) or "none"
    return f"{text} and {more} more" if more > 0 else text


def _look(client: Client, interrupt: Interrupt, name: str) -> Audience:
    look = ask(partial(client.look, name), interrupt)
    if look is not None:
        return look.audience
    audiences = ask(client.audiences, interrupt)
    for each in audiences:
        if name in {each.id, each.slug}:
            return each
    raise unknown(name, audiences)
