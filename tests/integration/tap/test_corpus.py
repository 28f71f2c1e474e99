"""What once broke the tap, or nearly did, ends as its case says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.corpus import Case, cases
from support.corrupted.canned import canned
from support.corrupted.plans import FOREVER

if TYPE_CHECKING:
    from support.corrupted import Jobs
    from support.tap_in_process import Ended


def run(case: Case, jobs: Jobs) -> Ended:
    """Let the job run that the case is about; a full sync if it names none."""
    answers = canned(
        case.content,
        kind=case.notes["On"],
        first=case.get("First", 0),
        times=case.get("Times", FOREVER),
        honest=case.get("Honest", default=False),
    )
    job = case.notes.get("Job", "whole")
    return jobs.run(job, [answers], place=case.get("Place"))


@pytest.mark.guarantee("corrupted-responses")
@pytest.mark.parametrize("case", cases("tap"), ids=lambda case: case.name)
def test_what_once_broke_ends_as_it_should(case: Case, jobs: Jobs) -> None:
    ended = run(case, jobs)

    assert ended.status == case.ends, ended.said
    assert case.says in (ended.errors[0] if case.ends else ended.said)
    if "Records" in case.notes:
        kinds = [message["type"] for message in ended.messages]
        assert kinds.count("RECORD") == case.get("Records")
    if "Streams" in case.notes:
        assert len(json.loads(ended.stdout)["streams"]) == case.get("Streams")
    if "Never" in case.notes:
        assert case.notes["Never"] not in ended.stdout.decode()
