"""Inputs that once broke the target, or might: each run ends as its case states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.corpus import CORPUS, Case, cases
from support.log_lines import assert_plain
from support.plugins import run_target
from support.store import companies_of, contents, put_values, values_of
from support.target_in_process import run_in_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.store import MakeBox

CASES = cases("target")
IN_PROCESS = [case for case in CASES if not case.get("Process")]
AS_PROCESSES = [case for case in CASES if case.get("Process")]


def by_customer(values: dict[str, str]) -> dict[int, str]:
    return {int(number): value for number, value in values.items()}


@pytest.mark.guarantee("invalid-input-writes-nothing")
@pytest.mark.guarantee("hostile-input")
@pytest.mark.guarantee("offline-schemas")
@pytest.mark.parametrize("case", IN_PROCESS, ids=lambda case: case.name)
def test_case_ends_as_stated(
    case: Case,
    make_box: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    box = make_box(**case.get("Store", {}))
    config = {**config_of(box), **case.get("Settings", {})}
    values = by_customer(case.get("Values", {}))
    if values:
        put_values(box, values)
    before = contents(box)

    ended = run_in_process(case.content, config)

    assert ended.status == case.ends, ended.errors
    assert case.says in "".join(ended.errors)
    assert by_customer(case.get("Companies", {})).items() <= companies_of(box).items()
    assert values.items() <= values_of(box).items()
    assert ended.outcomes == case.get("Outcomes", ended.outcomes)
    if ended.status:
        assert contents(box) == before
    if "Prints" in case.notes:
        assert capsys.readouterr().out.splitlines()[-1:] == [case.notes["Prints"]]


@pytest.mark.parametrize("case", AS_PROCESSES, ids=lambda case: case.name)
def test_case_ends_a_process_as_stated(case: Case, config: dict[str, Any]) -> None:
    run = run_target(config, case.content.decode().splitlines())

    assert run.status == case.ends, run.stderr
    assert case.says in "".join(run.errors)
    assert_plain(run)


@pytest.mark.parametrize("side", ["tap", "target"])
def test_every_file_is_a_case(side: str) -> None:
    files = list((CORPUS / side).iterdir())

    assert len(cases(side)) == len(files) > 0
