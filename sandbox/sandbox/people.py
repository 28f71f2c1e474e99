"""Who the seeded people are: everything follows from the seed and an index."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from math import gcd
from typing import TYPE_CHECKING

from .names import COMPANIES, DOMAINS, FIRST, LAST

if TYPE_CHECKING:
    from .options import Options

FIRST_ID = 1001  # The store's id of the person with index 0.
TAKEN_OFFSET = 1_000_000_000  # Ids of customers who hold an address others want.
MASK = (1 << 64) - 1


class Kind(Enum):
    """What happens to a person on the way to the store."""

    CLEAN = "clean"
    WITHOUT_ID = "without_id"
    UNKNOWN_ID = "unknown_id"
    BAD_EMAIL = "bad_email"
    TAKEN_EMAIL = "taken_email"
    LONG_COMPANY = "long_company"
    SHARES_ID = "shares_id"


REFUSED = (Kind.BAD_EMAIL, Kind.TAKEN_EMAIL, Kind.LONG_COMPANY)


def mix(seed: int, index: int) -> int:
    """Scramble seed and index into 64 bits (splitmix64's finish)."""
    x = (seed * 0x9E3779B97F4A7C15 + index * 0xD1342543DE82EF95 + 0x2545F491) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


class Person:
    """One seeded person; cheap to make, nothing is kept."""

    def __init__(self, people: People, index: int) -> None:
        self.people = people
        self.index = index
        self.bits = mix(people.options.seed, index)

    @cached_property
    def kind(self) -> Kind:
        """What happens to this person on the way to the store."""
        return self.people.kind(self.index)

    @property
    def names(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """First and last name, each with its form for an address."""
        return FIRST[self.bits % len(FIRST)], LAST[(self.bits >> 8) % len(LAST)]

    @property
    def first_name(self) -> str:
        """As Lytics and the store have it."""
        return FIRST[self.bits % len(FIRST)][0]

    @property
    def last_name(self) -> str:
        """As Lytics and the store have it."""
        return LAST[(self.bits >> 8) % len(LAST)][0]

    @property
    def address(self) -> str:
        """The person's own, legal address; holds the index, so it can be looked up."""
        (_, first), (_, last) = self.names
        return f"{first}.{last}.{self.index}@{DOMAINS[self.bits % 3]}"

    @property
    def email(self) -> str:
        """As Lytics has it: legal or not, taken by another customer or not."""
        if self.kind is Kind.BAD_EMAIL:
            return f"{self.names[0][1]}.{self.index}.example.com"
        if self.kind is Kind.TAKEN_EMAIL:
            return taken_address(self.index)
        if (self.bits >> 16) % 10 == 0:
            return self.address.replace(self.names[0][1], self.names[0][1].title(), 1)
        return self.address

    @property
    def store_email(self) -> str:
        """As the store has it."""
        share = self.people.options.email_differing
        if self.kind is not Kind.WITHOUT_ID and (self.bits >> 20) % 1000 < share * 1000:
            return f"former.{self.index}@example.org"
        return self.address

    @property
    def customer_id(self) -> int | None:
        """The store's id as Lytics has it."""
        if self.kind is Kind.WITHOUT_ID:
            return None
        if self.kind is Kind.SHARES_ID:
            return FIRST_ID + self.people.twin(self.index)
        return FIRST_ID + self.index

    @property
    def differs(self) -> bool:
        """The store has other values than Lytics."""
        share = self.people.options.differing
        return (self.bits >> 32) % 1000 < share * 1000

    @property
    def company(self) -> str | None:
        """As Lytics has it."""
        if self.kind is Kind.LONG_COMPANY:
            return "An Uncommonly Long Company Name " * 9
        if self.bits >> 40 & 3 == 0:
            return None
        return COMPANIES[(self.bits >> 42) % len(COMPANIES)]

    @property
    def phone(self) -> str | None:
        """As Lytics has it (numbers kept free for fiction)."""
        if self.bits >> 44 & 7 == 0:
            return None
        return f"+1 555 01{(self.bits >> 48) % 100:02d}"


def taken_address(index: int) -> str:
    """Name the address that person `index` wants and another customer has."""
    return f"taken.{index}@example.com"


@dataclass(frozen=True, slots=True)
class Block:
    """A run of ranks that share a kind."""

    kind: Kind
    start: int
    stop: int


class People:
    """All seeded people; kinds are spread over the members in exact numbers."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.members = options.members
        self.total = options.members + options.others
        self._step = _coprime(self.members)
        self._back = pow(self._step, -1, self.members) if self.members > 1 else 0
        self._blocks = _blocks(options)

    def __getitem__(self, index: int) -> Person:
        return Person(self, index)

    def kind(self, index: int) -> Kind:
        """Look the kind of person `index` up; those in no main audience are clean."""
        block = self._block(index)
        if block is None:
            return Kind.CLEAN
        if block.kind is Kind.SHARES_ID and (self._rank(index) - block.start) % 2 == 0:
            return Kind.CLEAN
        return block.kind

    def twin(self, index: int) -> int:
        """Find whose customer id person `index` shares."""
        return (self._rank(index) - 1) * self._back % self.members

    def in_store(self, index: int) -> bool:
        """Say whether the store has a customer for person `index`."""
        kind = self.kind(index)
        if kind is Kind.WITHOUT_ID:
            return self._rank(index) % 2 == 0  # These can be matched by their email.
        return kind not in {Kind.UNKNOWN_ID, Kind.SHARES_ID}

    def _rank(self, index: int) -> int:
        return index * self._step % self.members

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
    at = 1 if room > 0 else 0  # The first member is clean where there is a choice.
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
