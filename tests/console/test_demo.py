"""The demo: a worker plays it, `wz demo` shows it, and it is stopped and deleted as one."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
import redis as redis_py

from pipeline.boards import Boards
from pipeline.console.demo import NAME, ROWS, Demo, DemoPlays, DemoTaken, Player, Progress, State
from pipeline.console.demo.demo import NoDemo
from pipeline.console.demo.story import DURATION, END, end_event, event_of, story
from pipeline.hub import Event
from pipeline.hub.description import Description
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings
from pipeline.windows.jobs.outputs import StreamOutput, list_outputs
from pipeline.windows.jobs.registry import JobRegistry

from ..stack import until
from ..work.test_worker import environ as environ
from ..work.test_worker import start


@pytest.fixture
def demo(redis: redis_py.Redis, settings: Settings) -> Demo:
    hubs, boards = Hubs(redis, settings.hubs), Boards(redis)
    hubs.refresh()  # the declared hub is there
    return Demo(hubs, JobRegistry(redis, hubs, boards), boards)


@pytest.fixture
def worker(environ: dict[str, str]) -> Iterator[None]:
    del environ["WZ_JOBS"]
    with start(environ):
        yield


def progress(demo: Demo) -> Progress:
    found = demo.progress()
    assert found is not None
    return found


def test_the_story_is_the_same_each_time_and_in_order() -> None:
    told = story()
    story.cache_clear()
    assert told == story()
    assert [one.second for one in told] == sorted(one.second for one in told)
    assert 0 <= told[0].second <= told[-1].second <= DURATION < END - 7200 + 1
    contexts = {one.eventid for one in told if "actionname" in one.said}
    rewards = [one for one in told if "reward" in one.said]
    assert len(contexts) == 7200
    assert {one.eventid for one in rewards} < contexts
    assert all(one.said["reward"] > 0 for one in rewards)  # type: ignore[operator]


def test_a_worker_plays_it_to_its_end(demo: Demo, redis: redis_py.Redis, worker: None) -> None:
    demo.begin(speed=100_000)
    until(lambda: progress(demo).state is State.DONE)
    found = progress(demo)
    assert (found.sent, found.percent) == (found.total, 100)
    hub = demo.hubs[NAME]
    events = sum(len(hub.read(partition, limit=10_000)) for partition in range(hub.partitions))
    assert events == found.total + hub.partitions  # and those that close the windows

    rewards = {one.eventid: Decimal(str(one.said["reward"])) for one in story() if "reward" in one.said}
    until(lambda: demo.jobs.progress(NAME, demo.jobs.get(NAME)).status is not None)

    def status() -> tuple[int, int]:
        its = demo.jobs.progress(NAME, demo.jobs.get(NAME)).status
        assert its is not None
        return its.lag, sum(its.faults.values())

    until(lambda: status() == (0, 0))
    board = demo.boards[NAME]
    # An event is in two windows: a context with its reward in two, or, across an hour's end, in one.
    until(lambda: sum(rewards.values()) < board.summary().sum <= 2 * sum(rewards.values()))
    assert board.summary().count == 8


def test_its_first_rows_come_before_much_is_told(demo: Demo, worker: None) -> None:
    demo.begin(speed=1)
    rows = StreamOutput(demo.redis, ROWS)
    until(lambda: len(rows.read()) > 20)
    found = progress(demo)
    assert found.state is State.PLAYS
    assert found.sent < found.total / 10
    assert found.worker
    with pytest.raises(DemoPlays, match="stop it, or delete it"):
        demo.begin()
    before = set(demo.redis.scan_iter())
    demo.delete()
    until(lambda: not [key for key in demo.redis.scan_iter() if b"demo" in key and key in before])
    assert demo.progress() is None
    assert NAME not in demo.hubs.list()
    assert list_outputs(demo.redis) == []


def test_it_touches_nothing_that_it_has_not_made(demo: Demo) -> None:
    demo.boards["points"].set("ann", Decimal(1))
    demo.hubs["events"].append([Event(b"{}")])
    before = contents(demo.redis)
    demo.begin()
    with pytest.raises(DemoPlays):
        demo.begin()
    demo.delete()
    demo.redis.delete("hubs:deleted", "{jobs}:deleted")  # what workers forget after some seconds
    assert contents(demo.redis) == before
    with pytest.raises(NoDemo):
        demo.delete()


def contents(redis: redis_py.Redis) -> dict[bytes, bytes | None]:
    return {key: redis.dump(key) for key in redis.scan_iter() if not key.startswith(b"wz:")}


@pytest.mark.parametrize("what", ["hub", "board", "job", "output"])
def test_a_hub_job_or_board_of_that_name_is_somebody_s(demo: Demo, what: str) -> None:
    match what:
        case "hub":
            demo.hubs.create(NAME, Description(partitions=1))
        case "board":
            demo.boards[NAME].set("ann", Decimal(1))
        case "job":
            demo.redis.hset("jobs", NAME, demo_record(demo))
        case _:
            demo.redis.hset("outputs", ROWS, "other")
    before = contents(demo.redis)
    with pytest.raises(DemoTaken, match=f"{what} 'demo"):
        demo.begin()
    assert contents(demo.redis) == before
    with pytest.raises(NoDemo):
        demo.delete()


def demo_record(demo: Demo) -> bytes:
    """What the registry has of a job."""
    demo.begin()
    record = demo.redis.hget("jobs", NAME)
    demo.delete()
    assert isinstance(record, bytes)
    return record


def test_one_that_was_stopped_begins_anew(demo: Demo) -> None:
    player = Player(demo)
    demo.begin()
    assert player.step() == 0
    assert progress(demo).sent > 0
    assert progress(demo).worker
    demo.stop()
    player._next = 0.0  # as time would
    player.step()
    assert progress(demo).state is State.STOPPED
    assert not progress(demo).worker
    demo.begin()
    assert (progress(demo).state, progress(demo).sent) == (State.PLAYS, 0)
    player._next = 0.0
    player.step()
    hub = demo.hubs[NAME]
    assert sum(len(hub.read(partition, limit=1000)) for partition in range(hub.partitions)) == progress(demo).sent
    player.stop()


def test_what_is_sent_twice_is_taken_once(demo: Demo) -> None:
    player = Player(demo)
    demo.begin()
    player.step()
    sent = progress(demo).sent
    demo._note(sent=sent - 10)  # as if the worker had died before it noted what it had sent
    player.step()
    hub = demo.hubs[NAME]
    assert sum(len(hub.read(partition, limit=1000)) for partition in range(hub.partitions)) == progress(demo).sent
    player.stop()


def test_two_workers_do_not_play_at_once(demo: Demo) -> None:
    one, other = Player(demo), Player(Demo(demo.hubs, demo.jobs, demo.boards))
    demo.begin(speed=100_000)
    one.step()
    sent = progress(demo).sent
    other.step()
    assert progress(demo).sent == sent
    one.stop()
    other._next = 0.0  # as time would
    other.step()
    assert progress(demo).sent > sent
    other.stop()


def test_a_hub_that_somebody_deletes_stops_it(demo: Demo) -> None:
    player = Player(demo)
    demo.begin()
    demo.hubs.delete(NAME)
    player.step()
    assert progress(demo).state is State.STOPPED
    player.step()  # it lets go
    demo.delete()
    assert demo.progress() is None


def test_the_story_s_times_are_over_when_it_begins(demo: Demo) -> None:
    demo.begin()
    found = progress(demo)
    last = end_event(found.begin)
    assert (found.begin.minute, found.begin.second) == (0, 0)
    assert f"{found.begin:%Y-%m-%dT%H}".encode() in event_of(0, story()[0], found.begin).body
    assert b'"eventid":"end"' in last.body
    assert found.begun_ms / 1000 >= found.begin.timestamp() + END
