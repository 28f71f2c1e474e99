"""Random records, and the values that each must write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .population import STREAMS, Population, audience_of, stream_of

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

CustomerKey = int | str  # A customer's id, or the email of one to be created.
ATTRIBUTES = {"tier": "Tier", "score": "Score", "level": "Level"}
MARKS = ("2026-01-01T00:00:00Z", 1_767_225_600, "yes")
NO_MARKS = (None, "", " ", "null", "False", "0", False, True, 0, -1)
POISON = "poison"
FIELDS = ("company", "phone", "first_name", "last_name")
NEVER_EMPTY = ("first_name", "last_name")
UNREADABLE = ("abc", "007", "1e3", True, -5, 1.5, "\uff11\uff12", "1_000", "12 34")
UNKNOWN = (9001, "9002", 10**17)
NO_ID = (None, "", "  ", 0, "0", "0.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record.

    Args:
        n: its index.
        stream: its stream.
        record: the record that the tap sends.
        customer: the customer to write; None if there is none.
        desired: values by field or attribute; None deletes a value.
        leaves: whether it reports an exit.
        is_bad: whether it must be rejected.
        claims: the customer to whom it gives another customer's email.
    """

    n: int
    stream: str
    record: dict[str, Any]
    customer: CustomerKey | None = None
    desired: dict[str, str | None] = field(default_factory=dict)
    leaves: bool = False
    is_bad: bool = False
    claims: int | None = None


class Writer:
    """Draws random records for the customers of a store."""

    def __init__(
        self,
        rng: random.Random,
        settings: Mapping[str, Any],
        population: Population,
        *,
        exits: int,
    ) -> None:
        self._rng = rng
        self._settings = settings
        self._population = population
        self._standard = [each["to"] for each in settings["map_standard_fields"]]
        self._attributes = [each["to"] for each in settings["map_custom_attributes"]]
        self._kinds: list[Callable[[int], Entry]] = [self._good] * 12
        self._kinds += [self._unreadable, self._unknown, self._wrong, self._without_id]
        self._kinds += [self._matched, self._newcomer, self._partial, self._also]
        if "email" in self._standard:
            self._kinds.append(self._taken)
        self._kinds += [self._exit] * exits
        if population.bad:
            self._kinds.append(self._poisoned)
        if population.namesakes:
            self._kinds.append(self._ambiguous)

    def write(self, n: int) -> Entry:
        """Draw the n-th record."""
        return self._rng.choice(self._kinds)(n)

    # Members.

    def _good(self, n: int) -> Entry:
        number = self._customer()
        record, desired = self._profile(n)
        if "email" in self._standard and number % 3 and self._rng.random() < 0.3:
            record["email"] = desired["email"] = f"c{number}.x{n}@shop.example"
        shown = self._rng.choice((number, str(number), f" {number} "))
        return self._entry(n, shown, record, number, desired)

    def _also(self, n: int) -> Entry:
        # A member of both audiences. Their drains are sequential, so only one may
        # write fields.
        number = self._customer()
        stream = self._rng.choice(STREAMS)
        return self._entry(n, number, {}, number, {}, stream=stream)

    def _matched(self, n: int) -> Entry:
        # Only customers whose email never changes are sure to match.
        stable = [c for c in self._population.customers if not c % 3]
        if not stable or "email" not in self._standard:
            return self._without_id(n)
        number = self._rng.choice(stable)
        record, desired = self._profile(n)
        email = self._population.fields[number]["email"]
        record["email"] = self._rng.choice((email, email.upper()))
        if self._settings["on_missing_id"] == "skip":
            return self._entry(n, None, record, None, {}, stream=stream_of(number))
        return self._entry(n, None, record, number, desired)

    def _newcomer(self, n: int) -> Entry:
        email = f"new{self._rng.randint(1, 4)}@shop.example"
        record, desired = self._profile(n)
        record |= {"email": email, "first_name": "New", "last_name": f"Comer {n}"}
        desired |= {"email": email, "first_name": "New", "last_name": f"Comer {n}"}
        creates = self._settings["on_missing_id"] == "create"
        if "email" not in self._standard:
            return self._entry(n, None, record, None, {}, is_bad=creates)
        customer = email if creates else None
        return self._entry(n, None, record, customer, desired if creates else {})

    def _exit(self, n: int) -> Entry:
        number = self._rng.choice([*self._population.customers, 9003])
        stream = self._rng.choice((stream_of(number), *STREAMS))
        record = {"_sdc_deleted_at": self._rng.choice(MARKS), "company": "Gone"}
        return Entry(
            n=n,
            stream=stream,
            record={"id": number, "n": n, **record},
            customer=number,
            leaves=True,
        )

    # Records to reject or skip.

    def _without_id(self, n: int) -> Entry:
        record, _ = self._profile(n)
        creates = self._settings["on_missing_id"] == "create"
        shown = self._rng.choice(NO_ID)
        return self._entry(n, shown, record, None, {}, is_bad=creates)

    def _partial(self, n: int) -> Entry:
        creates = self._settings["on_missing_id"] == "create"
        record = {"email": f"partial{n}@shop.example", "company": "Half"}
        return self._entry(n, None, record, None, {}, is_bad=creates)

    def _unreadable(self, n: int) -> Entry:
        record, _ = self._profile(n)
        shown = self._rng.choice(UNREADABLE)
        return self._entry(n, shown, record, None, {}, is_bad=True)

    def _unknown(self, n: int) -> Entry:
        record, _ = self._profile(n)
        shown = self._rng.choice(UNKNOWN)
        return self._entry(n, shown, record, None, {}, is_bad=True)

    def _wrong(self, n: int) -> Entry:
        if not self._standard:
            return self._unreadable(n)
        number = self._customer()
        record, _ = self._profile(n)
        spoiled = {"company": "x" * 256, "phone": "7" * 51}
        name = self._rng.choice(list(spoiled))
        record[name] = spoiled[name]
        stream = stream_of(number)
        return self._entry(n, number, record, None, {}, is_bad=True, stream=stream)

    def _poisoned(self, n: int) -> Entry:
        # The store fails on every write with this text.
        number = self._rng.choice(self._population.bad)
        names = {"phone": "phone", **ATTRIBUTES}
        names.pop("score")  # It takes only numbers.
        mapped = {*self._standard, *self._attributes}
        places = [name for name, to in names.items() if to in mapped]
        if not places:
            return self._unreadable(n)
        record = {self._rng.choice(places): f"{POISON} {n}"}
        stream = stream_of(number)
        return self._entry(n, number, record, None, {}, is_bad=True, stream=stream)

    def _ambiguous(self, n: int) -> Entry:
        # Several customers have this email.
        record, _ = self._profile(n)
        number = self._rng.choice(self._population.namesakes)
        record["email"] = self._population.fields[number]["email"]
        is_bad = "email" in self._standard and self._settings["on_missing_id"] != "skip"
        if "email" not in self._standard:
            is_bad = self._settings["on_missing_id"] == "create"
        return self._entry(n, None, record, None, {}, is_bad=is_bad)

    def _taken(self, n: int) -> Entry:
        number = self._customer()
        unrelated = self._rng.choice(self._population.unrelated)
        email = self._population.fields[unrelated]["email"]
        return Entry(
            n=n,
            stream=stream_of(number),
            record={"id": number, "n": n, "email": email},
            is_bad=True,
            claims=number,
        )

    # Parts of records.

    def _customer(self) -> int:
        return self._rng.choice(self._population.customers)

    def _profile(self, n: int) -> tuple[dict[str, Any], dict[str, str | None]]:
        record: dict[str, Any] = {
            name: self._text(name, n) for name in FIELDS if self._rng.random() < 0.4
        }
        desired: dict[str, str | None] = dict(record)
        if self._rng.random() < 0.1:
            record["_sdc_deleted_at"] = self._rng.choice(NO_MARKS)
        for name, attribute in ATTRIBUTES.items():
            if self._rng.random() < 0.7:
                record[name] = self._rng.choice((str(n % 10), f"{n % 10}.50", None))
                if attribute in self._attributes:
                    desired[attribute] = record[name]
        return record, {
            name: value
            for name, value in desired.items()
            if name in {*self._standard, *self._attributes}
            if value is not None or self._clears(name)
        }

    def _clears(self, name: str) -> bool:
        return self._settings["on_null"] == "clear" and name not in NEVER_EMPTY

    def _text(self, name: str, n: int) -> str | None:
        if name == "phone":
            return self._rng.choice((str(n), "123", None))
        forms = (f"{name} {n}", f" {name} {n} ", f"{name}\r\n{n}")
        return self._rng.choice((self._rng.choice(forms), "Old Ltd", " Old Ltd", None))

    def _entry(  # noqa: PLR0913 - a record's parts
        self,
        n: int,
        shown: object,
        record: dict[str, Any],
        customer: CustomerKey | None,
        desired: dict[str, str | None],
        *,
        is_bad: bool = False,
        stream: str | None = None,
    ) -> Entry:
        stream = stream or (stream_of(customer) if isinstance(customer, int) else "vip")
        slug = {audience_of(stream): stream} if customer is not None else {}
        return Entry(
            n=n,
            stream=stream,
            record={"id": shown, "n": n, **record},
            customer=customer,
            desired={**desired, **slug},
            is_bad=is_bad,
        )
