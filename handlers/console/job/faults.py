"""The faults of a job by their kinds: how many, what each kind means, and its last examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.windows.jobs.fault_examples import FaultExample
from pipeline.windows.jobs.reports import JobStatus
from pipeline.windows.operators.faults import KINDS


@dataclass(frozen=True)
class Kind:
    """A kind of fault, with its last examples, newest first."""

    title: str
    meaning: str
    count: int
    examples: Sequence[FaultExample]


def kinds_of(status: JobStatus | None, examples: Mapping[str, Sequence[FaultExample]]) -> list[Kind]:
    """Return all kinds, those that have not happened as well: that they are watched is worth knowing."""
    counts = {} if status is None else status.faults
    return [Kind(about.title, about.meaning, counts.get(kind, 0), examples[kind]) for kind, about in KINDS.items()]
