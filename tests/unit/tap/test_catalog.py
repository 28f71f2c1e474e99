"""The catalog holds what a sync needs to know about the account."""

from __future__ import annotations

from dataclasses import replace
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
ENTRY = AudienceEntry(
    slug="vip",
    audience_id="abc",
    fields=(AGE, EMAIL, USER),
    identities=("user_id", "email"),
)


def read(catalog: object) -> tuple[AudienceEntry, ...]:
    cleaned, _ = catalogs.clean_catalog(catalog)
    return catalogs.read_entries(cleaned)


def without_schemas(entry: AudienceEntry) -> AudienceEntry:
    fields = tuple(replace(field, schema=None) for field in entry.fields)
    return replace(entry, fields=fields)


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
    [entry] = read(catalogs.annotate(plain_catalog(), [ENTRY]))

    assert without_schemas(entry) == ENTRY
    assert entry.is_complete(["age"])
    assert not entry.is_complete(["age", "company"])


def test_annotating_keeps_other_metadata() -> None:
    catalog = catalogs.annotate(plain_catalog(), [ENTRY])

    assert catalog["streams"][0]["metadata"][0]["metadata"]["selected"] is True


def test_missing_types_come_from_account() -> None:
    [bare] = read(plain_catalog())

    new = Field(name="new", type="int")
    entry = catalogs.complete_entry(bare, [USER, EMAIL, AGE, new])

    assert not bare.is_complete([])
    assert {f.name: f.type for f in entry.fields} == {
        "user_id": "string",
        "email": "string",
        "age": "int",
    }
    assert entry.identities == ("user_id", "email")
    assert entry.absent == (new,)


@pytest.mark.parametrize("kept", [["age"], ["age", "email"], []])
def test_trimmed_catalog_keeps_identities(kept: list[str]) -> None:
    catalog = catalogs.annotate(plain_catalog(), [ENTRY])
    [stream] = catalog["streams"]
    stream["schema"]["properties"] = {name: {} for name in kept}

    [entry] = read(catalog)

    assert entry.identities == ("user_id", "email")


@pytest.mark.parametrize("identities", [None, "email", [1], {"email": 1}], ids=str)
def test_identities_of_incomplete_catalog_come_from_account(identities: object) -> None:
    catalog = catalogs.annotate(plain_catalog(), [ENTRY])
    catalog["streams"][0]["metadata"][0]["metadata"]["lytics-identities"] = identities
    catalog["streams"][0]["schema"]["properties"].pop("email")

    [trimmed] = read(catalog)
    entry = catalogs.complete_entry(trimmed, [USER, EMAIL, AGE])

    assert not trimmed.is_complete([])
    assert entry.identities == ("user_id", "email")
    assert [field.name for field in entry.fields] == ["age", "user_id"]


@pytest.mark.parametrize("name", ["vip", "abc"])
def test_audiences_select_streams(name: str) -> None:
    other = replace(ENTRY, slug="other", audience_id="def", fields=())

    assert catalogs.select_entries([other, ENTRY], [name, name]) == (ENTRY,)
    assert catalogs.select_entries([other, ENTRY], []) == (other, ENTRY)


def test_audience_without_stream_is_refused() -> None:
    with pytest.raises(ConfigError, match="no stream for new"):
        catalogs.select_entries([ENTRY], ["vip", "new"])


@pytest.mark.parametrize(
    "catalog",
    [
        *({}, [], None, {"streams": None}, {"streams": {"a": 1}}, {"streams": [1]}),
        *({"streams": [{"schema": {}}]}, {"streams": [{"tap_stream_id": 7}]}),
        {"streams": [{"tap_stream_id": "vip", "schema": []}]},
        {"streams": [{"tap_stream_id": "vip", "schema": {"properties": ["age"]}}]},
    ],
    ids=str,
)
def test_invalid_catalog_is_refused(catalog: object) -> None:
    with pytest.raises(ConfigError, match="--discover"):
        catalogs.clean_catalog(catalog)


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"metadata": {"selected": True}}, "metadata of stream vip"),
        ({"metadata": ["selected"]}, "metadata of stream vip"),
        ({"metadata": [{"metadata": {}}]}, "metadata of stream vip"),
        ({"metadata": [{"breadcrumb": "age"}]}, "metadata of stream vip"),
        ({"metadata": [{"breadcrumb": [1]}]}, "metadata of stream vip"),
        ({"metadata": [{"breadcrumb": [], "metadata": {"selected": 1}}]}, "selected"),
        ({"schema": {"properties": {"age": "integer"}}}, "field age of stream vip"),
        ({"schema": {"properties": {"age": [1]}}}, "field age of stream vip"),
        ({"schema": {"properties": {"age": {"items": [{}]}}}}, "field age of stream"),
        ({"schema": {"properties": {"age": False}}}, "field age of stream vip"),
    ],
    ids=str,
)
def test_unreadable_part_of_catalog_is_named(part: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        catalogs.clean_catalog({"streams": [{"tap_stream_id": "vip", **part}]})


def test_duplicate_stream_is_refused() -> None:
    with pytest.raises(ConfigError, match="several streams with the tap_stream_id vip"):
        catalogs.clean_catalog({"streams": [{"tap_stream_id": "vip"}] * 2})


@pytest.mark.parametrize(
    "stream",
    [
        {"tap_stream_id": "vip"},
        {"stream": "vip"},
        {"tap_stream_id": "vip", "schema": None, "metadata": None},
        {"tap_stream_id": "vip", "schema": {}, "metadata": []},
        {"tap_stream_id": "vip", "stream": "vip", "schema": {"properties": {}}},
        {"tap_stream_id": "vip", "key_properties": None, "replication_key": "age"},
        {"tap_stream_id": "vip", "metadata": [{"breadcrumb": [], "metadata": None}]},
    ],
    ids=str,
)
def test_missing_parts_of_catalog_are_filled_in(stream: dict[str, Any]) -> None:
    cleaned, warnings = catalogs.clean_catalog({"streams": [stream]})

    [found] = cleaned["streams"]
    assert found["tap_stream_id"] == found["stream"] == "vip"
    assert found["key_properties"] == ["_member_id"]
    assert found["schema"]["properties"] == {"_member_id": {"type": ["string"]}}
    assert not warnings


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"stream": "VIPs"}, "names the stream vip 'VIPs'"),
        ({"stream": 7}, "names the stream vip 7"),
        ({"key_properties": ["email"]}, "key_properties of stream vip"),
        ({"schema": {"required": ["email"]}}, "required in the schema of stream vip"),
    ],
    ids=str,
)
def test_ignored_parts_of_catalog_are_warned_about(
    part: dict[str, Any], expected: str
) -> None:
    _, [warning] = catalogs.clean_catalog(
        {"streams": [{"tap_stream_id": "vip", **part}]}
    )

    assert expected in warning


def test_own_properties_are_not_the_catalogs_to_decide() -> None:
    own = {"_member_id": {"type": "integer"}, "_sdc_deleted_at": {"type": "boolean"}}
    stream = {"tap_stream_id": "vip", "schema": {"properties": own}}

    cleaned, _ = catalogs.clean_catalog({"streams": [stream]})

    assert cleaned["streams"][0]["schema"]["properties"] == {
        "_member_id": {"type": ["string"]},
        "_sdc_deleted_at": {"type": ["string", "null"], "format": "date-time"},
    }


@pytest.mark.parametrize(
    ("given", "read_as"), [("true", True), ("False", False), (True, True)], ids=repr
)
def test_selected_may_be_text(given: object, read_as: bool) -> None:  # noqa: FBT001 - a parameter
    row = {"breadcrumb": [], "metadata": {"selected": given}}

    cleaned, _ = catalogs.clean_catalog(
        {"streams": [{"tap_stream_id": "vip", "metadata": [row]}]}
    )

    assert cleaned["streams"][0]["metadata"][0]["metadata"] == {"selected": read_as}


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

    [entry] = catalogs.discover(client, shutdown, names, known_ids={})

    assert entry.slug == slug
