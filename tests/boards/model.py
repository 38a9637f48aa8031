"""What boards should be, in plain Python: dicts, and `sorted()` for every answer."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import pytest

from pipeline.boards import (
    BoardExists,
    NotInSegment,
    Order,
    RankKind,
    Ties,
    UnknownBoard,
    UnknownMember,
    UnknownSegment,
    View,
    WrongPlaces,
)
from pipeline.boards.answers import Page, Statistics
from pipeline.boards.changes import ANY, NONE, Code, Op
from pipeline.boards.features import Feature
from pipeline.boards.scores import LIMIT, from_units
from pipeline.boards.shard import shard_of
from pipeline.boards.shards import ScoreChanged
from pipeline.errors import InvalidValue

Scores = Mapping[str, int]


class Refused(Exception):
    """The board must raise this error, and then be as it is in the model."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__(error.__name__)
        self.error = error


@dataclass
class Model:
    """A board. `moments` say when a member came to its score, `ends` whether the board ends by itself.

    Ids of events are known to the shard of their member.
    """

    shards: int = 1
    ends: bool = False
    places: int = 6
    order: Order = Order.DESC
    ties: Ties = Ties.NAME
    sample: int = 0
    most: int = 0
    is_kept: bool = False
    units: dict[str, int] = field(default_factory=dict)
    moments: dict[str, int] = field(default_factory=dict)
    segments: dict[str, set[str]] = field(default_factory=dict)
    features: dict[str, dict[str, Feature]] = field(default_factory=dict)
    events: dict[tuple[int, str], tuple[Op, int, str]] = field(default_factory=dict)
    clock: int = 0

    # -- answers -------------------------------------------------------------------------------------------------------

    @property
    def is_there(self) -> bool:
        return bool(self.is_kept or self.units or self.segments)

    def part(self, members: Collection[str]) -> Model:
        """The same board with these members alone."""
        return Model(
            places=self.places,
            order=self.order,
            ties=self.ties,
            units={member: score for member, score in self.units.items() if member in members},
            moments=self.moments,
        )

    def ranked(self, order: Order | None = None) -> list[tuple[str, int]]:
        if self.ties is Ties.NAME:
            rows = sorted(self.units.items(), key=lambda item: (item[1], item[0].encode()))
            return rows if (order or self.order) is Order.ASC else rows[::-1]
        sign = 1 if self.order is Order.ASC else -1
        rows = sorted(self.units.items(), key=lambda item: (sign * item[1], self.moments[item[0]]))
        return rows if (order or self.order) is self.order else rows[::-1]

    def sums(self, order: Order) -> list[int]:
        total, sums = 0, []
        for _, score in self.ranked(order):
            total += score
            sums.append(total)
        return sums

    def ranks(self, order: Order, kind: RankKind) -> dict[str, int]:
        ranked, ranks = self.ranked(order), dict[str, int]()
        for rank, (name, score) in enumerate(ranked):
            better = [other for _, other in ranked[:rank] if other != score]
            counts = {RankKind.ORDINAL: rank, RankKind.COMPETITION: len(better), RankKind.DENSE: len(set(better))}
            ranks[name] = counts[kind]
        return ranks

    def rows(self, order: Order) -> list[tuple[str, Decimal, int, Decimal]]:
        both = zip(self.ranked(order), self.sums(order), strict=True)
        return [
            (name, self.decimal(score), rank, self.decimal(sum_)) for rank, ((name, score), sum_) in enumerate(both)
        ]

    def decimal(self, units: int) -> Decimal:
        return from_units(units, self.places)

    def to_units(self, value: Decimal) -> int:
        units = Fraction(value) * 10**self.places
        if units.denominator != 1 or abs(units) >= LIMIT:
            raise Refused(InvalidValue)
        return int(units)

    def segments_of(self, member: str) -> list[str]:
        return sorted(name for name, members in self.segments.items() if member in members)

    # -- changes of a member -------------------------------------------------------------------------------------------

    def change(
        self, op: Op, member: str, value: Decimal, event: str = "", expected: str = ""
    ) -> tuple[Code, int | None]:
        """Give a score or a reward. Returns the score after it, or that of a member which is not kept."""
        units, shard, before = self.to_units(value), shard_of(member, self.shards), self.units.get(member)
        if known := event and self.events.get((shard, event)):
            if known != (op, units, member):
                raise Refused(InvalidValue)
            return Code.SAME, before
        self._expect(expected, before)
        after = {
            Op.SET: units,
            Op.ADD: (before or 0) + units,
            Op.MAX: units if before is None else max(before, units),
            Op.MIN: units if before is None else min(before, units),
        }[op]
        if abs(after) >= LIMIT:
            raise Refused(InvalidValue)
        if before != after:
            self.clock += 1
            self.units[member], self.moments[member] = after, self.clock
        if before is None and self.most:
            here = self.part([one for one in self.units if shard_of(one, self.shards) == shard])
            last = here.ranked()[-1][0]
            if len(here.units) > self.most and last == member:
                del self.units[member]
                return Code.DROPPED, after
            if len(here.units) > self.most:
                self._drop(last)
        if event:
            self.events[shard, event] = op, units, member
        return Code.KEPT if before == after else Code.OK, after

    def remove(self, member: str, expected: str = "") -> None:
        self._expect(expected, self.units.get(member))
        if member not in self.units:
            raise Refused(UnknownMember)
        self._drop(member)

    def forget(self, member: str) -> None:
        self.units.pop(member, None)
        self._drop(member)

    def knows(self, member: str) -> bool:
        return member in self.units or member in self.features or bool(self.segments_of(member))

    def join(self, member: str, segment: str) -> None:
        self.segments.setdefault(segment, set()).add(member)

    def leave(self, member: str, segment: str) -> None:
        if member not in self.segments.get(segment, ()):
            raise Refused(NotInSegment)
        self.segments[segment].remove(member)
        self._drop_empty()

    def set_features(self, member: str, changes: Mapping[str, Feature | None], replace: bool) -> dict[str, Feature]:
        merged = {**({} if replace else self.features.get(member, {})), **changes}
        after = {name: value for name, value in sorted(merged.items()) if value is not None}
        if len(after) > 256:
            raise Refused(InvalidValue)
        self.features.pop(member, None)
        if after:
            self.features[member] = after
        return after

    def _expect(self, expected: str, score: int | None) -> None:
        is_right = {"": True, ANY: score is not None, NONE: score is None}
        if not is_right.get(expected, score is not None and str(score) in expected.split()):
            raise Refused(ScoreChanged)

    def _drop(self, member: str) -> None:
        self.units.pop(member, None)
        self.features.pop(member, None)
        for members in self.segments.values():
            members.discard(member)
        self._drop_empty()

    def _drop_empty(self) -> None:
        self.segments = {name: members for name, members in self.segments.items() if members}

    # -- changes of the whole board ------------------------------------------------------------------------------------

    def configure(
        self, places: int | None, order: Order | None, ties: Ties | None, sample: int | None, most: int | None
    ) -> None:
        is_other = places not in (None, self.places) or ties not in (None, self.ties)
        if self.units and (is_other or (self.ties is Ties.FIRST and order not in (None, self.order))):
            raise Refused(WrongPlaces)
        self.places = self.places if places is None else places
        self.order, self.ties = order or self.order, ties or self.ties
        self.sample, self.most = (
            old if new is None else new for old, new in ((self.sample, sample), (self.most, most))
        )
        self.is_kept = True

    def trim(self, keep: int | None, below: Decimal | None, above: Decimal | None) -> tuple[int, int]:
        """Returns how many members go, and how many are left."""
        if below is not None:
            limit = self.to_units(below)
            go = [member for member, score in self.units.items() if score < limit]
        elif above is not None:
            limit = self.to_units(above)
            go = [member for member, score in self.units.items() if score > limit]
        else:
            go = [member for member, _ in self.ranked()[keep or 0 :]]
        if not self.units:
            raise Refused(UnknownBoard)
        for member in go:
            self._drop(member)
        return len(go), len(self.units)


class Models:
    """Several boards. `fresh` has what a board of each name is before it is written to."""

    def __init__(self, fresh: Mapping[str, Model], is_cluster: bool) -> None:
        self.fresh, self.is_cluster = fresh, is_cluster
        self.all = {name: deepcopy(model) for name, model in fresh.items()}

    def __getitem__(self, name: str) -> Model:
        return self.all[name]

    def give(
        self, names: list[str], op: Op, member: str, value: Decimal, event: str, expected: str
    ) -> list[tuple[Code, int | None]]:
        """On one server all boards change or none; on a cluster those before the one that refuses."""
        for name in names:
            self[name].to_units(value)
        before, done = deepcopy(self.all), list[tuple[Code, int | None]]()
        for name in names:
            try:
                code, score = self[name].change(op, member, value, event, "" if done else expected)
                if score is None:  # the event was applied before, and the member removed
                    raise Refused(UnknownMember)
            except Refused:
                if not self.is_cluster:
                    self.all = before
                raise
            done.append((code, score))
        return done

    def copy(self, name: str, to: str, replace: bool) -> None:
        self._look_at(name, to, replace)
        self.all[to] = deepcopy(self[name])
        self[to].is_kept, self[to].ends = True, False

    def rename(self, name: str, to: str, replace: bool) -> None:
        self._look_at(name, to, replace)
        self.all[to] = self[name]
        self[to].is_kept = True
        self.delete(name)

    def delete(self, name: str) -> None:
        self.all[name] = deepcopy(self.fresh[name])

    def import_(self, name: str, to: str, replace: bool) -> None:
        """Import what another board exported."""
        if self[to].units and not replace:
            raise Refused(BoardExists)
        ends = self[name].ends or self.fresh[to].ends
        self.all[to] = deepcopy(self[name])
        self[to].is_kept, self[to].events, self[to].ends = True, {}, ends

    def union(self, name: str, sources: Mapping[str, Decimal], replace: bool) -> None:
        if not sources:
            raise Refused(InvalidValue)
        for source in sources:
            self._look_at(source, name, replace)
        parts = [self[source] for source in sources]
        new = deepcopy(self.fresh[name] if replace else self[name])
        if not new.is_there:
            new.places = max(part.places for part in parts)
            new.order = Order.ASC if all(part.order is Order.ASC for part in parts) else Order.DESC
        new.is_kept = True
        sums: dict[str, Fraction] = {}
        for part, weight in zip(parts, sources.values(), strict=True):
            for member, score in part.units.items():
                sums[member] = sums.get(member, Fraction()) + score * Fraction(weight) / 10**part.places
        for member, total in sums.items():
            units = total * 10**new.places
            if units.denominator != 1 or abs(units) >= LIMIT:
                raise Refused(InvalidValue)
            new.units[member] = int(units)
        self.all[name] = new

    def _look_at(self, name: str, to: str, replace: bool) -> None:
        if name == to:
            raise Refused(InvalidValue)
        if not self[name].is_there:
            raise Refused(UnknownBoard)
        if self[to].units and not replace:
            raise Refused(BoardExists)


def said(page: Page) -> list[tuple[str, Decimal, int, Decimal]]:
    return [(row.member, row.score, row.rank, row.sum) for row in page.members]


def expect_statistics(found: Statistics, scores: list[int], places: int = 6) -> None:
    assert (found.count, found.sum) == (len(scores), from_units(sum(scores), places))
    if found.mean is None or found.variance is None:
        assert not scores
        assert found.min is found.max is found.mean is found.variance is None
        return
    assert (found.min, found.max) == (from_units(min(scores), places), from_units(max(scores), places))
    exact = [Fraction(score, 10**places) for score in scores]
    mean = sum(exact, Fraction()) / len(exact)
    variance = sum(((score - mean) ** 2 for score in exact), Fraction()) / len(exact)
    assert abs(Fraction(found.mean) - mean) <= Fraction(1, 2 * 10**12)
    assert abs(Fraction(found.variance) - variance) <= Fraction(1, 2 * 10**12)


def expect_answers(view: View, model: Model, rnd: random.Random) -> None:
    """Ask every kind of question, with arguments drawn at random."""
    if not model.units:
        with pytest.raises((UnknownBoard, UnknownSegment)):
            view.members(0, 9)
        return
    order, decimal = rnd.choice([None, *Order]), model.decimal
    asked, order = order, order or model.order  # without an order, the board's is meant
    ranked, rows, scores = model.ranked(order), model.rows(order), sorted(model.units.values())
    first, last = sorted(rnd.choices(range(len(rows) + 2), k=2))
    member, score = rnd.choice(ranked)
    low, high = sorted(rnd.choices([*scores, 0, 7, -(2**50)], k=2))

    assert said(view.members(first, last, asked)) == rows[first : last + 1]
    page, seen = view.page(asked, 7), []
    while True:
        seen += said(page)
        if page.next is None:
            break
        page = view.page(asked, 7, page.next)
    assert seen == rows
    within = [row for row, (_, units) in zip(rows, ranked, strict=True) if low <= units <= high]
    assert said(view.between(decimal(low), decimal(high), asked, 1000)) == within
    rank = [name for name, _ in ranked].index(member)
    assert said(view.around(member, 2, asked)) == rows[max(0, min(rank - 2, len(rows) - 5)) :][:5]

    standing = view.standing(member, asked)
    kind, some = rnd.choice(list(RankKind)), rnd.sample([name for name, _ in ranked], min(3, len(ranked)))
    placed = view.standings([*some, "nobody"], asked, kind)
    by_kind = model.ranks(order, kind)
    names = [name for name, _ in ranked if name in some]
    assert [(row.member, row.rank) for row in placed.members] == [(name, by_kind[name]) for name in names]
    assert placed.missing == ["nobody"]
    listed = view.members(first, last, asked, kind).members
    assert [row.rank for row in listed] == [by_kind[row.member] for row in listed]
    ranks = view.ranks(member, asked)
    assert standing.score == ranks.score == decimal(score)
    assert (
        (standing.rank, standing.order, standing.count)
        == (ranks.ordinal, order, len(rows))
        == (rank, order, ranks.count)
    )
    better = [other for _, other in ranked[:rank] if other != score]
    assert ranks.competition == len(better)
    assert ranks.dense == len(set(better))
    percentile = Fraction(100 * sum(s < score for s in scores) + 50 * scores.count(score), len(scores))
    assert abs(Fraction(ranks.percentile) - percentile) <= Fraction(1, 2 * 10**6)

    cumulative = view.sum(first, asked)
    assert cumulative.count == min(first + 1, len(rows))
    assert cumulative.sum == rows[: first + 1][-1][3]
    assert view.sum_below(decimal(score)).sum == decimal(sum(s for s in scores if s < score))

    expect_statistics(
        view.statistics(first, last, asked), [units for _, units in ranked[first : last + 1]], model.places
    )
    expect_statistics(view.statistics(first, None, asked), [units for _, units in ranked[first:]], model.places)
    found = view.statistics_between(decimal(low), decimal(high))
    expect_statistics(found, [score for score in scores if low <= score <= high], model.places)
    whole = view.summary()
    assert (whole.count, whole.sum) == (len(scores), decimal(sum(scores)))

    percent = rnd.randrange(101)
    nearest = model.ranked(Order.ASC)[max(0, -(-len(scores) * percent // 100) - 1)]
    assert view.at_percentile(Decimal(percent)).member == nearest[0]
    assert view.at_percentile(Decimal(percent), asked).rank == ranked.index(nearest)

    share = Decimal(rnd.randrange(1, 101)) / 100
    if sum(scores) > 0:
        reach = view.reach(share, asked)
        target = Fraction(share) * sum(scores)
        expected = next(rank for rank, total in enumerate(model.sums(order)) if total >= target)
        assert (reach.rank, reach.member, reach.sum) == (expected, ranked[expected][0], rows[expected][3])
    else:
        with pytest.raises(InvalidValue, match="a share needs a sum above 0"):
            view.reach(share, asked)
