"""The row: what flows through a query, and the types of what works on it. Imports nothing of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row on its way.

    `columns` is a mapping of names to values; between the operators of one SELECT it may be a sequence (a window
    gives its keys and results by place). `time` is System.Timestamp(), in ticks. `arrival` orders the rows of one
    time, and tells them apart: no two rows of one operator have the same time and arrival, in whatever order
    partitions were read. It is (partition, sequence number, place in the body) for a row of an input, and the group
    for a window's.
    """

    columns: Any
    time: int
    arrival: tuple[Any, ...]


Evaluate = Callable[[Row], Any]
"""An expression, compiled. Raises `RowError` for a value that it can't work with; the row is then left out."""

Changes = Iterator[tuple[str, bytes | None]]
