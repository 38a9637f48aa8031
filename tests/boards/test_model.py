"""Any operations on a board, compared with a dict and sorted(): every query must have the model's answer."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from pipeline.boards import Boards, BulkChange, Order, RankKind, UnknownBoard, UnknownMember, UnknownSegment, View
from pipeline.boards.answers import Page, Statistics
from pipeline.boards.changes import Op
from pipeline.boards.scores import LIMIT, from_units
from pipeline.errors import InvalidValue

MEMBERS = ["ann", "bob", "cid", "dee", "éva", "zoë", *(f"m{n}" for n in range(30))]
SEGMENTS = ["red", "blue"]

UNITS = st.one_of(
    st.integers(-3, 3),
    st.integers(1 - LIMIT, LIMIT - 1),
    st.sampled_from([0, 10**6, LIMIT - 1, 1 - LIMIT]),
    st.integers(2**52, 2**52 + 3),
)


class Model:
    """Scores in units, and the answers that they give."""

    def __init__(self, units: dict[str, int]) -> None:
        self.units = units

    def ranked(self, order: Order) -> list[tuple[str, int]]:
        rows = sorted(self.units.items(), key=lambda item: (item[1], item[0].encode()))
        return rows[::-1] if order is Order.DESC else rows

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
        return [(name, from_units(score), rank, from_units(sum_)) for rank, ((name, score), sum_) in enumerate(both)]


def said(page: Page) -> list[tuple[str, Decimal, int, Decimal]]:
    return [(row.member, row.score, row.rank, row.sum) for row in page.members]


def expect_statistics(found: Statistics, scores: list[int]) -> None:
    assert (found.count, found.sum) == (len(scores), from_units(sum(scores)))
    if found.mean is None or found.variance is None:
        assert not scores
        assert found.min is found.max is found.mean is found.variance is None
        return
    assert (found.min, found.max) == (from_units(min(scores)), from_units(max(scores)))
    exact = [Fraction(score, 10**6) for score in scores]
    mean = sum(exact, Fraction()) / len(exact)
    variance = sum(((score - mean) ** 2 for score in exact), Fraction()) / len(exact)
    assert abs(Fraction(found.mean) - mean) <= Fraction(1, 2 * 10**12)
    assert abs(Fraction(found.variance) - variance) <= Fraction(1, 2 * 10**12)


class BoardMachine(RuleBasedStateMachine):
    boards: Boards

    def __init__(self) -> None:
        super().__init__()
        self.boards.client.execute_command("FLUSHDB")  # of a cluster, on all nodes
        self.board = self.boards["b"]
        self.units: dict[str, int] = {}
        self.segments: dict[str, set[str]] = {name: set() for name in SEGMENTS}
        self.rnd = random.Random(0)

    @initialize(seed=st.integers(0, 2**32))
    def seed(self, seed: int) -> None:
        self.rnd.seed(seed)

    @rule(member=st.sampled_from(MEMBERS), units=UNITS)
    def set(self, member: str, units: int) -> None:
        self.units[member] = units
        assert self.board.set(member, from_units(units)).score == from_units(units)

    @rule(member=st.sampled_from(MEMBERS), units=UNITS, operator=st.sampled_from([Op.MAX, Op.MIN]))
    def better(self, member: str, units: int, operator: Op) -> None:
        before = self.units.get(member)
        best = {Op.MAX: max, Op.MIN: min}[operator]
        self.units[member] = best(units, units if before is None else before)
        done = self.board.set(member, from_units(units), operator)
        assert (done.score, done.changed) == (from_units(self.units[member]), self.units[member] != before)

    @rule(member=st.sampled_from(MEMBERS), units=UNITS)
    def add(self, member: str, units: int) -> None:
        score = self.units.get(member, 0) + units
        if abs(score) < LIMIT:
            self.units[member] = score
            assert self.board.add(member, from_units(units)).score == from_units(score)
        else:
            with pytest.raises(InvalidValue, match="would leave the range"):
                self.board.add(member, from_units(units))

    @rule(changes=st.lists(st.tuples(st.sampled_from(MEMBERS), UNITS, st.booleans()), max_size=40))
    def apply(self, changes: list[tuple[str, int, bool]]) -> None:
        records = [
            BulkChange(member, score=from_units(units)) if is_set else BulkChange(member, reward=from_units(units))
            for member, units, is_set in changes
        ]
        for (member, units, is_set), outcome in zip(changes, self.board.apply(records), strict=True):
            score = units if is_set else self.units.get(member, 0) + units
            assert outcome.member == member
            if abs(score) < LIMIT:
                self.units[member] = score
                assert (outcome.score, outcome.error) == (from_units(score), None)
            else:
                assert (outcome.score, outcome.field) == (None, "reward")

    @rule(member=st.sampled_from(MEMBERS))
    def remove(self, member: str) -> None:
        if member in self.units:
            self.board.remove(member)
            del self.units[member]
            for members in self.segments.values():
                members.discard(member)
        else:
            with pytest.raises(UnknownMember):
                self.board.remove(member)

    @rule(member=st.sampled_from(MEMBERS), segment=st.sampled_from(SEGMENTS))
    def join(self, member: str, segment: str) -> None:
        self.board.join(member, segment)
        self.segments[segment].add(member)

    @rule(member=st.sampled_from(MEMBERS), segment=st.sampled_from(SEGMENTS))
    def leave(self, member: str, segment: str) -> None:
        if member in self.segments[segment]:
            self.board.leave(member, segment)
            self.segments[segment].remove(member)
        else:
            with pytest.raises(UnknownMember):
                self.board.leave(member, segment)

    @rule()
    def rebuild(self) -> None:
        self.board.rebuild()

    @invariant()
    def is_what_the_model_says(self) -> None:
        self.board.check()
        self.compare(self.board, self.units)
        name = self.rnd.choice(SEGMENTS)
        self.compare(self.board.segment(name), {m: s for m, s in self.units.items() if m in self.segments[name]})
        assert self.board.segments() == sorted(name for name, members in self.segments.items() if members)
        member = self.rnd.choice(MEMBERS)
        assert self.board.segments_of(member) == sorted(s for s, members in self.segments.items() if member in members)

    def compare(self, view: View, units: dict[str, int]) -> None:
        if not units:
            with pytest.raises((UnknownBoard, UnknownSegment)):
                view.members(0, 9)
            with pytest.raises((UnknownBoard, UnknownSegment)):
                view.statistics()
            return
        rnd, model = self.rnd, Model(units)
        order = rnd.choice(list(Order))
        ranked, rows, scores = model.ranked(order), model.rows(order), sorted(units.values())
        first, last = sorted(rnd.choices(range(len(rows) + 2), k=2))
        member, score = rnd.choice(ranked)
        low, high = sorted(rnd.choices([*scores, 0, 7, -(2**50)], k=2))

        assert said(view.members(first, last, order)) == rows[first : last + 1]
        page, seen = view.page(order, 7), []
        while True:
            seen += said(page)
            if page.next is None:
                break
            page = view.page(order, 7, page.next)
        assert seen == rows
        within = [row for row, (_, units) in zip(rows, ranked, strict=True) if low <= units <= high]
        assert said(view.between(from_units(low), from_units(high), order, 1000)) == within
        rank = [name for name, _ in ranked].index(member)
        assert said(view.around(member, 2, order)) == rows[max(0, min(rank - 2, len(rows) - 5)) :][:5]

        standing = view.standing(member, order)
        kind, some = rnd.choice(list(RankKind)), rnd.sample([name for name, _ in ranked], min(3, len(ranked)))
        placed = view.standings([*some, "nobody"], order, kind)
        by_kind = model.ranks(order, kind)
        names = [name for name, _ in ranked if name in some]
        assert [(row.member, row.rank) for row in placed.members] == [(name, by_kind[name]) for name in names]
        assert placed.missing == ["nobody"]
        listed = view.members(first, last, order, kind).members
        assert [row.rank for row in listed] == [by_kind[row.member] for row in listed]
        ranks = view.ranks(member, order)
        assert standing.score == ranks.score == from_units(score)
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

        cumulative = view.sum(first, order)
        assert cumulative.count == min(first + 1, len(rows))
        assert cumulative.sum == rows[: first + 1][-1][3]
        assert view.sum_below(from_units(score)).sum == from_units(sum(s for s in scores if s < score))

        expect_statistics(view.statistics(first, last, order), [units for _, units in ranked[first : last + 1]])
        expect_statistics(view.statistics(first, None, order), [units for _, units in ranked[first:]])
        found = view.statistics_between(from_units(low), from_units(high))
        expect_statistics(found, [score for score in scores if low <= score <= high])
        whole = view.summary()
        assert (whole.count, whole.sum) == (len(scores), from_units(sum(scores)))

        percent = rnd.randrange(101)
        nearest = model.ranked(Order.ASC)[max(0, -(-len(scores) * percent // 100) - 1)]
        assert view.at_percentile(Decimal(percent)).member == nearest[0]
        assert view.at_percentile(Decimal(percent), order).rank == ranked.index(nearest)

        share = Decimal(rnd.randrange(1, 101)) / 100
        if sum(scores) > 0:
            reach = view.reach(share, order)
            target = Fraction(share) * sum(scores)
            expected = next(rank for rank, total in enumerate(model.sums(order)) if total >= target)
            assert (reach.rank, reach.member, reach.sum) == (expected, ranked[expected][0], rows[expected][3])
        else:
            with pytest.raises(InvalidValue, match="a share needs a sum above 0"):
                view.reach(share, order)


def test_any_operations_leave_the_answers_of_a_plain_model(boards: Boards) -> None:
    machine = type("Machine", (BoardMachine,), {"boards": boards})
    examples = 15 if boards.shards == 1 else 6
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
