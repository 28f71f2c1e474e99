"""The options of a sandbox and their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

LYTICS_TOKEN = "sandbox-lytics-token"  # noqa: S105 - opens nothing but this sandbox
STORE_TOKEN = "sandbox-store-token"  # noqa: S105 - the same
STORE_HASH = "sandbox1"

Move = Literal["either", "front", "end", "stay"]
ScanEnd = Literal["empty", "missing", "repeat", "empty_page"]
Splits = Literal["served", "ignored", "ignored_on_post", "refused"]
SizeShape = Literal["list", "object", "objects"]
Order = Literal["request", "reversed"]
ErrorBody = Literal["errors", "detail", "title"]
StoredDates = Literal["sent", "iso", "space", "date"]

CHOICES: Mapping[str, Any] = MappingProxyType(
    {
        "changed_members_move": Move,
        "scan_end": ScanEnd,
        "splits": Splits,
        "size_shape": SizeShape,
        "answer_order": Order,
        "error_body": ErrorBody,
        "dates_stored_as": StoredDates,
    }
)
NO_RATES: Mapping[str, float] = MappingProxyType({})
NO_BAD_ROWS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a sandbox is seeded, and how it reads unclear parts of vendor documents.

    Shares are fractions of `members` and give exact counts. The table in the README
    describes each option.
    """

    # People.
    members: int = 1000
    others: int = 300
    newsletter: int = 250
    seed: int = 1
    without_id: float = 0.05
    unknown_id: float = 0.01
    refused: float = 0.01
    shared_id: float = 0.002
    differing: float = 0.8
    email_differing: float = 0.1
    extra_fields: int = 0

    # The server.
    port: int = 0
    latency_ms: float = 0.0
    journal_length: int = 10_000
    journal_bodies: bool = True
    lytics_token: str = LYTICS_TOKEN
    store_token: str = STORE_TOKEN
    store_hash: str = STORE_HASH

    # Lytics, and choices where its documents are unclear.
    lytics_forbidden: bool = False
    lytics_date_header: bool = True
    lytics_clock_ahead_seconds: float = 0.0
    page_limit: int = 100
    scan_is_snapshot: bool = False
    changed_members_move: Move = "either"
    scan_end: ScanEnd = "empty"
    same_token: bool = False
    token_seconds: float = 0.0
    stale_token_status: int = 400
    splits: Splits = "served"
    without_split: float = 0.0
    fields_on_post: bool = True
    include_by_id: bool = True
    unknown_fields_refused: bool = True
    split_is_filterable: bool = True
    bare_single_values: bool = True
    locations_are_objects: bool = False
    profile_ids: bool = False
    builtins_in_schema: bool = False
    status_as_text: bool = False
    bare_envelope: bool = False
    size_shape: SizeShape = "list"
    audiences_per_page: int = 0

    # BigCommerce's limits.
    quota: int = 150
    window_seconds: float = 30.0
    in_flight: int = 3
    other_app_calls_per_window: int = 0
    rate_headers: bool = True
    read_only_token: bool = False
    rows_per_call: int = 10
    max_attributes: int = 50

    # BigCommerce: choices where its documents are unclear.
    overflow_status: int = 413
    url_limit: int = 2048
    in_list_limit: int = 0
    largest_id: int = 0
    apply_valid_rows: bool = False
    partial_207: bool = False
    error_body: ErrorBody = "errors"
    errors_name_the_row: bool = True
    answer_order: Order = "request"
    null_clears: bool = False
    empty_refused: bool = False
    unknown_keys_refused: bool = False
    duplicate_rows_refused: bool = False
    cap_counts_customers: bool = False
    attribute_rows_per_call: int = 10
    accept_any_value: bool = False
    empty_value_removes: bool = False
    allow_duplicate_attributes: bool = False
    included_attributes_cap: int = 10
    values_touch_customer: bool = False
    trims_text: bool = False
    unix_line_ends: bool = False
    plain_numbers: bool = False
    numbers_change_type: bool = False
    dates_stored_as: StoredDates = "sent"

    # Texts, or customer ids, that make a write with such a row get a status.
    bad_rows: Mapping[str, int] = field(default_factory=lambda: NO_BAD_ROWS)

    # Faults by probability: kind, or `kind@METHOD /path`, to 0..1.
    fault_rates: Mapping[str, float] = field(default_factory=lambda: NO_RATES)
    fault_seconds: float = 1.0

    def __post_init__(self) -> None:
        for name, choice in CHOICES.items():
            if getattr(self, name) not in get_args(choice):
                names = ", ".join(get_args(choice))
                raise ValueError(f"{name} must be one of {names}")
        if min(self.members, self.others, self.newsletter) < 0:
            raise ValueError("members, others and newsletter must be at least 0")
        if self.without_id + self.unknown_id + self.refused + self.shared_id > 1:
            raise ValueError(
                "without_id, unknown_id, refused and shared_id add up to more than 1"
            )
        if self.window_seconds <= 0:
            raise ValueError("window_seconds must be above 0")
