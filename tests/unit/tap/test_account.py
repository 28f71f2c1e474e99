"""What Lytics says of an account, read with whatever is missing from it."""

from __future__ import annotations

from typing import Any

import pytest

from tap_lytics.catalog import list_slugs, unknown_audience
from tap_lytics.client import Page, Scan, is_audience, to_audience, to_fields

ROW = {"id": "abc", "slug_name": "vip", "name": "VIP", "table": "user"}


@pytest.mark.parametrize(
    ("row", "is_one"),
    [
        (ROW, True),
        ({**ROW, "kind": ""}, True),
        ({**ROW, "kind": "segment"}, True),
        ({**ROW, "kind": "goal"}, False),
        ({**ROW, "table": "content"}, False),
        ({"id": "abc"}, False),
        (None, False),
    ],
)
def test_audiences_are_told_from_other_segments(row: Any, is_one: bool) -> None:  # noqa: ANN401, FBT001 - a table
    assert is_audience(row) == is_one


def test_an_audience_may_lack_nearly_everything() -> None:
    audience = to_audience({"id": "abc", "slug_name": "vip"})

    assert (audience.name, audience.size, audience.is_invalid) == ("vip", None, False)


def test_identities_come_first_and_in_lytics_order() -> None:
    table = {
        "by_fields": ["user_id", "email"],
        "columns": [
            {"as": "age", "type": "int", "shortdesc": "Age"},
            {"as": "email", "type": "string", "is_by": True},
            {"as": "loyalty_id", "type": "string", "is_by": True},
        ],
    }

    fields = to_fields(table)

    names = [field.name for field in fields if field.is_identity]
    assert names == ["user_id", "email", "loyalty_id"]
    assert [f.label for f in fields if f.name == "age"] == ["Age"]


def test_the_built_in_times_are_always_there() -> None:
    fields = {f.name: f.type for f in to_fields({"columns": [{"as": "age"}]})}

    assert fields == {"age": "", "_created": "date", "_modified": "date"}


def test_an_unknown_audience_is_told_with_the_nearest() -> None:
    audiences = [
        to_audience({"id": s, "slug_name": s}) for s in ("vip_customers", "new")
    ]

    error = unknown_audience("vip_custmers", audiences)

    assert "vip_custmers" in str(error)
    assert "vip_customers" in str(error)


def test_a_line_names_a_hundred_audiences_at_most() -> None:
    audiences = [
        to_audience({"id": f"{n}", "slug_name": f"a{n:03}"}) for n in range(110)
    ]

    assert list_slugs(audiences).endswith("a099 and 10 more")
    assert list_slugs([]) == "none"


def test_a_scan_names_itself() -> None:
    assert str(Scan(slug="vip")) == "scan of audience vip"
    assert "filtered" in str(Scan(slug="vip", filter="FILTER *"))
    assert Page(members=[], next="", total=None).next == ""
