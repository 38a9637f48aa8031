"""The scripts of a shard against a plain model, and their tree against reference_tree.py, the same in Python."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha1
from itertools import islice
from typing import Any

import pytest
import redis as redis_py
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from pipeline.boards import shard as shards
from pipeline.boards import tree
from pipeline.boards.changes import Change, Code, Op, Reply
from pipeline.boards.form import Form
from pipeline.boards.lua import BoardScript
from pipeline.boards.queries import Above, AskInfo, At, Below, ByRank, Find, Found, Lowest, Most, Query, Under
from pipeline.boards.scores import LIMIT
from pipeline.boards.shard import Shard, StaleShard
from pipeline.boards.totals import Totals
from pipeline.boards.tree import (
    AREAS_AT,
    HEAD_SIZE,
    MERGE,
    NODE_SIZE,
    SPLIT,
    BrokenTree,
    Header,
    Unpacked,
    check,
    pack,
)

from .reference_tree import Tree
from .set_up import set_up

Draw = Callable[[random.Random], int]

DISTRIBUTIONS: dict[str, Draw] = {
    "uniform": lambda rnd: rnd.randrange(10**9),
    "binary": lambda rnd: rnd.randrange(2) * 10**6,
    "pareto": lambda rnd: min(int(rnd.paretovariate(0.8) * 10**6), LIMIT - 1),
    "signed": lambda rnd: int(rnd.gauss(0, 10**7)),
    "narrow band": lambda rnd: LIMIT - 1 - rnd.randrange(1000),
    "narrow band below": lambda rnd: 1 - LIMIT + rnd.randrange(1000),
    "whole range": lambda rnd: rnd.randrange(1 - LIMIT, LIMIT),
    "narrow band and whole range": lambda rnd: (
        LIMIT - 1 - rnd.randrange(1000) if rnd.random() < 0.5 else rnd.randrange(1 - LIMIT, LIMIT)
    ),
    "equal": lambda rnd: 5,
    "few values": lambda rnd: rnd.choice([-1, 0, 1, 250_000, LIMIT - 1, 1 - LIMIT]),
    "round": lambda rnd: rnd.choice([1, -1]) * rnd.choice([1, 3, 8]) * 2 ** rnd.randrange(48),
}
EACH_DISTRIBUTION = pytest.mark.parametrize("draw", [pytest.param(d, id=name) for name, d in DISTRIBUTIONS.items()])


@pytest.fixture
def shard(redis: redis_py.Redis) -> Shard:
    return Shard(redis, "{board:b}")


@pytest.fixture(params=[pytest.param((SPLIT, MERGE), id="leaves of 2048"), pytest.param((40, 16), id="leaves of 40")])
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """With a few hundred scores, small leaves go through what large ones do with ten thousand."""
    limits: tuple[int, int] = request.param
    split, merge = limits
    script = BoardScript("tree.lua")
    script.text = shards.UPDATE.text.replace(f"SPLIT, MERGE = {SPLIT}, {MERGE}", f"SPLIT, MERGE = {split}, {merge}")
    assert (script.text == shards.UPDATE.text) == (limits == (SPLIT, MERGE))
    script.sha = sha1(script.text.encode(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(shards, "UPDATE", script)
    monkeypatch.setattr(tree, "SPLIT", split)
    monkeypatch.setattr(tree, "MERGE", merge)
    return limits


def contents(shard: Shard) -> tuple[bytes, list[int]]:
    """The tree, and the scores of the set."""
    packed: Any = shard.client.execute_command("GET", shard.keys[1])
    rows: Any = shard.client.execute_command("ZRANGE", shard.keys[0], 0, -1, "WITHSCORES", withscores=True)
    return packed or b"", [int(score) for _, score in rows]


def update_all(shard: Shard, changes: Iterable[Change], **options: Any) -> list[Reply]:
    todo, replies = iter(changes), []
    while some := list(islice(todo, 200)):
        replies += shard.update(Form(), some, **options)
    return replies


def set_all(shard: Shard, units: Mapping[str, int]) -> None:
    update_all(shard, [Change(Op.SET, member, score) for member, score in units.items()])


def ranked(units: Mapping[str, int]) -> list[tuple[int, bytes]]:
    return sorted((score, member.encode()) for member, score in units.items())


def totals(scores: list[int], full: bool = True) -> Totals:
    if not full:
        return Totals(len(scores), sum(scores))
    return Totals(len(scores), sum(scores), sum(score**2 for score in scores), len(set(scores)))


class ShardMachine(RuleBasedStateMachine):
    """Any changes, many at a time so that leaves split and pages are given up, compared with dicts."""

    shard: Shard

    def __init__(self) -> None:
        super().__init__()
        self.shard.client.execute_command("FLUSHDB")
        self.units: dict[str, int] = {}
        self.segment: set[str] = set()
        self.events: dict[str, Change] = {}
        self.rnd = random.Random(0)

    @initialize(seed=st.integers(0, 2**32))
    def seed(self, seed: int) -> None:
        self.rnd.seed(seed)

    @rule(
        ops=st.sampled_from([(Op.SET,), (Op.REMOVE,), (Op.ADD, Op.MAX, Op.MIN), tuple(Op)]),
        name=st.sampled_from(sorted(DISTRIBUTIONS)),
        count=st.sampled_from([1, 30, 200, 1500]),
        ranks=st.booleans(),
    )
    def change(self, ops: tuple[Op, ...], name: str, count: int, ranks: bool) -> None:
        changes, expected = [], []
        for _ in range(count):
            op, member = self.rnd.choice(ops), f"m{self.rnd.randrange(2000)}"
            event = f"e{self.rnd.randrange(50)}" if self.rnd.random() < 0.05 else ""
            value: int | str = DISTRIBUTIONS[name](self.rnd)
            if op in (Op.JOIN, Op.LEAVE):
                value = "red"
            if op is Op.REMOVE:
                value = ""
            changes.append(Change(op, member, value, event))
            expected.append(self.expected(changes[-1]))
        found = update_all(self.shard, changes, remember_ms=3_600_000, ranks=ranks)

        assert [(reply.code, reply.score) for reply in found] == expected
        if ranks:
            places = {member: rank for rank, (_, member) in enumerate(ranked(self.units))}
            last = changes[-1].member
            assert (found[-1].rank, found[-1].size) == (places.get(last.encode()), len(self.units))

    def expected(self, change: Change) -> tuple[Code, int | None]:
        """Do to the model what a change does, and return its reply."""
        member, before = change.member, self.units.get(change.member)
        if change.event in self.events:
            return Code.SAME if change == self.events[change.event] else Code.OTHER, before
        code, reply = Code.OK, before
        if change.op is Op.JOIN:
            code = Code.SAME if member in self.segment else Code.OK
            self.segment.add(member)
        elif change.op is Op.LEAVE:
            code = Code.OK if member in self.segment else Code.ABSENT
            self.segment.discard(member)
        elif change.op is Op.REMOVE:
            code = Code.ABSENT if before is None else Code.OK
            if before is not None:
                del self.units[member]
                self.segment.discard(member)
        else:
            after = int(change.value)
            if before is not None:
                after = {
                    Op.SET: after,
                    Op.ADD: before + after,
                    Op.MAX: max(before, after),
                    Op.MIN: min(before, after),
                }[change.op]
            if abs(after) < LIMIT:
                self.units[member] = reply = after
                code = Code.KEPT if before == after else Code.OK
            else:
                code = Code.RANGE
        if code in (Code.OK, Code.KEPT) and change.event:
            self.events[change.event] = change
        return code, reply

    @rule()
    def rebuild(self) -> None:
        packed, scores = contents(self.shard)
        if packed:
            self.shard.client.execute_command("SET", self.shard.keys[1], pack(scores, Header.read(packed)))

    @invariant()
    def is_what_the_model_says(self) -> None:
        self.compare(self.shard, self.units)
        segment = {member: score for member, score in self.units.items() if member in self.segment}
        self.compare(Shard(self.shard.client, self.shard.tag, "red"), segment)
        if not self.units and not self.segment:
            keys: Any = self.shard.client.execute_command("KEYS", "{board:b}*")
            assert set(keys) <= {b"{board:b}:events"}

    def compare(self, shard: Shard, units: dict[str, int]) -> None:
        packed, scores = contents(shard)
        assert scores == sorted(units.values())
        check(packed, scores)
        asked = list(self.questions(scores))
        for (query, right), found in zip(asked, shard.read(Form(), *(query for query, _ in asked)), strict=True):
            assert found == right, query.args

        if units:
            rows = ranked(units)
            score, member = self.rnd.choice(rows)
            other = f"m{self.rnd.randrange(2000)}".encode()
            rank = rows.index((score, member))
            assert shard.read(
                Form(),
                At(score, member),
                At(score, other),
                Find(member.decode()),
                ByRank(rank, rank),
                Above(score, 2),
                Under(score, 2),
            ) == [
                rank,
                sum(row < (score, other) for row in rows),
                Found(score, rank, member),
                [(member, score)],
                [(m, s) for s, m in rows if s >= score][:2],
                [(m, s) for s, m in reversed(rows) if s < score][:2],
            ]

    def questions(self, scores: list[int]) -> Iterator[tuple[Query, Totals]]:
        rnd = self.rnd
        near = [score + rnd.randrange(2) for score in rnd.choices(scores, k=3)] if scores else []
        rest = [score for score in scores if score >= 0]
        for full in (False, True):
            for count in (0, 1, -1, len(scores), len(scores) + 3, *(rnd.randrange(len(scores) + 1) for _ in range(3))):
                lowest = scores[:count] if count >= 0 else scores[: max(0, len(scores) + count)]
                yield Lowest(count, full), totals(lowest, full)
            for limit in (-LIMIT, 1 - LIMIT, 0, 1, LIMIT, *near):
                yield Below(limit, full), totals([score for score in scores if score < limit], full)
        for share in (-1, 0, rnd.random(), 1):
            limit = int(sum(rest) * share) + rnd.randrange(-1, 2)
            count = total = 0
            while limit >= 0 and count < len(rest) and total + rest[count] <= limit:
                count, total = count + 1, total + rest[count]
            yield Most(limit), totals(rest[:count], full=False)


def test_any_changes_leave_the_totals_of_a_plain_model(shard: Shard, limits: tuple[int, int]) -> None:
    machine = type("Machine", (ShardMachine,), {"shard": shard})
    checks = list(HealthCheck)
    run_state_machine_as_test(
        machine, settings=settings(max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=checks)
    )


@EACH_DISTRIBUTION
def test_redis_makes_the_tree_that_tree_py_makes(shard: Shard, limits: tuple[int, int], draw: Draw) -> None:
    rnd = random.Random(1)
    reference = Tree()
    units: dict[str, int] = {}
    changes = []
    for _ in range(4000):
        member = f"m{rnd.randrange(2000)}"
        if member in units and rnd.random() < 0.3:
            changes.append(Change(Op.REMOVE, member))
            reference.remove(units.pop(member))
            continue
        score = draw(rnd)
        changes.append(Change(Op.SET, member, score))
        if member in units:
            reference.move(units[member], score)
        else:
            reference.add(score)
        units[member] = score
    update_all(shard, changes)

    packed, scores = contents(shard)
    check(packed, scores)
    assert Unpacked(packed).roots == reference.roots
    assert reference.sum_lowest(100) == sum(scores[:100])
    assert reference.sum_below(score) == sum(other for other in scores if other < score)


@EACH_DISTRIBUTION
def test_a_batch_does_what_its_changes_do_one_by_one(shard: Shard, limits: tuple[int, int], draw: Draw) -> None:
    rnd = random.Random(2)
    other = Shard(shard.client, "{board:other}")
    changes = [Change(rnd.choice([Op.SET, Op.SET, Op.REMOVE]), f"m{rnd.randrange(99)}", draw(rnd)) for _ in range(400)]
    set_all(shard, {f"n{n}": draw(rnd) for n in range(100)})
    shard.client.execute_command("COPY", shard.keys[0], other.keys[0])
    for key, copy in zip(shard.keys[1:], other.keys[1:], strict=True):
        shard.client.execute_command("COPY", key, copy)

    one_by_one = [reply for change in changes for reply in other.update(Form(), [change])]
    assert update_all(shard, changes) == one_by_one
    (packed, scores), (other_packed, other_scores) = contents(shard), contents(other)
    assert scores == other_scores
    assert Unpacked(packed).roots == Unpacked(other_packed).roots


def test_a_script_has_the_values_of_its_constants_where_their_names_were() -> None:
    assert "unpack_(('<I4I5i6'), text, at)" in shards.READ.text
    assert re.findall(r"\b[A-Z]+_[A-Z_0-9]+\b", re.sub("--.*|'.*?'", "", shards.READ.text)) == []


def test_areas_are_used_again(shard: Shard) -> None:
    rnd = random.Random(3)
    sizes = []
    for _ in range(5):
        set_all(shard, {f"m{n}": rnd.randrange(10**9) for n in range(4000)})
        packed, scores = contents(shard)
        sizes.append(len(packed))
        update_all(shard, [Change(Op.REMOVE, f"m{n}") for n in range(1, 4000)])
        check(*contents(shard))

    assert max(sizes) < 1.2 * sizes[0] < 2 * len(pack(scores, Header()))


def test_a_hundred_thousand_equal_scores_cost_one_counter(shard: Shard) -> None:
    zadd_7 = "for i = ARGV[1], ARGV[2] do redis.call('ZADD', KEYS[1], 7, i) end"  # each some 10 ms of Redis's time
    for first in range(0, 10**5, 10_000):
        shard.client.eval(zadd_7, 1, shard.keys[0], first, first + 9_999)
    shard.client.execute_command("SET", shard.keys[1], pack([7] * 10**5, Header(places=6)))

    shard.update(Form(), [Change(Op.SET, "first", 1)])
    assert len(contents(shard)[0]) < 2000
    assert shard.read(Form(), Lowest(50_000, full=True), Most(700), Below(7)) == [
        Totals(50_000, 49_999 * 7 + 1, 49_999 * 49 + 1, 2),
        Totals(100, 1 + 99 * 7),
        Totals(1, 1),
    ]


def test_sums_beyond_two_to_the_64_are_exact(shard: Shard) -> None:
    units = {f"m{n}": LIMIT - 1 - n % 7 for n in range(5000)} | {f"n{n}": 1 - LIMIT for n in range(3)}
    set_all(shard, units)

    scores = sorted(units.values())
    assert sum(scores) > 2**64
    assert shard.read(Form(), Lowest(LIMIT, full=True), Lowest(2500, full=True), Most(2**64)) == [
        totals(scores),
        totals(scores[:2500]),
        totals(scores[3 : 3 + 2**64 // scores[3]], full=False),
    ]


TOUCHED: list[tuple[str, str, list[str]]] = [
    ("a member was added", "ZADD scores", ["1", "x"]),
    ("a member was removed", "ZREM scores", ["m1"]),
    ("the set was deleted", "DEL scores", []),
    ("the tree was deleted", "DEL tree", []),
]


@pytest.mark.parametrize(("touch", "arguments"), [pytest.param(*touch, id=name) for name, *touch in TOUCHED])
def test_a_set_that_was_touched_is_noticed(shard: Shard, touch: str, arguments: list[str]) -> None:
    set_all(shard, {f"m{n}": n for n in range(300)})
    command, key = touch.split()
    shard.client.execute_command(command, f"{shard.tag}:{key}", *arguments)
    before = contents(shard)

    for ask in (
        lambda: shard.read(Form(), Lowest(3)),
        lambda: shard.read(Form(), Below(3)),
        lambda: shard.read(Form(), Most(3)),
        lambda: shard.update(Form(), [Change(Op.SET, "m2", 9)]),
        lambda: shard.update(Form(), [Change(Op.REMOVE, "m2")]),
    ):
        with pytest.raises(StaleShard):
            ask()
    with pytest.raises(BrokenTree):
        check(*before)
    assert contents(shard) == before
    assert shard.read(Form(), AskInfo())[0].size == len(before[1])


@pytest.mark.parametrize("lost", ["a score", "a leaf"])
def test_a_change_whose_score_the_tree_lacks_is_left_out(shard: Shard, lost: str) -> None:
    set_all(shard, {f"m{n}": n for n in range(3000)})
    if lost == "a score":
        shard.client.execute_command("ZADD", shard.keys[0], 10**9, "m7")
    else:
        first = area(contents(shard)[0], area(contents(shard)[0], HEAD_SIZE + NODE_SIZE))
        shard.client.execute_command("SETRANGE", shard.keys[1], first, bytes(22))
    before = contents(shard)

    replies = shard.update(Form(), [Change(Op.SET, "m7", 1), Change(Op.ADD, "m7", 1), Change(Op.SET, "far", -5)])
    assert [reply.code for reply in replies] == [Code.STALE, Code.STALE, Code.OK]
    assert sorted([*before[1], -5]) == contents(shard)[1]
    with pytest.raises(BrokenTree):
        check(*contents(shard))


def area(packed: bytes, node: int) -> int:
    """Return where the page or the leaf of the node at this place begins, behind the length of its area."""
    return int.from_bytes(packed[node + 38 : node + 42], "little") * 8 + 2


Damage = Callable[[bytes], bytes]
ROOT = HEAD_SIZE + NODE_SIZE


def broken(change: Damage, message: str) -> Any:
    return pytest.param(change, message, id=message)


def leaf_with(at: int, *new: int) -> Damage:
    """Change bytes of the first leaf: its table of two runs has 22 bytes, then come scores of 1 byte each."""

    def change(packed: bytes) -> bytes:
        first = area(packed, area(packed, ROOT)) + at
        return packed[:first] + bytes(new) + packed[first + len(new) :]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        broken(lambda packed: packed[:-1], "cut short at"),
        broken(lambda packed: b"wzb1" + packed[4:], "in an old layout"),
        broken(lambda packed: packed[:AREAS_AT] + bytes(2) + packed[AREAS_AT + 2 :], "cut short at"),
        broken(
            lambda packed: packed[:AREAS_AT] + bytes([packed[AREAS_AT] - 1]) + packed[AREAS_AT + 1 :],
            "is used twice, or not in use",
        ),
        broken(lambda packed: packed + b"\x03" + bytes(7), "1 areas are in use, but no node has them"),
        broken(lambda packed: packed[:ROOT] + bytes(4) + packed[ROOT + 4 :], "counts 0 scores, the set has 3000"),
        broken(lambda packed: packed[: ROOT + 4] + bytes(5) + packed[ROOT + 9 :], "has a sum of 0"),
        broken(lambda packed: packed[: ROOT + 19] + bytes(6) + packed[ROOT + 25 :], "has a squares of"),
        broken(leaf_with(2, 99), "has a run that is too long"),
        broken(leaf_with(4, 1), "has a run whose sum is not that of its scores"),
        broken(leaf_with(22 + 1, 2, 1), "does not have the scores of the set"),
    ],
)
def test_check_says_what_is_broken(change: Damage, message: str) -> None:
    scores = list(range(3000))
    packed = pack(scores, Header())
    check(packed, scores)

    with pytest.raises(BrokenTree, match=message):
        check(change(packed), scores)


def test_a_tree_of_an_old_layout_is_refused_by_name(shard: Shard) -> None:
    set_all(shard, {"ann": 1, "bob": 2})
    shard.client.execute_command("SETRANGE", shard.keys[1], 0, bytes(4))
    before = contents(shard)

    for ask in (
        lambda: shard.read(Form(), Lowest(1)),
        lambda: shard.update(Form(), [Change(Op.SET, "ann", 3)]),
        lambda: set_up(shard, 6),
    ):
        with pytest.raises(StaleShard, match="old layout"):
            ask()
    assert contents(shard) == before


def test_a_rebuilt_tree_keeps_what_the_header_said(shard: Shard) -> None:
    set_up(shard, 3, 100)
    before = Header.read(contents(shard)[0])

    assert Header.read(pack(range(3000), before)) == before
    assert (before.places, before.sample, before.flags) == (3, 100, 1)
