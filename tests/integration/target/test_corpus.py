"""What once broke the target, or nearly did, ends as its case says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.corpus import CORPUS, Case, cases
from support.log_lines import assert_plain
from support.plugins import run_target
from support.store import companies_of, put_values, values_of
from support.target_in_process import read_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.store import MakeBox

CASES = cases("target")
IN_PROCESS = [case for case in CASES if not case.get("Process")]
AS_PROCESSES = [case for case in CASES if case.get("Process")]


def by_number(values: dict[str, str]) -> dict[int, str]:
    return {int(number): value for number, value in values.items()}


@pytest.mark.guarantee("invalid-input-writes-nothing")
@pytest.mark.parametrize("case", IN_PROCESS, ids=lambda case: case.name)
def test_what_once_broke_ends_as_it_should(
    case: Case,
    make_box: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    box = make_box(**case.get("Store", {}))
    config = {**config_of(box), **case.get("Settings", {})}
    values = by_number(case.get("Values", {}))
    put_values(box, values)

    ended = read_all(case.content, config)

    assert ended.status == case.ends, ended.errors
    assert case.says in "".join(ended.errors)
    assert by_number(case.get("Companies", {})).items() <= companies_of(box).items()
    assert values.items() <= values_of(box).items()
    if "Outcomes" in case.notes:
        outcomes = ended.summary["outcomes"]
        assert {name: n for name, n in outcomes.items() if n} == case.get("Outcomes")
    if "Prints" in case.notes:
        assert capsys.readouterr().out.splitlines()[-1:] == [case.notes["Prints"]]


@pytest.mark.parametrize("case", AS_PROCESSES, ids=lambda case: case.name)
def test_what_once_broke_a_process_ends_as_it_should(
    case: Case, config: dict[str, Any]
) -> None:
    run = run_target(config, case.content.decode().splitlines())

    assert run.status == case.ends, run.stderr
    assert case.says in "".join(run.errors)
    assert_plain(run)


def test_a_refusal_writes_nothing(
    make_box: MakeBox, config_of: Callable[[Sandbox], dict[str, Any]]
) -> None:
    box = make_box()
    before = companies_of(box)

    for case in IN_PROCESS:
        if case.ends:
            read_all(case.content, config_of(box))

    assert companies_of(box) == before


@pytest.mark.parametrize("side", ["tap", "target"])
def test_every_file_of_the_corpus_is_a_case(side: str) -> None:
    folder = CORPUS / side

    assert {path.suffix for path in folder.iterdir()} == {".case"}
    assert json.dumps([case.notes for case in cases(side)])
