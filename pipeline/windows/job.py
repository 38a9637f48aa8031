"""A job: a folder with a query and its settings, run turn by turn."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import redis
from redis.cluster import RedisCluster

from ..boards.boards import Boards
from ..errors import InvalidValue
from ..hub.group import ConsumerGroup
from ..hub.groups import ConsumerGroups, UnknownGroup
from ..hub.log import UnknownHub
from ..hub.registry import Hubs
from ..hub.share import BEAT, TTL, Share
from ..lease import LeaseLost
from ..pace import Pace
from .begin import begin
from .clock import from_unix_ms
from .config import BoardConfig, Config, HubInput, InvalidJob, ReferenceInput, match, read_config
from .delivery import Delivery
from .outputs import Outbox, Sink, open_outputs
from .plan import plan
from .query import parse
from .reference import Table
from .render import render
from .stages import MergingTask, PartitionTask
from .status import Reports
from .tables import FileTable, HashTable, InvalidReference
from .task import Superseded, Task
from .tokens import QueryError
from .topology import topology
from .work import MERGE, Pacing, Reader, Work

log = logging.getLogger(__name__)

#: Seconds between two looks for reference data that is new.
REFRESH = 60.0

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

#: Goes up when states and exchanges of before can't be read any more.
FORMAT = 1


class Job:
    """One query. Its tasks are shared by all workers that run the job, each task in one of them at a time.

    Redis keys:
        job:NAME               see begin.py
        job:NAME:lease:TASK    see Lease
        job:NAME:workers       see Share
        and those of Checkpoint, Exchange and Reports, and the offsets of its consumer group: `job:NAME`, unless
        job.toml names another. The hub keeps what comes after these, which is what the job would read again if it
        began at its last snapshot
    """

    def __init__(self, work: Work, start: str = "last", beat: float = BEAT, ttl: float = TTL) -> None:
        """`start` is last, now or a UTC time; `beat` and `ttl` are those of `Share`."""
        self.name = work.name
        self.work = work
        self.start = start
        outboxes = [(name, sink) for name, sinks in work.sinks.items() for sink in sinks if isinstance(sink, Outbox)]
        deliveries = [f"deliver:{name}:{number}" for number, (name, _) in enumerate(outboxes)]
        keys = [f"{work.key}:lease:{name}" for name in (*work.tasks, *deliveries)]
        self.share = Share(work.client, keys, f"{work.key}:workers", beat=beat, ttl=ttl)
        leases = self.share.leases
        self.tasks: list[Task | Delivery] = [
            MergingTask(work, lease) if name == MERGE else PartitionTask(work, int(name), lease)
            for name, lease in zip(work.tasks, leases, strict=False)
        ]
        self.tasks += [Delivery(name, sink) for name, (_, sink) in zip(deliveries, outboxes, strict=True)]
        self._paces = [Pace() for _ in self.tasks]
        self._is_begun = False
        self._is_superseded = False
        self._refresh_at = time.monotonic() + REFRESH

    @classmethod
    def load(
        cls,
        folder: Path,
        client: redis.Redis,
        hubs: Hubs,
        boards: Boards | None = None,
        batch: int = 500,
        snapshot_seconds: float | None = None,
        beat: float = BEAT,
        ttl: float = TTL,
    ) -> Job:
        """Read query.asaql and job.toml; the folder's name is the job's. Declares the job's outputs.

        `batch` is as in `Pacing`; `snapshot_seconds` comes before what job.toml says. Raises `InvalidJob`, or
        `OutputTaken`.
        """
        config_path = folder / "job.toml"
        if not _NAME.fullmatch(folder.name):
            raise InvalidJob(config_path, f"{folder.name!r} is no job's name: it is 1 to 64 letters, digits and . - _")
        if isinstance(client, RedisCluster):
            raise InvalidJob(
                config_path, "a window job can't run on a Redis Cluster: its transactions have keys of many"
            )
        config = read_config(config_path)
        query_path = folder / "query.asaql"
        try:
            query = parse(query_path.read_text())
            planned = plan(query, config.references)
            config = match(config, planned, config_path)
            readers = [_reader(folder.name, name, config, hubs, config_path) for name in planned.inputs]
            layout = topology(planned, config.partition_keys, {reader.input: reader.partitions for reader in readers})
        except OSError as exc:
            raise InvalidJob(query_path, f"can't be read: {exc}") from exc
        except QueryError as exc:
            raise InvalidJob(query_path, str(exc)) from exc
        shape = [
            FORMAT,
            render(query),
            dict(config.partition_keys),
            [(r.input, r.source(r.partitions)) for r in readers],
        ]
        work = Work(
            name=folder.name,
            version=hashlib.sha256(msgspec.json.encode(shape)).hexdigest(),
            plan=layout.plan,
            stages=tuple(filter(None, (layout.partitioned, layout.merging))),
            readers=readers,
            sinks=_sinks(folder, config, client, hubs, boards or Boards(client)),
            client=client,
            reports=Reports(client, folder.name),
            policies=config.policies,
            pacing=Pacing(batch, config.snapshot_seconds if snapshot_seconds is None else snapshot_seconds),
            tables=_tables(folder, config, client),
        )
        return cls(work, config.start, beat, ttl)

    def step(self) -> int:
        """Take one bounded turn of each task that is this worker's; return how many events were read and rows written.

        0 means that there is a pause, or that another worker has begun the job in another version. A task that fails
        tries again after a pause of its own, and the others go on; that Redis is not there is raised.
        """
        if self._is_superseded:
            return 0
        if not self._is_begun:
            begin(self.work, self.start)
            self._is_begun = True
        self._refresh()
        held = self.share.partitions()
        for place, task in enumerate(self.tasks):
            if place not in self.share.held:
                task.forget()
        held.sort(key=lambda place: max(place, self.work.partitions - 1))  # first those that give, then who takes it
        return sum(self._step(place) for place in held)

    def stop(self) -> None:
        """Save the states, and let others take over at once."""
        try:
            for place in self.share.held:
                with contextlib.suppress(LeaseLost):
                    self.tasks[place].save()
        finally:
            self.share.stop()

    def _step(self, place: int) -> int:
        task, pace = self.tasks[place], self._paces[place]
        if self._is_superseded or time.monotonic() < pace.not_before:
            return 0
        try:
            done = task.step()
        except LeaseLost:
            self.share.lost(place)
            log.warning("job %s: another worker has taken %s over", self.name, task.name)
        except Superseded:
            log.warning("job %s: another worker has begun it in another version, so that this one rests", self.name)
            self._is_superseded = True
            self.share.stop()
        except (redis.ConnectionError, redis.TimeoutError):
            raise
        except Exception as exc:
            wait = pace.failed(0.5)
            log.exception("job %s: %s failed, next try in %.1f s", self.name, task.name, wait)
            self.work.reports.error(task.name, f"{type(exc).__name__}: {exc}", self._now())
        else:
            pace.succeeded()
            return done
        return 0

    def _refresh(self) -> None:
        """Look for new reference data, now and then. What can't be read leaves what there was."""
        if not self.work.tables or time.monotonic() < self._refresh_at:
            return
        self._refresh_at = time.monotonic() + REFRESH
        for name, table in self.work.tables.items():
            try:
                table.refresh()
            except InvalidReference as exc:
                log.error("job %s: %s is as it was: %s", self.name, name, exc)
                self.work.reports.error(name, str(exc), self._now())

    def _now(self) -> int:
        return from_unix_ms(self.work.readers[0].group.hub.clock_ms())


def _reader(job: str, name: str, config: Config, hubs: Hubs, path: Path) -> Reader:
    table = config.inputs[name]
    if not isinstance(table, HubInput):
        raise InvalidJob(path, f"[inputs.{name}]: a worker reads hubs only; `wz job run` reads files")
    try:
        hub = hubs[table.hub]
        if table.consumer_group is None:
            return Reader(name, ConsumerGroup(hub, f"job:{job}"))
        return Reader(name, ConsumerGroups(hub).reader(table.consumer_group))
    except (UnknownHub, UnknownGroup) as exc:
        raise InvalidJob(path, f"[inputs.{name}]: {exc}") from exc


def _tables(folder: Path, config: Config, client: redis.Redis) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for name, table in config.inputs.items():
        if not isinstance(table, ReferenceInput):
            continue
        try:
            if table.reference.hash is not None:
                tables[name] = HashTable(client, table.reference.hash, table.reference.field_column)
            else:
                tables[name] = FileTable(folder.resolve() / str(table.reference.file))
        except InvalidReference as exc:
            raise InvalidJob(folder / "job.toml", f"[inputs.{name}]: {exc}") from exc
    return tables


def _sinks(
    folder: Path, config: Config, client: redis.Redis, hubs: Hubs, boards: Boards
) -> Mapping[str, Sequence[Sink]]:
    path = folder / "job.toml"
    has_boards = config.boards or any(isinstance(table, BoardConfig) for table in config.outputs.values())
    if has_boards and not boards.are_in(client):
        raise InvalidJob(
            path,
            "[[boards]]: rows and scores are written in one transaction: not where boards are split, or on a cluster",
        )
    try:
        sinks = open_outputs(folder.name, config, client, hubs, boards)
    except InvalidValue as exc:
        raise InvalidJob(path, str(exc)) from exc
    return sinks
