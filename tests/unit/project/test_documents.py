"""What the documents repeat from the code is what the code says."""

from __future__ import annotations

import pytest
from documents.blocks import DOCUMENTS, ROOT, renewed


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_repeats_is_what_make_docs_writes(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")

    assert text == renewed(document), "run `make docs`"
