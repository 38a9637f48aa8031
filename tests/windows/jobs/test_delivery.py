from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec
import pytest
import redis as redis_py

from pipeline.store.lease import Lease, LeaseLost
from pipeline.windows.engine.engine import OutputRow
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.delivery import Delivery
from pipeline.windows.jobs.outputs import Outbox
from pipeline.windows.jobs.outputs.outbox import (
    MOST_BYTES,
    Batch,
    DeliveryStatus,
    Refused,
    Unavailable,
)
from pipeline.windows.language.values import RowError
from pipeline.windows.operators.faults import ROW

from ..support.outboxes import delivery_status, die, numbers, outbox, put, run


@dataclass
class Scripted:
    """Takes every batch, unless `answer` raises; `sent` has the numbers of the rows, `batches` the ids."""

    most_rows: int = 3
    sent: list[int] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)
    answer: Callable[[], None] = lambda: None

    def key(self, row: OutputRow) -> str | None:
        if row.columns["n"] < 0:
            raise RowError("a number below 0")
        return None

    def begin(self) -> str:
        return "begun"

    def send(self, batch: Batch) -> str:
        self.batches.append(batch.id)
        self.sent += [msgspec.json.decode(row.json)["n"] for row in batch.rows]
        batch.check()
        self.answer()
        return f"after {len(self.sent)}"


@pytest.fixture
def receiver() -> Scripted:
    return Scripted()


@pytest.fixture
def box(redis: redis_py.Redis, receiver: Scripted) -> Outbox:
    return outbox(redis, receiver)


@pytest.fixture
def new(box: Outbox) -> Iterator[Callable[[], Delivery]]:
    made: list[Delivery] = []

    def new() -> Delivery:
        made.append(Delivery(box, beat=0.0))
        return made[-1]

    yield new
    for delivery in made:
        delivery.stop()


def status(box: Outbox) -> DeliveryStatus:
    return delivery_status(box.redis, box.job, box.output)


@pytest.mark.cluster
def test_rows_are_sent_in_order_in_batches_and_forgotten(
    box: Outbox, receiver: Scripted, new: Callable[[], Delivery]
) -> None:
    put(box, numbers(*range(7)))
    delivery = new()

    assert [delivery.step() for _ in range(4)] == [3, 3, 1, 0]
    assert receiver.sent == list(range(7))
    assert len(set(receiver.batches)) == 3
    assert box.redis.xlen(box.key) == 0
    assert status(box) == DeliveryStatus("Out", 0, 7, False, None)
    put(box, numbers(8))
    assert run(delivery) == 1


def test_what_the_receiver_can_t_take_is_a_fault_and_left_out(
    box: Outbox, receiver: Scripted, new: Callable[[], Delivery]
) -> None:
    faults = Counter[str]()
    put(box, numbers(1, -1, 2), faults)
    run(new())

    assert (receiver.sent, faults) == ([1, 2], {ROW: 1})


@pytest.mark.cluster
def test_a_batch_that_may_have_been_taken_is_sent_again_as_it_was(
    box: Outbox, receiver: Scripted, new: Callable[[], Delivery]
) -> None:
    class Killed(BaseException):
        pass

    def die_now() -> None:
        raise Killed

    put(box, numbers(0, 1))
    receiver.answer = die_now
    first = new()
    with pytest.raises(Killed):
        first.step()
    die(first)
    put(box, numbers(2))
    receiver.answer = lambda: None
    run(new())

    assert receiver.sent == [0, 1, 0, 1, 2]
    assert receiver.batches[0] == receiver.batches[1] != receiver.batches[2]


def test_a_receiver_that_is_away_is_tried_again_later(
    box: Outbox, receiver: Scripted, new: Callable[[], Delivery]
) -> None:
    def away() -> None:
        raise Unavailable("it does not answer", 60)

    put(box, numbers(0))
    receiver.answer = away
    delivery = new()

    assert [delivery.step() for _ in range(3)] == [0, 0, 0]
    assert len(receiver.batches) == 1
    assert status(box) == DeliveryStatus("Out", 1, 0, False, "it does not answer")
    die(delivery)
    receiver.answer = lambda: None
    run(new())
    assert status(box) == DeliveryStatus("Out", 0, 1, False, None)


def test_a_refusal_stops_the_delivery_and_drops_nothing(
    box: Outbox, receiver: Scripted, new: Callable[[], Delivery]
) -> None:
    def refuse() -> None:
        raise Refused("403")

    put(box, numbers(0))
    receiver.answer = refuse
    delivery = new()
    assert [delivery.step() for _ in range(3)] == [0, 0, 0]
    assert len(receiver.batches) == 1
    assert status(box) == DeliveryStatus("Out", 1, 0, True, "403")

    receiver.answer = lambda: None
    run(new())  # as when the job is put again
    assert status(box) == DeliveryStatus("Out", 0, 1, False, None)


@pytest.mark.cluster
def test_two_workers_never_send_at_once(box: Outbox, receiver: Scripted, new: Callable[[], Delivery]) -> None:
    put(box, numbers(*range(9)))
    workers = [new(), new()]
    for _ in range(5):
        for worker in workers:
            worker.step()

    assert receiver.sent == list(range(9))


@pytest.mark.cluster
def test_a_worker_that_lost_its_lease_while_it_sent_commits_nothing(
    box: Outbox, receiver: Scripted, new: Callable[[], Delivery]
) -> None:
    delivery = new()
    put(box, numbers(0))

    def lose() -> None:
        box.redis.set(delivery.share.leases[0].key, "another")

    receiver.answer = lose
    assert delivery.step() == 0
    assert status(box) == DeliveryStatus("Out", 1, 0, False, None)
    assert not delivery.share.held


def test_a_batch_that_another_worker_delivered_is_not_committed_again_when_the_lease_comes_back(
    box: Outbox, receiver: Scripted
) -> None:
    first, second = (Lease(box.redis, keys.delivery_lease(box.job, box.output)) for _ in range(2))
    put(box, numbers(*range(5)))

    def overtake() -> None:
        receiver.answer = lambda: None
        first.release()
        assert second.hold()
        assert box.deliver(second) == 3
        second.release()
        assert first.hold()

    receiver.answer = overtake
    assert first.hold()
    with pytest.raises(LeaseLost):
        box.deliver(first)

    assert status(box) == DeliveryStatus("Out", 2, 3, False, None)
    assert box.deliver(first) == 2
    assert receiver.sent == [0, 1, 2, 0, 1, 2, 3, 4]
    assert receiver.batches[0] == receiver.batches[1]


def test_a_batch_that_was_removed_by_hand_blocks_nothing(
    box: Outbox, receiver: Scripted, new: Callable[[], Delivery]
) -> None:
    def refuse() -> None:
        raise Refused("it is poison")

    put(box, numbers(0))
    receiver.answer = refuse
    new().step()
    box.redis.xtrim(box.key, maxlen=0)
    put(box, numbers(1))
    receiver.answer = lambda: None

    assert run(new()) == 1


def test_large_rows_go_in_small_batches(redis: redis_py.Redis) -> None:
    receiver = Scripted(most_rows=100)
    box = outbox(redis, receiver)
    put(box, [{"n": n, "text": "x" * size} for n, size in enumerate([MOST_BYTES // 3] * 4 + [2 * MOST_BYTES, 1])])
    delivery = Delivery(box, beat=0.0)
    taken = [delivery.step() for _ in range(6)]
    delivery.stop()

    assert sum(taken) == 6
    assert max(taken) == 2
    assert receiver.sent == list(range(6))
