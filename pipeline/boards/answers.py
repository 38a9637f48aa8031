"""What a board answers. Scores and sums are exact decimals without trailing zeros; ranks count from 0."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType

from .estimate import Estimate
from .form import Form
from .form import Order as Order
from .form import Ties as Ties


class Standing(Struct, frozen=True):
    """A member's score, and its rank in `order` among all `count` members."""

    member: str
    score: Decimal
    rank: int
    order: Order
    count: int


class Written(Standing, frozen=True):
    """`changed` says whether the score is another than before; `also` has the same for the other boards, by name.

    `dropped` is there, and true, if the board keeps only so many members, and this one is not among them: it is not on
    the board, where it would have this rank.
    """

    changed: bool = True
    dropped: bool | UnsetType = UNSET
    also: dict[str, Written] | UnsetType = UNSET


class Added(Standing, frozen=True):
    """`repeated` says that the event was applied before, and nothing was changed; the others are as in `Written`."""

    repeated: bool = False
    dropped: bool | UnsetType = UNSET
    also: dict[str, Added] | UnsetType = UNSET


class RankKind(StrEnum):
    """How members with the same score are ranked: for the scores 9 7 7 5, best first,

    ordinal      0 1 2 3    no two members share one
    competition  0 1 1 3    the number of better scores; "1224" when counted from 1
    dense        0 1 1 2    the number of different better scores
    """

    ORDINAL = "ordinal"
    COMPETITION = "competition"
    DENSE = "dense"


class Ranks(Struct, frozen=True):
    """The ranks of a member in `order`, of each `RankKind`.

    `dense` is None on a board that is split over shards if it would be above kinds.py's `MOST_DIFFERENT`.

    `percentile` is the share of the `count` members with a lower score, plus half of those with the same, in percent,
    rounded to 6 places.
    """

    member: str
    score: Decimal
    order: Order
    count: int
    ordinal: int
    competition: int
    dense: int | None
    percentile: Decimal


class Row(Struct, frozen=True):
    """A member in a list; `rank` counts in the order of the list, and `sum` is that of the first member to this one."""

    member: str
    score: Decimal
    rank: int
    sum: Decimal


class Page(Struct, frozen=True):
    """Members in `order`. `next` is the next page's cursor: None at the end, and for a list without pages."""

    board: str
    order: Order
    ranks: RankKind
    members: list[Row]
    next: str | None = None


class Placing(Struct, frozen=True):
    """A member of some that were asked for: its `rank` among all members, and its `place` among these, from 0."""

    member: str
    score: Decimal
    rank: int
    place: int


class Placings(Struct, frozen=True):
    """Those of the members that were asked for that have a score, in `order`; ranks are among all `count` members."""

    board: str
    order: Order
    ranks: RankKind
    count: int
    members: list[Placing]
    missing: list[str]


class Sum(Struct, frozen=True):
    """The sum of the first `count` members: those of rank 0 to `rank`, fewer if the board ends before."""

    rank: int
    order: Order
    count: int
    sum: Decimal


class SumBelow(Struct, frozen=True):
    """The sum of the `count` members whose score is less than `score`."""

    score: Decimal
    count: int
    sum: Decimal


class EstimatedSum(Sum, frozen=True):
    """The exact sum, and its estimate from the board's sample."""

    estimate: Estimate


class Statistics(Struct, frozen=True):
    """Statistics of some scores. `mean` and `variance` (of the population) are rounded to 12 digits after the point.

    Without scores, the sum is 0, and mean, variance, lowest and highest are None.
    """

    count: int
    sum: Decimal
    mean: Decimal | None
    min: Decimal | None
    max: Decimal | None
    variance: Decimal | None


class Summary(Struct, frozen=True):
    """A whole board: its `Statistics` and settings. `places` are the digits after the point that scores may have.

    `order` and `ties` say which members are the best: see form.py. `expires` is the time (UTC) at which the board is
    deleted, `sample` the size of the sample that it keeps, 0 for none, `most` how many members it keeps, 0 for all.
    `version` is another one after each change of a score or a setting: see `settings_version`.
    """

    board: str
    places: int
    count: int
    sum: Decimal
    mean: Decimal | None
    min: Decimal | None
    max: Decimal | None
    variance: Decimal | None
    order: Order
    ties: Ties
    expires: str | None
    sample: int
    most: int
    version: str


class Reach(Struct, frozen=True):
    """The first rank in `order` up to which the scores sum to `share` of the total, and the member at that rank."""

    share: Decimal
    order: Order
    rank: int
    count: int
    member: str
    score: Decimal
    sum: Decimal


class CurvePoint(Struct, frozen=True):
    """The first `count` members in the order of the curve have scores that add up to `sum`."""

    count: int
    sum: Decimal


class Bar(Struct, frozen=True):
    """The number of members whose score is at least `low` and below `high`."""

    low: Decimal
    high: Decimal
    count: int


class Shape(Struct, frozen=True):
    """Points of the cumulative sum in `order`, from no member to all of them, and a histogram of all scores.

    Between two points that lie on one side of a score that many members have, the curve is the straight line.
    """

    order: Order
    points: list[CurvePoint]
    bars: list[Bar]


class AtPercentile(Struct, frozen=True):
    """The lowest member such that at least `percentile` percent of all are not above it (the nearest-rank method).

    `rank` is its rank in `order` among all `count` members.
    """

    percentile: Decimal
    member: str
    score: Decimal
    rank: int
    order: Order
    count: int


class BoardSettings(Struct, frozen=True):
    """A board's settings, as in `Summary`; `created` says that the board did not exist before."""

    board: str
    created: bool
    places: int
    order: Order
    ties: Ties
    sample: int
    most: int
    expires: str | None
    version: str


def settings_version(form: Form, sample: int, expires: int, most: int, version: int) -> str:
    """Return another text for any other settings, and after a slash the number of changes, also of scores."""
    return f"{form.number}.{sample}.{expires}.{most}/{version}"


def isoformat(ms: int) -> str | None:
    """Return a Unix time in ms as RFC 3339 has it, in UTC; None for 0."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z") if ms else None
