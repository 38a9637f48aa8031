"""Makes a job of another one, with the state that this has at one moment: to try a changed query beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ...hub.consumer_group import ConsumerGroup
from ...store import Redis, transaction, while_full
from ..language.tokens import spelled
from . import keys
from .definition import Definition
from .erase import is_run
from .job import Job
from .job_toml import HubInput, InvalidJob, StreamConfig, config_of
from .record import JobRecord
from .registry import JobExists, JobInUse, JobRegistry
from .state import Checkpoint


def copy_job(registry: JobRegistry, name: str, new: str, definition: Definition | None = None) -> None:
    """Make the job `new` with the state and the place of `name`; workers begin it within two seconds.

    If its query means the same, whatever its outputs are called, it goes on with this state. Else it makes its state
    again, as a job does whose query was changed: its first row comes after the last that `name` had written. Without a
    `definition` it has that of `name`, with outputs of its own (`_own`). Its totals begin with 0. What `name` has
    written but not delivered yet stays with `name`. Redis does nothing else while it reads the state, about a second
    for a million groups. The copy is stopped until it has its state, and stays so if this process dies meanwhile.

    Raises `UnknownJob`, `JobExists`, `JobInUse`, `InvalidJob` or `OutputTaken`; then nothing is changed.
    """
    record, path = registry.get(name), Path(new) / "job.toml"
    if registry.redis.hexists(keys.JOBS, new):
        raise _taken(new)
    if is_run(registry.redis, new):
        raise JobInUse(f"a worker still has the job {new!r}, which was deleted: try again in a few seconds")
    if not record.tasks:
        raise InvalidJob(path, f"{name} could never begin, so that it has no state", "name")
    made = definition or _own(record, name, new, path)
    for place, table in config_of(made.document, path).inputs.items():
        if isinstance(table, HubInput) and (table.hub, table.consumer_group) in record.groups:
            raise InvalidJob(
                path, f"[inputs.{place}]: {name} reads as this consumer group: a copy needs its own", f"inputs.{place}"
            )
    registry.check_references(new, made)
    job = registry.make(new, made)
    _keep_events(record, job)
    its = registry.record_of(job, made, is_folder=False, old=None)
    its = msgspec.structs.replace(its, tasks=sorted({*record.tasks, *its.tasks}), restart=record.restart)
    claim = msgspec.json.encode(msgspec.structs.replace(its, stopped=its.updated))
    if not while_full.write(registry.redis, "HSETNX", keys.JOBS, new, claim):
        raise _taken(new)
    try:
        _copy(registry.redis, name, new, its.tasks)
        registry.redis.hset(keys.JOBS, new, msgspec.json.encode(its))
        registry.redis.hdel(keys.DELETED, new)
    except Exception:
        registry.delete(new)
        raise


def _copy(client: Redis, name: str, new: str, tasks: Sequence[str]) -> None:
    """Copy the keys that are the state, as they are at one moment. The two jobs may be in two slots of a cluster."""
    ours = list(keys.state_of(new, tasks))
    with transaction(client, keys.job(name)) as pipe:
        for key in keys.state_of(name, tasks):
            pipe.dump(key)
        dumped = pipe.execute()
    with transaction(client, keys.job(new)) as pipe:
        for key, value in zip(ours, dumped, strict=True):
            if value is None:
                pipe.unlink(key)
            else:
                pipe.restore(key, 0, value, replace=True)
        pipe.execute()
    for task in tasks:
        checkpoint = Checkpoint(client, new, task)
        if counts := checkpoint.load().counts:
            client.hdel(checkpoint.key, *counts)


def _taken(new: str) -> JobExists:
    return JobExists(f"there is already a job {new!r}: use another name")


def _keep_events(record: JobRecord, job: Job) -> None:
    """Have the hubs keep for a job what they keep for another one: before its state is copied, and so enough."""
    for reader in job.opened.readers:
        hub = reader.group.hub
        reader.group.attach()
        groups = [group for name, group in record.groups if name == hub.name]
        for partition in range(hub.partitions) if len(groups) == 1 else ():  # else from the first event on
            reader.group.store(partition, ConsumerGroup(hub, groups[0]).stored_offset(partition))


def _own(record: JobRecord, name: str, new: str, path: Path) -> Definition:
    """Return a job's definition with the outputs OUTPUT_NEW, and with the copy's own consumer groups."""
    document = record.definition.document
    config = config_of(document, path)
    others = [place for place, table in config.outputs.items() if not isinstance(table, StreamConfig)]
    others += [f"the board {board.board}" for _, board in config.boards]
    if others or config.faults is not None:
        raise InvalidJob(
            path,
            f"{', '.join(others) or 'faults'} can't be written by two jobs: give the copy a definition of its own, in "
            f"which all outputs are others than those of {name}",
            "outputs",
        )
    query, is_next = "", False
    for kind, text in spelled(record.definition.query):
        if is_next and kind != "space":
            own = text.strip('[]"')
            text, is_next = f"[{own}_{new}]", False
        is_next = is_next or (kind == "word" and text.upper() == "INTO")
        query += text
    inputs = {
        place: {key: value for key, value in table.items() if key != "consumer_group"}
        for place, table in document["inputs"].items()
    }
    outputs = {f"{place}_{new}": table for place, table in document["outputs"].items()}
    return Definition(query, {**document, "inputs": inputs, "outputs": outputs})
