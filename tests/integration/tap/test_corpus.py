"""Responses that once broke the tap, or nearly did, end as their case says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.corpus import Case, cases
from support.corrupted import ALWAYS, CannedResponses

if TYPE_CHECKING:
    from support.corrupted import Jobs
    from support.tap_in_process import FinishedRun


def run(case: Case, jobs: Jobs) -> FinishedRun:
    """Run the job of a case; by default, a full sync."""
    canned = CannedResponses.parse(
        case.content,
        kind=case.notes["On"],
        first=case.get("First", 0),
        times=case.get("Times", ALWAYS),
        truthful=case.get("Truthful", default=False),
    )
    job = case.notes.get("Job", "full")
    return jobs.run(job, [canned], bookmark=case.get("Bookmark"))


@pytest.mark.guarantee("corrupted-responses")
@pytest.mark.parametrize("case", cases("tap"), ids=lambda case: case.name)
def test_corpus_case_ends_as_noted(case: Case, jobs: Jobs) -> None:
    finished = run(case, jobs)

    assert finished.status == case.ends, finished.log_text
    assert case.says in (finished.errors[0] if case.ends else finished.log_text)
    if "Records" in case.notes:
        assert len(finished.records) == case.get("Records")
    if "Streams" in case.notes:
        assert len(json.loads(finished.stdout)["streams"]) == case.get("Streams")
    if "Never" in case.notes:
        assert case.notes["Never"] not in finished.stdout.decode()
