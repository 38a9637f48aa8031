"""Slots of a cluster that move to another node while events are sent."""

from __future__ import annotations

from threading import Event as Signal
from threading import Thread

from redis.cluster import RedisCluster

from bench.hub_cluster import move_slot
from pipeline.hub.event import Event
from pipeline.hub.log import Hub

from .. import stack


def test_nothing_is_lost_or_doubled_while_slots_move(cluster: RedisCluster) -> None:
    hub = Hub(cluster, "events", 4)
    sent: list[int] = []
    stop = Signal()

    def send() -> None:
        while not stop.is_set():
            number = len(sent)
            # keys of the partitions 3 and 2, as a batch, then one event alone
            hub.append([Event(b"%d" % number, "7"), Event(b"%d" % number, "131")])
            hub.append([Event(b"%d" % number, "7")])
            sent.append(number)

    sender = Thread(target=send)
    sender.start()
    for key in (hub.keys[3].events, hub.keys.intents):
        before = len(sent)
        stack.until(lambda before=before: len(sent) > before or not sender.is_alive())  # type: ignore[misc]
        source = move_slot(cluster, key)
        before = len(sent)
        stack.until(lambda before=before: len(sent) > before or not sender.is_alive())  # type: ignore[misc]
        move_slot(cluster, key, source)
    stop.set()
    sender.join()

    assert [int(stored.event.body) for stored in hub.read(2, limit=100_000)] == sent
    assert [int(stored.event.body) for stored in hub.read(3, limit=100_000)] == [n for n in sent for _ in range(2)]
