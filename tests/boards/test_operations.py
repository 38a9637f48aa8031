"""All operations on some boards in any order: the answers, and what is kept, are those of model.py.

What the model refuses must be refused by the same error, and leave every key as it was. `TIMES=100 pytest
tests/boards/test_operations.py` does a hundred times as much, with other seeds; a failure names its seed.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any, TypeVar

import pytest
import redis as redis_py
from msgspec import UNSET

from pipeline.boards import Boards, BulkChange, Order, Ties, UnknownBoard, UnknownMember
from pipeline.boards.changes import ANY, NONE, Code, Op
from pipeline.boards.features import Feature
from pipeline.boards.scores import LIMIT
from pipeline.boards.shard import shard_of

from .model import Model, Models, Refused, expect_answers
from .stored import but_trees, nodes_of, stored

MEMBERS = ["ann", "éva", "a/b", "x\N{LINE SEPARATOR}y", "..", *(f"m{number}" for number in range(16))]
SEGMENTS = ["red", "blue", "a.b"]
STEPS = 60
SEEDS = range(int(os.environ.get("TIMES", "1")))

T = TypeVar("T")
U = TypeVar("U")


@pytest.fixture(params=["one shard", "three shards", "cluster"])
def boards(request: pytest.FixtureRequest) -> Boards:
    if request.param == "cluster":
        return Boards(request.getfixturevalue("cluster"), 3)
    return Boards(request.getfixturevalue("redis"), 1 if request.param == "one shard" else 3)


def _settings(line: bytes, but_its_end: bool) -> dict[str, Any]:
    """What the first line of an export says."""
    settings: dict[str, Any] = json.loads(line)
    if but_its_end:
        del settings["expires"]
    return settings


class Game:
    """Does the same to boards and to their models."""

    def __init__(self, boards: Boards, seed: int) -> None:
        self.boards, self.rnd = boards, random.Random(seed)
        some = [
            boards[name] for name in ("a", "b", "c", "d@day-1")
        ]  # the same objects all the time: what they know ages
        self.of = {board.name: board for board in some}
        is_cluster = not isinstance(boards.client, redis_py.Redis)
        fresh = {board.name: Model(boards.shards, ends=board.expires > 0) for board in some}
        self.models = Models(fresh, is_cluster)
        self.given: list[tuple[list[str], Op, str, Decimal, str]] = []
        self.number = 0
        self.touched: set[str] = set()

    # -- what is drawn -------------------------------------------------------------------------------------------------

    def name(self) -> str:
        return self.rnd.choice([*self.of, "a", "a"])

    def names(self) -> tuple[str, str]:
        """Two boards, and now and then twice the same."""
        first = self.name()
        return first, self.rnd.choice([name for name in self.of if name != first or self.rnd.random() < 0.1])

    def value(self, places: int) -> Decimal:
        """Mostly one of few scores, so that there are ties."""
        units = self.rnd.choice([self.rnd.randrange(-3, 4)] * 6 + [self.rnd.randrange(1 - LIMIT, LIMIT), LIMIT - 1])
        whole = Decimal(self.rnd.randrange(-2, 5))
        return self.rnd.choice([whole, whole, Decimal(units).scaleb(-places)])

    def expected(self, model: Model, member: str) -> str:
        score = model.units.get(member)
        right = NONE if score is None else self.rnd.choice([ANY, f"{score}", f"7 {score}"])
        return self.rnd.choice(["", "", "", right, ANY, NONE, "3"])

    # -- changes of members --------------------------------------------------------------------------------------------

    def give(self) -> None:
        names = self.rnd.choice(
            [[self.name()], [self.name()], self.rnd.sample(list(self.of), self.rnd.randrange(2, 4))]
        )
        op, member = self.rnd.choice([*Op][:4]), self.rnd.choice(MEMBERS)
        value, event = self.value(self.models[names[0]].places), ""
        if op is Op.ADD and self.rnd.random() < 0.6:
            event = self.rnd.choice([f"e{self.rnd.randrange(40)}", f"only-{self.number}"])
            self.number += 1
            if self.given and self.rnd.random() < 0.5:
                names, op, member, value, event = self.rnd.choice(self.given)
            self.given.append((names, op, member, value, event))
        expected = self.expected(self.models[names[0]], member)
        first, *also = (self.of[name] for name in names)

        def do() -> Any:
            if op is Op.ADD:
                return first.add(member, value, event, also=also, expected=expected)
            return first.set(member, value, op, also=also, expected=expected)

        both = self.same(lambda models: models.give(names, op, member, value, event, expected), do, *names)
        if both is None:
            return
        told, answer = both
        answers = [answer, *(answer.also.values() if also else [])]
        for name, (code, score), one in zip(names, told, answers, strict=True):
            model = self.models[name]
            assert (one.member, one.score, one.order) == (member, model.decimal(score or 0), model.order)
            assert one.dropped is (True if code is Code.DROPPED else UNSET)
            assert one.repeated is (code is Code.SAME) if op is Op.ADD else one.changed is (code is Code.OK)
            assert one.count == len(model.units)
            if code is not Code.DROPPED:
                assert one.rank == [other for other, _ in model.ranked()].index(member)

    def bulk(self) -> None:
        """Records of a board whose ties are by arrival are sent one by one if shards get theirs at the same time."""
        name = self.name()
        model, records = self.models[name], list[BulkChange]()
        is_alone = model.ties is Ties.FIRST and self.boards.shards > 1
        for _ in range(1 if is_alone else self.rnd.choice([1, 5, 60])):
            op, member, value = self.rnd.choice([*Op][:4]), self.rnd.choice(MEMBERS), self.value(model.places)
            event = self.rnd.choice(["", "", f"e{self.rnd.randrange(60)}"])
            if op is Op.ADD:
                records.append(BulkChange(member, reward=value, event=event))
            else:
                records.append(BulkChange(member, score=value, event=event, operator=op))
        if self.rnd.random() < 0.3:  # scores alone, each member once: they may be written in another order
            records = [BulkChange(member, score=self.value(model.places)) for member in self.rnd.sample(MEMBERS, 9)]
            records = records[:1] if is_alone else records
        outcomes = list(self.of[name].apply(records))
        told: dict[int, tuple[Code, int | None] | Refused] = {}
        for place in self._in_order(model, records):
            record = records[place]
            op = Op.ADD if record.score is UNSET else record.operator
            try:
                told[place] = model.change(op, record.member, value_of(record), record.event)
            except Refused as refused:
                told[place] = refused
        for place, outcome in enumerate(outcomes):
            found = told[place]
            if isinstance(found, Refused):
                assert outcome.error is not None
                continue
            code, score = found
            assert outcome.error is None
            assert outcome.repeated is (code is Code.SAME)
            assert outcome.score == (None if score is None else model.decimal(score))
            if code is Code.DROPPED and records[place].member not in model.units:
                assert outcome.dropped
        self.touched.add(name)

    def _in_order(self, model: Model, records: list[BulkChange]) -> list[int]:
        """Return the places of records as they are written: those of a shard by score, if each is of another member."""
        order = list(range(len(records)))
        right = [place for place in order if _is_right(model, records[place])]
        is_free = len({records[place].member for place in right}) == len(right) and model.ties is Ties.NAME
        if not is_free or any(records[place].event or records[place].score is UNSET for place in right):
            return order
        return sorted(order, key=lambda place: (shard_of(records[place].member, model.shards), records[place].score))

    def remove(self) -> None:
        name = self.name()
        member = self.rnd.choice([*MEMBERS, *self.models[name].units])
        expected = self.expected(self.models[name], member)
        self.same(
            lambda m: m[name].remove(member, expected), lambda: self.of[name].remove(member, expected=expected), name
        )

    def join(self) -> None:
        name, member, segment = self.name(), self.rnd.choice(MEMBERS), self.rnd.choice(SEGMENTS)
        self.same(lambda m: m[name].join(member, segment), lambda: self.of[name].join(member, segment), name)

    def leave(self) -> None:
        name, segment = self.name(), self.rnd.choice(SEGMENTS)
        member = self.rnd.choice([self.rnd.choice(MEMBERS), *sorted(self.models[name].segments.get(segment, ()))])
        self.same(lambda m: m[name].leave(member, segment), lambda: self.of[name].leave(member, segment), name)

    def features(self, name: str = "") -> None:
        name, member, replace = name or self.name(), self.rnd.choice(MEMBERS), self.rnd.random() < 0.5
        values: list[Feature | None] = [1, 10**30, Decimal("0.50"), "ö", True, None, None]
        changes = {
            feature: self.rnd.choice(values) for feature in self.rnd.sample(["age", "é", "of\N{NO-BREAK SPACE}it"], 2)
        }
        if self.rnd.random() < 0.05:
            changes = {f"f{number}": number for number in range(257)}
        both = self.same(
            lambda m: m[name].set_features(member, changes, replace),
            lambda: self.of[name].set_features(member, changes, replace=replace),
            name,
        )
        assert both is None or both[0] == both[1]

    def erase(self) -> None:
        member = self.rnd.choice(MEMBERS)
        known = {name for name, model in self.models.all.items() if model.knows(member)}
        found = self.boards.of_member(member)
        assert {one.board for one in found.boards} == known
        for one in found.boards:
            assert one.segments == self.models[one.board].segments_of(member)
            assert (one.standing is None) == (member not in self.models[one.board].units)
        if self.rnd.random() < 0.5:
            erased = self.boards.erase(member)
            assert (set(erased.boards), erased.failed, erased.complete) == (known, [], True)
            for name in known:
                self.models[name].forget(member)
            self.touched |= known

    # -- changes of whole boards ---------------------------------------------------------------------------------------

    def configure(self, name: str = "") -> None:
        name, rnd = name or self.name(), self.rnd
        places, order, ties = rnd.choice([None, 0, 2, 6]), rnd.choice([None, *Order]), rnd.choice([None, *Ties])
        sample, most = rnd.choice([None, None, 0, 100]), rnd.choice([None, None, 0, 4, 8])
        both = self.same(
            lambda m: m[name].configure(places, order, ties, sample, most),
            lambda: self.of[name].configure(places, sample, order=order, ties=ties, most=most),
            name,
        )
        if both is not None:
            model, said = self.models[name], both[1]
            assert (said.places, said.order, said.ties) == (model.places, model.order, model.ties)
            assert (said.sample, said.most, said.expires is not None) == (model.sample, model.most, model.ends)

    def trim(self) -> None:
        name, which = self.name(), self.rnd.randrange(3)
        keep = self.rnd.randrange(12) if which == 0 else None
        below, above = (self.value(self.models[name].places) if which == number else None for number in (1, 2))
        both = self.same(
            lambda m: m[name].trim(keep, below, above),
            lambda: self.of[name].trim(keep=keep, below=below, above=above),
            name,
        )
        assert both is None or both[0] == (both[1].removed, both[1].count)

    def copy(self) -> None:
        (name, to), replace = self.names(), self.rnd.random() < 0.7
        self.same(lambda m: m.copy(name, to, replace), lambda: self.of[name].copy(to, replace=replace), to)

    def rename(self) -> None:
        (name, to), replace = self.names(), self.rnd.random() < 0.7
        self.same(lambda m: m.rename(name, to, replace), lambda: self.of[name].rename(to, replace=replace), to)
        self.touched.add(name)

    def union(self) -> None:
        name, replace = self.name(), self.rnd.random() < 0.7
        weights = [Decimal(1), Decimal(1), Decimal(2), Decimal("0.5"), Decimal(-1), Decimal("1e9")]
        others = [other for other in self.of if other != name or self.rnd.random() < 0.05]
        sources = {other: self.rnd.choice(weights) for other in self.rnd.sample(others, self.rnd.randrange(0, 3))}
        both = self.same(
            lambda m: m.union(name, sources, replace), lambda: self.of[name].union(sources, replace=replace), name
        )
        model = self.models[name]
        if both is not None and model.ties is Ties.FIRST:  # of equal sums, any may have come first
            rows = [row.member for row in self.of[name].page(limit=1000).members] if model.units else []
            model.moments = {member: moment for moment, member in enumerate(rows)}
            model.clock = len(rows)

    def transfer(self) -> None:
        """Export a board, and import the lines on the same board or another one."""
        (name, to), replace = self.names(), self.rnd.random() < 0.7
        model = self.models[name]
        if not model.is_there and not model.features:
            with pytest.raises(UnknownBoard):
                list(self.of[name].export())
            return
        lines = list(self.of[name].export())
        both = self.same(
            lambda m: m.import_(name, to, replace), lambda: self.of[to].import_(lines, replace=replace), to
        )
        if both is not None:
            first, *rest = self.of[to].export()
            assert rest == lines[1:]
            ends = self.models.fresh[to].ends and not model.ends  # else it has what the line says
            assert _settings(first, ends) == _settings(lines[0], ends)

    def delete(self) -> None:
        name = self.name()
        if self.keys(name):
            self.of[name].delete()
            self.models.delete(name)
        else:
            with pytest.raises(UnknownBoard):
                self.of[name].delete()
        assert not self.keys(name)
        self.touched.add(name)
        self.begin(name)

    def begin(self, name: str) -> None:
        """Let a board come into being in another way than with a score, mostly."""
        if begin := self.rnd.choice([self.configure, self.configure, self.features, None]):
            begin(name)

    def keys(self, name: str) -> list[bytes]:
        """Of an empty board there may be events, until they are forgotten."""
        starts = (b"{board:%b}" % name.encode(), b"{board:%b:" % name.encode())
        return [
            key for node in nodes_of(self.boards.client) for key in node.scan_iter("{board:*") if key.startswith(starts)
        ]

    def rebuild(self) -> None:
        name = self.name()
        assert self.of[name].rebuild() == []
        model = self.models[name]
        model.is_kept = model.is_kept or model.is_there

    # ------------------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        once = [self.remove, self.erase, self.trim, self.rebuild, self.copy, self.rename, self.transfer]
        twice = [self.leave, self.configure, self.delete, self.union] * 2
        often = [self.give] * 10 + [self.bulk] * 5 + [self.join, self.features] * 3
        self.touched.clear()
        self.rnd.choice([*once, *twice, *often])()
        for name in self.touched:
            self.compare(name)

    def same(self, of_models: Callable[[Models], T], of_boards: Callable[[], U], *touched: str) -> tuple[T, U] | None:
        """Do something to both. Returns what they say; None if both refuse, and then nothing was changed."""
        models = deepcopy(self.models)
        self.touched |= set(touched)
        try:
            told = of_models(models)
        except Refused as refused:
            is_part = models.is_cluster and models.all != self.models.all
            before = {} if is_part else stored(self.boards.client)
            with pytest.raises(refused.error):
                of_boards()
            after = {} if is_part else stored(self.boards.client)
            assert but_trees(after) == but_trees(before) if len(touched) > 1 else after == before
            self.models = models
            return None
        found = of_boards()
        self.models = models
        return told, found

    def compare(self, name: str) -> None:
        board, model = self.of[name], self.models[name]
        board.check()
        expect_answers(board, model, self.rnd)
        for segment in SEGMENTS:
            if segment in model.segments:
                expect_answers(board.segment(segment), model.part(model.segments[segment]), self.rnd)
        assert board.segments() == sorted(model.segments)
        for member in MEMBERS:
            assert board.features(member) == model.features.get(member, {})
        some = self.rnd.choice(MEMBERS)
        assert board.segments_of(some) == model.segments_of(some)
        if some not in model.units:
            with pytest.raises(UnknownMember):
                board.standing(some)
        if model.is_there:
            whole = board.summary()
            assert (whole.places, whole.order, whole.ties) == (model.places, model.order, model.ties)
            assert (whole.sample, whole.most, whole.expires is not None) == (model.sample, model.most, model.ends)
        else:
            with pytest.raises(UnknownBoard):
                board.summary()
        if model.sample and model.units:
            assert board.estimated_sum(99).sum == board.summary().sum


def value_of(record: BulkChange) -> Decimal:
    value = record.reward if record.score is UNSET else record.score
    assert isinstance(value, Decimal)
    return value


def _is_right(model: Model, record: BulkChange) -> bool:
    """Say whether a record's number is one that the board can have."""
    try:
        model.to_units(value_of(record))
    except Refused:
        return False
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_all_operations_do_what_the_model_does(boards: Boards, seed: int) -> None:
    game = Game(boards, seed)
    for name in game.of:
        game.begin(name)
    for _ in range(STEPS):
        game.step()
    for name in game.of:
        game.compare(name)
    known = {name for name, model in game.models.all.items() if model.is_there or model.features}
    assert known <= set(boards.names().names)
