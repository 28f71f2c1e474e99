"""The store's attributes: read once a run, created where they are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .errors import AttributeConflictError
from .plan import Definitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .api.models import AttributeDefinition

MAX_ATTRIBUTES = 50  # Of a store, by BigCommerce's document.


class AttributeStore(Protocol):
    """What the book asks of BigCommerce."""

    def attributes(self) -> list[AttributeDefinition]:
        """List every definition."""
        ...

    def create_attribute(self, name: str, type: str) -> AttributeDefinition:  # noqa: A002 - BigCommerce's word
        """Create one."""
        ...


class AttributeBook:
    """Names and ids of attributes, as of this run."""

    def __init__(self, store: AttributeStore) -> None:
        self._store = store
        self._known: dict[str, AttributeDefinition] | None = None
        self.created: list[str] = []

    def check(self, types: Mapping[str, str]) -> None:
        """See that the attributes can be had with these types, by name.

        Raises:
            AttributeConflictError: when one has another type, or there is no room.
        """
        known = self._attributes()
        for name, wanted in types.items():
            if name in known and known[name].type != wanted:
                raise AttributeConflictError(
                    f"The store's attribute {name!r} has the type {known[name].type},"
                    f" and it is mapped as {wanted}. BigCommerce cannot change a type:"
                    " map it with its own, or choose another name."
                )
        missing = [name for name in types if name not in known]
        if len(known) + len(missing) > MAX_ATTRIBUTES:
            raise AttributeConflictError(
                f"The store has {len(known)} attributes of {MAX_ATTRIBUTES} at most;"
                f" there is no room for {', '.join(map(repr, missing))}. Delete some"
                " in the store, or map onto those that it has."
            )

    def known_ids(self, names: Sequence[str]) -> list[int]:
        """Give the ids of those attributes that the store has already."""
        known = self._attributes()
        return [known[name].id for name in names if name in known]

    def ensure(
        self, types: Mapping[str, str], *, audience: str, slug: str
    ) -> Definitions:
        """Give the ids of all, creating those that the store lacks."""
        known = self._attributes()
        for name, wanted in types.items():
            if name not in known:
                known[name] = self._store.create_attribute(name, wanted)
                self.created.append(name)
        ids = {name: known[name].id for name in types}
        return Definitions(ids=ids, types=types, audience=audience, slug=slug)

    def look_again(self, names: Iterable[str]) -> None:
        """See that the store still has those attributes that it had.

        Raises:
            AttributeConflictError: when somebody deleted one during this run.
        """
        known = self._attributes()
        there = {each.id for each in self._store.attributes()}
        for name in names:
            if name in known and known[name].id not in there:
                raise AttributeConflictError(
                    f"The store no longer has the attribute {name!r}: it was deleted"
                    " during this run. Run again, and it is created anew."
                )

    def _attributes(self) -> dict[str, AttributeDefinition]:
        if self._known is None:
            found = sorted(self._store.attributes(), key=lambda each: -each.id)
            # Of two with one name, which may not be possible, the lowest id wins.
            self._known = {each.name: each for each in found}
        return self._known
