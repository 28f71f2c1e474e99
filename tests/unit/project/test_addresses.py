"""A token goes to an https address or stays on this machine, in both plugins alike."""

from __future__ import annotations

import pytest
from target_settings import validate

from tap_lytics import complaints as tap
from tap_lytics import settings as tap_settings

ELSEWHERE = (
    "http://api.example.com",
    "HTTP://api.example.com",
    "http://127.0.0.1.example.com",
    "http://localhost.example.com",
    "http://127.0.0.1@example.com",
    "http://127.0.0.1:80@example.com",
    "http://example.com#@127.0.0.1",
    "http://example.com/127.0.0.1",
    "http://example.com\\@127.0.0.1",
    "http://0.0.0.0",
    "http://10.0.0.1",
    "//api.example.com",
    "ftp://127.0.0.1",
    "file:///etc/passwd",
)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_the_tap_sends_its_token_over_no_plain_http(url: str) -> None:
    config = {"api_token": "none", "api_url": url}

    [line] = tap.complaints(config, tap_settings.DECLARED)

    assert line.startswith("api_url must be an https address")


@pytest.mark.parametrize("url", ELSEWHERE)
def test_the_target_sends_its_token_over_no_plain_http(url: str) -> None:
    config = {
        "store_hash": "abc123",
        "access_token": "none",
        "id_field": "id",
        "api_url": url,
    }

    [line] = validate(config)

    assert "api_url" in line
    assert "https URL" in line
