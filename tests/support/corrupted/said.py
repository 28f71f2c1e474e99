"""What a server may say around a body, and instead of one."""

from __future__ import annotations

from .odd import PERSON
from .wire import status_line

HTML = f"<html><title>502 Bad gateway</title>{PERSON}</html>".encode()
BODIES = (
    b"",
    HTML,
    b"null",
    b"[]",
    b"0",
    b'""',
    b"\x00",
    b"{",
    b"{}",
    b"[" * 9000,
    b" " * 9000,
)
STATUSES = (
    *(201, 202, 203, 204, 205, 206, 226, 300, 301, 302, 303, 304, 307, 308, 400, 401),
    *(402, 403, 404, 405, 408, 409, 410, 413, 414, 418, 422, 425, 426, 429, 431, 451),
    *(500, 501, 502, 503, 504, 505, 507, 520, 529, 599, 600, 999),
)
HEADS = (
    b"",
    b"\r\n",
    b"HTTP/1.1\r\n",
    b"HTTP/1.1 abc\r\n",
    b"HTTP/1.1 20\r\n",
    b"ICY 200 OK\r\n",
    b"HTTP/9.9 200 OK\r\n",
    b"HTTP/1.1 1000 X\r\n",
    b"HTTP/1.1 -200 X\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + status_line(200),
    b"HTTP/1.1 200 \xff\xfe\r\n",
    b"x" * 70_000,
    b"\x16\x03\x01\x02",
)
WAITS = (
    b"0",
    b"1",
    b"-1",
    b"1.5",
    b"soon",
    b"\xb2",
    b"9" * 500,
    b"",
    b" 2 ",
    b"1e9",
    b"NaN",
    b"Fri, 31 Dec 9999 23:59:59 GMT",
    b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    b"Mon, 01 Jan 2020 00:00:00 +2400",
)
DATES = (
    b"",
    b"today",
    b"Mon, 01 Jan 0001 00:00:00 GMT",
    b"Thu, 01 Jan 1970 00:00:00 GMT",
    b"Fri, 31 Dec 9999 23:59:59 GMT",
    b"Mon, 01 Jan 0100 00:00:00 +2359",
    b"Fri, 31 Dec 9999 23:59:59 -2359",
    b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    b"Mon, 01 Jan 2020 00:00:00 +99999999999",
    b"Mon, 31 Feb 2020 00:00:00 GMT",
    b"\xb2\xff",
    b"Thu, 01 Jan 2099 00:00:00 GMT",
)
PLACES = (
    b"/",
    b"http://[",
    b"//[x",
    b"\xff\xfe",
    b"",
    b"http://127.0.0.1:9/",
    b"file:///etc/passwd",
    b"http://\xc3\xa9/",
    b"x" * 9000,
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
