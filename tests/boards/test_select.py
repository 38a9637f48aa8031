"""Searches over several shards, against one sorted list of all members."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import pytest
import redis as redis_py
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.boards import select
from pipeline.boards.changes import Change, Op
from pipeline.boards.fanout import ask_all, update_all
from pipeline.boards.form import Form
from pipeline.boards.queries import Query
from pipeline.boards.scores import LIMIT
from pipeline.boards.select import cuts, most
from pipeline.boards.shard import Shard, shard_of
from pipeline.boards.totals import Totals

MEMBERS = 3000

Draw = Callable[[random.Random], int]

DISTRIBUTIONS: dict[str, Draw] = {
    "uniform": lambda rnd: rnd.randrange(10**9),
    "all zero": lambda rnd: 0,
    "all equal": lambda rnd: 7,
    "binary": lambda rnd: rnd.randrange(2) * 10**6,
    "few values": lambda rnd: rnd.choice([-5, 0, 1, 5, 6]),
    "negative": lambda rnd: -1 - rnd.randrange(10**6),
    "signed": lambda rnd: rnd.randrange(-(10**6), 10**6),
    "whole range": lambda rnd: rnd.randrange(1 - LIMIT, LIMIT),
    "narrow band": lambda rnd: LIMIT - 1 - rnd.randrange(100),
    "pareto": lambda rnd: min(int(rnd.paretovariate(0.8) * 10**6), LIMIT - 1),
}


class Split:
    """Members in shards, and in one list, which has the right answers. Counts the rounds."""

    def __init__(self, client: redis_py.Redis, shards: int, units: dict[str, int]) -> None:
        client.flushdb()
        self.shards = [Shard(client, f"{{board:b:{i}}}") for i in range(shards)]
        self.rows = sorted((score, member.encode()) for member, score in units.items())
        self.rounds = 0
        changes: list[list[Change]] = [[] for _ in range(shards)]
        for member, score in units.items():
            changes[shard_of(member, shards)].append(Change(Op.SET, member, score))
        self.sizes = [len(some) for some in changes]
        for shard, some in zip(self.shards, changes, strict=True):
            shard.update(Form(), some)

    def ask(self, queries: Sequence[Sequence[Query]]) -> list[list[Any]]:
        self.rounds += 1
        return ask_all(self.shards, Form(), queries)

    def cuts(self, count: int) -> list[int]:
        parts = [0] * len(self.shards)
        for _, member in self.rows[: max(count, 0)]:
            parts[shard_of(member.decode(), len(self.shards))] += 1
        return parts

    def most(self, limit: int) -> Totals:
        scores = [score for score, _ in self.rows if score >= 0]
        fitting = [total for total in accumulate(scores) if total <= limit]
        return Totals(len(fitting), fitting[-1] if fitting else 0)

    def limits(self) -> list[int]:
        """Sums at which one more score fits in, and the sums just below and above."""
        sums = list(accumulate(score for score, _ in self.rows if score >= 0)) or [0]
        picked = [0, *sums[:2], sums[len(sums) // 3], sums[len(sums) * 4 // 5], sums[-1]]
        return sorted({limit + step for limit in picked for step in (-1, 0, 1)})


@pytest.fixture(params=[1, 3, 8])
def shards(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


@pytest.fixture(params=[0, 50])
def fetch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With so few members, all would be fetched, and there would be no search."""
    monkeypatch.setattr(select, "FETCH", request.param)


@pytest.mark.usefixtures("fetch")
@pytest.mark.parametrize("draw", [pytest.param(draw, id=name) for name, draw in DISTRIBUTIONS.items()])
def test_a_search_finds_what_a_list_has(redis: redis_py.Redis, shards: int, draw: Draw) -> None:
    rnd = random.Random(1)
    split = Split(redis, shards, {f"member:{n}": draw(rnd) for n in range(MEMBERS)})

    for count in (-1, 0, 1, 2, 999, 1500, MEMBERS - 1, MEMBERS, MEMBERS + 1):
        assert cuts(split.ask, split.sizes, count) == split.cuts(count)
    for limit in split.limits():
        assert most(split.ask, shards, limit) == split.most(limit)


SCORES = st.one_of(
    st.integers(1 - LIMIT, LIMIT - 1),
    st.integers(-2, 3),
    st.sampled_from([0, 1_000_000, LIMIT - 1, 1 - LIMIT]),
)
MEMBER_NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(units=st.dictionaries(MEMBER_NAMES, SCORES, max_size=60), data=st.data())
def test_a_search_finds_what_any_list_has(
    redis: redis_py.Redis, shards: int, units: dict[str, int], data: st.DataObject
) -> None:
    split = Split(redis, shards, units)
    count = data.draw(st.integers(0, len(units)))
    limit = data.draw(st.sampled_from(split.limits()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "FETCH", data.draw(st.sampled_from([0, 4, 100])))
        assert cuts(split.ask, split.sizes, count) == split.cuts(count)
        assert most(split.ask, shards, limit) == split.most(limit)


def test_three_rounds_are_enough_for_members_that_are_spread(redis: redis_py.Redis) -> None:
    rnd = random.Random(2)
    split = Split(redis, 8, {f"member:{n}": rnd.randrange(10**9) for n in range(40_000)})

    for count in (100, 10_000, 20_000, 39_999):
        split.rounds = 0
        assert cuts(split.ask, split.sizes, count) == split.cuts(count)
        assert split.rounds <= 3


@pytest.mark.usefixtures("fetch")
def test_members_that_are_not_spread_are_also_found(redis: redis_py.Redis) -> None:
    """The members are placed as if the hash had sorted them, so the guess is as wrong as it can be."""
    split = Split(redis, 8, {f"member:{n}": 1000 * shard_of(f"member:{n}", 8) + n for n in range(MEMBERS)})

    for count in (1, 1000, 2000, MEMBERS - 1):
        assert cuts(split.ask, split.sizes, count) == split.cuts(count)


class Restless(Split):
    """After each round, hundreds of members are removed, and some added."""

    def ask(self, queries: Sequence[Sequence[Query]]) -> list[list[Any]]:
        answers = super().ask(queries)
        changes: list[list[Change]] = [[] for _ in self.shards]
        for _ in range(min(400, len(self.rows))):
            gone = self.rows.pop(self.rounds * 7919 % len(self.rows))[1].decode()
            changes[shard_of(gone, len(self.shards))].append(Change(Op.REMOVE, gone))
        come = f"new:{self.rounds}"
        changes[shard_of(come, len(self.shards))].append(Change(Op.SET, come, self.rounds))
        update_all(self.shards, Form(), changes)
        return answers


@pytest.mark.usefixtures("fetch")
def test_a_search_ends_while_members_come_and_go(redis: redis_py.Redis) -> None:
    rnd = random.Random(3)
    units = {f"member:{n}": rnd.randrange(10**9) for n in range(MEMBERS)}

    restless = Restless(redis, 3, units)
    parts = cuts(restless.ask, restless.sizes, MEMBERS // 2)
    assert sum(parts) <= MEMBERS // 2
    assert all(0 <= part <= size for part, size in zip(parts, restless.sizes, strict=True))

    restless = Restless(redis, 3, units)
    assert 0 <= most(restless.ask, 3, 10**11).sum <= 10**11
