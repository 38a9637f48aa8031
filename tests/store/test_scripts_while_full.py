"""Every script that writes is refused whole while memory is full, if it adds something, or else runs to its end.

What a script writes first decides (pipeline/store/while_full.py). So each that adds is called here in the states in
which it might begin with a write that is never refused: something old is dropped, replaced or moved on the way.
"""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import cast

import pytest
import redis as redis_py

import pipeline
from pipeline.boards import Board, Boards, sample
from pipeline.boards.changes import Change, Op
from pipeline.boards.follow import Follower
from pipeline.boards.form import Form
from pipeline.boards.hold import held
from pipeline.console.traces import Part, Traces
from pipeline.hub import Event, Hub, throughput
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.description import HubSettings
from pipeline.hub.event import RELAY_ID
from pipeline.hub.keyed_batches import record
from pipeline.hub.repetition import RequestKey
from pipeline.hub.retention import trim
from pipeline.hub.share import Share
from pipeline.reference import References
from pipeline.store import OutOfMemoryError, while_full
from pipeline.store.lease import Lease
from pipeline.store.scripts import Script
from pipeline.store.stream_entries import queue_entries
from pipeline.windows.jobs.outputs import StreamOutput
from pipeline.windows.jobs.outputs.stream import declare_outputs
from pipeline.work.runner import TaskRunner
from pipeline.work.tasks import Progress, Task, Tasks

from ..full import full

#: What is done before memory is full; it returns what is done then.
Prepare = Callable[[redis_py.Redis], Callable[[], object]]


def hub_of(client: redis_py.Redis, **settings: int) -> Hub:
    return Hub(client, "events", 1, HubSettings(1, **settings))


def append(client: redis_py.Redis) -> Callable[[], object]:
    hub = hub_of(client)
    hub.append([Event(b"one")])
    return lambda: hub.append([Event(b"two")])


def append_of_a_relay(client: redis_py.Redis) -> Callable[[], object]:
    hub = hub_of(client)
    relayed = [Event(b"x", properties={RELAY_ID: f"there/0/{number}-0"}) for number in (1, 2)]
    hub.append(relayed[:1], relay="chain")
    return lambda: hub.append(relayed[1:], relay="chain")


def make_old(client: redis_py.Redis, key: str) -> None:
    """Let the ids that a hash remembers be so old that the next takes a new hash: see remembered.lua."""
    assert client.hexists(key, "")
    client.hset(key, "", 1)


def append_with_a_message_id(client: redis_py.Redis) -> Callable[[], object]:
    hub = hub_of(client, duplicate_detection_ms=60_000)
    for number in range(2):  # so that there is an older hash, too
        hub.append([Event(b"x", message_id=str(number))])
        make_old(client, hub.keys[0].message_ids)
    return lambda: hub.append([Event(b"x", message_id="new")])


def append_with_a_key(client: redis_py.Redis) -> Callable[[], object]:
    hub = hub_of(client, remember_ms=60_000)
    hub.append([Event(b"x")], key=RequestKey("one", "print"))
    make_old(client, hub.keys.idempotency_keys)
    return lambda: hub.append([Event(b"x")], key=RequestKey("two", "print"))


def record_a_batch(client: redis_py.Redis) -> Callable[[], object]:
    hub = hub_of(client, remember_ms=60_000)
    record(hub, RequestKey("one", "print"), {"e": b"batch"})
    make_old(client, hub.keys.idempotency_keys)
    return lambda: record(hub, RequestKey("two", "print"), {"e": b"batch"})


def take(client: redis_py.Redis) -> Callable[[], object]:
    hub = hub_of(client, throughput_units=1)
    return lambda: throughput.take(hub, 1, 1)


def board_of(client: redis_py.Redis) -> Board:
    board = Boards(client)["b"]
    board.configure(sample=100)
    for number in range(20):
        board.add(f"m{number}", Decimal(number), f"e{number}")
        board.join(f"m{number}", "red")
        board.set_features(f"m{number}", {"age": number})
    return board


def reward_after_old_events(client: redis_py.Redis) -> Callable[[], object]:
    board = board_of(client)
    board.configure(sample=0)
    events = next(key for key in client.scan_iter("*events*"))
    client.zadd(events, {f"e{number}": 1 for number in range(20)}, xx=True)  # ms
    return lambda: board.add("m1", Decimal(1), "new")


def first_member(client: redis_py.Redis) -> Callable[[], object]:
    board = Boards(client)["b"]
    board.configure(sample=100)
    return lambda: board.set("m", Decimal(1))


def removal_with_an_addition(client: redis_py.Redis) -> Callable[[], object]:
    (shard,) = board_of(client).shards
    changes = [Change(Op.REMOVE, "m1"), Change(Op.SET, "new", 1)]
    return lambda: shard.update(Form(), changes)


def member_in_place_of_another(client: redis_py.Redis) -> Callable[[], object]:
    board = board_of(client)
    board.configure(sample=0, most=20)
    return lambda: board.set("new", Decimal(99))


def other_features(client: redis_py.Redis) -> Callable[[], object]:
    board = board_of(client)
    return lambda: board.set_features("m1", {"name": "x" * 100}, replace=True)


def another_sample(client: redis_py.Redis) -> Callable[[], object]:
    board = board_of(client)
    return lambda: board.configure(sample=200)


def followed(client: redis_py.Redis) -> Callable[[], object]:
    board = board_of(client)
    return lambda: Follower(board.shards[0])


def held_for_a_moment(client: redis_py.Redis) -> Callable[[], object]:
    board = board_of(client)

    def hold() -> None:
        with held(board.shards):
            assert client.exists("{board:b}:held")
        board.configure(sample=0)

    return hold


def sample_anew(client: redis_py.Redis) -> Callable[[], object]:
    board = board_of(client)
    board.configure(sample=100)
    (shard,) = board.shards
    return lambda: sample.fill(client, shard.tag)


def trace_again(client: redis_py.Redis) -> Callable[[], object]:
    traces = Traces(client, 10)
    traces.keep([Part("id", b"a", b"b", b"c")])
    return lambda: traces.keep([Part("id", b"a" * 100, b"b")])


def trace_of_nginx(client: redis_py.Redis) -> Callable[[], object]:
    traces = Traces(client, 10)
    traces.keep([Part("id", b"a", b"b")])
    return lambda: traces.attach({"id": b"c"})


def table_in_place_of_another(client: redis_py.Redis) -> Callable[[], object]:
    references = References(client)
    references.put("t", [{"n": 1}], 1000)
    later = references.find("t")[1] + 3_600_000
    references.put("t", [{"n": 2}], later)
    return lambda: references.put("t", [{"n": 3}], later)


#: The script, and what makes it add something.
ADDS: list[tuple[str, Prepare]] = [
    ("append.lua", append),
    ("append.lua", append_of_a_relay),
    ("append.lua", append_with_a_message_id),
    ("append.lua", append_with_a_key),
    ("keyed_batch.lua", record_a_batch),
    ("throughput.lua", take),
    ("update.lua", reward_after_old_events),
    ("update.lua", first_member),
    ("update.lua", removal_with_an_addition),
    ("update.lua", member_in_place_of_another),
    ("features.lua", other_features),
    ("configure.lua", another_sample),
    ("follow.lua", followed),
    ("hold.lua", held_for_a_moment),
    ("sample_fill.lua", sample_anew),
    ("put.lua", table_in_place_of_another),
    ("keep.lua", trace_again),
    ("attach.lua", trace_of_nginx),
]


def lease_of_another(client: redis_py.Redis) -> Callable[[], object]:
    lease = Lease(client, "lease")

    def go_on() -> None:
        assert lease.hold()
        assert lease.hold()
        lease.release()

    return go_on


def give_back(client: redis_py.Redis) -> Callable[[], object]:
    hub = hub_of(client, throughput_units=1)
    throughput.take(hub, 10_000, 100)
    return lambda: throughput.give_back(hub, 10_000, 100)


def old_events(client: redis_py.Redis) -> Callable[[], object]:
    hub = hub_of(client, retention_ms=1)
    hub.append([Event(b"old")], enqueued_ms=1)
    return lambda: trim(hub, 0)


def worker(client: redis_py.Redis) -> Callable[[], object]:
    share = Share.of(ConsumerGroup(hub_of(client), "reader"), beat=0.0)

    def take_and_leave() -> None:
        share.balance()
        assert share.held
        share.stop()

    return take_and_leave


def members_go(client: redis_py.Redis) -> Callable[[], object]:
    board = board_of(client)
    return lambda: [board.remove(f"m{number}") for number in range(20)]


def features_go(client: redis_py.Redis) -> Callable[[], object]:
    board = board_of(client)
    return lambda: board.set_features("m1", {}, replace=True)


def board_goes(client: redis_py.Redis) -> Callable[[], object]:
    return board_of(client).delete


def board_gets_another_name(client: redis_py.Redis) -> Callable[[], object]:
    board = board_of(client)
    return lambda: board.rename("c")


def tasks_come_and_go(client: redis_py.Redis) -> Callable[[], object]:
    tasks = Tasks(client)

    def work(task: Task, progress: Progress) -> None:
        progress(1, 1)

    def come_and_go() -> None:
        tasks.cancel(tasks.create("work", {}, "b").id)
        tasks.create("work", {}, "b")
        assert TaskRunner(tasks, {"work": work}, threading.Event()).step() == 1

    return come_and_go


def outputs(client: redis_py.Redis) -> Callable[[], object]:
    declare_outputs(client, "", ["Old"])

    def change() -> None:
        declare_outputs(client, "job", ["New"])
        StreamOutput(client, "Old").delete()

    return change


def rows_of_an_output(client: redis_py.Redis) -> Callable[[], object]:
    client.xadd("rows", {"e": "", "r": "{}"})

    def add() -> None:
        pipe = client.pipeline()
        queue_entries(pipe, "rows", ("e", "r"), ["", "{}"])
        pipe.execute()

    return add


def one_write(client: redis_py.Redis) -> Callable[[], object]:
    client.hset("hash", "field", "1")
    return lambda: (
        while_full.write(client, "HSET", "hash", "field", "2"),
        while_full.replace(client, "hash", "field", b"2", b"3"),
    )


#: Scripts that run to their end, and what calls them; None where a test beside the others of its room does.
RUNS: list[tuple[str, Prepare | None]] = [
    ("pipeline.store.lease._HOLD", lease_of_another),
    ("pipeline.store.lease._RELEASE", lease_of_another),
    ("pipeline.store.while_full._ONE", one_write),
    ("pipeline.store.while_full._REPLACE", one_write),
    ("pipeline.store.while_full._ALL", None),  # test_while_full.py
    ("pipeline.store.stream_entries._ADD", rows_of_an_output),
    ("pipeline.hub.share._ANNOUNCE", worker),
    ("retention.lua", old_events),
    ("throughput.lua", give_back),
    ("commit.lua", None),  # hub/test_full_store.py: an event that was sent, a dead letter that is sent again
    ("route.lua", None),  # hub/test_full_store.py: a route is chosen, and what workers make of it noted
    ("update.lua", members_go),
    ("features.lua", features_go),
    ("delete.lua", board_goes),
    ("task.lua", tasks_come_and_go),
    ("replace.lua", board_gets_another_name),
    ("pipeline.windows.jobs.exchange._PUBLISH", None),  # windows/jobs/test_full_store.py
    ("pipeline.windows.jobs.outputs.stream._DECLARE", outputs),
    ("pipeline.windows.jobs.outputs.stream._DELETE", outputs),
]


def scripts_that_write() -> Iterator[str]:
    """Yield the file of each `Script`, and the place of each text that is sent as a script."""
    for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
        if module.name.endswith("__main__"):
            continue
        try:
            variables = vars(importlib.import_module(module.name))
        except ModuleNotFoundError as exc:
            if exc.name != "quickjs":  # of an extra; what needs it sends nothing to Redis
                raise
            continue
        for name, value in variables.items():
            if isinstance(value, Script) and not value.reads_only:
                yield value.name
            elif isinstance(value, str) and name.startswith("_") and "redis.call(" in value:
                yield f"{module.name}.{name}"


def test_each_script_is_in_one_of_the_tables() -> None:
    assert set(scripts_that_write()) == {name for name, _ in ADDS} | {name for name, _ in RUNS}


def stored(client: redis_py.Redis) -> dict[bytes, bytes | None]:
    return {cast("bytes", key): client.dump(key) for key in client.scan_iter()}


@pytest.mark.parametrize(("script", "prepare"), [pytest.param(*row, id=row[1].__name__) for row in ADDS])
def test_a_script_that_adds_is_refused_and_changes_nothing(
    redis: redis_py.Redis, script: str, prepare: Prepare
) -> None:
    add = prepare(redis)
    before = stored(redis)
    with full(redis), pytest.raises(OutOfMemoryError):
        add()

    assert stored(redis) == before
    add()
    assert stored(redis) != before


@pytest.mark.parametrize(("script", "prepare"), [row for row in RUNS if row[1]])
def test_a_script_that_makes_room_or_lets_others_do_so_runs(
    redis: redis_py.Redis, script: str, prepare: Prepare
) -> None:
    run = prepare(redis)
    with full(redis):
        run()
