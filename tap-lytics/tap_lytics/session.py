"""A connection to Lytics that follows nothing, keeps nothing and tells nothing."""

from __future__ import annotations

import logging
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.auth import AuthBase
from typing_extensions import override

CHUNK = 2**16
LARGEST_BODY = 2**28  # A page is 100 profiles of 1 MB at most: this is over twice that.

# Their warnings quote addresses and headers.
for _name in ("connection", "connectionpool", "response"):
    logging.getLogger(f"urllib3.{_name}").addFilter(
        lambda record: record.levelno < logging.WARNING
    )


class TokenAuth(AuthBase):
    """The bare token; as an `auth`, so that no .netrc replaces it."""

    def __init__(self, token: str) -> None:
        self._token = token

    @override
    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers["Authorization"] = self._token
        return r


class Session(requests.Session):
    """Follows no redirect: it would carry the token elsewhere.

    Without this, requests reads the place even if told not to go there, and some
    places cannot be read.
    """

    @override
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def open_session(token: str, user_agent: str) -> requests.Session:
    """Open one."""
    session = Session()
    session.auth = TokenAuth(token)
    session.headers["User-Agent"] = user_agent
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return session


def read_body(
    response: requests.Response, *, largest: int = LARGEST_BODY
) -> bytes | None:
    """Read an answer's body, unpacked; None for one that is larger than any can be."""
    chunks, size = [], 0
    for chunk in response.iter_content(CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > largest:
            return None
    return b"".join(chunks)
