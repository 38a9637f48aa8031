"""The tour of sums (docs/sums): all steps answer alike, and as a board on a real Redis does."""

from __future__ import annotations

import random
from bisect import bisect_left
from itertools import accumulate
from typing import Any

import pytest
import redis as redis_py

from bench.sums import FEW, KINDS, MANY, PAGE, STEPS, rewritten, stored
from pipeline.boards import tree
from pipeline.settings import Settings

from .short_tours import answered, is_shown, run, steps, wrong_prints

ALL = steps("sums")

#: From which scores the tests draw.
RANGES = {
    "any": range(2**20),
    "0 and 1": range(2),
    "a narrow band": range(500, 700),
    "on both sides of 0": range(-(2**20), 2**20),
    "large": range(2**52, 2**52 + 2**30),
}


def holds(step: str, kind: str) -> bool:
    """Say whether a step may have such scores: some begin with a limit, which the page says."""
    return step not in ("03_fenwick", "04_radix_tree", "05_leaves") or RANGES[kind][0] >= 0 >= RANGES[kind][-1] - 2**20


def test_the_steps_print_what_the_page_says(redis: redis_py.Redis, settings: Settings) -> None:
    url = f"{settings.redis_url}?db=9"
    assert wrong_prints("sums", {"unix://$PWD/.wz/run/redis.sock": url}) == []
    assert redis_py.Redis.from_url(url).dbsize() == 0, "its board is deleted"


@pytest.mark.parametrize("step", ALL)
def test_the_page_shows_each_step(step: str) -> None:
    assert is_shown("sums", step)


def board_of(step: str, redis: redis_py.Redis) -> Any:
    return run("sums", step)["Board"](*[redis] * (step == "08_board"))


@pytest.mark.parametrize(("step", "kind"), [(step, kind) for step in ALL[1:] for kind in RANGES if holds(step, kind)])
def test_a_step_answers_as_step_1_does(step: str, kind: str, redis: redis_py.Redis) -> None:
    board, reference = board_of(step, redis), board_of("01_list", redis)
    chance = random.Random(5)
    for _ in range(400):
        member, score = f"m{chance.randrange(300)}", chance.choice(RANGES[kind])
        board.set(member, score)
        reference.set(member, score)

    count = len(reference.scores)
    assert board.total() == reference.total()
    for rank in (0, 1, count // 2, count - 2, count - 1, count, 10**6):
        assert board.sum_to(rank) == reference.sum_to(rank), rank
    for member in list(reference.scores)[:50]:
        assert board.rank(member) == reference.rank(member), member


@pytest.mark.parametrize("step", ["06_cells", "07_bytes"])
def test_a_step_with_many_scores_of_all_sizes(step: str, redis: redis_py.Redis) -> None:
    """Octaves, wide leaves of several runs, and equal scores."""
    board, reference = board_of(step, redis), board_of("01_list", redis)
    chance = random.Random(6)
    for number in range(6_000):
        score = chance.choice(
            [7, chance.randrange(100), -chance.randrange(10**9), int(chance.paretovariate(0.5)) % 2**36]
        )
        board.set(f"m{number}", score)
        reference.set(f"m{number}", score)

    for rank in range(0, 6_000, 250):
        assert board.sum_to(rank) == reference.sum_to(rank), rank


def test_the_string_of_step_7_is_that_of_a_board(redis: redis_py.Redis) -> None:
    """It reads what Redis has after `rebuild`: only the settings are other ones."""
    board, in_redis = board_of("07_bytes", redis), board_of("08_board", redis)
    for number in range(3_000):
        for one in (board, in_redis):
            one.set(f"m{number}", number * number)
    in_redis.board.rebuild()

    text = redis.get("{board:tour-of-sums}:tree")
    assert board.get(tree.HEAD_SIZE, 10**6) == text[tree.HEAD_SIZE :]


def test_the_table_is_that_of_the_stored_run() -> None:
    text = PAGE.read_text()

    assert rewritten(text, stored()) == text, "write it anew: python -m bench.sums --pages"
    assert list(stored()["microseconds"]) == list(STEPS)


def test_what_the_page_reads_in_the_table_is_in_it() -> None:
    """That only two times grow with the members, sixteen times as many, and that cells cost more than leaves."""
    costs = stored()["microseconds"]
    growth = {(step, kind): costs[step][kind][1] / costs[step][kind][0] for step in STEPS for kind in KINDS}

    assert MANY == 16 * FEW
    assert {key for key, times in growth.items() if times > 5} == {("01_list", "sum_to"), ("02_prefix_sums", "set")}
    assert max(times for times in growth.values() if times < 5) < 2.5
    assert all(costs["06_cells"][kind][1] > costs["05_leaves"][kind][1] for kind in KINDS)


@pytest.mark.parametrize("members", [40, 5_000])
def test_exercise_1_reaches_a_share(members: int) -> None:
    names = answered("sums", "05_leaves", 1)
    board = names["Board"]()
    run("sums", "questions")["fill"](board, members)

    best = sorted(board.scores.values(), reverse=True)
    sums = list(accumulate(best, initial=0))
    for share in (number / 100 for number in range(101)):
        assert names["reach"](board, share) == bisect_left(sums, share * sums[-1]), share


def test_exercise_2_merges_a_page_when_it_is_half_empty() -> None:
    names = answered("sums", "05_leaves", 2)
    node, full = names["Node"](20), names["FULL"]
    for score in range(full + 1):
        node.add(score * 1000)
    assert names["pages"](node) == 1

    for score in range(full // 2):
        node.remove(score * 1000)
        assert names["pages"](node) == 1
    node.remove(full // 2 * 1000)
    assert (names["pages"](node), node.count, len(node.scores)) == (0, full // 2, full // 2)
    assert node.scores == [score * 1000 for score in range(full // 2 + 1, full + 1)]
