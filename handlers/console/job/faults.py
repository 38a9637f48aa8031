"""The faults of a job by their kinds: how many, what each kind means, and its last examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.windows.jobs.fault_examples import FaultExample
from pipeline.windows.jobs.job_toml import JobConfig
from pipeline.windows.jobs.reports import JobStatus
from pipeline.windows.operators.faults import BOARD, CLOCK, EARLY, EVENT_TIME, INPUT, KINDS, LATE, OUT_OF_ORDER, ROW

#: How a page names the kinds of fault, and what becomes of the event or row. `{}` is what the job's settings say.
_KINDS = {
    LATE: ("late, {}", "it arrived too long after its time"),
    OUT_OF_ORDER: ("out of order, {}", "it came after one of a later time"),
    EARLY: ("early, dropped", "its time was more than five minutes ahead"),
    INPUT: ("not readable", "its body is not JSON objects"),
    EVENT_TIME: ("without a time", "TIMESTAMP BY gave none"),
    ROW: ("not computable", "a value is of the wrong type; left out of that step"),
    BOARD: ("not for the board", "a row without a member or a number"),
    CLOCK: ("clock went back", "the time of the event was over; adjusted"),
}


@dataclass(frozen=True)
class Kind:
    """A kind of fault, with its last examples, newest first."""

    title: str
    meaning: str
    count: int
    examples: Sequence[FaultExample]


def kinds_of(
    config: JobConfig | None, status: JobStatus | None, examples: Mapping[str, Sequence[FaultExample]]
) -> list[Kind]:
    """Return all kinds, those that have not happened as well: that they are watched is worth knowing."""
    counts = {} if status is None else status.faults
    action = "dropped" if config is not None and config.policies.action == "drop" else "adjusted"
    assert _KINDS.keys() == set(KINDS)
    return [
        Kind(title.format(action), meaning, counts.get(kind, 0), examples[kind])
        for kind, (title, meaning) in _KINDS.items()
    ]
