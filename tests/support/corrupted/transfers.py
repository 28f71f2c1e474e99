"""Ways for the bytes, the headers and the status of an answer to go wrong."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from .said import BODIES, DATES, HEADERS, HEADS, HTML, PLACES, STATUSES, WAITS
from .wire import status_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from .wire import Wire

    Way = Callable[[Wire, Random], Wire]


def body(wire: Wire, random: Random) -> Wire:
    """Send another body."""
    return replace(wire, body=random.choice(BODIES))


def cut(wire: Wire, random: Random) -> Wire:
    """Cut the body, and say so."""
    return replace(wire, body=wire.body[: random.randrange(len(wire.body) + 1)])


def spoilt(wire: Wire, random: Random) -> Wire:
    """Put other bytes among the body's."""
    at, more = random.randrange(len(wire.body) + 1), random.randrange(9)
    return replace(
        wire,
        body=wire.body[:at]
        + random.randbytes(random.randrange(4))
        + wire.body[at + more :],
    )


def lettered(wire: Wire, random: Random) -> Wire:
    """Write the body in another way of writing letters."""
    text = wire.body.decode("utf-8", "replace")
    return replace(
        wire,
        body=text.encode(random.choice(("utf-8-sig", "utf-16", "utf-32", "utf-7"))),
    )


def trailed(wire: Wire, random: Random) -> Wire:
    """Let something follow the body."""
    return replace(
        wire, body=wire.body + random.choice((b"x", b"\x00", b"\n\n", wire.body, b"]"))
    )


def status(wire: Wire, random: Random) -> Wire:
    """Answer with another status, with any wait and place that may go with it."""
    more = [
        (b"Retry-After", random.choice(WAITS)),
        (b"Location", random.choice(PLACES)),
    ]
    more = random.sample(more, k=random.randint(0, 2))
    return replace(
        wire,
        head=status_line(random.choice(STATUSES)),
        headers=(*wire.headers, *more),
        body=random.choice(
            (wire.body, HTML, b"", b'{"data":null,"message":"no","status":1}')
        ),
        is_json=False,
    )


def date(wire: Wire, random: Random) -> Wire:
    """Tell another time, or none."""
    own = tuple(h for h in wire.headers if h[0] != b"Date")
    told = random.choice((None, *DATES))
    return replace(wire, headers=own if told is None else (*own, (b"Date", told)))


def packed(wire: Wire, random: Random) -> Wire:
    """Pack the body, well or badly."""
    good, deflated = gzip.compress(wire.body), zlib.compress(wire.body)
    at = random.randrange(len(good))
    name, packed = random.choice(
        (
            (b"gzip", good),
            (b"gzip", good[:at]),
            (b"gzip", good[:at] + b"\xff\x00" + good[at + 2 :]),
            (b"gzip", good + b"x"),
            (b"deflate", deflated),
            (b"deflate", deflated[:-9]),
            (b"gzip", wire.body),
            (b"gzip, deflate", good),
        )
    )
    headers = (*wire.headers, (b"Content-Encoding", name))
    return replace(wire, headers=headers, body=packed, is_json=False)


def header(wire: Wire, random: Random) -> Wire:
    """Add headers that are odd, many or contradict each other."""
    more = random.sample(HEADERS, k=random.choice((1, 1, 1, 2)))
    more *= random.choice((1, 1, 1, 1, 150))
    return replace(wire, headers=(*wire.headers, *more), is_json=False)


def chunked(wire: Wire, random: Random) -> Wire:
    """Send chunks whose lengths are right or not."""
    size = random.choice(
        (b"%x" % len(wire.body), b"fffffffffffffff", b"-5", b"zz", b"1")
    )
    text = (
        size
        + b"\r\n"
        + wire.body
        + b"\r\n"
        + random.choice((b"0\r\n\r\n", b"", b"0\r\nX"))
    )
    headers = (*wire.headers, (b"Transfer-Encoding", b"chunked"))
    return replace(wire, headers=headers, body=text, is_json=False)


def head(wire: Wire, random: Random) -> Wire:
    """Begin with anything but a status."""
    return replace(wire, head=random.choice(HEADS), is_json=False)


def hung_up(wire: Wire, random: Random) -> Wire:
    """Hang up anywhere on the way, unannounced."""
    whole = wire.to_bytes()
    at = random.randrange(len(whole))
    return replace(wire, head=whole[:at], is_json=False, is_cut=True)


TRANSFERS: dict[str, Way] = {
    way.__name__: way
    for way in (
        *(body, cut, spoilt, lettered, trailed, status, date, packed, header, chunked),
        *(head, hung_up),
    )
}
