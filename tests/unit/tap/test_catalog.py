"""A catalog carries what a sync needs to know of Lytics."""

from __future__ import annotations

from typing import Any

import pytest

from singer_kit.errors import ConfigError
from tap_lytics import catalog as catalogs
from tap_lytics.catalog import AudienceEntry
from tap_lytics.records import Field

EMAIL = Field(name="email", type="string", is_identity=True)
USER = Field(name="user_id", type="string", is_identity=True)
AGE = Field(name="age", type="int")
ENTRY = AudienceEntry(slug="vip", audience_id="abc", fields=(USER, EMAIL, AGE))


def plain_catalog() -> dict[str, Any]:
    """Write a catalog as the SDK does, its fields in another order."""
    names = ["age", "_member_id", "email", "user_id"]
    rows = [{"breadcrumb": ["properties", name], "metadata": {}} for name in names]
    return {
        "streams": [
            {
                "tap_stream_id": "vip",
                "schema": {"properties": {name: {} for name in names}},
                "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}, *rows],
            }
        ]
    }


def test_what_is_noted_is_read_back() -> None:
    [entry] = catalogs.read_entries(catalogs.annotate(plain_catalog(), [ENTRY]))

    assert entry == ENTRY
    assert entry.identities == ("user_id", "email")
    assert entry.is_typed


def test_notes_leave_the_other_metadata_alone() -> None:
    catalog = catalogs.annotate(plain_catalog(), [ENTRY])

    assert catalog["streams"][0]["metadata"][0]["metadata"]["selected"] is True


def test_types_that_a_catalog_lacks_come_from_the_account() -> None:
    [bare] = catalogs.read_entries(plain_catalog())

    entry = catalogs.add_types(bare, [USER, EMAIL, AGE, Field(name="new", type="int")])

    assert not bare.is_typed
    assert {f.name: f.type for f in entry.fields} == {
        "user_id": "string",
        "email": "string",
        "age": "int",
    }
    assert entry.identities == ("email", "user_id")


@pytest.mark.parametrize("name", ["vip", "abc"])
def test_audiences_choose_streams_by_slug_or_id(name: str) -> None:
    other = AudienceEntry(slug="other", audience_id="def", fields=())

    assert catalogs.select_entries([other, ENTRY], [name, name]) == (ENTRY,)
    assert catalogs.select_entries([other, ENTRY], []) == (other, ENTRY)


def test_an_audience_that_the_catalog_lacks_is_told() -> None:
    with pytest.raises(ConfigError, match="no stream for new"):
        catalogs.select_entries([ENTRY], ["vip", "new"])


@pytest.mark.parametrize(
    "catalog", [{}, {"streams": None}, {"streams": [1]}, {"streams": [{"schema": {}}]}]
)
def test_what_is_no_catalog_is_told(catalog: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="--discover"):
        catalogs.read_entries(catalog)
