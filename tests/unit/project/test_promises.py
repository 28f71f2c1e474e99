"""What is promised in writing names the tests that hold it."""

from __future__ import annotations

import ast
import re

import pytest
from documents.blocks import ROOT

DOCUMENTS = ("docs/promises.md", "SECURITY.md")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ROW = re.compile(r"^\|(?! When | Threat | ---)(.*)\|$", re.MULTILINE)
ON_A_PAGE = 6000


def _tests_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_is_named_exists(document: str) -> None:
    named = NAMED.findall((ROOT / document).read_text(encoding="utf-8"))

    missing = [name for path, name in named if name not in _tests_of(path)]

    assert named
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_promise_names_a_test(document: str) -> None:
    rows = ROW.findall((ROOT / document).read_text(encoding="utf-8"))

    without = [row for row in rows if not NAMED.search(row)]

    assert rows
    assert not without


@pytest.mark.parametrize("document", DOCUMENTS)
def test_it_is_a_page(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")

    assert len(NAMED.sub("", text)) < ON_A_PAGE
