"""What bench.console asks pages about: partitions, jobs, events, members and traces, as workers would leave them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from handlers import create_app
from handlers.tracing import Tracing
from pipeline.boards import Boards
from pipeline.boards.bulk import BulkChange
from pipeline.console.history import Sample, hub_subject, job_subject, keep
from pipeline.console.history_task import History
from pipeline.console.keys import HISTORY_LEASE, PERIOD, SAMPLES, TRACE
from pipeline.hub import Event
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.description import Description
from pipeline.hub.group_registry import ConsumerGroups
from pipeline.hub.namespace import Hubs
from pipeline.hub.rules import Right, Rules
from pipeline.settings import Settings
from pipeline.store.client import redis_client
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.registry import JobRegistry
from pipeline.windows.jobs.reports import TaskStatus, place_of
from tests import stack
from wz import App
from wz.routes import VALUE, RouteRow
from wz.testing import Client

PARTITIONS, JOBS, MEMBERS = 100, 50, 1_000_000

#: Events of each partition, and traced requests.
EVENTS, TRACED = 1000, 500

#: Events that are sent, and traces that are stored, at once.
BATCH, BATCH_OF_TRACES = 1000, 20

HUB, JOB, BOARD, MEMBER, GROUP, RULE = "big", "job-00", "points", "member-0000007", "readers", "narrow"

QUERY = "SELECT actionname, COUNT(*) AS n INTO Out{0} FROM Input GROUP BY actionname, TumblingWindow(minute, 1)"

#: Values for what the console's routes have in their paths; `{...}` is what `build` returns.
VALUES = {
    "hub": HUB,
    "partition": "0",
    "offset": "{offset}",
    "group": GROUP,
    "board": BOARD,
    "name": JOB,
    "id": "{trace}",
}

#: The same for one endpoint, and queries of those that need one.
OTHER_VALUES = {"console_rules.ask_to_delete": {"name": RULE}}
QUERIES = {"console_boards.ask": f"?member={MEMBER}", "console_layers.two": "?a={trace}&b={other_trace}"}

#: Endpoints that are no pages: the streams that keep pages current, and files.
NO_PAGES = ("follow", "static", "favicon")


def pages(app: App, found: Mapping[str, str]) -> dict[str, str]:
    """Return the addresses of all pages of the console by their routes; `found` is what `build` returned.

    Raises KeyError for a route with a value in its path that `VALUES` has not.
    """
    return {row.rule: _address(row, found) for row in _rules(app) if _name(row) not in NO_PAGES}


def streams(app: App, found: Mapping[str, str]) -> dict[str, str]:
    """Return the addresses of all streams that keep pages current, by their routes."""
    return {row.rule: _address(row, found) for row in _rules(app) if _name(row) == "follow"}


def _rules(app: App) -> Iterator[RouteRow]:
    """Yield the routes of the console that are asked by GET."""
    for row in app.routes:
        is_ours = row.rule == "/" or row.rule.startswith(("/console", "/layers"))
        if is_ours and "GET" in (row.methods or ()):
            yield row


def _name(row: RouteRow) -> str:
    return row.endpoint.rpartition(".")[2]


def _address(row: RouteRow, found: Mapping[str, str]) -> str:
    values = VALUES | OTHER_VALUES.get(row.endpoint, {})
    path = VALUE.sub(lambda value: values[value["name"]], row.rule)
    return (path + QUERIES.get(row.endpoint, "")).format(**found)


def build(
    settings: Settings,
    partitions: int = PARTITIONS,
    jobs: int = JOBS,
    members: int = MEMBERS,
    *,
    events: int = EVENTS,
    samples: int = SAMPLES,
    traced: int = TRACED,
) -> dict[str, str]:
    """Fill an empty database, as workers and senders would have; return what the addresses of pages need."""
    client = redis_client(settings)
    hubs = Hubs(client, {})
    hubs.create(HUB, Description(partitions=partitions, retention_bytes=partitions * 1024 * 1024))
    hub = hubs[HUB]
    for partition in range(partitions):
        for begin in range(0, events, BATCH):
            batch = range(begin, min(events, begin + BATCH))
            hub.append([Event(b'{"actionname": "a", "n": %d}' % n, "k") for n in batch], partition=partition)
    ConsumerGroups(hub).create(GROUP)
    Rules(client, settings.root).add(RULE, frozenset({Right.LISTEN}), None)
    Rules(client, settings.root).add(RULE, frozenset({Right.LISTEN}), HUB)
    build_board(settings, members)
    registry = JobRegistry(client, hubs, Boards(client))
    for number in range(jobs):
        _job(registry, f"job-{number:02}", number, partitions, events)
    _history(registry, samples)
    return {"offset": hub.read(0)[0].offset, **_traces(settings, traced)}


def build_board(settings: Settings, members: int) -> None:
    """Fill a board, which is split as the settings say."""
    for _ in Boards.unchecked(settings)[BOARD].apply(_members(members)):
        pass


def _members(count: int) -> Iterator[BulkChange]:
    for number in range(count):
        yield BulkChange(f"member-{number:07}", score=Decimal(number * 7919 % 1_000_003) / 100)


def _job(registry: JobRegistry, name: str, number: int, partitions: int, events: int) -> None:
    outputs = {f"Out{number}": {"type": "stream"}}
    inputs = {"Input": {"hub": HUB, "partition_key": "actionname"}}
    registry.put(name, Definition(QUERY.format(number), {"inputs": inputs, "outputs": outputs}))
    hub, client = registry.hubs[HUB], registry.redis
    group = ConsumerGroup(hub, keys.group_of(name))
    read = [hub.read(partition, limit=events)[-2].offset for partition in range(partitions)]
    with client.pipeline(transaction=False) as pipe:
        for partition in range(partitions):
            pipe.sadd(hub.keys[partition].attached, group.name)
            pipe.hset(hub.keys[partition].offsets, group.name, read[partition])
            status = TaskStatus(
                reported="2026-05-01T12:00:00.0000000Z",
                watermark="2026-05-01T12:00:00.0000000Z",
                next={place_of(HUB, partition): events - 1},
                rows={f"Out{number}": 5},
                faults={"late_adjusted": 1} if not number % 10 else {},
            )
            pipe.hset(keys.status(name), str(partition), msgspec.json.encode(status))
        pipe.zadd(keys.workers(name), {"worker": 1})
        pipe.execute()


def _history(registry: JobRegistry, samples: int) -> None:
    """Keep an hour of samples that rise to what is counted now, and say that a worker runs."""
    now = History(registry.hubs, registry).samples()
    for number in range(samples):
        ago = samples - number
        earlier = {
            subject: Sample(
                sample.at_ms - ago * PERIOD * 1000,
                {name: max(0, count - ago) for name, count in sample.counters.items()},
            )
            for subject, sample in now.items()
        }
        keep(registry.redis, earlier)
    registry.redis.set(HISTORY_LEASE.pattern, "worker")
    assert hub_subject(HUB) in now
    assert job_subject(JOB) in now


def _traces(settings: Settings, count: int) -> dict[str, str]:
    """Trace requests to the service, and wait until they are stored."""
    client = Client(Tracing(create_app(settings)).tracer)
    headers = {"Authorization": stack.token(), "X-Wz-Trace": "1"}
    paths = f"/boards/{BOARD}/members/{MEMBER}", "/hubs", "/jobs", f"/boards/{BOARD}/members/nobody"
    ids = []
    for number in range(count):
        ids.append(client.get(paths[number % len(paths)], headers=headers).headers["X-Request-ID"])
        if not (number + 1) % BATCH_OF_TRACES or number + 1 == count:
            key = TRACE.named(ID=ids[-1])
            stack.until(lambda: redis_client(settings).exists(key) == 1)  # noqa: B023 - it is called at once
    return {"trace": ids[0], "other_trace": ids[-1]}
