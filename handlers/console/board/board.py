"""What the page of a board shows: all of it asked of the board, in some twenty round trips whatever its size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from pipeline.boards import Board, UnknownMember, View
from pipeline.boards.answers import Reach, Row
from pipeline.boards.features import Feature
from pipeline.console.board_ranks import RANKS, changes
from pipeline.errors import InvalidValue
from pipeline.store.clock import machine_time
from pipeline.windows.jobs.job_toml import BoardConfig, InvalidJob, config_of

from ...services import Services
from ..links import board_href, job_href
from .curve import Curve, columns

#: Ranks in a page of the list, members on each side of the one that is looked at, and rows of what has changed.
LENGTH, RADIUS, CHANGES = 15, 4, 10

SHARE = Decimal("0.8")

Rank = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class BoardQuery(msgspec.Struct, rename={"first": "from"}):
    """`from` is the first rank of the list, `k` the last rank to sum, both from 0, which is the best."""

    first: Rank = 0
    k: Rank | None = None
    member: str = ""
    segment: str = ""


@dataclass(frozen=True)
class Links:
    """Addresses of the page of a board with other parameters than those that it has now."""

    name: str
    query: BoardQuery

    def to(self, anchor: str = "", **changed: Any) -> str:
        """Return the page's address with some parameters changed; those that are None are left out."""
        now = {"from": self.query.first, "k": self.query.k, "member": self.query.member, "segment": self.query.segment}
        asked = {name: value for name, value in (now | changed).items() if value not in (None, "", 0)}
        return board_href(self.name) + (f"?{urlencode(asked)}" if asked else "") + (f"#{anchor}" if anchor else "")


@dataclass(frozen=True)
class Looked:
    """The member that is looked at: its rank is 0 if it is the best. `around` has it in the middle."""

    name: str
    score: Decimal
    rank: int
    percentile: Decimal
    around: list[Row]
    features: dict[str, Feature]
    segments: list[str]


def view_of(board: Board, query: BoardQuery) -> View:
    return board.segment(query.segment) if query.segment else board


def moving(found: Services, board: Board, query: BoardQuery) -> dict[str, Any]:
    """Return what is read again while somebody looks: facts and long work, the list of ranks, and what has changed.

    Raises `UnknownBoard`, `UnknownSegment` or `StaleBoard`.
    """
    view = view_of(board, query)
    summary = view.summary()
    size = summary.count
    first = min(query.first, (size - 1) // LENGTH * LENGTH) if size else 0
    rows = view.members(first, first + LENGTH - 1).members if size else []
    since: int | None = None
    moved: dict[str, Any] = {}
    if size and not query.segment:
        best = rows if first == 0 and size <= LENGTH else board.members(0, RANKS - 1).members
        since, found_changes = changes(found.redis, board.name, int(machine_time() * 1000), best)
        moved = {change.member: change for change in found_changes}
    return {
        "summary": summary,
        "rows": rows,
        "first": first,
        "last": (size - 1) // LENGTH * LENGTH if size else 0,
        "length": LENGTH,
        "since": since,
        "moved": moved,
        "changes": sorted(moved.values(), key=_weight)[:CHANGES],
        "more_changes": max(0, len(moved) - CHANGES),
        "links": Links(board.name, query),
        "query": query,
        "tasks": found.tasks.all(board.name, ended=False),
        "trimmed": trimmed,
    }


def trimmed(number: Decimal) -> Decimal:
    """Return a difference or a mean without the zeros at its end."""
    found = number.normalize()
    return found if found % 1 else found.quantize(Decimal(1))


def _weight(change: Any) -> tuple[bool, Decimal]:
    """Those that came first, then by how much the score has changed."""
    return change.by is not None, -abs(change.by or Decimal(0))


def still(found: Services, board: Board, query: BoardQuery, size: int, sees_jobs: bool) -> dict[str, Any]:
    """Return the rest of the page, for a board that has members; which jobs write it only if one `sees_jobs`."""
    view = view_of(board, query)
    reach = _reach(view)
    k = min(query.k if query.k is not None else reach.rank if reach else size // 5, size - 1)
    shape = view.shape()
    curve = Curve.of(shape.points)
    looked, missing = _looked(board, view, query, k)
    return {
        "median": view.at_percentile(Decimal(50)).score,
        "curve": curve,
        "k": view.sum(k),
        "reach": reach,
        "columns": columns(shape.bars, looked.score if looked else None),
        "looked": looked,
        "missing": missing,
        "segments": board.list_segments(),
        "writers": list(_writers(found, board)) if sees_jobs else [],
    }


def _reach(view: View) -> Reach | None:
    with suppress(InvalidValue):  # a share needs a positive sum
        return view.reach(SHARE)
    return None


def _looked(board: Board, view: View, query: BoardQuery, k: int) -> tuple[Looked | None, str]:
    """Return the member that is asked for, or the one at rank `k`; and the name if it is not there."""
    member, missing = query.member, ""
    if member:
        try:
            return _member(board, view, member), ""
        except (UnknownMember, InvalidValue):
            missing = member
    for row in view.members(k, k).members:
        with suppress(UnknownMember):  # it was removed since
            return _member(board, view, row.member), missing
    return None, missing


def _member(board: Board, view: View, member: str) -> Looked:
    ranks = view.ranks(member)
    around = view.around(member, RADIUS).members
    features, segments = board.features(member), board.segments_of(member)
    return Looked(member, ranks.score, ranks.ordinal, ranks.percentile, around, features, segments)


def _writers(found: Services, board: Board) -> Iterator[tuple[str, str, str]]:
    """Yield the jobs that write to the board: each one's name and address, and from which output."""
    for name, record in found.jobs.all().items():
        with suppress(InvalidJob):
            config = config_of(record.definition.document, Path(name))
            tables = [*config.outputs.items(), *config.boards]
            for output, table in tables:
                if isinstance(table, BoardConfig) and found.boards[table.board].name == board.name:
                    yield name, job_href(name), output
