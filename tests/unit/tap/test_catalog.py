"""The catalog holds what a sync needs to know about the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from sandbox import Options, Sandbox
from singer_kit.errors import ConfigError
from singer_kit.http import HttpResponse
from support.tap_job import AccountSender
from tap_lytics import catalog as catalogs
from tap_lytics.catalog import AudienceEntry, list_slugs, unknown_audience
from tap_lytics.client import LyticsClient, to_audience
from tap_lytics.records import Field
from tap_lytics.transport import ApiRequest, Transport

if TYPE_CHECKING:
    from singer_kit.shutdown import ShutdownSignal

EMAIL = Field(name="email", type="string", is_identity=True)
USER = Field(name="user_id", type="string", is_identity=True)
AGE = Field(name="age", type="int")
ENTRY = AudienceEntry(slug="vip", audience_id="abc", fields=(USER, EMAIL, AGE))


def plain_catalog() -> dict[str, Any]:
    """Return a catalog as the SDK writes it, with its fields in another order."""
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


def test_annotated_entry_round_trips() -> None:
    [entry] = catalogs.read_entries(catalogs.annotate(plain_catalog(), [ENTRY]))

    assert entry == ENTRY
    assert entry.identities == ("user_id", "email")
    assert entry.is_typed


def test_annotating_keeps_other_metadata() -> None:
    catalog = catalogs.annotate(plain_catalog(), [ENTRY])

    assert catalog["streams"][0]["metadata"][0]["metadata"]["selected"] is True


def test_missing_types_come_from_account() -> None:
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
def test_audiences_select_streams(name: str) -> None:
    other = AudienceEntry(slug="other", audience_id="def", fields=())

    assert catalogs.select_entries([other, ENTRY], [name, name]) == (ENTRY,)
    assert catalogs.select_entries([other, ENTRY], []) == (other, ENTRY)


def test_audience_without_stream_is_refused() -> None:
    with pytest.raises(ConfigError, match="no stream for new"):
        catalogs.select_entries([ENTRY], ["vip", "new"])


@pytest.mark.parametrize(
    "catalog", [{}, {"streams": None}, {"streams": [1]}, {"streams": [{"schema": {}}]}]
)
def test_invalid_catalog_is_refused(catalog: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="--discover"):
        catalogs.read_entries(catalog)


def test_unknown_audience_error_suggests_nearest() -> None:
    audiences = [
        to_audience({"id": s, "slug_name": s}) for s in ("vip_customers", "new")
    ]

    error = unknown_audience("vip_custmers", audiences)

    assert "vip_custmers" in str(error)
    assert "vip_customers" in str(error)


def test_error_lists_at_most_100_audiences() -> None:
    audiences = [
        to_audience({"id": f"{n}", "slug_name": f"a{n:03}"}) for n in range(110)
    ]

    assert list_slugs(audiences).endswith("a099 and 10 more")
    assert list_slugs([]) == "none"


class WithoutDetails(AccountSender):
    """Lists all audiences, but returns no details of any."""

    @override
    def handle(self, request: ApiRequest, content_type: str = "") -> HttpResponse:
        if request.path.startswith("/v2/segment/"):
            return HttpResponse(status=404, headers={}, body=b"{}")
        return super().handle(request, content_type)


@pytest.mark.parametrize("slug", ["vip_customers", "newsletter_readers", "nobody_yet"])
def test_audience_without_details_is_found_in_list(
    slug: str, shutdown: ShutdownSignal
) -> None:
    box = Sandbox(Options(members=1))
    client = LyticsClient(Transport(WithoutDetails(box), sleep=shutdown.wait))
    names = [slug, box.lytics.audiences[slug].id]

    [entry] = catalogs.discover(client, shutdown, names)

    assert entry.slug == slug
