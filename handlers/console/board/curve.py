"""The geometry of a board's charts: the cumulative sum by rank, and the histogram of scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pipeline.boards.answers import Bar, CurvePoint, Reach, Sum

from ..charts import axis_marks, polyline


@dataclass(frozen=True)
class Curve:
    """What board/curve.html draws, in percent of the plot; y counts from the bottom.

    `low` and `high` are the sums at its bottom and top. `is_share` says that the sums are shares of a total: with
    negative scores a part may have more than the whole, and without a positive sum there are no shares.
    """

    line: str
    area: str
    low: Decimal
    high: Decimal
    total: Decimal
    members: int
    is_share: bool
    marks: list[tuple[float, float]]
    table: list[tuple[int, Decimal]]

    @classmethod
    def of(cls, points: Sequence[CurvePoint]) -> Curve:
        """Draw points from no member to all."""
        sums = [point.sum for point in points]
        low, high, total, members = min(sums), max(sums), sums[-1], points[-1].count
        span = high - low or 1
        drawn = [(point.count * 100 / members, float(100 - (point.sum - low) * 100 / span)) for point in points]
        return cls(
            line=polyline(drawn),
            area=polyline(drawn, floor=float(100 - (0 - low) * 100 / span)),
            low=low,
            high=high,
            total=total,
            members=members,
            is_share=low == 0 and high == total > 0,
            marks=axis_marks(0, members),
            table=[(point.count, point.sum) for point in points[:: max(1, len(points) // 12)]],
        )

    def x(self, rank: int) -> float:
        """Return where the first members up to a rank end, in percent from the left."""
        return (rank + 1) * 100 / self.members

    def y(self, total: Decimal) -> float:
        """Return where a sum is, in percent from the bottom."""
        return float((total - self.low) * 100 / (self.high - self.low or 1))

    def share(self, total: Decimal) -> str:
        """Return a sum as a share of the whole: 65.3; empty if there are no shares."""
        return f"{total * 100 / self.total:.1f}" if self.total > 0 else ""

    def said(self, k: Sum, reach: Reach | None) -> str:
        """Return what is seen, for who does not see it."""
        part = f"{self.share(k.sum)} % of the sum" if self.is_share else f"a sum of {k.sum}"
        more = f", 80 % at rank {reach.rank}" if reach is not None else ""
        return f"From 0 to {self.total} over {self.members} members: {part} up to rank {k.count - 1}{more}."


@dataclass(frozen=True)
class Column:
    """A bar of the histogram: its place and height in percent, and whether the member that is looked at is in it."""

    bar: Bar
    x: float
    width: float
    height: float
    has_member: bool


def columns(bars: Sequence[Bar], score: Decimal | None) -> list[Column]:
    """Draw the histogram; `score` is that of the member that is looked at."""
    most, width = max(bar.count for bar in bars), 100 / len(bars)
    return [
        Column(bar, number * width, width, bar.count * 100 / most, score is not None and bar.low <= score < bar.high)
        for number, bar in enumerate(bars)
    ]
