from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis as redis_py

from pipeline.boards import NoSample, sample
from pipeline.boards.changes import Change, Op
from pipeline.boards.form import Form
from pipeline.boards.lua import BoardScript
from pipeline.boards.sample import LEAST, Part, Sample, combine, fill, read
from pipeline.boards.shard import Shard

from .set_up import set_up

TAG = "{board:b}"

# Repeats some changes, with other members' names each time: '+a' is the coming of a member a, '-a' its going. Returns
# how often which members were the sample.
REPEAT = """
local found, come, go = {}, Sample()
for run = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local size = 0
  for i = 4, #ARGV do
    local member = run .. string.sub(ARGV[i], 2)
    if string.sub(ARGV[i], 1, 1) == '+' then
      size = size + 1
      come('T:', member, size, tonumber(ARGV[3]))
    else
      size = size - 1
      go('T:', member)
    end
  end
  local letters = {}
  for slot, member in ipairs(redis.call('ZRANGEBYSCORE', 'T:sample', 1, '+inf')) do
    if tonumber(redis.call('ZSCORE', 'T:sample', member)) ~= slot then return redis.error_reply('a gap at ' .. slot) end
    letters[slot] = string.sub(member, -1)
  end
  table.sort(letters)
  local sample = table.concat(letters)
  found[sample] = (found[sample] or 0) + 1
  redis.call('DEL', 'T:sample')
end
local reply = {}
for sample, times in pairs(found) do
  reply[#reply + 1], reply[#reply + 2] = sample, times
end
return reply
"""
SAMPLE_LUA = BoardScript("sample.lua").text


def samples_of(redis: redis_py.Redis, changes: str, size: int, runs: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for first in range(1, runs, 2000):
        reply: Any = redis.eval(SAMPLE_LUA + REPEAT, 0, first, first + 1999, size, *changes.split())
        found.update({name.decode(): times for name, times in zip(reply[::2], reply[1::2], strict=True)})
    return found


def assert_equally_frequent(times: Iterable[int], cases: int) -> None:
    """Chi-square, by Wilson and Hilferty's approximation: equally frequent samples fail once in 10^9 times."""
    times = list(times)
    expected = sum(times) / cases
    assert expected >= 50
    distance = sum((n - expected) ** 2 / expected for n in times) + (cases - len(times)) * expected
    freedom = cases - 1
    assert distance < freedom * (1 - 2 / (9 * freedom) + 6 * (2 / (9 * freedom)) ** 0.5) ** 3


@pytest.mark.parametrize(
    ("changes", "subsets"),
    [
        pytest.param("+a +b", {2: 1}, id="fewer members than places"),
        pytest.param("+a +b +c +d +e +f", {3: 20}, id="only newcomers"),
        pytest.param("+a +b +c +d +e -a -b", {1: 3, 2: 3, 3: 1}, id="removals"),
        pytest.param("+a +b +c +d +e -a -b +f +g", {3: 10}, id="newcomers make up for removals"),
        pytest.param("+a +b +c +d +e -a -b +f +g +h +i", {3: 35}, id="and there are more of them"),
        pytest.param("+a +b +c +d +e -e -a +e +f -f +a", {3: 10}, id="members come back"),
        pytest.param("+a +b +c -a -b +d +e +f +g -c -d", {1: 3, 2: 3, 3: 1}, id="removals when the sample was all"),
        pytest.param("+a +b +c +d -a -b -c -d +e +f +g", {3: 1}, id="an empty board forgets its removals"),
    ],
)
def test_every_set_of_members_is_equally_likely_to_be_the_sample(
    redis: redis_py.Redis, changes: str, subsets: dict[int, int]
) -> None:
    found = samples_of(redis, changes, size=3, runs=8000)

    present: set[str] = set()
    for change in changes.split():
        (present.add if change[0] == "+" else present.discard)(change[1])
    assert {letter for sample in found for letter in sample} <= present
    assert {len(sample) for sample in found} <= subsets.keys()
    for size, cases in subsets.items():
        times = [n for sample, n in found.items() if len(sample) == size]
        if cases > 1:
            assert_equally_frequent(times, cases)


@pytest.fixture
def shard(redis: redis_py.Redis) -> Shard:
    return Shard(redis, TAG)


def slots(redis: redis_py.Redis) -> dict[bytes, float]:
    rows: Any = redis.zrange(f"{TAG}:sample", 1, "+inf", byscore=True, withscores=True)
    return dict(rows)


def set_scores(shard: Shard, scores: dict[str, int]) -> None:
    changes = [Change(Op.SET, member, score) for member, score in scores.items()]
    for first in range(0, len(changes), 200):
        shard.update(Form(), changes[first : first + 200])


def test_a_board_keeps_its_sample_through_any_updates(redis: redis_py.Redis, shard: Shard) -> None:
    rnd = random.Random(5)
    set_up(shard, 6, 50)
    present: dict[str, int] = {}
    for _ in range(60):
        batch = []
        for _ in range(20):
            member = f"m{rnd.randrange(150)}"
            if member in present and rnd.random() < 0.5:
                del present[member]
                batch.append(Change(Op.REMOVE, member))
            else:
                present[member] = rnd.randrange(1000)
                batch.append(Change(rnd.choice([Op.SET, Op.MAX]), member, present[member]))
        shard.update(Form(), batch)
        found = slots(redis)
        assert found.keys() <= {member.encode() for member in present}
        assert sorted(found.values()) == list(range(1, len(found) + 1))
        assert len(found) <= 50


def test_a_board_of_newcomers_fills_its_sample(redis: redis_py.Redis, shard: Shard) -> None:
    set_up(shard, 6, 100)

    sizes = []
    for first in range(0, 200, 40):
        set_scores(shard, {f"m{i}": i for i in range(first, first + 40)})
        sizes.append(len(slots(redis)))

    assert sizes == [40, 80, 100, 100, 100]


def test_changed_scores_leave_the_sample_as_it_is_and_are_read_from_the_board(
    redis: redis_py.Redis, shard: Shard
) -> None:
    set_up(shard, 6, 100)
    set_scores(shard, {f"m{i}": i for i in range(400)})
    before = slots(redis)
    set_scores(shard, {f"m{i}": i + 1000 for i in range(400)})

    assert slots(redis) == before
    assert [score for score, _ in read(shard.client, TAG, "b").sampled] == sorted(
        int(name[1:]) + 1000 for name in before
    )


def test_a_board_that_had_members_has_no_sample_until_one_is_drawn(shard: Shard) -> None:
    set_scores(shard, {f"m{i}": i for i in range(400)})
    set_up(shard, sample=100)
    set_scores(shard, {"new": 5})
    shard.update(Form(), [Change(Op.REMOVE, "m1")])
    with pytest.raises(NoSample, match="'b' keeps no sample"):
        read(shard.client, TAG, "b")

    fill(shard.client, TAG)

    assert len(read(shard.client, TAG, "b").sampled) == 100


def draw_again(shard: Shard, members: int, size: int, rnd: random.Random | None = None) -> None:
    """Give the board of these members, m000 and so on, a sample of this size."""
    shard.client.execute_command("ZADD", shard.keys[0], *(x for i in range(members) for x in (i, f"m{i:03}")))
    set_up(shard, 6, size)
    fill(shard.client, TAG, rnd)


def test_every_set_of_members_is_equally_likely_to_be_drawn(redis: redis_py.Redis, shard: Shard) -> None:
    rnd = random.Random(1)
    found: Counter[str] = Counter()
    draw_again(shard, 6, 3)
    for _ in range(1500):
        fill(redis, TAG, rnd)
        drawn: Any = redis.zrange(f"{TAG}:sample", 0, -1)
        found[b"".join(sorted(drawn)).decode()] += 1

    assert_equally_frequent(found.values(), 20)


@pytest.mark.parametrize(
    ("before", "after", "present"),
    [
        pytest.param("+f", "-a +g", "bcdefg", id="a newcomer, and one that goes"),
        pytest.param("-a -b", "+a +f", "acdef", id="some go and others come"),
        pytest.param("-a", "-b", "cde", id="some go"),
    ],
)
def test_members_that_come_and_go_while_it_is_drawn_are_as_likely_as_others(
    redis: redis_py.Redis, shard: Shard, monkeypatch: pytest.MonkeyPatch, before: str, after: str, present: str
) -> None:
    waiting: list[str] = []
    call = BoardScript.call

    def write_after_a_call(self: BoardScript, client: Any, keys: Any, args: Any) -> Any:
        reply = call(self, client, keys, args)
        if self is sample._FILL and waiting and len(slots(redis)) >= 2 - len(waiting):
            ops = [Change(Op.SET, c[1], 1) if c[0] == "+" else Change(Op.REMOVE, c[1]) for c in waiting.pop().split()]
            shard.update(Form(), ops)
        return reply

    monkeypatch.setattr(sample, "_TRIES", 1)
    monkeypatch.setattr(BoardScript, "call", write_after_a_call)
    rnd = random.Random(4)
    found: Counter[str] = Counter()
    for _ in range(800):
        redis.delete(*shard.keys)
        set_scores(shard, dict.fromkeys("abcde", 1))
        set_up(shard, 6, 2)
        waiting += [after, before]
        fill(redis, TAG, rnd)
        found["".join(sorted(name.decode() for name in slots(redis)))] += 1

    assert {len(names) for names in found} == {2}
    assert set("".join(found)) == set(present)
    assert_equally_frequent(found.values(), math.comb(len(present), 2))


def test_a_sample_that_was_not_drawn_to_the_end_is_a_smaller_one(
    redis: redis_py.Redis, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_scores(shard, {f"m{i}": i for i in range(600)})
    set_up(shard, 6, 100)
    call, calls = BoardScript.call, iter(range(3))

    def break_off(self: BoardScript, client: Any, keys: Any, args: Any) -> Any:
        if self is sample._FILL and next(calls, None) is None:
            raise KeyboardInterrupt
        return call(self, client, keys, args)

    monkeypatch.setattr(sample, "_TRIES", 20)
    monkeypatch.setattr(BoardScript, "call", break_off)
    with pytest.raises(KeyboardInterrupt):
        fill(redis, TAG)
    held = len(slots(redis))
    set_scores(shard, {f"n{i}": i for i in range(600)})

    assert 40 <= held <= 60
    assert len(slots(redis)) == held == len(read(redis, TAG, "b").sampled)


@pytest.mark.parametrize(
    ("places", "members"),
    [
        pytest.param(30, 30, id="some"),
        pytest.param(199, 199, id="nearly all"),
        pytest.param(500, 200, id="all"),
        pytest.param(0, 0, id="none"),
    ],
)
def test_drawing_a_sample_replaces_the_old_one(redis: redis_py.Redis, shard: Shard, places: int, members: int) -> None:
    redis.zadd(f"{TAG}:sample", {"": -7, "gone": 1, "m003": 2})

    draw_again(shard, 200, places)

    rows: Any = redis.zrange(f"{TAG}:sample", 0, -1, withscores=True)
    assert [slot for _, slot in rows] == list(range(1, members + 1))
    assert len({member for member, _ in rows} - {b"gone"}) == members


def test_a_sample_goes_with_its_board(redis: redis_py.Redis, shard: Shard) -> None:
    set_up(shard, 6, 30, datetime.now(UTC) + timedelta(minutes=1))
    draw_again(shard, 200, 30)

    assert 0 < redis.pttl(f"{TAG}:sample") <= 60_000


def test_a_small_board_is_read_whole(redis: redis_py.Redis, shard: Shard) -> None:
    draw_again(shard, 2 * LEAST, LEAST)

    sample = combine([read(redis, TAG, "b")])

    assert sample == Sample(2 * LEAST, 2 * LEAST, [], list(range(2 * LEAST)), [])


def test_an_empty_board_has_an_empty_sample(redis: redis_py.Redis) -> None:
    assert combine([read(redis, TAG, "b")]) == Sample(0, 0, [], [], [])


def test_the_sample_leaves_out_what_the_ends_have(redis: redis_py.Redis, shard: Shard) -> None:
    set_up(shard, 6, 300)
    redis.zadd(f"{TAG}:scores", {f"m{i:03}": i // 10 for i in range(900)})  # ties across the ends' borders
    fill(redis, TAG, random.Random(2))

    sample = combine([read(redis, TAG, "b")])

    in_sample = {int(member[1:]) for member in slots(redis)}
    assert sample.lowest == [i // 10 for i in range(300)]
    assert sample.highest == [i // 10 for i in range(600, 900)]
    assert sample.scores == [i // 10 for i in range(300, 600) if i in in_sample]
    assert (sample.size, sample.sampled) == (900, 300)


def part_of(rows: list[tuple[int, bytes]], drawn: Iterable[tuple[int, bytes]], ends: int) -> Part:
    return Part(len(rows), sorted(drawn), rows[:ends], rows[-ends:])


def test_samples_of_shards_make_one_in_which_every_set_of_members_is_equally_likely() -> None:
    rnd = random.Random(3)
    small = [(i, b"s") for i in (1, 5)]  # one shard is known completely, two are not
    others = [[(i, b"o") for i in (0, 2, 3, 8)], [(i, b"p") for i in (4, 6, 7, 9)]]
    found: Counter[tuple[int, ...]] = Counter()
    for _ in range(6000):
        parts = [part_of(rows, rnd.sample(rows, 3), ends=1) for rows in others]
        sample = combine([Part(2, small, small, small), *parts], rnd)
        assert (sample.size, sample.sampled, sample.lowest, sample.highest) == (10, 3, [0], [9])
        found[tuple(sample.scores)] += 1

    # 0 and 9 are the ends, so the sample is 3 of the others, or 2 with an end, or 1 with both.
    for size, cases, share in ((3, 56, 56 / 120), (2, 28, 56 / 120), (1, 8, 8 / 120)):
        times = [n for scores, n in found.items() if len(scores) == size]
        assert_equally_frequent(times, cases)
        assert abs(sum(times) / 6000 - share) < 0.04
