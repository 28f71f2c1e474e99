"""A thread's connection to BigCommerce, with the headers of every call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.auth import AuthBase
from typing_extensions import override

OpenSession = Callable[[str, str], requests.Session]

# Their warnings quote headers and addresses, which may list people's e-mails.
for _name in ("connection", "connectionpool", "response"):
    logging.getLogger(f"urllib3.{_name}").addFilter(
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


class Session(requests.Session):
    """Follows no redirect: it would carry the token elsewhere.

    Without this, requests reads the place even if told not to go there, and some
    places cannot be read.
    """

    @override
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def open_session(access_token: str, user_agent: str) -> requests.Session:
    """Open one; a session is not made to be shared by threads."""
    session = Session()
    session.auth = TokenAuth(access_token)
    session.headers.update(
        {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": user_agent,
        }
    )
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return session
