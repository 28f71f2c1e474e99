"""Answers kept word by word, given in turn in place of the good ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .plans import Spoil
from .wire import Wire, read

if TYPE_CHECKING:
    from .wire import Asked

AND_THEN = b"# And then\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canned(Spoil):
    """Kept answers: head, headers, an empty line and the body, with plain line ends.

    A body of `=` alone stands for the good answer's own.
    """

    answers: tuple[bytes, ...] = ()

    @property
    def is_honest(self) -> bool:
        """Kept answers are held to what the case says alone, unless it says more."""
        return self.way == "honest"

    def on(self, wire: Wire, asked: Asked, number: int) -> Wire:  # noqa: ARG002 - as any
        """Give the next one."""
        text = self.answers[(number - self.first) % len(self.answers)]
        head, _, body = text.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        parts = [line.partition(b": ")[::2] for line in lines]
        is_own = body == b"="
        return replace(
            wire,
            head=first + b"\r\n",
            headers=tuple((name, value) for name, value in parts),
            body=wire.body if is_own else body,
            is_json=is_own or read(body) is not None,
        )


def canned(content: bytes, *, honest: bool, **which: Any) -> Canned:  # noqa: ANN401 - of a Spoil
    """Take the answers from a file's content."""
    answers = content.removesuffix(b"\n").split(b"\n" + AND_THEN)
    return Canned(way="honest" if honest else "lying", answers=tuple(answers), **which)
