"""Batches on a cluster whose senders die half-way."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import pytest
from redis.cluster import RedisCluster

from bench.hub_plan import round_trips
from pipeline.hub import writing
from pipeline.hub.batches import Batches
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.description import HubSettings
from pipeline.hub.event import Event
from pipeline.hub.log import Hub
from pipeline.hub.writing import HubFull, write_parts

#: Of the partitions 3 and 2 of four.
BATCH = {3: [Event(b"1", "7"), Event(b"2", "7", properties={"n": 1})], 2: [Event(b"3", "131", publisher="p")]}


@pytest.fixture
def hub(cluster: RedisCluster) -> Hub:
    return Hub(cluster, "events", 4)


def record(hub: Hub, taken: list[int]) -> Batches:
    """Leave a batch behind that only these partitions have taken."""
    batches = Batches(hub)
    batch = batches.record(BATCH)
    write_parts(hub, {partition: BATCH[partition] for partition in taken}, batch)
    return batches


def everything(hub: Hub) -> dict[int, list[Event]]:
    return {p: [stored.event for stored in hub.read(p)] for p in (3, 2)}


@pytest.mark.parametrize("taken", [[], [3], [3, 2]], ids=["at once", "half-way", "before the intent was dropped"])
def test_a_batch_whose_sender_died_is_finished_once(hub: Hub, taken: list[int]) -> None:
    batches = record(hub, taken)

    assert [batches.finish(at_least_ms=0), batches.finish(at_least_ms=0)] == [1, 0]
    assert everything(hub) == BATCH


def test_a_batch_that_may_be_under_way_is_left_to_its_sender(hub: Hub) -> None:
    batches = record(hub, [3])

    assert batches.finish(at_least_ms=3_600_000) == 0
    assert everything(hub) == {3: BATCH[3], 2: []}


def test_a_partition_that_fills_up_meanwhile_takes_its_part_of_a_recorded_batch(cluster: RedisCluster) -> None:
    filler = Event(b"x" * 200)
    hub = Hub(cluster, "events", 4, HubSettings(4, retention_bytes=4 * filler.size))
    ConsumerGroup(hub, "reader").attach()  # so that retention makes no room
    batches = Batches(hub)
    batch = batches.record(BATCH)
    hub.append([filler], partition=3)
    with pytest.raises(HubFull):
        hub.append(BATCH[3], partition=3)
    batches.carry_out(batch, BATCH)

    assert everything(hub) == {3: [filler, *BATCH[3]], 2: BATCH[2]}
    assert batches.finish(at_least_ms=0) == 0


def test_an_intent_stays_if_a_partition_refuses_its_part(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = record(hub, [])
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.hub.writing._call", partial(writing._call, cap=1))
        with pytest.raises(RuntimeError, match="partition 3 of hub 'events' refused its part of the batch"):
            batches.finish(at_least_ms=0)

    assert batches.finish(at_least_ms=0) == 1
    assert everything(hub) == BATCH


def test_a_batch_costs_four_round_trips_however_many_partitions_it_has(cluster: RedisCluster) -> None:
    hub = Hub(cluster, "events", 32, HubSettings(32, retention_bytes=1_000_000))
    batch = [Event(b"x", str(number)) for number in range(100)]
    hub.append(batch)  # opens connections, loads the script
    assert sum(bool(hub.read(partition)) for partition in range(32)) > 20
    with round_trips() as trips:
        hub.append(batch)

    assert trips.waits == 4
    assert len(trips) <= 3 + 1 + 3 + 1  # no node is asked twice in a step


def record_long_ago(hub: Hub) -> None:
    """Leave a batch behind whose sender died in 1970."""
    batches = record(hub, [])
    ((_, fields),) = cast("list[Any]", hub.redis.xrange(batches.intents))
    hub.redis.delete(batches.intents)
    hub.redis.xadd(batches.intents, fields, id="1-1")
    write_parts(hub, {3: BATCH[3]}, "1-1")


def test_the_next_sender_finishes_what_it_finds(hub: Hub) -> None:
    record_long_ago(hub)
    hub.append([Event(b"4", "7"), Event(b"5", "131")])

    assert [[e.body for e in events] for events in everything(hub).values()] == [[b"1", b"2", b"4"], [b"3", b"5"]]


def test_a_worker_finishes_what_it_finds(hub: Hub) -> None:
    record_long_ago(hub)
    hub.finish_batches()

    assert everything(hub) == BATCH


def test_a_sender_that_was_helped_doubles_nothing(hub: Hub) -> None:
    batches = Batches(hub)
    batch = batches.record(BATCH)
    batches.finish(at_least_ms=0)
    batches.carry_out(batch, BATCH)

    assert everything(hub) == BATCH


def test_batches_are_forgotten_when_none_as_old_is_left(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.hub.batches.REMEMBERED", -1)
    old = record(hub, [3])
    hub.append([Event(b"4", "7"), Event(b"5", "131")])

    def remembered() -> int:
        return hub.redis.zcard(hub.keys[3].batches)

    old.forget()
    assert remembered() == 2
    old.finish(at_least_ms=0)
    old.forget()
    assert remembered() == 0
