"""Creating and updating customers: every row is judged before one is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .answers import BAD_JSON, RefusalError, success
from .customer_book import Row, blank_customer
from .customer_rules import CLEARABLE, POST_KEYS, POST_NEEDS, PUT_KEYS, first_error
from .shelves import Shelves, judged, named, read_rows, without

if TYPE_CHECKING:
    from .messages import Answer

Judge = Callable[[int, Row], None]
UPDATE_FAILED = "Update customers failed."
CREATE_FAILED = "Create customers failed."
APART = ("attributes", "addresses", "trigger_account_created_notification")


class CustomerWrites:
    """One call's rows on their way into the store."""

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves
        self._options = shelves.options
        self._claimed: dict[str, int | None] = {}
        self._released: set[str] = set()
        self._seen: set[object] = set()

    def update(self, body: bytes) -> Answer:
        """PUT /customers."""
        rows = self._read(body)
        if any(not isinstance(row, dict) or "id" not in row for row in rows):
            raise RefusalError(422, BAD_JSON, {"id": "error.path.missing"})
        return self._write(rows, self._judge_update, self._apply_update)

    def create(self, body: bytes) -> Answer:
        """POST /customers."""
        rows = self._read(body)
        for at, row in enumerate(rows):
            missing = [
                n for n in POST_NEEDS if not isinstance(row, dict) or n not in row
            ]
            if missing:
                raise RefusalError(
                    422, BAD_JSON, {f"{at}.{missing[0]}": "error.path.missing"}
                )
        return self._write(rows, self._judge_create, self._apply_create)

    def _read(self, body: bytes) -> list[Any]:
        rows = read_rows(body)
        most = self._options.rows_per_call
        if len(rows) > most:
            raise RefusalError(
                self._options.overflow_status, f"Max batch size allowed is {most}"
            )
        return rows

    def _write(
        self, rows: list[Row], judge: Judge, apply: Callable[[Row], Row]
    ) -> Answer:
        good, refusals = judged(rows, judge)
        if refusals and not self._options.apply_valid_rows:
            raise refusals[0]
        written = [without(apply(row), "form_fields", "addresses") for row in good]
        if refusals:
            raise refusals[0]
        backwards = self._options.answer_order == "reversed"
        return success(written[::-1] if backwards else written)

    # Judging.

    def _judge_update(self, at: int, row: Row) -> None:
        self._judge_keys(at, row, PUT_KEYS)
        self._judge_fields(at, row, PUT_KEYS)
        self._judge_twice(at, row["id"], "id", UPDATE_FAILED)
        if row["id"] not in self._shelves.customers:
            key = named(self._options, at, "id")
            raise RefusalError(422, UPDATE_FAILED, {key: "invalid customer ID"})
        self._judge_email(row, row["id"])

    def _judge_create(self, at: int, row: Row) -> None:
        self._judge_keys(at, row, POST_KEYS)
        self._judge_fields(at, row, POST_KEYS)
        self._judge_twice(at, row["email"].lower(), "email", CREATE_FAILED)
        for inline in row.get("attributes") or []:
            if inline["attribute_id"] not in self._shelves.attributes:
                key = named(self._options, at, "attributes")
                raise RefusalError(422, CREATE_FAILED, {key: "invalid attribute ID"})
        self._judge_email(row, None)

    def _judge_keys(self, at: int, row: Row, known: frozenset[str]) -> None:
        unknown = row.keys() - known
        if unknown and self._options.unknown_keys_refused:
            key = named(self._options, at, min(unknown))
            raise RefusalError(422, BAD_JSON, {key: "error.unknown"})

    def _judge_fields(self, at: int, row: Row, known: frozenset[str]) -> None:
        taken = {name: row[name] for name in row if name in known}
        options = self._options
        wrong = first_error(
            taken, null_clears=options.null_clears, empty_refused=options.empty_refused
        )
        if wrong:
            key = named(self._options, at, wrong[0])
            raise RefusalError(422, BAD_JSON, {key: wrong[1]})

    def _judge_twice(self, at: int, key: object, field: str, title: str) -> None:
        if key in self._seen and self._options.duplicate_rows_refused:
            raise RefusalError(
                422, title, {named(self._options, at, field): "duplicate"}
            )
        self._seen.add(key)

    def _judge_email(self, row: Mapping[str, Any], customer_id: int | None) -> None:
        if "email" not in row:
            return
        email = row["email"].lower()
        if email in self._claimed:
            taken = customer_id is None or self._claimed[email] != customer_id
        else:
            owner = self._shelves.customers.by_email(email)
            taken = owner not in {None, customer_id} and email not in self._released
        if taken:
            raise _taken(row["email"], creating=customer_id is None)
        self._claim(email, customer_id)

    def _claim(self, email: str, customer_id: int | None) -> None:
        self._claimed[email] = customer_id
        old = self._shelves.customers.peek(customer_id) if customer_id else None
        if old and old["email"].lower() != email:
            self._released.add(old["email"].lower())

    # Applying.

    def _apply_update(self, row: Row) -> Row:
        old = self._shelves.customers.peek(row["id"]) or {}
        return self._store(old, {k: row[k] for k in row if k in PUT_KEYS})

    def _apply_create(self, row: Row) -> Row:
        shelves = self._shelves
        blank = blank_customer(shelves.customers.next_id(), shelves.clock.now())
        fields = {k: row[k] for k in row if k in POST_KEYS}
        new = self._store(blank, without(fields, *APART))
        for inline in row.get("attributes") or []:
            key = (new["id"], inline["attribute_id"])
            shelves.put_value(key, str(inline["attribute_value"]))
        shelves.welcome_mails += bool(row.get("trigger_account_created_notification"))
        return new

    def _store(self, old: Row, fields: Row) -> Row:
        new = {
            **old,
            **{k: "" if v is None and k in CLEARABLE else v for k, v in fields.items()},
        }
        if "authentication" in fields:
            reset = bool(fields["authentication"].get("force_password_reset"))
            new["authentication"] = {"force_password_reset": reset}
        new["date_modified"] = self._shelves.now
        self._shelves.put_customer(new)
        return new


def _taken(email: str, *, creating: bool) -> RefusalError:
    verb, key = ("creating", "create") if creating else ("updating", "update")
    title = CREATE_FAILED if creating else UPDATE_FAILED
    text = f"Error {verb} customers: email {email} already in use"
    return RefusalError(422, title, {f".customer_{key}": text})
