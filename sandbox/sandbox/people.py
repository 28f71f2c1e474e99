"""The seeded people. All data of a person follows from the seed and the person's index.

Lytics' profiles and the store's customers are both generated from them, on demand.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from math import gcd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .options import Options

SEEDED_AT = 1_735_689_600  # 2025-01-01T00:00:00Z: seeded profiles change in 2025.

# Each name with its form in an email address.
FIRST_NAMES = (
    ("Ada", "ada"),
    ("Ben", "ben"),
    ("Chloé", "chloe"),
    ("Diego", "diego"),
    ("Elif", "elif"),
    ("Farah", "farah"),
    ("Grace", "grace"),
    ("Henrik", "henrik"),
    ("Ingrid", "ingrid"),
    ("Jean-Luc", "jean-luc"),
    ("Katarzyna", "katarzyna"),
    ("Liam", "liam"),
    ("Mary Ann", "maryann"),
    ("Ngozi", "ngozi"),
    ("Oliver", "oliver"),
    ("Priya", "priya"),
    ("Renée", "renee"),
    ("Siobhán", "siobhan"),
    ("Tomás", "tomas"),
    ("Zoë", "zoe"),
    ("明", "ming"),
    ("Владимир", "vladimir"),
    ("محمد", "mohammed"),
    ("עמית", "amit"),
    ("さくら", "sakura"),
    ("Ελένη", "eleni"),
    ("Kim 🌟", "kim"),
)
LAST_NAMES = (
    ("O'Brien", "o'brien"),
    ("D'Angelo", "dangelo"),
    ("Smith", "smith"),
    ("García Márquez", "garcia"),
    ("Müller", "mueller"),
    ("Nguyễn", "nguyen"),
    ("van der Berg", "vanderberg"),
    ("Øster", "oester"),
    ("Kowalska", "kowalska"),
    ("Okafor", "okafor"),
    ("李", "li"),
    ("Иванова", "ivanova"),
    ("الأندلسي", "alandalusi"),
    ("כהן", "cohen"),
    ("山田", "yamada"),
    ("Παπαδοπούλου", "papadopoulou"),
    ("St. John-Smythe", "stjohn"),
    ("Yıldız", "yildiz"),  # noqa: RUF001 - the dotless i is meant
)
COMPANIES = (
    "Acme & Sons",
    "Bäckerei Süß",
    'The "Quoted" Company',
    "Globex, Inc.",
    "株式会社サンプル",
    "شركة المثال",
    "Rocket 🚀 Labs",
    "Smith; Jones <Partners>",
)
DOMAINS = ("example.com", "example.org", "example.net")


FIRST_ID = 1001  # The store's id of the person with index 0.
TAKEN_OFFSET = 1_000_000_000  # Ids of customers whose email a member has in Lytics.
MASK = (1 << 64) - 1


class Kind(Enum):
    """What prevents a member from being written to the store, if anything."""

    CLEAN = "clean"
    WITHOUT_ID = "without_id"
    UNKNOWN_ID = "unknown_id"
    BAD_EMAIL = "bad_email"
    TAKEN_EMAIL = "taken_email"
    LONG_COMPANY = "long_company"
    SHARES_ID = "shares_id"


REFUSED = (Kind.BAD_EMAIL, Kind.TAKEN_EMAIL, Kind.LONG_COMPANY)


def mix(seed: int, index: int) -> int:
    """Hash seed and index into 64 bits (the finalizer of splitmix64)."""
    x = (seed * 0x9E3779B97F4A7C15 + index * 0xD1342543DE82EF95 + 0x2545F491) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


class Person:
    """One seeded person; cheap to create, nothing is stored."""

    def __init__(self, people: People, index: int) -> None:
        self.people = people
        self.index = index
        self.bits = mix(people.options.seed, index)

    @cached_property
    def kind(self) -> Kind:
        """What prevents this person from being written to the store, if anything."""
        return self.people.kind(self.index)

    @property
    def _first(self) -> tuple[str, str]:
        return FIRST_NAMES[self.bits % len(FIRST_NAMES)]

    @property
    def _last(self) -> tuple[str, str]:
        return LAST_NAMES[(self.bits >> 8) % len(LAST_NAMES)]

    @property
    def first_name(self) -> str:
        """As in Lytics and in the store."""
        return self._first[0]

    @property
    def last_name(self) -> str:
        """As in Lytics and in the store."""
        return self._last[0]

    @property
    def address(self) -> str:
        """The person's own, valid email; it contains the index, so lookups work."""
        name = f"{self._first[1]}.{self._last[1]}"
        return f"{name}.{self.index}@{DOMAINS[self.bits % 3]}"

    @property
    def email(self) -> str:
        """As in Lytics: valid or not, taken by another customer or not."""
        first = self._first[1]
        if self.kind is Kind.BAD_EMAIL:
            return f"{first}.{self.index}.example.com"
        if self.kind is Kind.TAKEN_EMAIL:
            return taken_address(self.index)
        if (self.bits >> 16) % 10 == 0:
            return self.address.replace(first, first.title(), 1)
        return self.address

    @property
    def store_email(self) -> str:
        """As in the store."""
        share = self.people.options.email_differing
        if self.kind is not Kind.WITHOUT_ID and (self.bits >> 20) % 1000 < share * 1000:
            return f"former.{self.index}@example.org"
        return self.address

    @property
    def customer_id(self) -> int | None:
        """The store's customer id as in Lytics."""
        if self.kind is Kind.WITHOUT_ID:
            return None
        if self.kind is Kind.SHARES_ID:
            return FIRST_ID + self.people.shared_with(self.index)
        return FIRST_ID + self.index

    @property
    def differs(self) -> bool:
        """Whether the store's values differ from Lytics'."""
        share = self.people.options.differing
        return (self.bits >> 32) % 1000 < share * 1000

    @property
    def company(self) -> str | None:
        """As in Lytics."""
        if self.kind is Kind.LONG_COMPANY:
            return "An Uncommonly Long Company Name " * 9
        if self.bits >> 40 & 3 == 0:
            return None
        return COMPANIES[(self.bits >> 42) % len(COMPANIES)]

    @property
    def phone(self) -> str | None:
        """As in Lytics: a number reserved for fiction."""
        if self.bits >> 44 & 7 == 0:
            return None
        return f"+1 555 01{(self.bits >> 48) % 100:02d}"


def taken_address(index: int) -> str:
    """Return the email of person `index` if it belongs to another customer."""
    return f"taken.{index}@example.com"


@dataclass(frozen=True, slots=True)
class Block:
    """A range of ranks with the same kind."""

    kind: Kind
    start: int
    stop: int


class People:
    """All seeded people; each kind has an exact number of members."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.members = options.members
        self.total = options.members + options.others
        self._step = _coprime(self.members)
        self._back = pow(self._step, -1, self.members) if self.members > 1 else 0
        self._blocks = _blocks(options)
        self._latest = Person(self, 0)  # A profile asks for the same person often.

    def __getitem__(self, index: int) -> Person:
        person = self._latest  # Threads may ask for different ones.
        if person.index != index:
            self._latest = person = Person(self, index)
        return person

    def kind(self, index: int) -> Kind:
        """Return the kind of person `index`; non-members are clean."""
        block = self._block(index)
        if block is None:
            return Kind.CLEAN
        if block.kind is Kind.SHARES_ID and (self._rank(index) - block.start) % 2 == 0:
            return Kind.CLEAN
        return block.kind

    def shared_with(self, index: int) -> int:
        """Return the index of the person with the same customer id as `index`."""
        return (self._rank(index) - 1) * self._back % self.members

    def in_store(self, index: int) -> bool:
        """Return whether the store has a customer for person `index`."""
        kind = self.kind(index)
        if kind is Kind.WITHOUT_ID:
            return self._rank(index) % 2 == 0  # Half can be matched by their email.
        return kind not in {Kind.UNKNOWN_ID, Kind.SHARES_ID}

    def has_split(self, index: int) -> bool:
        """Return whether the profile of person `index` belongs to a split."""
        if not self.options.without_split:
            return True
        without = round(self.members * self.options.without_split)
        return self._rank(index) < self.members - without

    def _rank(self, index: int) -> int:
        return index * self._step % max(self.members, 1)

    def _block(self, index: int) -> Block | None:
        if index >= self.members or not self._blocks:
            return None
        rank = self._rank(index)
        for block in self._blocks:
            if block.start <= rank < block.stop:
                return block
        return None


def _coprime(members: int) -> int:
    step = max(1, int(members * 0.6180339887))
    while gcd(step, max(members, 1)) != 1:
        step += 1
    return step


def _blocks(options: Options) -> list[Block]:
    numbers = _numbers(options)
    room = options.members - sum(number for _, number in numbers)
    at = 1 if room > 0 else 0  # The first member is clean unless all are special.
    blocks: list[Block] = []
    for kind, number in numbers:
        blocks.append(Block(kind, at, at + number))
        at += number
    return [block for block in blocks if block.start < block.stop]


def _numbers(options: Options) -> list[tuple[Kind, int]]:
    refused = round(options.members * options.refused)
    shares = [(kind, (refused + 2 - at) // 3) for at, kind in enumerate(REFUSED)]
    return [
        (Kind.WITHOUT_ID, round(options.members * options.without_id)),
        (Kind.UNKNOWN_ID, round(options.members * options.unknown_id)),
        *shares,
        (Kind.SHARES_ID, 2 * round(options.members * options.shared_id / 2)),
    ]
