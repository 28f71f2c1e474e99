"""Where the pages of a list end, as far as their own figures say. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from target_bigcommerce.errors import ProtocolError

from .numbers import whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# A look-up names at most 100 ids, an attribute at most one value for each, a store has
# at most 50 attributes, and a page has at least a row.
MOST_PAGES = 5000
SHORT = "BigCommerce's pages of a list had fewer rows than there are by their figures."
STOPS = "Nothing was guessed and the state stays where it was."


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a page says of its list; zero for what it does not say."""

    total: int = 0
    pages: int = 0
    per_page: int = 0
    page: int = 0

    @property
    def rows_due(self) -> int:
        """How many rows this page has, if its figures fit each other; else zero."""
        if self.pages == 1:
            return self.total if self.page <= 1 else 0
        if (
            not self.per_page
            or not self.page
            or -(-self.total // self.per_page) != self.pages
        ):
            return 0
        return min(self.per_page, self.total - (self.page - 1) * self.per_page)


def figures(body: Any) -> Figures:  # noqa: ANN401 - whatever JSON holds
    """Read a page's figures, each for itself."""
    said = pagination(body)
    return Figures(
        total=_count(said.get("total")),
        pages=_count(said.get("total_pages")),
        per_page=_count(said.get("per_page")),
        page=_count(said.get("current_page")),
    )


def pagination(body: Any) -> Mapping[str, Any]:  # noqa: ANN401 - whatever JSON holds
    """Find the figures on pages; empty when there are none."""
    meta = body.get("meta")
    found = meta.get("pagination") if isinstance(meta, dict) else None
    return found if isinstance(found, dict) else {}


def lacks_rows(body: Any, rows: int) -> bool:  # noqa: ANN401 - whatever JSON holds
    """A customer missing from a look-up would be taken for one who is gone."""
    return rows < figures(body).rows_due


def goes_on(body: Any, page: int, read: int) -> bool:  # noqa: ANN401 - JSON
    """Whether a page comes after this one.

    A store may give fewer rows than it is asked for: a page that is not full is the
    last one only if it is empty, or if all the rows that there are have been read.
    """
    if not body["data"]:
        return False
    said = figures(body)
    return page < said.pages if said.pages else read != said.total


def are_short(bodies: Iterable[Any], rows: int) -> bool:
    """Whether pages had fewer rows between them than any says that there are."""
    return rows < max(figures(body).total for body in bodies)


def check_turned(before: Any, body: Any) -> None:  # noqa: ANN401 - JSON
    """See that a page is not the one before it over again.

    Raises:
        ProtocolError: when it is: there is no telling what else there would be.
    """
    if body["data"] and body["data"] == before["data"]:
        raise ProtocolError(f"BigCommerce gave the same page of a list twice. {STOPS}")


def check_number(pages: int) -> None:
    """See that there are no more pages than a look-up can have.

    Raises:
        ProtocolError: when there are.
    """
    if pages > MOST_PAGES:
        raise ProtocolError(f"BigCommerce's list has no end. {STOPS}")


def _count(value: object) -> int:
    return max(whole(value) or 0, 0)
