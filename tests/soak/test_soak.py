from __future__ import annotations

from pathlib import Path

import pytest

from .clients import Outcome, Sent, Work
from .run import compare, run
from .world import FAIL_OVER, QUIET

DONE, REFUSED, UNKNOWN = Outcome.DONE, Outcome.REFUSED, Outcome.UNKNOWN
PERIODS = [(0.0, QUIET), (10.0, "reload"), (20.0, QUIET), (30.0, FAIL_OVER), (40.0, QUIET)]


def test_nothing_is_lost_and_no_answer_lies_whatever_happens(tmp_path: Path) -> None:
    report = run(tmp_path, seconds=2.0, seed=1)
    print(report)

    assert report.faults == []
    assert report.requests > 100
    assert all(during.times for during in report.during.values())


def sent(outcome: Outcome, at: float = 5.0, work: Work = Work.REWARD, answer: str = "503", began: float = 0.1) -> Sent:
    return Sent(work, ("a",), at - began, at, "200" if outcome is DONE else answer, outcome)


@pytest.mark.parametrize(
    ("told", "there", "fault"),
    [
        pytest.param([sent(DONE)], {"a": 1}, "", id="done and there"),
        pytest.param([sent(REFUSED)], {}, "", id="refused and not there"),
        pytest.param([sent(UNKNOWN, answer="502")], {"a": 1}, "", id="perhaps done and there"),
        pytest.param([sent(UNKNOWN, answer="504")], {}, "", id="perhaps done and not there"),
        pytest.param([sent(DONE)], {}, "but not there", id="lost"),
        pytest.param([sent(DONE, at=29.5)], {}, "", id="lost by a fail-over"),
        pytest.param([sent(REFUSED)], {"a": 1}, "refused, but carried out", id="a lie"),
        pytest.param([sent(UNKNOWN, answer="502"), sent(REFUSED)], {"a": 1}, "", id="perhaps done, then refused"),
        pytest.param([sent(DONE)], {"a": 2}, "more than once", id="twice"),
        pytest.param([], {"a": 1}, "never sent", id="from nowhere"),
        pytest.param([sent(UNKNOWN, work=Work.KEYED, answer="502")], {"a": 1}, "with a key", id="a key without an end"),
        pytest.param([sent(UNKNOWN, answer="500")], {}, "500 (nothing)", id="an error of the service"),
        pytest.param([sent(REFUSED, at=15.0)], {}, "503 (reload)", id="refused during a reload"),
        pytest.param([sent(REFUSED, at=20.5, began=1.0)], {}, "503 (reload)", id="begun during a reload"),
    ],
)
def test_what_a_fault_is(told: list[Sent], there: dict[str, int], fault: str) -> None:
    faults = compare(60.0, PERIODS, told, there).faults

    assert fault in "".join(faults) if fault else faults == []
