"""A thread's connection to BigCommerce, with the headers of every call."""

from __future__ import annotations

import logging
from collections.abc import Callable

import requests
from requests.auth import AuthBase
from typing_extensions import override

OpenSession = Callable[[str, str], requests.Session]

# Its warnings quote the addresses of requests, which may list people's e-mails.
logging.getLogger("urllib3.connectionpool").addFilter(
    lambda record: record.levelno < logging.WARNING
)


class TokenAuth(AuthBase):
    """The token's header; as an `auth`, so that no .netrc adds another."""

    def __init__(self, token: str) -> None:
        self._token = token

    @override
    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers["X-Auth-Token"] = self._token
        return r


def open_session(access_token: str, user_agent: str) -> requests.Session:
    """Open one; a session is not made to be shared by threads."""
    session = requests.Session()
    session.auth = TokenAuth(access_token)
    session.headers.update(
        {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": user_agent,
        }
    )
    return session
