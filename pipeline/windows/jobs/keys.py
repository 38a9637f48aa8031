"""Every Redis key of window jobs and of their outputs.

Each is declared once, and called with a value for each word in capitals returns its name: `checkpoint(job, task)`. The
keys that are deleted with a job follow from the list: all that have the job's name and no TTL.

    JOB        a job's name
    OUTPUT     an output's name, as the query has it; of an outbox also `board NAME`
    TASK       a partition's number, or MERGE
    PARTITION  a partition's number
    KIND       a kind of fault, as a job's status names it
    PLACE      `output:OUTPUT`, or the hash tag of a board's shard
    SOURCE     the random name of an outbox

What is in braces is the hash tag: all that a job's transactions change is in one slot of a cluster, that of `job:JOB`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import product

from ...hub.share import GONE, TTL
from ...store.keys import WORD, Key
from ..operators.faults import KINDS

#: The name of the task that merges.
MERGE = "merge"

#: Used in place of a task's name in the errors of a job: why it can't begin; and why a folder of its name can't be it,
#: as it was put.
BEGIN, FOLDER = "begin", "folder"

#: Seconds for which a worker that has looked for jobs counts as there: it looks every two seconds, and may be busy.
LOOKED_SECONDS = 10.0

_LEASE_TTL = f"{TTL:g} s from each renewal"
_WORKERS_TTL = f"{GONE:g} s from the last worker's beat"


def _kept(pattern: str, type: str, holds: str) -> Key:
    """Return a key that is deleted with its job."""
    return Key(pattern, type, holds, None, "with the job")


_JOBS = Key("jobs", "hash", "job -> JobRecord as JSON", None, "a field, with the job")
_DELETED = Key(
    "{jobs}:deleted",
    "hash",
    "job -> when it was deleted, ms since the Unix epoch, and its JobRecord, as JSON",
    None,
    "a field, by a worker once none can have the job any more",
)
_LOOKED = Key("jobs:looked", "string", "that a worker has looked for jobs", f"{LOOKED_SECONDS:g} s", "nobody")
found = Key(
    "{job:JOB}:found",
    "string",
    "that a worker has found the folder of this job, which is stopped",
    f"{LOOKED_SECONDS:g} s",
    "nobody",
)
job = _kept(
    "job:JOB",
    "hash",
    "version of the query, start as in job.toml, tasks that have checkpoints (JSON), ready (1 once these are of this "
    "version, else 0), restarts, the number of the last `Restart` that was begun; see begin.py",
)
checkpoint = _kept(
    "{job:JOB}:checkpoint:TASK",
    "hash",
    "commits, how many there were; closed, a UTC time; done and mute as JSON, snapshot as msgpack; rows:OUTPUT and "
    "each kind of faults.py, totals; see state.py",
)
state = _kept("{job:JOB}:state:TASK", "hash", "the fields of the engine's snapshots")
exchange = _kept(
    "{job:JOB}:exchange:PARTITION",
    "stream",
    "of a job of two stages: the rows of one transaction, packed (r), about how many they count (n), and the time up "
    "to which there will be no more (w); entries go once the merging task has saved its state",
)
watermark = _kept(
    "{job:JOB}:exchange:PARTITION:watermark",
    "string",
    "of a job of two stages: the time up to which all rows are in the exchange, in ticks",
)
status = _kept("{job:JOB}:status", "hash", "task -> TaskStatus as JSON")
errors = Key(
    "{job:JOB}:errors",
    "hash",
    "task, reference table, `begin` or `folder` -> TaskError as JSON",
    None,
    "when the job begins in another version, and with the job; a field, when it is over",
)
faults = _kept(
    "{job:JOB}:faults:KIND", "list", "the last faults of a kind as JSON, the newest first; see fault_examples.py"
)
lease = Key("{job:JOB}:lease:TASK", "string", "the worker that has the task", _LEASE_TTL, "its worker, when it stops")
workers = Key(
    "{job:JOB}:workers",
    "zset",
    "worker -> when it was last there for the job, ms since the Unix epoch",
    _WORKERS_TTL,
    "the last worker, when it stops",
)
outbox = _kept(
    "{job:JOB}:outbox:OUTPUT",
    "stream",
    "rows that a place outside the job's slot has not taken yet: row id (i), window's end, a UTC time or '' (e), the "
    "row, or its change of a board, as JSON (r), the receiver's key or '' (k)",
)
delivery = _kept(
    "{job:JOB}:delivery:OUTPUT",
    "hash",
    "source, the outbox's random name; to, the last offset of the batch that is under way; mark, the receiver's; "
    "delivered and left_out, rows ever; error, why it waits; stopped (1)",
)
delivery_lease = Key(
    "{job:JOB}:delivery-lease:OUTPUT", "string", "the worker that delivers", _LEASE_TTL, "its worker, when it stops"
)
delivery_workers = Key(
    "{job:JOB}:delivery-workers:OUTPUT",
    "zset",
    "worker -> when it was last there for the delivery, ms since the Unix epoch",
    _WORKERS_TTL,
    "the last worker, when it stops",
)
_OUTPUTS = Key(
    "outputs",
    "hash",
    "stream output -> the job that writes it, '' if that was deleted",
    None,
    "a field, with the output",
)
output = Key(
    "output:OUTPUT",
    "stream",
    "window's end, a UTC time or '' (e), and the row as JSON (r); about the last `maxlen`",
    None,
    "with the output, which can be deleted once its job is",
)
taken = Key(
    "{PLACE}:taken:SOURCE",
    "string",
    "offset of the last row that a stream output of a cluster, or a shard of a board, has from this outbox",
    "30 d from that row",
    "nobody",
)
#: Milliseconds: so long after a batch was sent it may be sent again, and is known.
TAKEN_MS = 30 * 24 * 3600 * 1000

KEYS: tuple[Key, ...] = tuple(each for each in list(vars().values()) if isinstance(each, Key))

JOBS, DELETED, LOOKED, OUTPUTS = _JOBS.pattern, _DELETED.pattern, _LOOKED.pattern, _OUTPUTS.pattern


def of_job(name: str, tasks: Collection[str], outboxes: Collection[str]) -> Iterator[str]:
    """Yield the keys that are deleted with a job. `tasks` and `outboxes` are all that it has, or ever had."""
    return _all_of([key for key in KEYS if key.ttl is None], name, tasks, outboxes)


def state_of(name: str, tasks: Collection[str]) -> Iterator[str]:
    """Yield the keys that say how far the tasks of a job are: what begin.py makes, and tasks change as they commit."""
    return _all_of([job, checkpoint, state, exchange, watermark], name, tasks, ())


def _all_of(among: Iterable[Key], name: str, tasks: Collection[str], outboxes: Collection[str]) -> Iterator[str]:
    values = {
        "JOB": [name],
        "TASK": tasks,
        "PARTITION": [task for task in tasks if task != MERGE],
        "OUTPUT": outboxes,
        "KIND": KINDS,
    }
    for key in among:
        words = WORD.findall(key.pattern)
        if "JOB" in words:
            yield from (key(*parts) for parts in product(*(values[word] for word in words)))


def group_of(name: str) -> str:
    """Return the name of a job's own consumer group. It is spelt as the key that `job` returns."""
    return job(name)


def leases_of_group(group: str, partitions: int) -> list[str]:
    """Return the keys of the leases of a job's tasks, if `group` is that job's own consumer group; else nothing.

    `partitions` is the number of the hub's partitions. A job's tasks take these leases instead of the group's. So code
    that shows a group's readers, or deletes a group, must look at both.
    """
    prefix = group_of("")
    if not group.startswith(prefix):
        return []
    return [lease(group.removeprefix(prefix), task) for task in (*map(str, range(partitions)), MERGE)]
