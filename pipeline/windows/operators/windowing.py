"""Makes the operator of a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ..language.syntax import Hopping, Session, Sliding, Snapshot, Window
from ..language.ticks import BEGINNING
from ..row import Computed
from .aggregates import Aggregate
from .faults import Faults
from .operator import Operator
from .panes import MergedPanes, Panes, PartialPanes
from .session import Sessions
from .slices import Slices
from .sliding import SlidingWindows

Mode = Literal["whole", "partial", "merge"]
"""Whether an operator makes windows from rows (whole), panes from rows (partial), or windows from panes (merge)."""

_OPERATORS: dict[Mode, type[Panes]] = {"whole": Panes, "partial": PartialPanes, "merge": MergedPanes}


def window_operator(
    window: Window,
    keys: Sequence[Computed],
    aggregates: Sequence[Aggregate],
    faults: Faults,
    session_keys: Sequence[Computed] = (),
    closed: int = BEGINNING,
    mode: Mode = "whole",
) -> Operator:
    """Return the operator of a window, for rows after `closed`. It gives Row((*keys, *results), end, group).

    The `arrival` of a session's row is its group and then its session key, since two sessions of one group may end at
    the same time. `mode` may be partial or merge only if `can_be_partial`. Partial rows are parts of panes; those of
    several operators may have the same time and arrival. Raises `ValueError` for a
    window that has no such mode.
    """
    if isinstance(window, Sliding | Session) and mode != "whole":
        raise ValueError(f"a {type(window).__name__} window can't be divided between two stages")
    one_by_one = [key.evaluate for key in keys]
    match window:
        case Hopping(duration=duration, hop=hop, offset=offset):
            return _OPERATORS[mode](Slices(duration, hop, offset), keys, aggregates, faults, closed)
        case Snapshot():
            return _OPERATORS[mode](Slices(1, 1), keys, aggregates, faults, closed)
        case Sliding(duration=duration):
            return SlidingWindows(duration, one_by_one, aggregates, faults, closed)
        case Session(timeout=timeout, max_duration=max_duration):
            return Sessions(
                timeout, max_duration, [key.evaluate for key in session_keys], one_by_one, aggregates, faults, closed
            )


def can_be_partial(window: Window) -> bool:
    """Return whether a window's panes may be made in one stage and merged in another, with any aggregate."""
    return isinstance(window, Hopping | Snapshot)
