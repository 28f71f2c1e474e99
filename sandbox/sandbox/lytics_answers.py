"""The forms of Lytics' answers."""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from .clock import stamp
from .messages import Answer, Json, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .audiences import Audience
    from .options import Options


def envelope(options: Options, content: object, **beside: Json) -> Answer:
    """Wrap what was asked for; scans add `_next` and `total` beside it."""
    status = "200" if options.status_as_text else 200
    parts: dict[str, Any] = {"status": status, **beside, "data": content}
    if not options.bare_envelope:
        parts |= {"message": "success", "request_id": "sandbox"}
    return json_answer(200, parts)


def error(status: int, message: str) -> Answer:
    """Refuse, with Lytics' form of a message."""
    return json_answer(status, {"data": None, "message": message, "status": status})


def sizes(audiences: Sequence[Audience | None], now: float) -> list[dict[str, Any]]:
    """Say how large audiences are."""
    return [
        {
            "id": audience.id,
            "name": audience.name,
            "slug_name": audience.slug,
            "size": audience.size,
            "timestamp": stamp(now),
        }
        for audience in audiences
        if audience
    ]


def httpdate(now: float) -> str:
    """Write a moment for the `Date` header."""
    return formatdate(now, usegmt=True)


def spoiled_scan(answer: Answer, kind: str, token: str) -> Answer:
    """Spoil a scan's page: no members, one too few, or the token it was asked by."""
    spoil = SPOILED.get(kind)
    if spoil is None or answer.status != HTTPStatus.OK:
        return answer
    content = msgspec.json.decode(answer.body)
    if not isinstance(content.get("data"), list):
        return answer
    return replace(answer, body=msgspec.json.encode(content | spoil(content, token)))


SPOILED: dict[str, Callable[[Mapping[str, Any], str], dict[str, Any]]] = {
    "empty_page": lambda *_: {"data": []},
    "row_missing": lambda content, _: {"data": content["data"][:-1]},
    "same_next": lambda _, token: {"_next": token},
}
