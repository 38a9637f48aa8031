"""A job whose Redis has no memory left goes on, so that its hubs may drop what it has read; a board waits for room."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis as redis_py

from pipeline.boards import Boards
from pipeline.hub import Event
from pipeline.hub.description import HubSettings
from pipeline.hub.log import Hub
from pipeline.hub.namespace import Hubs
from pipeline.hub.retention import trim_all
from pipeline.store.client import MARKER
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.delivery import Delivery
from pipeline.windows.jobs.erase import clean
from pipeline.windows.jobs.finding import JobFinder
from pipeline.windows.jobs.opened import Pacing
from pipeline.windows.jobs.outputs.hub import HubReceiver
from pipeline.windows.jobs.outputs.webhook import WebhookReceiver
from pipeline.windows.jobs.registry import JobRegistry
from pipeline.windows.jobs.states import State

from ...full import full
from ...upstream import Answer, ScriptedUpstream
from ..support.outboxes import delivery_status, numbers, outbox, put
from ..support.outboxes import run as drain
from ..support.running_jobs import load, read_status, rows, run, write_job

TOML = '[inputs.Input]\nhub = "events"\n'
MERGED = "SELECT COUNT(*) AS n INTO Out FROM Input GROUP BY TumblingWindow(second, 1)"
LONG_AGO = 1_000_000


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    redis.set(MARKER, "test")  # as after a start: else a new connection would have to write it while memory is full
    return Hubs(redis, {"events": 2})


def send(hubs: Hubs, *numbers: int) -> None:
    for number in numbers:
        events = [Event(b'{"n": %d}' % number)]
        hubs["events"].append(events, partition=number % 2, enqueued_ms=LONG_AGO + number * 1000)


def keeps(hubs: Hubs) -> int:
    hub = Hub(hubs.redis, "events", 2, HubSettings(2, retention_ms=1000))
    trim_all(hub)
    return sum(len(hub.read(partition)) for partition in (0, 1))


@pytest.mark.parametrize("query", ["SELECT n INTO Out FROM Input", MERGED], ids=["rows", "windows"])
def test_a_job_goes_on_and_its_hub_drops_what_it_has_read(
    redis: redis_py.Redis, hubs: Hubs, tmp_path: Path, query: str
) -> None:
    folder = write_job(tmp_path / "j", query, TOML)
    send(hubs, 0, 1)
    job = load(folder, redis, hubs, pacing=Pacing(0.0, 1), beat=0.0)
    run(job)
    send(hubs, 2, 3)
    with full(redis):
        run(job)
        job.opened.reports._next.clear()  # as a second later
        job.step()
        status = read_status(redis, "j")
        job.stop()
        again = load(folder, redis, hubs, pacing=Pacing(0.0, 1), beat=0.0)  # as after a restart of its worker
        run(again)
        again.stop()
        assert keeps(hubs) == 0

    assert status is not None
    assert status.lag == 0
    if query != MERGED:
        assert sorted(row["n"] for _, row in rows(redis)) == [0, 1, 2, 3]


def test_a_job_begins_anew(redis: redis_py.Redis, hubs: Hubs, tmp_path: Path) -> None:
    """One that has not run before, and one whose query has changed: until they have read them, events stay."""
    for sent, query in (
        ((0, 1), "SELECT n INTO Out FROM Input"),
        ((2, 3), "SELECT n + 10 AS n INTO Out FROM Input"),
    ):
        send(hubs, *sent)
        folder = write_job(tmp_path / "j", query, TOML)
        with full(redis):
            job = load(folder, redis, hubs, pacing=Pacing(0.0, 1), beat=0.0)
            run(job)
            job.stop()
            assert keeps(hubs) == 0

    assert sorted(row["n"] for _, row in rows(redis)) == [0, 1, 12, 13]


def test_a_job_whose_rows_go_to_a_board_waits_and_loses_nothing(
    redis: redis_py.Redis, hubs: Hubs, tmp_path: Path
) -> None:
    board = '[[boards]]\nfrom = "Out"\nboard = "b"\nmember = "member"\nscore = "n"\nmode = "add"\n'
    folder = write_job(tmp_path / "j", "SELECT 'a' AS member, n INTO Out FROM Input", TOML + board)
    send(hubs, 0, 1)
    job = load(folder, redis, hubs, pacing=Pacing(0.0, 1), beat=0.0)
    run(job)
    send(hubs, 2, 3)
    with full(redis):
        run(job)
        waits = read_status(redis, "j")
    for pace in job._paces:
        pace.succeeded()  # as time would
    run(job)
    job.stop()

    (member,) = Boards(redis)["b"].members(0, 10).members
    assert member.score == 6
    assert waits is not None
    assert waits.error is not None
    assert "no room for what this turn changes on a board" in waits.error.message


def test_a_worker_that_begins_finds_its_jobs(redis: redis_py.Redis, hubs: Hubs, tmp_path: Path) -> None:
    write_job(tmp_path / "j", "SELECT n INTO Out FROM Input", TOML)
    registry = JobRegistry(redis, hubs)
    with full(redis):
        (job,) = JobFinder(registry, tmp_path).jobs()
        job.attach()
    assert redis.smembers(hubs["events"].keys[0].attached) == {keys.group_of("j").encode()}


def test_a_job_is_stopped_started_and_deleted(redis: redis_py.Redis, hubs: Hubs) -> None:
    registry = JobRegistry(redis, hubs)
    document = {"inputs": {"Input": {"hub": "events"}}, "outputs": {"Out": {"type": "stream"}}}
    registry.put("j", Definition("SELECT n INTO Out FROM Input", document))
    found = JobFinder(registry)
    (job,) = found.jobs()
    job.attach()
    with full(redis):
        registry.stop("j")
        assert registry.progress("j", registry.get("j")).state is State.STOPPED
        registry.start("j")
        registry.delete("j")
        clean(registry.hubs)
        assert found.jobs() == []
    assert not redis.exists(hubs["events"].keys[0].attached)


def test_rows_for_a_hub_wait_and_say_so(redis: redis_py.Redis, hubs: Hubs) -> None:
    delivery = Delivery(outbox(redis, HubReceiver(hubs, "events")), beat=0.0)
    put(delivery.outbox, numbers(1, 2))
    with full(redis):
        drain(delivery)
        waits = delivery_status(redis, "j", "Out")
    delivery._pace.succeeded()
    assert drain(delivery) == 2
    delivery.stop()

    assert (waits.waiting, waits.stopped) == (2, False)
    assert "the store is full" in (waits.error or "")


def test_an_outbox_gives_its_rows_away(redis: redis_py.Redis, upstream: ScriptedUpstream) -> None:
    delivery = Delivery(outbox(redis, WebhookReceiver(upstream.target.endpoint)), beat=0.0)
    put(delivery.outbox, numbers(1, 2, 3))
    upstream.script(Answer(503))
    with full(redis):
        assert drain(delivery) == 0
        waits = delivery_status(redis, "j", "Out")
        delivery._pace.succeeded()
        assert drain(delivery) == 3
        delivery.stop()

    done = delivery_status(redis, "j", "Out")
    assert (waits.waiting, done.waiting, done.delivered, done.error) == (3, 0, 3, None)
    assert "503" in (waits.error or "")
