"""The tree in Redis against a plain model and against tree.py, which is the same in Python."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import redis as redis_py
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from pipeline.boards import Board, BoardChanged, Order, StaleBoard
from pipeline.boards.board import LIMIT, UnknownMember, from_units
from pipeline.boards.tree import SPLIT, BrokenTree, Node, Reader, Tree, check
from pipeline.errors import InvalidValue
from pipeline.settings import DATABASES

Draw = Callable[[random.Random], int]

DISTRIBUTIONS: dict[str, Draw] = {
    "uniform": lambda rnd: rnd.randrange(10**9),
    "binary": lambda rnd: rnd.randrange(2) * 10**6,
    "pareto": lambda rnd: min(int(rnd.paretovariate(0.8) * 10**6), LIMIT - 1),
    "signed": lambda rnd: int(rnd.gauss(0, 10**7)),
    "narrow band": lambda rnd: LIMIT - 1 - rnd.randrange(1000),
    "narrow band below": lambda rnd: 1 - LIMIT + rnd.randrange(1000),
    "whole range": lambda rnd: rnd.randrange(1 - LIMIT, LIMIT),
    "equal": lambda rnd: 5,
    "few values": lambda rnd: rnd.choice([-1, 0, 1, 250_000, LIMIT - 1, 1 - LIMIT]),
}
EACH_DISTRIBUTION = pytest.mark.parametrize("draw", [pytest.param(d, id=name) for name, d in DISTRIBUTIONS.items()])


@pytest.fixture
def board(redis: redis_py.Redis) -> Board:
    return Board(redis, "b")


def roots(board: Board) -> tuple[Node, ...]:
    packed = board.redis.get(board.tree_key)
    assert packed is None or isinstance(packed, bytes)
    return Reader(packed or b"").roots


def set_all(board: Board, units: dict[str, int]) -> None:
    with board.redis.pipeline(transaction=False) as pipe:
        for member, score in units.items():
            board.queue_set(pipe, member, from_units(score))
        pipe.execute()


class BoardMachine(RuleBasedStateMachine):
    """Any operations, many members at a time so that leaves split, against a dict of ints."""

    board: Board

    def __init__(self) -> None:
        super().__init__()
        self.board.redis.flushdb()
        self.units: dict[str, int] = {}
        self.rnd = random.Random(0)

    @initialize(seed=st.integers(0, 2**32))
    def seed(self, seed: int) -> None:
        self.rnd.seed(seed)

    @rule(name=st.sampled_from(sorted(DISTRIBUTIONS)), count=st.sampled_from([1, 40, 300]))
    def set_many(self, name: str, count: int) -> None:
        changes = {f"m{self.rnd.randrange(600)}": DISTRIBUTIONS[name](self.rnd) for _ in range(count)}
        set_all(self.board, changes)
        self.units |= changes

    @rule(units=st.integers(1 - LIMIT, LIMIT - 1))
    def set_one(self, units: int) -> None:
        self.board.set("one", from_units(units))
        self.units["one"] = units

    @rule(reward=st.integers(1 - LIMIT, LIMIT - 1) | st.integers(-20, 20), member=st.sampled_from(["one", "m1", "m2"]))
    def add(self, member: str, reward: int) -> None:
        score = self.units.get(member, 0) + reward
        if abs(score) < LIMIT:
            assert self.board.add(member, from_units(reward)).score == from_units(score)
            self.units[member] = score
        else:
            with pytest.raises(InvalidValue, match="would leave the range"):
                self.board.add(member, from_units(reward))

    @rule(share=st.sampled_from([0.1, 0.7, 1.0]))
    def remove_many(self, share: float) -> None:
        for member in [member for member in sorted(self.units) if self.rnd.random() < share]:
            self.board.remove(member)
            del self.units[member]

    @rule()
    def remove_nobody(self) -> None:
        with pytest.raises(UnknownMember):
            self.board.remove("nobody")

    @rule()
    def rebuild(self) -> None:
        self.board.rebuild()

    @invariant()
    def is_what_the_model_says(self) -> None:
        self.board.check()
        scores = sorted(self.units.values())
        if not scores:
            assert self.board.redis.dbsize() == self.board.redis.exists("wz:environment")  # no trace of it
            return
        assert self.board.summary().sum == from_units(sum(scores))
        for rank in {0, len(scores), *(self.rnd.randrange(len(scores)) for _ in range(3))}:
            assert self.board.sum(rank).sum == from_units(sum(scores[: rank + 1]))
            assert self.board.sum(rank, Order.DESC).sum == from_units(sum(scores[-rank - 1 :]))
            score = scores[min(rank, len(scores) - 1)] - self.rnd.randrange(2)
            if abs(score) < LIMIT:
                less = [other for other in scores if other < score]
                answer = self.board.sum_below(from_units(score))
                assert (answer.count, answer.sum) == (len(less), from_units(sum(less)))


def test_any_operations_leave_the_sums_of_a_plain_model(board: Board) -> None:
    machine = type("Machine", (BoardMachine,), {"board": board})
    checks = list(HealthCheck)
    run_state_machine_as_test(
        machine, settings=settings(max_examples=60, stateful_step_count=15, deadline=None, suppress_health_check=checks)
    )


@EACH_DISTRIBUTION
def test_redis_makes_the_tree_that_tree_py_makes(board: Board, draw: Draw) -> None:
    rnd = random.Random(1)
    reference = Tree()
    units: dict[str, int] = {}
    for _ in range(700):
        member = f"m{rnd.randrange(400)}"
        if member in units and rnd.random() < 0.3:
            board.remove(member)
            reference.remove(units.pop(member))
            continue
        score = draw(rnd)
        board.set(member, from_units(score))
        if member in units:
            reference.move(units[member], score)
        else:
            reference.add(score)
        units[member] = score

    assert roots(board) == reference.roots
    assert reference.sum_lowest(100) == sum(sorted(units.values())[:100])
    assert reference.sum_below(score) == sum(other for other in units.values() if other < score)


@EACH_DISTRIBUTION
def test_a_set_that_another_program_wrote_is_rebuilt(board: Board, draw: Draw) -> None:
    rnd = random.Random(2)
    units = {f"m{n}": draw(rnd) for n in range(3000)}
    board.redis.zadd(board.scores_key, dict(units))
    steps: list[tuple[int, int]] = []

    board.rebuild(lambda done, count: steps.append((done, count)))

    board.check()
    assert steps == [(3000, 3000)]
    assert board.sum(1499).sum == from_units(sum(sorted(units.values())[:1500]))
    set_all(board, {f"m{n}": draw(rnd) for n in range(0, 6000, 20)})
    board.check()


def test_pages_are_used_again(board: Board) -> None:
    rnd = random.Random(3)
    sizes = set()
    for _ in range(3):
        set_all(board, {f"m{n}": rnd.randrange(10**9) for n in range(2000)})
        for n in range(1, 2000):
            board.remove(f"m{n}")
        sizes.add(board.redis.strlen(board.tree_key))
        board.check()

    assert len(sizes) == 1


def test_a_million_equal_scores_cost_one_counter(board: Board) -> None:
    board.redis.eval(
        "for i = 1, 1000 do local t = {} for j = 1, 1000 do t[2 * j - 1] = 7; t[2 * j] = i * 1000 + j end "
        "redis.call('ZADD', KEYS[1], unpack(t)) end",
        1,
        board.scores_key,
    )
    board.rebuild()

    board.set("first", Decimal(1))
    assert board.redis.strlen(board.tree_key) < 1000
    assert board.sum(499_999).sum == from_units(500_000 * 7)
    assert board.sum(0, Order.DESC).sum == 1


def test_a_sum_beyond_two_to_the_64_is_exact(board: Board) -> None:
    units = {f"m{n}": LIMIT - 1 - n % 7 for n in range(5000)} | {f"n{n}": 1 - LIMIT for n in range(3)}
    set_all(board, units)

    total = sum(units.values())
    assert total > 2**64
    assert board.summary().sum == from_units(total)
    assert board.sum(2500).sum == from_units(sum(sorted(units.values())[:2501]))


TOUCHED: list[tuple[str, Callable[[Board], object]]] = [
    ("a member was added", lambda board: board.redis.zadd(board.scores_key, {"x": 1})),
    ("a member was removed", lambda board: board.redis.zrem(board.scores_key, "m1")),
    ("the set was deleted", lambda board: board.redis.delete(board.scores_key)),
    ("the tree was deleted", lambda board: board.redis.delete(board.tree_key)),
]


@pytest.mark.parametrize("touch", [pytest.param(touch, id=name) for name, touch in TOUCHED])
def test_a_set_that_was_touched_is_noticed(board: Board, touch: Callable[[Board], object]) -> None:
    set_all(board, {f"m{n}": n for n in range(300)})
    touch(board)
    before = board.redis.get(board.tree_key), board.redis.zrange(board.scores_key, 0, -1, withscores=True)

    for ask in (
        board.summary,
        board.check,
        lambda: board.sum(3),
        lambda: board.sum_below(Decimal(3)),
        lambda: board.set("m2", Decimal(9)),
        lambda: board.add("m2", Decimal(9)),
        lambda: board.remove("m2"),
    ):
        with pytest.raises(StaleBoard, match=r"Board.rebuild\(\) mends it"):
            ask()
    after = board.redis.get(board.tree_key), board.redis.zrange(board.scores_key, 0, -1, withscores=True)
    assert after == before

    board.rebuild()
    board.check()
    assert board.add("m2", Decimal(1)).member == "m2"


def test_a_score_that_another_program_changed_is_noticed_where_it_matters(board: Board) -> None:
    set_all(board, {f"m{n}": n for n in range(300)})
    board.redis.zadd(board.scores_key, {"m7": 10**9})

    with pytest.raises(StaleBoard, match="sums to"):
        board.check()
    with pytest.raises(StaleBoard):
        board.set("m7", Decimal(1))  # no leaf of the tree has its score


def test_a_leaf_that_lacks_a_score_is_not_split(board: Board) -> None:
    set_all(board, {f"m{n}": n for n in range(SPLIT)})
    board.redis.zadd(board.scores_key, {"m7": 10**9})

    with pytest.raises(StaleBoard):
        board.set("new", from_units(50))
    assert board.redis.zscore(board.scores_key, "new") is None
    with pytest.raises(StaleBoard):
        board.sum(20, Order.DESC)  # reads 10^9 where a score of the leaf should be


def test_an_update_in_a_caller_s_transaction(board: Board) -> None:
    with board.redis.pipeline() as pipe:
        board.queue_set(pipe, "ann", Decimal("9007199254.740991"))
        board.queue_add(pipe, "ann", Decimal("0.000001"))
        board.queue_add(pipe, "bob", Decimal("0.5"))
        replies = pipe.execute()

    assert [reply is None for reply in replies] == [False, True, False]
    assert board.summary().sum == Decimal("9007199255.240991")
    board.check()


def test_rebuild_gives_way_to_writers(board: Board) -> None:
    set_all(board, {f"m{n}": n for n in range(10)})
    other = Board(board.redis, "b")

    with pytest.raises(BoardChanged):
        board.rebuild(lambda done, count: other.set("new", Decimal(1)))
    board.check()


@pytest.mark.parametrize("score", [0.5, float("inf"), 2.0**53])
def test_a_score_that_no_board_can_have_is_named_by_rebuild(board: Board, score: float) -> None:
    board.redis.zadd(board.scores_key, {"x": score})

    with pytest.raises(InvalidValue, match=r"b'x' has .*, which is no whole number below 2\^53"):
        board.rebuild()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda packed: packed[:-1], "cut short", id="cut short"),
        pytest.param(lambda packed: packed[:4] + bytes([99]) + packed[5:], "cut short", id="more pages than there are"),
        pytest.param(lambda packed: bytes([1]) + packed[1:], "used twice", id="a page that is used and free"),
        pytest.param(lambda packed: packed[:-28] + bytes(28), "counts 0 scores, the set has", id="a count"),
    ],
)
def test_check_says_what_is_broken(change: Callable[[bytes], bytes], message: str) -> None:
    scores = list(range(256))
    packed = Tree(scores).pack()
    check(packed, scores)

    with pytest.raises(BrokenTree, match=message):
        check(change(packed), scores)


def _update_at_random(url: str, seed: int) -> None:
    rnd = random.Random(seed)
    board = Board(redis_py.Redis.from_url(url, db=DATABASES["test"]), "b")
    for _ in range(400):
        member = f"m{rnd.randrange(150)}"
        match rnd.randrange(4):
            case 0:
                board.add(member, from_units(rnd.randrange(-(10**9), 10**9)))
            case 1:
                with board.redis.pipeline() as pipe:
                    for n in range(5):
                        board.queue_add(pipe, f"p{seed}-{rnd.randrange(100)}", Decimal(n))
                    pipe.execute()
            case 2:
                board.set(member, Decimal(rnd.randrange(2)))
            case _:
                with contextlib.suppress(UnknownMember):
                    board.remove(member)


def test_updates_of_several_processes_add_up(redis: redis_py.Redis, redis_url: str) -> None:
    board = Board(redis, "b")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_update_at_random, args=(redis_url, seed)) for seed in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0] * 4
    board.check()
    rows: Any = redis.zrange(board.scores_key, 0, -1, withscores=True)
    assert board.summary().sum == from_units(sum(int(score) for _, score in rows))
