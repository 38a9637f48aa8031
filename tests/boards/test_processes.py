"""Many processes write to one board at once; nothing is lost, nothing is counted twice.

Each process has members of its own, whose scores follow from its steps alone, and writes to common members with changes
that may come in any order: rewards add up, and the highest score stays.
"""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import redis as redis_py

from pipeline.boards import Boards, BulkChange
from pipeline.boards.changes import Op
from pipeline.boards.scores import from_units

PROCESSES = 4
ROUNDS = 15
BULK = 460  # changes at once, each round
SINGLE = 40  # changes one by one, each round
UPDATES = PROCESSES * ROUNDS * (BULK + SINGLE)


class Step(NamedTuple):
    op: str
    member: str
    units: int = 0


def steps(process: int) -> Iterator[list[Step]]:
    """Yield, in turns, a list to be sent as a bulk and one to be sent one by one."""
    rnd = random.Random(process)
    own = {f"{process}:{n}" for n in range(400)}
    for _ in range(ROUNDS):
        bulk = [Step("set", member, rnd.randrange(-(10**12), 10**12)) for member in rnd.sample(sorted(own), BULK // 2)]
        bulk += [Step("add", f"sum:{rnd.randrange(200)}", rnd.randrange(-(10**9), 10**9)) for _ in range(BULK // 2)]
        rnd.shuffle(bulk)
        yield bulk
        there = [step.member for step in bulk if step.op == "set"]
        single = [Step("remove", member) for member in rnd.sample(there, SINGLE // 4)]
        single += [Step("add", rnd.choice(sorted(own)), rnd.randrange(10**9)) for _ in range(SINGLE // 4)]
        single += [Step("add", f"sum:{rnd.randrange(200)}", 1) for _ in range(SINGLE // 4)]
        single += [Step("max", f"max:{rnd.randrange(20)}", rnd.randrange(10**15)) for _ in range(SINGLE // 4)]
        yield single


def work(url: str, process: int) -> None:
    """A process."""
    board = Boards(redis_py.Redis.from_url(url))["busy"]
    turns = steps(process)
    for bulk, single in zip(turns, turns, strict=True):
        outcomes = board.apply(
            BulkChange(step.member, score=from_units(step.units))
            if step.op == "set"
            else BulkChange(step.member, reward=from_units(step.units))
            for step in bulk
        )
        assert not [outcome for outcome in outcomes if outcome.error]
        for step in single:
            match step.op:
                case "add":
                    board.add(step.member, from_units(step.units))
                case "max":
                    board.set(step.member, from_units(step.units), Op.MAX)
                case "remove":
                    board.remove(step.member)


def expected() -> dict[str, int]:
    scores: dict[str, int] = {}
    done: Counter[str] = Counter()
    for process in range(PROCESSES):
        for turn in steps(process):
            for step in turn:
                member, units = step.member, step.units
                done[step.op] += 1
                match step.op:
                    case "set":
                        scores[member] = units
                    case "add":
                        scores[member] = scores.get(member, 0) + units
                    case "max":
                        scores[member] = max(scores.get(member, units), units)
                    case "remove":
                        del scores[member]
    assert done.total() == UPDATES == 30_000
    assert done.keys() == {"set", "add", "max", "remove"}
    return scores


def test_updates_of_many_processes_are_exact(redis: redis_py.Redis, redis_url: str) -> None:
    url = f"{redis_url}?db=2"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(url, process)) for process in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    board = Boards(redis)["busy"]
    scores = expected()
    rows: Any = redis.zrange(board.shards[0].keys[0], 0, -1, withscores=True)
    assert {member.decode(): int(score) for member, score in rows} == scores
    board.check()
    summary = board.summary()
    assert (summary.count, summary.sum) == (len(scores), from_units(sum(scores.values())))
    assert summary.sum != Decimal(0)
