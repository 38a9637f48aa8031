"""Makes what a job's tasks work with from the job's definition: looks up its hubs, tables and outputs."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from ...boards import Boards
from ...errors import InvalidValue
from ...hub.consumer_group import ConsumerGroup
from ...hub.group_registry import ConsumerGroups, UnknownGroup
from ...hub.namespace import Hubs, UnknownHub
from ...names import check_name
from ...reference.text import InvalidReference
from ...store import Redis
from ..language.render import render
from ..language.syntax import Query
from ..operators.reference import Table
from ..planning.topology import topology
from .definition import Definition
from .job_toml import HubInput, InvalidJob, JobConfig, ReferenceInput
from .keys import group_of
from .opened import HubReader, OpenedJob, Pacing
from .outputs import Sink, open_outputs
from .prepare import Prepared, prepare
from .reports import Reports
from .tables import FileTable, HashTable, PutTable

#: Is increased when states and exchanges that were saved before can't be read any more.
FORMAT = 3


def open_job(
    name: str,
    definition: Definition,
    client: Redis,
    hubs: Hubs,
    boards: Boards,
    folder: Path | None,
    pacing: Pacing | None = None,
) -> tuple[OpenedJob, JobConfig]:
    """Return what the tasks of a job have in common, and the job's settings; declare its outputs.

    `client` has the reference data; all else is where the hubs are. `pacing` is used instead of what job.toml says.
    Raises `InvalidJob` or `OutputTaken`.
    """
    path = folder or Path(name)
    config_path = path / "job.toml"
    try:
        check_name(name, "not a job's name")
    except InvalidValue as exc:
        raise InvalidJob(config_path, str(exc), "name") from exc
    prepared = prepare(definition, path)
    config = prepared.config
    readers = [hub_reader(name, input_name, config, hubs, config_path) for input_name in prepared.plan.inputs]
    counts = {reader.input: reader.partitions for reader in readers}
    layout = topology(prepared.plan, config.partition_keys, counts)
    opened = OpenedJob(
        name=name,
        version=_version(prepared, readers),
        plan=layout.plan,
        stages=tuple(filter(None, (layout.partitioned, layout.merging))),
        readers=readers,
        tables=reference_tables(config, client, folder, config_path),
        sinks=_sinks(name, config, hubs, boards, folder, config_path),
        client=hubs.redis,
        reports=Reports(hubs.redis, name),
        policies=config.policies,
        pacing=pacing or Pacing(snapshot_seconds=config.snapshot_seconds),
        faults=config.faults,
    )
    return opened, config


def _version(prepared: Prepared, readers: Sequence[HubReader]) -> str:
    """Return the version of a job: it changes if checkpoints get another meaning, but not with spaces or comments.

    Nor do the names of outputs count: a state knows nothing of them, and a copy of a job has others.
    """
    keys = sorted(prepared.config.partition_keys.items())
    hubs = [reader.source(reader.partitions) for reader in readers]
    inputs = sorted(prepared.config.inputs.items())
    csv = [(name, table.delimiter) for name, table in inputs if isinstance(table, HubInput) and table.format == "csv"]
    meaning = [FORMAT, render(_numbered(prepared.query)), keys, hubs, *filter(None, [prepared.config.functions, csv])]
    return hashlib.sha256(msgspec.json.encode(meaning)).hexdigest()


def _numbered(query: Query) -> Query:
    """Return a query with numbers for the names of its outputs."""
    names: dict[str, str] = {}
    statements = [replace(each, into=names.setdefault(each.into.lower(), str(len(names)))) for each in query.statements]
    return replace(query, statements=tuple(statements))


def partition_counts(config: JobConfig, hubs: Hubs) -> dict[str, int]:
    """Return the number of partitions of each input; inputs whose hub does not exist are left out."""
    counts = {}
    for name, table in config.inputs.items():
        if isinstance(table, HubInput):
            with contextlib.suppress(UnknownHub):
                counts[name] = hubs[table.hub].partitions
    return counts


def hub_reader(job: str, name: str, config: JobConfig, hubs: Hubs, path: Path) -> HubReader:
    """Return the reader of a job's input. Raises `InvalidJob`; `path` is for messages."""
    table, field = config.inputs[name], f"inputs.{name}"
    if not isinstance(table, HubInput):
        raise InvalidJob(path, f"[{field}]: a worker reads only hubs; `wz job run` reads files", field)
    try:
        hub = hubs[table.hub]
        if table.consumer_group is None:
            return HubReader(name, ConsumerGroup(hub, group_of(job)), table.read_body)
        return HubReader(name, ConsumerGroups(hub).reader(table.consumer_group), table.read_body)
    except (UnknownHub, UnknownGroup) as exc:
        raise InvalidJob(path, f"[{field}]: {exc}", field) from exc


def reference_tables(config: JobConfig, client: Redis, folder: Path | None, path: Path) -> dict[str, Table]:
    """Return the reference data of a job, read from Redis and files. Raises `InvalidJob`; `path` is for messages."""
    tables: dict[str, Table] = {}
    for name, table in config.inputs.items():
        if not isinstance(table, ReferenceInput):
            continue
        field = f"inputs.{name}"
        try:
            if table.reference.name is not None:
                tables[name] = PutTable(client, table.reference.name)
            elif table.reference.hash is not None:
                tables[name] = HashTable(client, table.reference.hash, table.reference.field_column)
            elif folder is None:
                raise InvalidReference(
                    "a job made over HTTP can't read a file: PUT it to /reference/NAME, and write { name = ... }"
                )
            else:
                tables[name] = FileTable(folder.resolve() / str(table.reference.file))
        except InvalidReference as exc:
            raise InvalidJob(path, f"[{field}]: {exc}", field) from exc
    return tables


def _sinks(
    name: str,
    config: JobConfig,
    hubs: Hubs,
    boards: Boards,
    folder: Path | None,
    path: Path,
) -> Mapping[str, Sequence[Sink]]:
    try:
        return open_outputs(name, config, hubs, boards, folder)
    except InvalidValue as exc:
        raise InvalidJob(path, str(exc), exc.field) from exc
