"""The last hour's counters of hubs and jobs, from which pages draw rates: a sample every ten seconds.

Redis keys: `keys.HUB_HISTORY` and `keys.JOB_HISTORY`, a list for each hub and job.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, cast

import msgspec

from ..hub.runtime import PartitionRuntime
from ..store import Redis
from ..windows.jobs.progress import JobProgress
from ..windows.jobs.record import JobRecord
from ..windows.jobs.reports import JobStatus, place_of
from .keys import HUB_HISTORY, JOB_HISTORY, PERIOD, SAMPLES

#: The most counters of one sample: those of more consumer groups or outputs are left out.
MAX_COUNTERS = 64

#: Milliseconds between two samples from which on one of them is missing.
_GAP_MS = PERIOD * 2500


class Sample(NamedTuple):
    """What was counted by a time of Redis's clock, in ms since the Unix epoch.

    Of a hub: `in` and `in_bytes`, the events ever taken and their bytes, and `out:GROUP`, the events that a consumer
    group is past. Of a job: `events`, those of its hubs up to where it has come, `rows:OUTPUT` and `faults:KIND`.
    """

    at_ms: int
    counters: dict[str, int]


_decoder = msgspec.msgpack.Decoder(tuple[int, dict[str, int]])


def hub_subject(name: str) -> str:
    """Return what `history` is asked for a hub's samples with."""
    return HUB_HISTORY.named(NAME=name)


def job_subject(name: str) -> str:
    """Return what `history` is asked for a job's samples with."""
    return JOB_HISTORY.named(NAME=name)


def history(redis: Redis, subject: str, last: int = SAMPLES) -> list[Sample]:
    """Return the `last` samples of a hub or a job, oldest first; none if no worker has taken any. One round trip."""
    return histories(redis, [subject], last)[0]


def histories(redis: Redis, subjects: Iterable[str], last: int = SAMPLES) -> list[list[Sample]]:
    """Return `history` of several subjects, in their order, in one round trip."""
    with redis.pipeline(transaction=False) as pipe:
        for subject in subjects:
            pipe.lrange(subject, -last, -1)
        found = cast("list[list[bytes]]", pipe.execute())
    return [[Sample(*_decoder.decode(packed)) for packed in one] for one in found]


def of_hub(
    hub: str, partitions: Sequence[PartitionRuntime], jobs: Iterable[tuple[JobRecord, JobProgress]]
) -> dict[str, int]:
    """Return a hub's counters: see `Sample`. `jobs` are all: they say how far they are before they save their state."""
    told: dict[str, Mapping[str, int]] = {}
    for record, progress in jobs:
        if progress.status is not None:
            its = {place: number for task in progress.status.tasks.values() for place, number in task.next.items()}
            told |= {group: its for name, group in record.groups if name == hub}
    counters = Counter({"in": 0, "in_bytes": 0})
    for one in partitions:
        counters["in"] += one.in_events
        counters["in_bytes"] += one.in_bytes
    for one in partitions:
        for group in one.groups:
            number = told.get(group.name, {}).get(place_of(hub, one.partition), one.next - group.lag)
            counters[f"out:{group.name}"] += number
    return dict(counters)


def of_job(status: JobStatus) -> dict[str, int]:
    """Return a job's counters: see `Sample`."""
    return {
        "events": sum(number for task in status.tasks.values() for number in task.next.values()),
        **{f"rows:{output}": count for output, count in status.rows.items()},
        **{f"faults:{kind}": count for kind, count in status.faults.items()},
    }


def keep(redis: Redis, samples: Mapping[str, Sample]) -> None:
    """Add a sample to the history of each of these subjects, in one round trip."""
    with redis.pipeline(transaction=False) as pipe:
        for subject, (at_ms, counters) in samples.items():
            kept = dict(list(counters.items())[:MAX_COUNTERS])
            pipe.rpush(subject, msgspec.msgpack.encode((at_ms, kept)))
            pipe.ltrim(subject, -SAMPLES, -1)
            pipe.expire(subject, PERIOD * SAMPLES)
        pipe.execute()


def spans(redis: Redis, subjects: Iterable[str], most: int) -> list[tuple[Sample, Sample] | None]:
    """Return the first and the last of the `most` newest samples of each subject, None for one without any.

    One round trip, and no sample in between is read.
    """
    with redis.pipeline(transaction=False) as pipe:
        for subject in subjects:
            pipe.lrange(subject, -most, -most)
            pipe.lrange(subject, 0, 0)
            pipe.lrange(subject, -1, -1)
        found = iter(cast("list[list[bytes]]", pipe.execute()))
    return [_span(first or oldest, newest) for first, oldest, newest in zip(found, found, found, strict=True)]


def _span(first: list[bytes], last: list[bytes]) -> tuple[Sample, Sample] | None:
    if not first or not last:
        return None
    return Sample(*_decoder.decode(first[0])), Sample(*_decoder.decode(last[0]))


def rates(samples: Sequence[Sample], counter: str) -> list[float | None]:
    """Return how much a counter rose a second between each two samples, one value less than there are samples.

    None where it can't be told: a sample is missing, the counter is not in it, or it went back, as that of a hub or job
    that was deleted and made again does.
    """
    return [_rate(before, after, counter) for before, after in pairwise(samples)]


def _rate(before: Sample, after: Sample, counter: str) -> float | None:
    began, ended = before.counters.get(counter), after.counters.get(counter)
    took = after.at_ms - before.at_ms
    if began is None or ended is None or ended < began or not 0 < took <= _GAP_MS:
        return None
    return (ended - began) * 1000 / took
