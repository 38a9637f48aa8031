"""Changes of members, found by search: every query must have the answer of model.py, and the shortest case is shown."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from pipeline.boards import Boards, BulkChange, UnknownMember
from pipeline.boards.changes import Op
from pipeline.boards.scores import LIMIT, from_units
from pipeline.errors import InvalidValue

from .model import Model, expect_answers

MEMBERS = ["ann", "bob", "cid", "dee", "éva", "zoë", *(f"m{n}" for n in range(30))]
SEGMENTS = ["red", "blue"]

UNITS = st.one_of(
    st.integers(-3, 3),
    st.integers(1 - LIMIT, LIMIT - 1),
    st.sampled_from([0, 10**6, LIMIT - 1, 1 - LIMIT]),
    st.integers(2**52, 2**52 + 3),
)


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
        expect_answers(self.board, Model(units=self.units), self.rnd)
        name = self.rnd.choice(SEGMENTS)
        expect_answers(self.board.segment(name), Model(units=self.units).part(self.segments[name]), self.rnd)
        assert self.board.segments() == sorted(name for name, members in self.segments.items() if members)
        member = self.rnd.choice(MEMBERS)
        assert self.board.segments_of(member) == sorted(s for s, members in self.segments.items() if member in members)


def test_any_operations_leave_the_answers_of_a_plain_model(boards: Boards) -> None:
    machine = type("Machine", (BoardMachine,), {"boards": boards})
    examples = 8 if boards.shards == 1 else 3
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
