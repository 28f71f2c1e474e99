"""The sandbox's store against BigCommerce's own OpenAPI document."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml
from openapi_core import OpenAPI
from openapi_core.contrib.requests import (
    RequestsOpenAPIRequest,
    RequestsOpenAPIResponse,
)
from openapi_core.exceptions import OpenAPIError

from sandbox import Fault, Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[..., requests.Response]

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("CONTRACTS_DIR", ROOT.parent / "shared" / "contracts"))
DOCUMENT = FOLDER / "bigcommerce-customers.v3.yml"
SEVERAL = ",".join(str(number) for number in range(1001, 1041))
INCLUDED = "storecredit,attributes,formfields,addresses,shopper_profile_id,segment_ids"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(Options(members=60, quota=10_000)) as box:
        box.store.add_attribute("Tier")
        box.store.add_attribute("Visits", "number")
        for number in (1001, 1003, 1004):
            box.store.values[number, 1] = "gold"
        yield box


@pytest.fixture(scope="module")
def contract(box: Sandbox) -> OpenAPI:
    """Read the document, with its two known deviations from real responses fixed."""
    if not DOCUMENT.exists():
        pytest.skip(
            f"BigCommerce's OpenAPI document is missing: {DOCUMENT} "
            "(CONTRACTS_DIR names the folder that holds it)"
        )
    text = DOCUMENT.read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader
    document["servers"] = [{"url": base_of(box)}]
    document["components"]["schemas"]["customerChannelIds"]["nullable"] = True
    return OpenAPI.from_dict(document)


@pytest.fixture
def ask(box: Sandbox, contract: OpenAPI) -> Iterator[Ask]:
    """Call the store; request and response must match the document."""
    with requests.Session() as session:
        session.headers["X-Auth-Token"] = box.options.store_token

        def call(method: str, path: str, rows: object = None) -> requests.Response:
            response = session.request(method, base_of(box) + path, json=rows)
            request = RequestsOpenAPIRequest(response.request)
            contract.validate_request(request)
            contract.validate_response(request, RequestsOpenAPIResponse(response))
            return response

        yield call


def base_of(box: Sandbox) -> str:
    return f"{box.url}/stores/{box.options.store_hash}/v3"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?limit=250",
        "?limit=7&page=2",
        "?limit=7&page=99",
        f"?id:in={SEVERAL}&limit=250",
        "?email:in=unknown@example.com",
        "?name:like=o'brien&sort=last_name:asc",
        "?date_modified:min=2020-01-01&customer_group_id:in=0",
        f"?id:in=1001,1003&include={INCLUDED}",
    ],
)
def test_reading_customers_matches_the_document(ask: Ask, query: str) -> None:
    response = ask("GET", f"/customers{query}")

    assert response.status_code == 200


def test_pages_by_cursor_match_the_document(ask: Ask) -> None:
    first = ask("GET", "/customers?limit=7").json()
    cursor = first["meta"]["cursor_pagination"]["end_cursor"]

    second = ask("GET", f"/customers?limit=7&after={cursor}").json()

    assert "pagination" not in second["meta"]
    assert second["data"][0]["id"] > first["data"][-1]["id"]


def test_updating_customers_matches_the_document(ask: Ask) -> None:
    rows = [
        {
            "id": 1001,
            "company": "New",
            "phone": "+1 555 0100",
            "notes": "",
            "customer_group_id": 2,
            "tax_exempt_category": "RESELLER",
            "accepts_product_review_abandoned_cart_emails": True,
            "store_credit_amounts": [{"amount": 4.5}],
            "channel_ids": [1],
        },
        {"id": 1003, "email": "Other@example.com"},
    ]

    response = ask("PUT", "/customers", rows)

    assert [row["id"] for row in response.json()["data"]] == [1001, 1003]


def test_creating_customers_matches_the_document(ask: Ask) -> None:
    row = {
        "email": "fresh@example.com",
        "first_name": "Fresh",
        "last_name": "Person",
        "attributes": [{"attribute_id": 1, "attribute_value": "gold"}],
    }

    response = ask("POST", "/customers", [row])

    assert response.json()["data"][0]["email"] == "fresh@example.com"


@pytest.mark.parametrize("query", ["", "?name=Tier", "?name:like=is", "?type=number"])
def test_reading_attributes_matches_the_document(ask: Ask, query: str) -> None:
    response = ask("GET", f"/customers/attributes{query}")

    assert response.json()["data"]


def test_changing_an_attribute_matches_the_document(ask: Ask) -> None:
    made = ask("POST", "/customers/attributes", [{"name": "Born", "type": "date"}])
    number = made.json()["data"][0]["id"]

    renamed = ask("PUT", "/customers/attributes", [{"id": number, "name": "Birth"}])
    gone = ask("DELETE", f"/customers/attributes?id:in={number}")

    assert renamed.json()["data"][0]["name"] == "Birth"
    assert gone.status_code == 204


@pytest.mark.parametrize(
    "query",
    ["", "?customer_id:in=1001,1003&attribute_id:in=1&limit=250", "?name=Tier"],
)
def test_reading_values_matches_the_document(ask: Ask, query: str) -> None:
    response = ask("GET", f"/customers/attribute-values{query}")

    assert response.json()["data"]


def test_changing_a_value_matches_the_document(ask: Ask) -> None:
    row = {"attribute_id": 2, "customer_id": 1004, "value": "12"}
    made = ask("PUT", "/customers/attribute-values", [row])
    number = made.json()["data"][0]["id"]

    gone = ask("DELETE", f"/customers/attribute-values?id:in={number}")

    assert made.json()["data"][0]["attribute_value"] == "12"
    assert gone.status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "rows"),
    [
        ("GET", "/customers?foo=1", None),
        ("PUT", "/customers", [{"id": 7, "company": "None"}]),
        (
            "POST",
            "/customers",
            [{"email": "taken.0@example.com", "first_name": "A", "last_name": "B"}] * 2,
        ),
        (
            "PUT",
            "/customers/attribute-values",
            [{"attribute_id": 99, "customer_id": 1001, "value": "x"}],
        ),
        (
            "PUT",
            "/customers/attribute-values",
            [{"attribute_id": 1, "customer_id": 7, "value": "x"}],
        ),
    ],
)
def test_rejections_match_the_document(
    ask: Ask, method: str, path: str, rows: object
) -> None:
    response = ask(method, path, rows)

    assert response.status_code == 422


def test_invalid_response_fails_the_check(box: Sandbox, ask: Ask) -> None:
    box.faults.queue(Fault(kind="not_json", match="GET /customers"))

    with pytest.raises(OpenAPIError):
        ask("GET", "/customers")
