"""Corruptions of the bytes, the headers and the status of a response."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from .json_corruptions import PERSON
from .wire import status_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from .wire import WireResponse

    Corruption = Callable[[WireResponse, Random], WireResponse]

HTML = f"<html><title>502 Bad gateway</title>{PERSON}</html>".encode()
BODIES = (
    *(b"", HTML, b"null", b"[]", b"0", b'""', b"\x00", b"{", b"{}", b"[" * 9000),
    b" " * 9000,
)
STATUSES = (
    *(201, 202, 203, 204, 205, 206, 226, 300, 301, 302, 303, 304, 307, 308, 400, 401),
    *(402, 403, 404, 405, 408, 409, 410, 413, 414, 418, 422, 425, 426, 429, 431, 451),
    *(500, 501, 502, 503, 504, 505, 507, 520, 529, 599, 600, 999),
)
HEADS = (
    *(b"", b"\r\n", b"HTTP/1.1\r\n", b"HTTP/1.1 abc\r\n", b"HTTP/1.1 20\r\n"),
    *(b"ICY 200 OK\r\n", b"HTTP/9.9 200 OK\r\n", b"HTTP/1.1 1000 X\r\n"),
    *(b"HTTP/1.1 -200 X\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" + status_line(200)),
    *(b"HTTP/1.1 200 \xff\xfe\r\n", b"x" * 70_000, b"\x16\x03\x01\x02"),
)
RETRY_AFTERS = (
    *(b"0", b"1", b"-1", b"1.5", b"soon", b"\xb2", b"9" * 500, b"", b" 2 ", b"1e9"),
    *(b"NaN", b"Fri, 31 Dec 9999 23:59:59 GMT"),
    b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    b"Mon, 01 Jan 2020 00:00:00 +2400",
)
DATES = (
    *(b"", b"today", b"Mon, 01 Jan 0001 00:00:00 GMT"),
    *(b"Thu, 01 Jan 1970 00:00:00 GMT", b"Fri, 31 Dec 9999 23:59:59 GMT"),
    *(b"Mon, 01 Jan 0100 00:00:00 +2359", b"Fri, 31 Dec 9999 23:59:59 -2359"),
    b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    *(b"Mon, 01 Jan 2020 00:00:00 +99999999999", b"Mon, 31 Feb 2020 00:00:00 GMT"),
    *(b"\xb2\xff", b"Thu, 01 Jan 2099 00:00:00 GMT"),
)
LOCATIONS = (
    *(b"/", b"http://[", b"//[x", b"\xff\xfe", b"", b"http://127.0.0.1:9/"),
    *(b"file:///etc/passwd", b"http://\xc3\xa9/", b"x" * 9000),
    b"http://a:b@c:99999/",
)
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"Content-Type", b"text/html; charset=\xff"),
    (b"Content-Type", b""),
    (b"Content-Type", b"application/json; charset=utf-16"),
    (b"Content-Length", b"-5"),
    (b"Content-Length", b"abc"),
    (b"Content-Length", b"1"),
    (b"Content-Length", b"999999999999999999999"),
    (b"Content-Length", b"5, 7"),
    (b"Transfer-Encoding", b"chunked"),
    (b"Transfer-Encoding", b"gzip, chunked"),
    (b"Content-Encoding", b"gzip"),
    (b"Content-Encoding", b"br"),
    (b"Content-Encoding", b"gzip, gzip, gzip, gzip, gzip, gzip, gzip"),
    (b"Content-Encoding", b"\xff"),
    (b"Set-Cookie", b"a=b; expires=Mon, 01-Jan-99999 00:00:00 GMT; domain=.; path"),
    (b"Set-Cookie", b"\xff=\x01; Max-Age=1e99; =;;"),
    (b"Connection", b"upgrade, close, x"),
    (b"WWW-Authenticate", b"Basic realm=" + PERSON.encode()),
    (b"X-Long", b"x" * 70_000),
    (b"no colon", b""),
    (b"", b"no name"),
    (b"X-Nul", b"\x00\x7f"),
)


def other_body(response: WireResponse, random: Random) -> WireResponse:
    """Replace the body."""
    return replace(response, body=random.choice(BODIES))


def truncated_body(response: WireResponse, random: Random) -> WireResponse:
    """Truncate the body, with a matching length."""
    return replace(
        response, body=response.body[: random.randrange(len(response.body) + 1)]
    )


def changed_bytes(response: WireResponse, random: Random) -> WireResponse:
    """Replace some bytes of the body."""
    at, more = random.randrange(len(response.body) + 1), random.randrange(9)
    return replace(
        response,
        body=response.body[:at]
        + random.randbytes(random.randrange(4))
        + response.body[at + more :],
    )


def other_charset(response: WireResponse, random: Random) -> WireResponse:
    """Encode the body in another charset."""
    text = response.body.decode("utf-8", "replace")
    return replace(
        response,
        body=text.encode(random.choice(("utf-8-sig", "utf-16", "utf-32", "utf-7"))),
    )


def trailing_bytes(response: WireResponse, random: Random) -> WireResponse:
    """Append bytes to the body."""
    return replace(
        response,
        body=response.body
        + random.choice((b"x", b"\x00", b"\n\n", response.body, b"]")),
    )


def other_status(response: WireResponse, random: Random) -> WireResponse:
    """Change the status, with Retry-After and Location headers."""
    more = [
        (b"Retry-After", random.choice(RETRY_AFTERS)),
        (b"Location", random.choice(LOCATIONS)),
    ]
    more = random.sample(more, k=random.randint(0, 2))
    return replace(
        response,
        head=status_line(random.choice(STATUSES)),
        headers=(*response.headers, *more),
        body=random.choice(
            (response.body, HTML, b"", b'{"data":null,"message":"no","status":1}')
        ),
        is_json=False,
    )


def other_date(response: WireResponse, random: Random) -> WireResponse:
    """Change or remove the Date header."""
    own = tuple(h for h in response.headers if h[0] != b"Date")
    date = random.choice((None, *DATES))
    return replace(response, headers=own if date is None else (*own, (b"Date", date)))


def compressed(response: WireResponse, random: Random) -> WireResponse:
    """Compress the body, correctly or not."""
    good, deflated = gzip.compress(response.body), zlib.compress(response.body)
    at = random.randrange(len(good))
    encoding, packed = random.choice(
        (
            (b"gzip", good),
            (b"gzip", good[:at]),
            (b"gzip", good[:at] + b"\xff\x00" + good[at + 2 :]),
            (b"gzip", good + b"x"),
            (b"deflate", deflated),
            (b"deflate", deflated[:-9]),
            (b"gzip", response.body),
            (b"gzip, deflate", good),
        )
    )
    headers = (*response.headers, (b"Content-Encoding", encoding))
    return replace(response, headers=headers, body=packed, is_json=False)


def extra_headers(response: WireResponse, random: Random) -> WireResponse:
    """Add invalid, many or contradictory headers."""
    more = random.sample(HEADERS, k=random.choice((1, 1, 1, 2)))
    more *= random.choice((1, 1, 1, 1, 150))
    return replace(response, headers=(*response.headers, *more), is_json=False)


def chunked(response: WireResponse, random: Random) -> WireResponse:
    """Send chunks whose lengths may be wrong."""
    size = random.choice(
        (b"%x" % len(response.body), b"fffffffffffffff", b"-5", b"zz", b"1")
    )
    text = (
        size
        + b"\r\n"
        + response.body
        + b"\r\n"
        + random.choice((b"0\r\n\r\n", b"", b"0\r\nX"))
    )
    headers = (*response.headers, (b"Transfer-Encoding", b"chunked"))
    return replace(response, headers=headers, body=text, is_json=False)


def other_head(response: WireResponse, random: Random) -> WireResponse:
    """Replace the status line."""
    return replace(response, head=random.choice(HEADS), is_json=False)


def aborted(response: WireResponse, random: Random) -> WireResponse:
    """Close the connection somewhere in the response."""
    whole = response.to_bytes()
    at = random.randrange(len(whole))
    return replace(response, head=whole[:at], is_json=False, is_aborted=True)


HTTP: dict[str, Corruption] = {
    each.__name__: each
    for each in (
        *(other_body, truncated_body, changed_bytes, other_charset, trailing_bytes),
        *(other_status, other_date, compressed, extra_headers, chunked, other_head),
        aborted,
    )
}
