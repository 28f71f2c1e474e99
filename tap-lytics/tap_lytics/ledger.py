"""The ledger: who is a member, what was sent of them, and when they left."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from .ledger_row import FROM_START, LEFT, Row, rearranged

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

LAST_BYTE = 255
NONE_YET = -1


class Ledger:
    """The rows of all audiences in one file, and its generation.

    The generation grows with all that is made lasting, and a state names the one that
    it covers, so that a row tells whether a state covers it.

    Args:
        connection: to the file, in a transaction.
        claimed: the latest generation that a state claims. A file that is older, as a
            copy of before is, must not use it again for other rows.
    """

    def __init__(self, connection: sqlite3.Connection, *, claimed: int) -> None:
        self._connection = connection
        self.id, found = connection.execute(
            "SELECT id, generation FROM about"
        ).fetchone()
        self._found = self._lasting = int(found)
        self._kept_changes = NONE_YET
        self.generation = max(self._found, claimed) + 1

    def enroll(
        self, audience_id: str, slug: str, fields: Sequence[str], covered: int | None
    ) -> int | None:
        """Find an audience that the ledger has known since that generation.

        Gives its number; None when it does not know it, or not as the state does.
        """
        row = self._connection.execute(
            "SELECT number, began FROM audience WHERE id = ?", (audience_id,)
        ).fetchone()
        if row is None or covered is None:
            return None
        number, began = row
        if not began <= covered <= self._found:
            return None
        self._describe(number, slug, fields)
        self._undo(number, covered)
        return int(number)

    def begin(
        self, audience_id: str, slug: str, fields: Sequence[str], *, keeps: bool
    ) -> int:
        """Begin an audience anew: without members, or uncertain of those it has."""
        execute = self._connection.execute
        execute(
            "INSERT INTO audience (id, slug, fields, began) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET began = excluded.began",
            (audience_id, slug, json.dumps(fields), self.generation),
        )
        [number] = execute(
            "SELECT number FROM audience WHERE id = ?", (audience_id,)
        ).fetchone()
        self._describe(number, slug, fields)
        if keeps:  # Who of them left meanwhile is missed by the whole scan to come.
            execute(
                "UPDATE member SET digest = NULL, flags = 0, generation = ?"
                " WHERE audience = ?",
                (self.generation, number),
            )
        else:
            execute("DELETE FROM member WHERE audience = ?", (number,))
        return int(number)

    def find(self, audience: int, members: Sequence[bytes]) -> dict[bytes, Row]:
        """Find members, those who left among them."""
        one = (
            "SELECT member, digest, required, generation, flags FROM member"
            " WHERE audience = ? AND member = ?"
        )
        execute = self._connection.execute
        rows = (execute(one, (audience, m)).fetchone() for m in members)
        return {row[0]: _to_row(*row) for row in rows if row}

    def put(self, audience: int, rows: Iterable[Row]) -> None:
        """Write rows, over those of the same members."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO member VALUES (?, ?, ?, ?, ?, ?)",
            (
                (audience, r.member, r.digest, r.required, r.generation, r.flags)
                for r in rows
            ),
        )

    def remains(self, audience: int, required: str) -> bool:
        """Say whether anybody remains with these values of require_fields."""
        found = self._connection.execute(
            "SELECT 1 FROM member WHERE audience = ? AND required = ? AND flags != ?"
            " LIMIT 1",
            (audience, required, LEFT),
        )
        return found.fetchone() is not None

    def present(self, audience: int, first_byte: int) -> list[bytes]:
        """List the members whose keys begin with this byte."""
        last = b"\xff" * 17 if first_byte == LAST_BYTE else bytes([first_byte + 1])
        rows = self._connection.execute(
            "SELECT member FROM member WHERE audience = ?"
            " AND member >= ? AND member < ? AND flags != ?",
            (audience, bytes([first_byte]), last, LEFT),
        )
        return [member for (member,) in rows]

    def commit(self) -> int:
        """Make all lasting; gives the generation that a state then covers."""
        self.secure()
        return self._lasting

    def secure(self) -> None:
        """Make lasting what was put; it is undone unless a state comes to cover it.

        What is lasting outlives a power cut, and costs a wait for the disk.
        """
        if self._connection.total_changes == self._kept_changes:
            return
        execute = self._connection.execute
        execute("UPDATE about SET generation = ?", (self.generation,))
        execute("COMMIT")
        execute("BEGIN IMMEDIATE")
        self._lasting, self.generation = self.generation, self.generation + 1
        self._kept_changes = self._connection.total_changes

    def close(self) -> None:
        """Let the file go; what was not committed is not kept."""
        self._connection.close()

    def _describe(self, number: int, slug: str, fields: Sequence[str]) -> None:
        execute = self._connection.execute
        [text] = execute(
            "SELECT fields FROM audience WHERE number = ?", (number,)
        ).fetchone()
        execute(
            "UPDATE audience SET slug = ?, fields = ? WHERE number = ?",
            (slug, json.dumps(fields), number),
        )
        before = json.loads(text)
        if before != list(fields):
            rearrange = partial(rearranged, before=before, after=fields)
            self._connection.create_function("rearranged", 1, rearrange)
            execute(
                "UPDATE member SET required = rearranged(required) WHERE audience = ?",
                (number,),
            )

    def _undo(self, audience: int, covered: int) -> None:
        # Sent, but perhaps never written: the next sight of them sends them again, and
        # those who left are members until they are missed again.
        self._connection.execute(
            "UPDATE member SET digest = NULL, flags = 0, generation = :covered"
            " WHERE audience = :audience AND generation > :covered"
            " AND flags != :from_start",
            {"audience": audience, "covered": covered, "from_start": FROM_START},
        )
        self._connection.execute(
            "DELETE FROM member WHERE audience = ? AND flags = ?", (audience, LEFT)
        )


def _to_row(
    member: bytes, digest: bytes | None, required: str, generation: int, flags: int
) -> Row:
    return Row(
        member=member,
        digest=digest,
        required=required,
        generation=generation,
        flags=flags,
    )
