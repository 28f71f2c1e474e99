"""What an answer's status amounts to."""

from __future__ import annotations

import pytest

from target_bigcommerce.api.verdicts import judge
from target_bigcommerce.api.wire import Call
from target_bigcommerce.errors import (
    AuthError,
    PassingError,
    ProtocolError,
    RefusedError,
    UnansweredError,
)

LISTING = Call(method="GET", path="/customers", query={"id:in": "1,2"})
UPDATE = Call(method="PUT", path="/customers", body=[])
CREATION = Call(method="POST", path="/customers", body=[])


@pytest.mark.parametrize("call", [LISTING, UPDATE, CREATION])
@pytest.mark.parametrize("status", [302, 404, 405, 501])
def test_what_will_not_pass_is_final(call: Call, status: int) -> None:
    assert isinstance(judge(call, status, b""), ProtocolError)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 520])
def test_what_may_pass_is_tried_again_and_a_creation_looked_up_first(
    status: int,
) -> None:
    assert isinstance(judge(LISTING, status, b""), PassingError)
    assert isinstance(judge(UPDATE, status, b""), PassingError)
    assert isinstance(judge(CREATION, status, b""), UnansweredError)


@pytest.mark.parametrize("status", [423, 429])
def test_what_was_not_begun_is_tried_again(status: int) -> None:
    assert isinstance(judge(CREATION, status, b""), PassingError)


@pytest.mark.parametrize(
    ("call", "status", "kind"),
    [
        (LISTING, 400, RefusedError),
        (LISTING, 414, RefusedError),
        (UPDATE, 400, ProtocolError),
        (UPDATE, 413, RefusedError),
        (UPDATE, 422, RefusedError),
        (UPDATE, 401, AuthError),
        (UPDATE, 403, AuthError),
    ],
)
def test_a_refusal_is_told_from_a_call_that_is_wrong(
    call: Call, status: int, kind: type[Exception]
) -> None:
    assert isinstance(judge(call, status, b""), kind)
