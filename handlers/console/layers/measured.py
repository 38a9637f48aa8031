"""What steps of wz cost beside Flask's, as `python -m bench.layers --write` measured it last: measured.json.

Flask is not installed where the service runs, so the pages of /layers show the stored figures, with their date.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

FILE = Path(__file__).with_name("measured.json")

#: What the time of a request is divided into, in the order of its way.
PARTS = {
    "request": "Request",
    "match": "match",
    "handler": "handler",
    "response": "Response",
    "rest": "the rest",
}


class Cost(msgspec.Struct, frozen=True):
    """The median of one contender, in microseconds."""

    name: str
    microseconds: float


class Bar(msgspec.Struct, frozen=True):
    """The same request with some layers: microseconds by the names of `PARTS`, in one round, so that they add up."""

    name: str
    what: str  # in a sentence
    parts: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.parts.values())


class Measured(msgspec.Struct, frozen=True):
    """One run. `steps` has the costs of some of `wz.tracing.spans.STEPS`, wz's first."""

    date: str
    versions: dict[str, str]
    request: str
    bars: list[Bar]
    steps: dict[str, list[Cost]]


@cache
def measured() -> Measured:
    return msgspec.json.decode(FILE.read_bytes(), type=Measured)
