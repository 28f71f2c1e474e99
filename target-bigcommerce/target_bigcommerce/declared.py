"""Every setting of the target: its type, default and description."""

from __future__ import annotations

from singer_sdk import typing as th

from .records.entries import ATTRIBUTE_TYPES, WRITES

DEFAULT_STANDARD_FIELDS = [{"from": "email", "to": "email"}]

_ENTRY = (
    th.Property("from", th.StringType, description="Record field, a dotted path."),
    th.Property("value", th.AnyType, description="A constant, instead of from."),
    th.Property("to", th.StringType, description="Where the value goes."),
    th.Property("values", th.ObjectType(additional_properties=True)),
    th.Property("default", th.AnyType, description="For what is not in values."),
    th.Property("write", th.StringType(allowed_values=list(WRITES))),
)
_TYPE = th.Property("type", th.StringType(allowed_values=list(ATTRIBUTE_TYPES)))

DECLARED = th.PropertiesList(
    th.Property(
        "store_hash",
        th.StringType,
        required=True,
        title="Store hash",
        description="The store's bare hash, such as abc123: no address, no store-"
        " before it.",
    ),
    th.Property(
        "access_token",
        th.StringType,
        required=True,
        secret=True,
        title="Access token",
        description="Of a store-level API account with the Customers scope set to"
        " modify; sent in X-Auth-Token.",
    ),
    th.Property(
        "id_field",
        th.StringType,
        required=True,
        title="Id field",
        description="Record field with the BigCommerce customer id.",
    ),
    th.Property(
        "map_standard_fields",
        th.ArrayType(th.ObjectType(*_ENTRY)),
        default=DEFAULT_STANDARD_FIELDS,
        title="Map standard fields",
        description="List of entries from a record field to a customer field. A list"
        " that is given replaces the default whole; an empty one maps nothing.",
    ),
    th.Property(
        "map_custom_attributes",
        th.ArrayType(th.ObjectType(*_ENTRY, _TYPE)),
        default=[],
        title="Map custom attributes",
        description="List of entries from a record field to a customer attribute of"
        " type string, number or date; a missing attribute is created.",
    ),
    th.Property(
        "audience_attribute",
        th.StringType,
        title="Audience attribute",
        description="Attribute that holds the audience's slug; without it,"
        " LyticsAudience_{job_id}. Created if missing.",
    ),
    th.Property(
        "job_id",
        th.StringType,
        title="Job id",
        description="Names this job in the store; without it, the stream's name, so"
        " that two audiences never share an attribute.",
    ),
    th.Property(
        "batch_size_rows",
        th.IntegerType(minimum=1, maximum=10_000),
        default=100,
        title="Batch size",
        description="Customers waiting that make a drain.",
    ),
    th.Property(
        "batch_wait_limit_seconds",
        th.IntegerType(minimum=1, maximum=86_400),
        default=60,
        title="Batch wait limit",
        description="The longest that a record waits to be written, also when the input"
        " is quiet.",
    ),
    th.Property(
        "on_missing_id",
        th.StringType(allowed_values=["skip", "match", "create"]),
        default="skip",
        title="On missing id",
        description="A record without a customer id: skip it, match a customer by the"
        " mapped email, or match and else create one.",
    ),
    th.Property(
        "on_exit",
        th.StringType(allowed_values=["keep", "clear"]),
        default="keep",
        title="On exit",
        description="A member who left: keep the audience's value, or clear it.",
    ),
    th.Property(
        "max_clear_percent",
        th.IntegerType(minimum=0, maximum=100),
        default=20,
        title="Most values cleared",
        description="No more than this share of the audience attribute's values (and"
        " more than 100) is cleared within 24 hours; beyond it the run ends with"
        " status 1.",
    ),
    th.Property(
        "on_null",
        th.StringType(allowed_values=["keep", "clear"]),
        default="keep",
        title="On null",
        description="A null leaves the store's value as it is, or empties it (never"
        " email or names). An absent field is always left alone.",
    ),
    th.Property(
        "max_in_flight",
        th.IntegerType(minimum=1, maximum=3),
        default=3,
        title="Requests in flight",
        description="How many requests are sent at once.",
    ),
    th.Property(
        "quota_share_percent",
        th.IntegerType(minimum=1, maximum=100),
        default=90,
        title="Share of the quota",
        description="How much of the store's request quota this job may use; other apps"
        " share it.",
    ),
    th.Property(
        "rejects_path",
        th.StringType,
        default="rejects.jsonl",
        title="Rejects",
        description="File to which records that could not be written are appended; one"
        " file per job. It holds personal data.",
    ),
    th.Property(
        "max_rejects",
        th.IntegerType(minimum=0),
        default=1000,
        title="Most rejects",
        description="More distinct rejected records than this in a run stop it after"
        " the current drain with status 1.",
    ),
    th.Property(
        "changes_path",
        th.StringType,
        title="Changes",
        description="File to which a line of JSON is appended for every value written:"
        " time, stream, customer, field or attribute, old and new. It holds personal"
        " data.",
    ),
    th.Property(
        "dry_run",
        th.BooleanType,
        default=False,
        title="Dry run",
        description="Read and plan, write nothing, report what would be written or"
        " cleared.",
    ),
    th.Property(
        "limit",
        th.IntegerType(minimum=1),
        title="Limit",
        description="For a first try: stop reading once this many customers were"
        " changed or created. Prints no state and clears nobody.",
    ),
    th.Property(
        "summary_path",
        th.StringType,
        title="Summary",
        description="File for the run's summary as one JSON object.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        default="https://api.bigcommerce.com",
        title="API URL",
        description="What stands before /stores/{hash}/v3. https only, except on a"
        " loopback address.",
    ),
    th.Property(
        "request_timeout_seconds",
        th.IntegerType(minimum=1, maximum=3600),
        default=60,
        title="Request timeout",
        description="How long one request may wait for an answer before it is tried"
        " again.",
    ),
    th.Property(
        "user_agent",
        th.StringType,
        default="target-bigcommerce",
        title="User agent",
        description="Sent in the header User-Agent.",
    ),
).to_dict()
