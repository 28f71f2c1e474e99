"""How long the transport waits between attempts."""

from __future__ import annotations

import pytest
from requests.structures import CaseInsensitiveDict

from singer_kit.http import HttpResponse
from target_bigcommerce.api.models import ApiRequest
from target_bigcommerce.api.transport import Throttle, Transport
from target_bigcommerce.errors import OutcomeUnknownError

READ = ApiRequest(method="GET", path="/customers")
CREATION = ApiRequest(method="POST", path="/customers", body=[])


class Sender:
    """Returns 503 with a Retry-After, and then a success."""

    def __init__(self, retry_after: str) -> None:
        headers = CaseInsensitiveDict({"Retry-After": retry_after})
        self._responses = [
            HttpResponse(status=503, headers=headers, body=b""),
            HttpResponse(status=200, headers={}, body=b'{"data":[]}'),
        ]

    def send(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> HttpResponse:
        """Return the next response."""
        del method, target, body, content_type
        return self._responses.pop(0)

    def close(self) -> None:
        """Close nothing."""


def transport_to(sender: Sender, waits: list[float], *, jitter: float) -> Transport:
    return Transport(
        base_url="",
        open_session=lambda: sender,
        throttle=Throttle(share=1.0, max_in_flight=1, wait=lambda _seconds: None),
        sleep=waits.append,
        jitter=lambda: jitter,
    )


@pytest.mark.parametrize(
    ("retry_after", "jitter", "waited"),
    [("7", 0.0, 7.0), ("0", 1.0, 1.0), ("7", 20.0, 20.0), ("99999", 0.0, 900.0)],
)
def test_server_error_waits_at_least_as_long_as_it_asks(
    retry_after: str, jitter: float, waited: float
) -> None:
    waits: list[float] = []
    transport = transport_to(Sender(retry_after), waits, jitter=jitter)

    transport.send(READ)

    assert waits == [waited]


def test_creation_waits_at_least_as_long_as_the_server_asks() -> None:
    waits: list[float] = []
    transport = transport_to(Sender("7"), waits, jitter=0.0)

    transport.retry(lambda: transport.send(CREATION), OutcomeUnknownError)

    assert waits == [7.0]
