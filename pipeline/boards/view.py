"""What can be asked of a board, or of one of its segments."""

from __future__ import annotations

import math
from collections.abc import Collection
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ..errors import InvalidValue
from . import cursor as cursors
from . import estimate, kinds, listing, placings, select
from . import sample as samples
from . import shape as shapes
from .answers import (
    AtPercentile,
    EstimatedSum,
    Order,
    Page,
    Placing,
    Placings,
    RankKind,
    Ranks,
    Reach,
    Row,
    Shape,
    Standing,
    Statistics,
    Sum,
    SumBelow,
    Summary,
    isoformat,
    settings_version,
)
from .changes import checked_member
from .cursor import Position
from .listing import Listed
from .queries import ALL, AskInfo, At, Below, ByRank, Count, Find, Found, Info, Lowest, Member, Most, Query
from .scores import LIMIT, StaleShard, from_units, is_plain, rounded, shown, to_units
from .shards import BoardChanged, Meanwhile, Shards, UnknownMember, attempts, with_form
from .totals import Totals

#: Most members in one answer, and in a page whose caller sets no limit; and members that are asked for by name.
PAGE, DEFAULT_PAGE, MOST_ASKED = 1000, 100, 500

#: The radius of a list around a member is below the first; the second is the one that is used if none is given.
RADIUS_LIMIT, DEFAULT_RADIUS = PAGE // 2, 5


class View:
    """Queries over `shards`, which are all asked at once.

    An `order` of None is the board's own: rank 0 is the best member.

    Each is answered from one state of each shard; on a board of one shard, that is one state of the board. A query of
    two rounds (a page by cursor, around a member, by percentile) finds its place in the first, and reads members and
    sums together in the second. Raises `UnknownBoard`, or `UnknownSegment`, if there are no scores, `StaleBoard` if set
    and tree disagree.
    """

    def __init__(self, shards: Shards) -> None:
        self.shards = shards

    @property
    def name(self) -> str:
        """The board's name."""
        return self.shards.name

    @with_form
    def require(self) -> None:
        """Raise `UnknownBoard`, or `UnknownSegment`, if there are no scores and no settings."""
        infos = [info for [info] in self.shards.ask(AskInfo())]
        if not any(info.size or (info.form and self.shards.segment_name is None) for info in infos):
            raise self.shards.unknown()

    # -- one member ----------------------------------------------------------------------------------------------------

    @with_form
    def standing(self, member: str, order: Order | None = None) -> Standing:
        """Read score and rank. O(log n). Raises `UnknownMember`."""
        if len(self.shards.all) == 1:
            [[found, info]] = self.shards.ask(Find(member), AskInfo())
            if found is None:
                raise UnknownMember(self.name, member)
            return self.standing_of(member, found.score, found.rank, info.size, order)
        found = self._find(member)
        replies = self.shards.ask(At(found.score, found.name), AskInfo())
        rank, size = (sum(numbers) for numbers in zip(*((at, info.size) for at, info in replies), strict=True))
        return self.standing_of(member, found.score, rank, size, order)

    @with_form
    def ranks(self, member: str, order: Order | None = None) -> Ranks:
        """Rank a member in each of the usual ways. O(log n). Raises `UnknownMember`."""
        order = self._order(order)
        score, _, name = self._find(member)
        of_set = Count(score), Count(score + 1), AskInfo(), At(score, name), Find(member)
        of_sums = (Below(score + (order is Order.DESC), True), Lowest(ALL, True)) if len(self.shards) == 1 else ()
        replies = self.shards.ask(*of_set, *of_sums)
        if score not in [found.score for *_, found in (reply[:5] for reply in replies) if found]:
            raise Meanwhile(self.name)
        lower, not_higher, rank = (sum(reply[i] for reply in replies) for i in (0, 1, 3))
        size = sum(reply[2].size for reply in replies)
        better = lower if order is Order.ASC else size - not_higher
        dense: int | None
        if of_sums:
            below, all_ = replies[0][5:]
            dense = below.distinct if order is Order.ASC else all_.distinct - below.distinct
            if dense > better:
                raise StaleShard("the ranks in the set are not those in the sums")
        else:
            try:
                dense = len(kinds.different(self.shards, score, order))
            except InvalidValue:
                dense = None
        return Ranks(
            member=member,
            score=self._decimal(score),
            order=order,
            count=size,
            ordinal=rank if order is Order.ASC else size - 1 - rank,
            competition=better,
            dense=dense,
            percentile=rounded(Fraction(50 * (lower + not_higher), size), 6),
        )

    # -- lists ---------------------------------------------------------------------------------------------------------

    @with_form
    def members(self, first: int, last: int, order: Order | None = None, kind: RankKind = RankKind.ORDINAL) -> Page:
        """Return rank `first` to `last`, both included, at most `PAGE`. O(log n + their number)."""
        if last - first >= PAGE:
            raise InvalidValue(f"a page has at most {PAGE} members: ask for fewer ranks at once", field="to")
        order = self._order(order)
        found = listing.rows(self.shards, listing.skips(self.shards, first, order), order, max(1, last - first + 1))
        return self._page(found._replace(rows=found.rows[: max(0, last - first + 1)]), order, kind)

    @with_form
    def page(
        self,
        order: Order | None = None,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        kind: RankKind = RankKind.ORDINAL,
    ) -> Page:
        """Return the first `limit` members, or those after the page whose `next` is `cursor`. O(log n + limit).

        A member whose score stays the same is in exactly one page, whatever is set or removed between two pages.
        """
        return self._between(None, None, self._order(order), limit, cursor, kind)

    @with_form
    def last_page(self, limit: int = DEFAULT_PAGE, kind: RankKind = RankKind.ORDINAL) -> Page:
        """Return the last `limit` members, as the first ones of the order opposite to the board's."""
        return self._between(None, None, self._order(None).opposite, limit, None, kind)

    @with_form
    def between(
        self,
        low: Decimal | None,
        high: Decimal | None,
        order: Order | None = None,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        kind: RankKind = RankKind.ORDINAL,
    ) -> Page:
        """Return a `page` of those with low <= score <= high; None sets no bound. Ranks and sums count all members."""
        return self._between(low, high, self._order(order), limit, cursor, kind)

    def _between(
        self,
        low: Decimal | None,
        high: Decimal | None,
        order: Order,
        limit: int,
        cursor: str | None,
        kind: RankKind,
    ) -> Page:
        if not 1 <= limit <= PAGE:
            raise InvalidValue(f"a page has 1 to {PAGE} members", field="limit")
        least, end = self._bounds(low, high)
        starts = [] if cursor is None else [cursors.decode(cursor, order)]
        if order is Order.ASC and low is not None:
            starts.append(Position(least, b""))
        elif order is Order.DESC and high is not None:
            starts.append(Position(end, b""))
        if starts:  # after a cursor or from a bound, whichever is further on
            start = max(starts) if order is Order.ASC else min(starts)
            found = listing.rows_after(self.shards, start, order, limit)
        else:
            found = listing.rows(self.shards, [0] * len(self.shards), order, limit)
        rows = [row for row in found.rows if least <= row.score < end]
        goes_on = len(rows) == limit and found.before.count + limit < found.size
        return self._page(found._replace(rows=rows), order, kind, goes_on)

    @with_form
    def around(
        self,
        member: str,
        radius: int = DEFAULT_RADIUS,
        order: Order | None = None,
        kind: RankKind = RankKind.ORDINAL,
    ) -> Page:
        """Return a member, and `radius` on each side: more on one if the other has fewer. O(log n + radius).

        Raises `UnknownMember`.
        """
        if not 0 <= radius < RADIUS_LIMIT:
            raise InvalidValue(f"radius must be from 0 to {RADIUS_LIMIT - 1}", field="radius")
        standing = self.standing(member, order)
        order, length = standing.order, 2 * radius + 1
        start = max(0, min(standing.rank - radius, standing.count - length))
        found = listing.rows(self.shards, listing.skips(self.shards, start, order), order, length)
        if member not in map(self._shown, found.rows):
            raise Meanwhile(self.name)
        return self._page(found, order, kind)

    @with_form
    def standings(
        self, members: Collection[str], order: Order | None = None, kind: RankKind = RankKind.ORDINAL
    ) -> Placings:
        """Rank up to `MOST_ASKED` members on the board and among themselves. O(their number * log n)."""
        if not 1 <= len(members) <= MOST_ASKED:
            raise InvalidValue(f"ask for 1 to {MOST_ASKED} members at once", "member")
        order, names = self._order(order), dict.fromkeys(map(checked_member, members))
        found, size = placings.ranked(self.shards, names)
        if order is Order.DESC:
            found = [(row, size - 1 - rank) for row, rank in reversed(found)]
        if kind is not RankKind.ORDINAL:
            ranks = kinds.of_scores(self.shards, [row.score for row, _ in found], order, kind)
            if any(ranks[row.score] > ordinal for row, ordinal in found):
                raise Meanwhile(self.name)
            found = [(row, ranks[row.score]) for row, _ in found]
        rows = [
            Placing(self._shown(row), self._decimal(row.score), rank, place) for place, (row, rank) in enumerate(found)
        ]
        there = {row.member for row in rows}
        return Placings(self.name, order, kind, size, rows, [name for name in names if name not in there])

    @with_form
    def at_percentile(self, percentile: Decimal, order: Order | None = None) -> AtPercentile:
        """Return the lowest member that at least `percentile` percent (0 to 100) of all are not above. O(log n).

        `order` is that of its rank only.
        """
        if not (is_plain(percentile) and 0 <= percentile <= 100):
            raise InvalidValue("percentile must be from 0 to 100, with at most 30 digits after the point", "percentile")
        size = sum(info.size for [info] in self.shards.ask(AskInfo()))
        rank = max(0, math.ceil(Fraction(percentile) / 100 * size) - 1)
        found = listing.rows(self.shards, listing.skips(self.shards, rank, Order.ASC), Order.ASC, 1)
        if found.size != size or not found.rows:
            raise Meanwhile(self.name)
        at = self.standing_of(self._shown(found.rows[0]), found.rows[0].score, rank, size, order)
        return AtPercentile(percentile, at.member, at.score, at.rank, at.order, at.count)

    # -- sums ----------------------------------------------------------------------------------------------------------

    @with_form
    def sum(self, rank: int, order: Order | None = None) -> Sum:
        """Return the sum of rank 0 to `rank`, both included. O(log n)."""
        order = self._order(order)
        questions = [listing.first(skip, order) for skip in listing.skips(self.shards, rank + 1, order)]
        totals = sum((listing.value(answers) for answers in self.shards.ask_each(questions)), Totals())
        if not totals.count:
            raise self.shards.unknown()
        return Sum(rank, order, totals.count, self._decimal(totals.sum))

    @with_form
    def sum_below(self, score: Decimal) -> SumBelow:
        """Return count and sum of the scores less than `score`; without a board, 0 of both. O(log n)."""
        [totals] = self.shards.totals(Below(to_units(score, "score", self.shards.places)))
        return SumBelow(score, totals.count, self._decimal(totals.sum))

    @with_form
    def estimated_sum(self, rank: int, order: Order | None = None) -> EstimatedSum:
        """Return `sum`, and its estimate from the board's sample. O(size of the sample). Raises `NoSample`."""
        exact = self.sum(rank, order)
        sample = samples.combine([samples.read(shard.client, shard.tag, self.name) for shard in self.shards])
        ask = estimate.lowest if exact.order is Order.ASC else estimate.highest
        return EstimatedSum(rank, exact.order, exact.count, exact.sum, ask(sample, rank + 1, self.shards.places))

    @with_form
    def reach(self, share: Decimal, order: Order | None = None) -> Reach:
        """Return the first rank up to which the scores sum to at least `share` (above 0, to 1) of the total. O(log n).

        With `share` 0.8 from the highest, this answers the Pareto question. Raises `InvalidValue` if the total is not
        positive: then shares have no meaning.
        """
        if not (is_plain(share) and 0 < share <= 1):
            raise InvalidValue("share must be above 0 and at most 1, with at most 30 digits after the point", "share")
        order, before = self._order(order), list[int]()
        for _ in attempts():
            replies = self.shards.ask(AskInfo(), Lowest(ALL), Below(0))
            all_, negative = (sum((reply[i] for reply in replies), Totals()) for i in (1, 2))
            versions = [info.version for info, *_ in replies]
            if versions == before:
                raise StaleShard("the scores in the set do not add up to the sums")
            before = versions
            if not all_.count:
                raise self.shards.unknown()
            if all_.sum <= 0:
                raise InvalidValue(f"the scores sum to {self._decimal(all_.sum)}; a share needs a sum above 0", "share")
            wanted = math.ceil(Fraction(share) * all_.sum)
            # Negative scores only reduce the sum, so the score with which it is first reached is not negative.
            rest = all_ - negative
            if order is Order.ASC:
                rank = negative.count + self._most(wanted - negative.sum - 1).count
            else:
                rank = rest.count - self._most(rest.sum - wanted).count - 1
            found = listing.rows(self.shards, listing.skips(self.shards, rank, order), order, 1)
            if found.rows and found.before.sum < wanted <= found.before.sum + found.rows[0].score:
                [row] = self._page(found, order).members
                return Reach(share, order, rank, rank + 1, row.member, row.score, row.sum)
        raise BoardChanged(self.name)

    @with_form
    def shape(self, order: Order | None = None, points: int = 120, bars: int = 13) -> Shape:
        """Return the curve of `sum` by rank, in about `points` points, and a histogram. O(points * log n), 3 rounds."""
        return shapes.shape(self.shards, self._order(order), points, bars)

    # -- statistics ----------------------------------------------------------------------------------------------------

    @with_form
    def summary(self) -> Summary:
        """Return statistics and settings. O(1). A board that was configured may have no members."""
        replies = self.shards.ask(*_range(0, ALL, Order.ASC))
        infos: list[Info] = [reply[0] for reply in replies]
        info = next((info for info in infos if info.form is not None), infos[0])  # a shard may have no member yet
        form = info.form or self.shards.form
        found = self._statistics(replies)
        if not found.count and (self.shards.segment_name is not None or info.places is None):
            raise self.shards.unknown()
        return Summary(
            board=self.name,
            places=self.shards.places,
            count=found.count,
            sum=found.sum,
            mean=found.mean,
            min=found.min,
            max=found.max,
            variance=found.variance,
            order=form.order,
            ties=form.ties,
            expires=isoformat(info.expires),
            sample=info.sample,
            most=info.most,
            version=settings_version(
                form, info.sample, info.expires, info.most, sum(info.version for info, *_ in replies)
            ),
        )

    @with_form
    def statistics(self, first_rank: int = 0, last_rank: int | None = None, order: Order | None = None) -> Statistics:
        """Return count, sum, mean, variance, lowest and highest of a range of ranks, both ends included. O(log n)."""
        order = self._order(order)
        starts = listing.skips(self.shards, first_rank, order)
        ends = listing.skips(self.shards, ALL if last_rank is None else max(last_rank + 1, first_rank), order)
        replies = self.shards.ask_each([_range(start, end, order) for start, end in zip(starts, ends, strict=True)])
        return self._existing(replies)

    @with_form
    def statistics_between(self, low: Decimal | None = None, high: Decimal | None = None) -> Statistics:
        """Return the same for low <= score <= high; None sets no bound. O(log n)."""
        least, end = self._bounds(low, high)
        bounds = [Below(least), Below(max(least, end))]
        cuts = self.shards.ask(*bounds)
        for _ in attempts():
            ranks = [(first.count, last.count) for first, last in cuts]
            questions = [[*bounds, ByRank(a, a), ByRank(b - 1, b - 1), *_range(a, b, Order.ASC)] for a, b in ranks]
            replies = self.shards.ask_each(questions)
            if cuts == [reply[:2] for reply in replies]:
                if not all(_has_ends(reply[2:]) for reply in replies if reply[0].count < reply[1].count):
                    raise StaleShard("the lowest or the highest score in the set is not the one in the sums")
                return self._existing([reply[4:] for reply in replies])
            cuts = [reply[:2] for reply in replies]
        raise BoardChanged(self.name)

    # ------------------------------------------------------------------------------------------------------------------

    def _existing(self, replies: list[list[Any]]) -> Statistics:
        if not any(info.size for info, *_ in replies):
            raise self.shards.unknown()
        return self._statistics(replies)

    def _statistics(self, replies: list[list[Any]]) -> Statistics:
        """Make statistics of each shard's answers to the questions of `_range`.

        Those of the ends are sums as well, so that the lowest and the highest are of the scores that were added up.
        """
        totals = Totals()
        scores: list[int] = []
        for answers in replies:
            _, whole, rest, *_ = answers
            totals += whole - rest
            if whole.count > rest.count:
                scores += _ends(answers)
        count, total, squares, _ = totals
        if not count:
            return Statistics(0, Decimal(0), None, None, None, None)
        scale = 10**self.shards.places
        return Statistics(
            count=count,
            sum=self._decimal(total),
            mean=rounded(Fraction(total, count * scale), 12),
            min=self._decimal(min(scores)),
            max=self._decimal(max(scores)),
            variance=rounded(Fraction(count * squares - total**2, (count * scale) ** 2), 12),
        )

    def _most(self, limit: int) -> Totals:
        if len(self.shards) == 1:
            return self.shards.totals(Most(limit))[0]
        return select.most(self.shards.ask_each, len(self.shards), limit)

    def _bounds(self, low: Decimal | None, high: Decimal | None) -> tuple[int, int]:
        """Return the first units that are in a range, and the first that are above it."""
        least = 1 - LIMIT if low is None else to_units(low, "min", self.shards.places)
        return least, LIMIT if high is None else to_units(high, "max", self.shards.places) + 1

    def _find(self, member: str) -> Found:
        found: Found | None
        [found] = self.shards.of(member).read(self.shards.form, Find(member))
        if found is None:
            raise UnknownMember(self.name, member)
        return found

    def _shown(self, row: Member) -> str:
        return shown(self.shards.form.plain(row.name))

    def _decimal(self, units: int) -> Decimal:
        return from_units(units, self.shards.places)

    def _order(self, order: Order | None) -> Order:
        return order or self.shards.form.order

    def standing_of(self, member: str, score: int, rank: int, size: int, order: Order | None = None) -> Standing:
        """Make a standing from units, and the rank from the lowest among `size` members."""
        order = self._order(order)
        return Standing(member, self._decimal(score), rank if order is Order.ASC else size - 1 - rank, order, size)

    def _page(self, found: Listed, order: Order, kind: RankKind = RankKind.ORDINAL, goes_on: bool = False) -> Page:
        rows = []
        total = found.before.sum
        for row, rank in zip(found.rows, kinds.of_rows(self.shards, found, order, kind), strict=True):
            total += row.score
            rows.append(Row(self._shown(row), self._decimal(row.score), rank, self._decimal(total)))
        after = cursors.encode(order, Position(found.rows[-1].score, found.rows[-1].name)) if goes_on else None
        return Page(self.name, order, kind, rows, after)


def _has_ends(answers: list[Any]) -> bool:
    """Whether the lowest and the highest member of a range, which come first, have the scores that the sums say."""
    lowest, highest, *others = answers
    return [row.score for row in (*lowest, *highest)] == _ends(others)


def _ends(answers: list[Any]) -> list[int]:
    """The lowest and the highest score, of the answers to the questions of `_range`, if there are any."""
    _, whole, rest, *others = answers
    sums = {some.count: some.sum for some in (whole, rest, *others)}
    return [sums[rest.count + 1] - rest.sum, whole.sum - sums[whole.count - 1]]


def _range(start: int, end: int, order: Order) -> list[Query]:
    """The questions for `_statistics` of a shard's members from `start` up to, not including, `end`, in order.

    They ask for the totals of all up to the end of the range, of all before it, and for those that have one member more
    or less; the range may begin or end beyond the shard's ends.
    """
    if order is Order.ASC:
        whole, rest, ends = end, start, [start + 1, end - 1, -1]
    else:
        whole, rest, ends = -start or ALL, -end or ALL, [1, 1 - end or ALL, -start - 1]
    return [AskInfo(), Lowest(whole, True), Lowest(rest, True), *map(Lowest, ends)]
