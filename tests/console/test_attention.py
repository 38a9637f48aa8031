"""What needs somebody, without HTTP and without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis as redis_py

from pipeline.boards import Boards
from pipeline.console.attention import Item, Level, Where, attention, clock
from pipeline.console.history import Sample, job_subject, keep
from pipeline.console.history_task import History
from pipeline.console.overview import Overview, overview
from pipeline.console.readers import readers
from pipeline.hub import Event
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.description import Description
from pipeline.hub.log import Hub
from pipeline.hub.namespace import Hubs
from pipeline.hub.relay import Relay
from pipeline.hub.relay_route import Route, Switch, change_route, note_state
from pipeline.hub.retention import trim_all
from pipeline.store.server_status import ServerStatus, server_status
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.registry import JobRegistry
from pipeline.windows.jobs.reports import Reports
from tests import stack
from tests.upstream import Answer, ScriptedUpstream
from tests.windows.support.running_jobs import run

MIB = 1024 * 1024
SMALL = Description(partitions=1, retention_bytes=MIB)

JOB = Definition(
    "SELECT n INTO Out FROM Input", {"inputs": {"Input": {"hub": "events"}}, "outputs": {"Out": {"type": "stream"}}}
)


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"events": 2, "other": 1})


@pytest.fixture
def registry(redis: redis_py.Redis, hubs: Hubs) -> JobRegistry:
    return JobRegistry(redis, hubs, Boards(redis))


@pytest.fixture
def worker(registry: JobRegistry) -> Iterator[History]:
    """What shows that a worker runs."""
    task = History(registry.hubs, registry)
    task.step()
    yield task
    task.stop()


def now(registry: JobRegistry) -> Overview:
    return overview(dict(registry.hubs), registry, registry.all(), [registry.redis])


def items(registry: JobRegistry) -> list[Item]:
    return attention(now(registry), registry.redis)


def told(registry: JobRegistry) -> list[tuple[Level, str]]:
    return [(item.level, item.text.replace("\u00a0", " ")) for item in items(registry)]


def test_a_page_that_needs_nobody_is_empty(registry: JobRegistry, worker: History) -> None:
    assert told(registry) == []


def test_no_worker_runs(registry: JobRegistry, worker: History) -> None:
    worker.stop()

    (item,) = items(registry)
    assert (item.level, item.text, item.where) == (Level.ACT, "No worker runs.", Where.SERVER)


def test_a_partition_that_a_stopped_job_fills(redis: redis_py.Redis, registry: JobRegistry, worker: History) -> None:
    registry.hubs.create("small", SMALL)
    hub = registry.hubs["small"]
    registry.put("nightly", Definition(JOB.query, {**JOB.document, "inputs": {"Input": {"hub": "small"}}}))
    registry.stop("nightly")
    Job.of("nightly", registry.get("nightly").definition, redis, registry.hubs).attach()
    hub.append([Event(bytes(950_000))])

    (item,) = items(registry)  # and not once more that the job is stopped
    assert (item.level, item.text) == (Level.ACT, "Partition 0 of hub small is nearly full.")
    assert item.why.replace("\u00a0", " ") == "The job nightly is stopped and holds 928 KiB of its 1.0 MiB."
    assert (item.where, item.name) == (Where.JOB, "nightly")


def test_when_a_partition_will_be_full(registry: JobRegistry, worker: History) -> None:
    registry.hubs.create("small", SMALL)
    hub = registry.hubs["small"]
    ConsumerGroup(hub, "audit").attach()
    hub.append([Event(bytes(600_000))])
    hub.redis.hset(hub.keys[0].stats, "in_rate", 500)  # as retention has measured it

    assert told(registry) == [(Level.ACT, "Partition 0 of hub small is full in about 15 min.")]
    hub.redis.hset(hub.keys[0].stats, "in_rate", 50)
    assert told(registry) == [(Level.LOOK, "Partition 0 of hub small is full in about 2 h 30 min.")]
    hub.redis.hset(hub.keys[0].stats, "in_rate", 1)
    assert told(registry) == []  # in days


def test_a_full_partition_that_nobody_holds_is_as_it_should_be(registry: JobRegistry, worker: History) -> None:
    registry.hubs.create("small", SMALL)
    hub = registry.hubs["small"]
    hub.append([Event(bytes(940_000))])
    ConsumerGroup(hub, "audit").attach()
    ConsumerGroup(hub, "audit").store(0, hub.read(0)[0].offset)
    trim_all(hub)

    assert told(registry) == []


def test_dead_letters_and_a_relay_that_waits(
    hub: Hub, registry: JobRegistry, worker: History, upstream: ScriptedUpstream, relay: Relay
) -> None:
    upstream.script(Answer(400, b"no such thing"), *[Answer(503)] * 100)
    hub.append([Event(b"a", "k")])
    stack.until(lambda: relay.step() == 0 and now(registry).hubs["events"].deadletters == 1)
    hub.append([Event(b"b", "k")])
    stack.until(lambda: relay.step() == 0 and any(one.relay.error for one in now(registry).hubs["events"].partitions))

    letters, waits = items(registry)
    assert (letters.level, letters.text) == (Level.LOOK, "1 dead letter in hub events.")
    assert (letters.where, letters.name) == (Where.DEAD_LETTERS, "events")
    assert (waits.level, waits.text) == (Level.LOOK, "The relay of hub events waits.")
    assert waits.why.endswith(". It tries again by itself; 1 event waits.")


def test_a_relay_that_is_paused_needs_nobody(hub: Hub, registry: JobRegistry, worker: History, relay: Relay) -> None:
    relay.step()
    relay.stop()
    change_route(hub, lambda _: Route(switch=Switch.PAUSED))

    assert told(registry) == []
    (reader,) = (one for one in readers(now(registry).hubs["events"], {}) if one.kind == "relay")
    assert (reader.state, reader.why) == ("paused", "paused, and events are kept for it")


def test_a_hub_that_would_be_relayed_to_itself(hub: Hub, registry: JobRegistry, worker: History) -> None:
    note_state(hub, error="up:443 is this service")

    (item,) = items(registry)
    assert (item.level, item.text, item.why) == (Level.LOOK, "Hub events is not relayed.", "up:443 is this service.")


@pytest.mark.parametrize(
    ("seconds", "ends"), [(3600, "expires soon"), (-1, "has expired"), (90_000, None)], ids=["soon", "past", "later"]
)
def test_a_signature_that_expires(
    hub: Hub, registry: JobRegistry, worker: History, seconds: int, ends: str | None
) -> None:
    note_state(hub, to="up/events", expires=hub.clock_ms() // 1000 + seconds)

    assert told(registry) == ([(Level.LOOK, f"The relay of hub events has a signature that {ends}.")] if ends else [])
    assert all(re.match(r"The signature of the connection string .* UTC", item.why) for item in items(registry))


def test_a_ring_of_relays(
    hub: Hub, registry: JobRegistry, worker: History, upstream: ScriptedUpstream, relay: Relay
) -> None:
    ring = "events@00000000000a -> up@00000000000b -> events@00000000000a"
    upstream.answer = lambda received: Answer(400, f"RelayRing: {ring}. Pause".encode())
    hub.append([Event(b"a", "k")])
    stack.until(lambda: relay.step() == 0 and now(registry).hubs["events"].deadletters == 1)

    (item,) = items(registry)
    assert (item.level, item.text) == (Level.ACT, "1 dead letter in hub events.")
    assert item.why.startswith(f"Events have come back in a ring of relays, {ring}: pause one")


def test_a_relay_that_no_worker_runs(hub: Hub, registry: JobRegistry, worker: History) -> None:
    ConsumerGroup(hub, "$relay").attach()

    assert told(registry) == [(Level.LOOK, "Hub events keeps its events for a relay that no worker runs.")]


def test_a_job_that_nobody_runs(registry: JobRegistry, worker: History) -> None:
    registry.put("j", JOB)

    assert told(registry) == [(Level.LOOK, "No worker runs the job j.")]


def test_a_job_that_was_stopped_and_has_read_all_needs_nobody(registry: JobRegistry, worker: History) -> None:
    registry.put("j", JOB)
    registry.stop("j")

    assert told(registry) == []


def test_events_that_wait_for_a_stopped_job(redis: redis_py.Redis, registry: JobRegistry, worker: History) -> None:
    registry.put("j", JOB)
    job = Job.of("j", JOB, redis, registry.hubs, beat=0.0)
    registry.hubs["events"].append([Event(b'{"n": 1}')], partition=0)
    run(job)
    job.share.stop()
    registry.stop("j")
    registry.hubs["events"].append([Event(b'{"n": 2}'), Event(b'{"n": 3}')], partition=0)

    since = (registry.get("j").stopped or "")[11:16]
    assert told(registry) == [(Level.LOOK, f"Job j is stopped since {since}, and 2 events wait for it.")]


def test_a_job_that_has_failed(registry: JobRegistry, worker: History) -> None:
    registry.put("j", JOB)
    Reports(registry.redis, "j").error("begin", "there is no hub 'events'", 0)

    (item,) = items(registry)
    assert (item.level, item.text) == (Level.ACT, "Job j has failed; 0 events wait for it.")
    assert item.why == "there is no hub 'events'."


def test_a_delivery_that_waits_and_one_that_was_refused(
    redis: redis_py.Redis, registry: JobRegistry, worker: History
) -> None:
    registry.put("j", Definition(JOB.query, {**JOB.document, "outputs": {"Out": {"type": "hub", "hub": "other"}}}))
    redis.zadd(keys.workers("j"), {"w": 1})
    redis.xadd(keys.outbox("j", "Out"), {"r": "{}"})
    redis.hset(keys.delivery("j", "Out"), "error", "the hub is full")

    assert told(registry) == [(Level.LOOK, "Output Out waits for its receiver; 1 row waits.")]
    redis.hset(keys.delivery("j", "Out"), "stopped", "1")
    assert told(registry) == [(Level.ACT, "Output Out is not delivered any more; 1 row waits.")]


def test_faults_that_rise(redis: redis_py.Redis, registry: JobRegistry, worker: History) -> None:
    registry.put("j", JOB)
    job = Job.of("j", JOB, redis, registry.hubs, beat=0.0)
    registry.hubs["events"].append([Event(b"no JSON")] * 3, partition=0)
    run(job)
    job.share.stop()
    registry.stop("j")
    at = registry.hubs["events"].clock_ms()
    keep(redis, {job_subject("j"): Sample(at - 120_000, {"events": 0})})
    assert told(registry) == []  # since when is not known

    keep(redis, {job_subject("j"): Sample(at, {"events": 3, "faults:input_errors": 3, "faults:board_nulls": 2})})
    (item,) = items(registry)
    assert item.text.replace("\u00a0", " ") == "Job j had 3 faults in the last 2 min."
    assert item.why == "It read 3 events in this time."


def test_windows_that_wait_say_until_when(redis: redis_py.Redis, registry: JobRegistry, worker: History) -> None:
    query = "SELECT COUNT(*) AS n INTO Out FROM Input GROUP BY TumblingWindow(hour, 2)"
    registry.put("j", Definition(query, JOB.document))
    registry.hubs["events"].append([Event(b'{"n": 1}')], partition=0)
    job = Job.of("j", registry.get("j").definition, redis, registry.hubs, beat=0.0)
    run(job)
    found = now(registry)
    (item,) = attention(found, redis)
    job.share.stop()

    waiting = found.jobs["j"].waiting
    assert waiting is not None
    assert waiting.due is not None
    assert (item.level, item.where, item.name) == (Level.WAITS, Where.JOB, "j")
    assert item.text == f"j writes its next rows at {clock(found, waiting.due)}."
    assert "1 event waits in it" in item.why


def test_windows_that_only_a_later_event_ends_say_so(
    redis: redis_py.Redis, registry: JobRegistry, worker: History
) -> None:
    query = "SELECT COUNT(*) AS n INTO Out FROM Input TIMESTAMP BY t GROUP BY TumblingWindow(hour, 2)"
    registry.put("j", Definition(query, {**JOB.document, "time": {"late_arrival": -1}}))
    registry.hubs["events"].append([Event(b'{"t": "2026-05-01T12:00:00Z"}')], partition=0)
    job = Job.of("j", registry.get("j").definition, redis, registry.hubs, beat=0.0)
    run(job)
    (item,) = items(registry)
    job.share.stop()

    assert (item.level, item.text) == (Level.WAITS, "j writes no rows of Out before a later event comes.")
    assert "They come after a later event in events/" in item.why


@pytest.fixture
def server(redis: redis_py.Redis) -> ServerStatus:
    (found,) = server_status(redis)
    return replace(found, memory=10, memory_limit=100, evicted=0)


@pytest.mark.parametrize(
    ("change", "level", "text"),
    [
        pytest.param({"memory": 75}, Level.LOOK, "has 75 % of the memory that it may use", id="half full"),
        pytest.param({"memory": 91}, Level.ACT, "has 91 % of the memory that it may use", id="nearly full"),
        pytest.param({"memory": 101}, Level.ACT, "is full", id="full"),
        pytest.param({"is_replica": True}, Level.ACT, "refuses writes", id="a replica"),
        pytest.param({"write_failed": True}, Level.ACT, "refuses writes", id="no disk"),
        pytest.param({"evicted": 1200}, Level.ACT, "has dropped 1,200 keys", id="evicts"),
    ],
)
def test_redis_itself(
    registry: JobRegistry,
    worker: History,
    server: ServerStatus,
    change: dict[str, int],
    level: Level,
    text: str,
) -> None:
    found = replace(now(registry), servers=[replace(server, **change)])  # type: ignore[arg-type]

    (item,) = attention(found, registry.redis)
    assert item.level is level
    assert text in item.text.replace("\u00a0", " ")
    assert attention(replace(found, servers=[server]), registry.redis) == []


def test_what_is_most_urgent_comes_first(registry: JobRegistry, worker: History) -> None:
    registry.put("b", JOB)
    registry.put("a", Definition("SELECT n INTO A FROM Input", {**JOB.document, "outputs": {"A": {"type": "stream"}}}))
    Reports(registry.redis, "b").error("begin", "broken", 0)

    assert [(item.level, item.key) for item in items(registry)] == [
        (Level.ACT, "failed b"),
        (Level.LOOK, "not run a"),
    ]
