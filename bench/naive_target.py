"""The baseline: a target built from the SDK's template, with sequential calls.

It writes every record, ten per call, without looking anything up.
"""

from __future__ import annotations

from typing import Any

import requests
from singer_sdk import BatchSink, Target
from singer_sdk import typing as th
from typing_extensions import override

ROWS_PER_CALL = 10
FIELDS = ("email", "first_name", "last_name", "company")
TIMEOUT_SECONDS = 60


class NaiveSink(BatchSink):
    """Updates customers, then their audience values."""

    @property
    @override
    def max_size(self) -> int:
        return 100

    @override
    def setup(self) -> None:
        config = self.config
        self._base = f"{config['api_url']}/stores/{config['store_hash']}/v3/customers"
        self._session = requests.Session()
        self._session.headers["X-Auth-Token"] = config["access_token"]
        self._attribute = self._find_or_create(f"LyticsAudience_{self.stream_name}")

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        records = [r for r in context["records"] if r[self.config["id_field"]]]
        for at in range(0, len(records), ROWS_PER_CALL):
            part = records[at : at + ROWS_PER_CALL]
            self._send("PUT", "", [self._customer(record) for record in part])
            values = [self._value(record) for record in part]
            self._send("PUT", "/attribute-values", values)

    def _customer(self, record: dict[str, Any]) -> dict[str, Any]:
        given = {name: record[name] for name in FIELDS if record.get(name)}
        return {"id": int(record[self.config["id_field"]]), **given}

    def _value(self, record: dict[str, Any]) -> dict[str, Any]:
        return {
            "attribute_id": self._attribute,
            "customer_id": int(record[self.config["id_field"]]),
            "value": self.stream_name,
        }

    def _find_or_create(self, name: str) -> int:
        found = self._send("GET", "/attributes", None)
        ids = [int(row["id"]) for row in found if row["name"] == name]
        if ids:
            return ids[0]
        created = self._send("POST", "/attributes", [{"name": name, "type": "string"}])
        return int(created[0]["id"])

    def _send(self, method: str, path: str, rows: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
        response = self._session.request(
            method, self._base + path, json=rows, timeout=TIMEOUT_SECONDS
        )
        response.raise_for_status()
        found: list[dict[str, Any]] = response.json()["data"]
        return found


class NaiveTarget(Target):
    """A simple target for BigCommerce."""

    name = "naive-target"
    config_jsonschema = th.PropertiesList(
        th.Property("api_url", th.StringType, required=True),
        th.Property("store_hash", th.StringType, required=True),
        th.Property("access_token", th.StringType, required=True, secret=True),
        th.Property("id_field", th.StringType, required=True),
    ).to_dict()
    default_sink_class = NaiveSink


if __name__ == "__main__":
    NaiveTarget.cli()
