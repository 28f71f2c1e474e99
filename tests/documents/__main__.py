"""Writes every block of every document anew: `make docs`."""

from __future__ import annotations

from documents.blocks import DOCUMENTS, ROOT, renewed


def main() -> None:
    """Write the documents."""
    for document in DOCUMENTS:
        (ROOT / document).write_text(renewed(document), encoding="utf-8")


if __name__ == "__main__":
    main()
