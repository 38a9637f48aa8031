"""Workers that come, go and die: each partition has one reader, and each worker its fair share.

A worker dies here by not announcing itself any more; its leases and its announcement are ended, as Redis would in time.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest
import redis as redis_py
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.log import Hub
from pipeline.hub.share import GONE, TTL, Share, fair_share, worker_name

from ..stack import until

#: A worker gives up what is above its quota, then another takes it; the newest worker was not counted before that.
ROUNDS = 3


class Workers:
    """Workers of one hub, which can be told to balance in any order."""

    def __init__(self, client: redis_py.Redis, partitions: int) -> None:
        self.redis = client
        self.hub = Hub(client, "events", partitions)
        self.there: list[Share] = []

    def come(self) -> Share:
        share = Share.of(ConsumerGroup(self.hub, "$relay"))
        self.there.append(share)
        return share

    def leave(self, share: Share) -> None:
        self.there.remove(share)
        share.stop()

    def die(self, share: Share) -> None:
        self.there.remove(share)
        for partition in share.held:
            if self.redis.get(share.leases[partition].key) == share.worker.encode():
                self.redis.delete(share.leases[partition].key)
        self.redis.zrem("{hub:events:workers}:$relay", share.worker)

    def settle(self) -> None:
        for _ in range(ROUNDS):
            for share in random.sample(self.there, len(self.there)):
                share.balance()

    def check(self) -> None:
        """Check by the leases that no partition has two readers, whatever the workers believe."""
        for partition in range(self.hub.partitions):
            owner = self.redis.get(self.hub.keys[partition].lease("$relay"))
            with self.redis.pipeline(transaction=False) as pipe:
                for share in self.there:
                    share.leases[partition].queue_hold(pipe, take=False)
                readers = [share.worker for share, its in zip(self.there, pipe.execute(), strict=True) if its]
            assert readers in ([], [owner.decode()] if isinstance(owner, bytes) else [])

    def check_shares(self) -> None:
        held = Counter(partition for share in self.there for partition in share.held)
        assert held == Counter(range(self.hub.partitions) if self.there else ())
        sizes = [len(share.held) for share in self.there]
        assert max(sizes, default=0) - min(sizes, default=0) <= 1


@given(
    partitions=st.integers(1, 9),
    steps=st.lists(st.tuples(st.sampled_from(["come", "come", "leave", "die", "balance"]), st.integers(0, 99))),
)
@hypothesis_settings(
    max_examples=30, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
def test_each_partition_has_one_reader_while_workers_come_and_go(
    redis: redis_py.Redis, partitions: int, steps: list[tuple[str, int]]
) -> None:
    redis.flushdb()
    workers = Workers(redis, partitions)
    for action, number in steps:
        if action == "come":
            workers.come()
        elif workers.there:
            share = workers.there[number % len(workers.there)]
            {"leave": workers.leave, "die": workers.die, "balance": Share.balance}[action](share)
        workers.check()

    workers.settle()
    workers.check()
    workers.check_shares()


def test_partitions_stay_where_they_are_while_no_worker_comes_or_goes(redis: redis_py.Redis) -> None:
    workers = Workers(redis, 8)
    for _ in range(3):
        workers.come()
    workers.settle()
    before = [share.held for share in workers.there]

    workers.settle()

    assert [share.held for share in workers.there] == before


def test_a_newcomer_takes_no_more_than_its_share(redis: redis_py.Redis) -> None:
    workers = Workers(redis, 8)
    first = workers.come()
    workers.settle()
    before = set(first.held)
    second = workers.come()
    workers.settle()

    assert (len(first.held), len(second.held)) == (4, 4)
    assert first.held < before


def test_a_worker_that_was_paused_finds_out_what_it_lost(redis: redis_py.Redis) -> None:
    workers = Workers(redis, 4)
    paused = workers.come()
    workers.settle()
    for lease in paused.leases:
        redis.delete(lease.key)  # as if they had ended
    redis.delete("{hub:events:workers}:$relay")
    other = workers.come()
    other.balance()
    assert other.held == {0, 1, 2, 3}

    paused.balance()

    assert paused.held == set()


def test_one_that_is_late_by_its_own_clock_only_counts_again(redis: redis_py.Redis) -> None:
    workers = Workers(redis, 4)
    workers.come().balance()

    assert 0 < redis.pttl("{hub:events:workers}:$relay") <= GONE * 1000
    assert 0 < redis.pttl("{hub:events:0}:lease:$relay") <= TTL * 1000


def test_leases_are_renewed_while_the_worker_is_busy(redis: redis_py.Redis) -> None:
    share = Share.of(ConsumerGroup(Hub(redis, "events", 2), "$relay"), ttl=0.4)
    share.partitions()
    key = "{hub:events:0}:lease:$relay"
    redis.pexpire(key, 60_000)

    while redis.pttl(key) > 1_000:  # until the keeper has set it again; if it does not, this test hangs
        pass

    assert redis.get(key) == share.worker.encode()
    share.stop()
    assert list(redis.scan_iter("{hub:events:*")) == []


def test_a_worker_that_hangs_loses_its_leases_although_its_keeper_lives(
    redis: redis_py.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    group = ConsumerGroup(Hub(redis, "events", 2), "$relay")
    hanging = Share.of(group, ttl=0.4)
    hanging._stuck = 0.2
    hanging.partitions()
    other = Share.of(group, beat=0.0)
    until(lambda: len(other.partitions()) == 2)

    assert caplog.text.count("has made no turn for 0 s") == 1
    until(lambda: len(other.partitions()) + len(hanging.partitions()) == 2)  # it counts again
    assert not hanging.held & other.held
    hanging.stop()
    other.stop()


@pytest.mark.parametrize(
    ("partitions", "workers", "shares"),
    [
        pytest.param(4, "a", [4], id="alone"),
        pytest.param(4, "ab", [2, 2], id="halves"),
        pytest.param(5, "abc", [2, 2, 1], id="a remainder"),
        pytest.param(2, "abc", [1, 1, 0], id="more workers than partitions"),
    ],
)
def test_fair_shares(partitions: int, workers: str, shares: list[int]) -> None:
    assert [fair_share(partitions, workers, name) for name in workers] == shares


def test_processes_with_several_workers_share_too_few_partitions() -> None:
    names = [f"host-{process}-{number}" for process in (17, 18, 9) for number in "abcd"]
    shares = {name: fair_share(7, names, name) for name in names}

    assert sum(shares.values()) == 7
    by_process = Counter({process: sum(shares[n] for n in names if f"-{process}-" in n) for process in (17, 18, 9)})
    assert sorted(by_process.values()) == [2, 2, 3]


def test_a_worker_s_name_is_its_own() -> None:
    assert worker_name() != worker_name()
