"""Work on many rows at once, of which a few may be refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ..language.values import RowError

T = TypeVar("T")
Made = TypeVar("Made")


def by_halves(
    work: Callable[[Sequence[T]], Made], parts: Sequence[T], refused: Callable[[RowError, T], None]
) -> Iterator[Made]:
    """Yield what `work` makes of `parts`, in one piece unless it raises `RowError`; then each half is tried alone.

    A part that is refused alone goes to `refused`. So one such row among 1,000 costs as much as all of them once more,
    and others are neither left out nor worked on one by one.
    """
    try:
        made = work(parts)
    except RowError as exc:
        if len(parts) == 1:
            refused(exc, parts[0])
            return
        half = len(parts) // 2
        yield from by_halves(work, parts[:half], refused)
        yield from by_halves(work, parts[half:], refused)
    else:
        yield made
