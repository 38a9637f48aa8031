"""Renames the keys of jobs that versions before hash tags have made: `job:NAME:x` became `{job:NAME}:x`.

Otherwise a job would begin as if it had never run, and write its rows again.
"""

from __future__ import annotations

from ...store import RedisCluster
from . import keys
from .registry import JobRegistry


def rename_keys(registry: JobRegistry) -> None:
    """Give the keys of all jobs the names of today, before a worker runs any; then the jobs begin anew once.

    A worker of an older version that still runs a job finds that another has begun it, and rests. Two processes may do
    this at once. Costs a round trip for each job.
    """
    client = registry.redis
    if isinstance(client, RedisCluster):  # of which those versions knew nothing
        return
    for name, job in registry.all().items():
        new = [key for key in keys.of_job(name, job.tasks, job.outboxes) if key != keys.job(name)]
        old = {key: key.replace("{", "", 1).replace("}", "", 1) for key in new}
        with client.pipeline(transaction=False) as pipe:
            for key in new:
                pipe.exists(old[key])
            found = [key for key, is_there in zip(new, pipe.execute(), strict=True) if is_there]
        if not found:
            continue
        with client.pipeline() as pipe:
            for key in found:
                pipe.renamenx(old[key], key)
                pipe.unlink(old[key])
            pipe.hset(keys.job(name), "version", "")
            pipe.execute(raise_on_error=False)  # another process may have renamed some
