"""What the worker counts for the console, and the rates that follow from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis as redis_py

from pipeline.console.history import MAX_COUNTERS, Sample, histories, history, hub_subject, job_subject, keep, rates
from pipeline.console.history_task import History
from pipeline.console.keys import HISTORY_LEASE, PERIOD, SAMPLES
from pipeline.hub import Event
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.event import OVERHEAD
from pipeline.hub.namespace import Hubs
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.registry import JobRegistry
from tests.windows.support.running_jobs import run


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"events": 2, "idle": 1})


@pytest.fixture
def registry(redis: redis_py.Redis, hubs: Hubs) -> JobRegistry:
    return JobRegistry(redis, hubs)


@pytest.fixture
def task(registry: JobRegistry) -> Iterator[History]:
    task = History(registry.hubs, registry)
    yield task
    task.stop()


def samples(*values: int | None, at: int = 0) -> list[Sample]:
    """Return samples of the counter `in`, ten seconds apart; in those for None it is not counted."""
    every = PERIOD * 1000
    return [Sample(at + every * n, {} if value is None else {"in": value}) for n, value in enumerate(values)]


def test_a_hub_s_events_and_what_its_groups_are_past(redis: redis_py.Redis, hubs: Hubs, task: History) -> None:
    hub = hubs["events"]
    hub.append([Event(b"abc"), Event(b"de")], partition=1)
    ConsumerGroup(hub, "audit").store(1, hub.read(1)[0].offset)

    task.step()

    (sample,) = history(redis, hub_subject("events"))
    assert sample.counters == {"in": 2, "in_bytes": 5 + 2 * OVERHEAD, "out:audit": 1}
    assert 0 <= hub.clock_ms() - sample.at_ms < 300_000
    assert history(redis, hub_subject("idle"))[0].counters == {"in": 0, "in_bytes": 0}


def test_a_job_s_events_rows_and_faults(redis: redis_py.Redis, hubs: Hubs, registry: JobRegistry) -> None:
    document = {"inputs": {"Input": {"hub": "events"}}, "outputs": {"Out": {"type": "stream"}}}
    made = Definition("SELECT n INTO Out FROM Input", document)
    registry.put("j", made)
    task = History(hubs, registry)
    assert job_subject("j") not in task.samples()  # it has never run

    hubs["events"].append([Event(b'{"n": 1}'), Event(b"no JSON")], partition=0)
    job = Job.of("j", made, redis, hubs, beat=0.0)
    run(job)
    job.share.stop()

    assert task.samples()[hub_subject("events")].counters["out:job:j"] == 2  # though its state was not saved since
    assert task.samples()[job_subject("j")].counters == {"events": 2, "rows:Out": 1, "faults:input_errors": 1}


def test_one_worker_at_a_time_takes_samples(redis: redis_py.Redis, registry: JobRegistry, task: History) -> None:
    task.step()
    other = History(registry.hubs, registry)
    other.step()
    assert len(history(redis, hub_subject("events"))) == 1
    assert 0 < redis.pttl(HISTORY_LEASE.pattern) <= 25_000

    task.stop()
    later = History(registry.hubs, registry)  # `other` looks again in two seconds
    later.step()
    later.stop()

    assert len(history(redis, hub_subject("events"))) == 2


def test_a_sample_is_taken_every_ten_seconds_only(redis: redis_py.Redis, task: History) -> None:
    assert [task.step(), task.step()] == [0, 0]

    assert len(history(redis, hub_subject("events"))) == 1


def test_an_hour_is_kept_and_goes_by_itself(redis: redis_py.Redis) -> None:
    subject = hub_subject("events")
    for sample in samples(*range(SAMPLES + 5)):
        keep(redis, {subject: sample})

    assert [sample.counters["in"] for sample in history(redis, subject)] == list(range(5, SAMPLES + 5))
    assert [sample.counters["in"] for sample in history(redis, subject, last=2)] == [SAMPLES + 3, SAMPLES + 4]
    assert 3_500 < redis.ttl(subject) <= 3_600


def test_a_sample_has_a_bounded_number_of_counters(redis: redis_py.Redis) -> None:
    keep(redis, {hub_subject("events"): Sample(1, {f"out:group-{n}": n for n in range(1_000)})})

    assert len(history(redis, hub_subject("events"))[0].counters) == MAX_COUNTERS


def test_several_histories_come_in_the_order_asked_for(redis: redis_py.Redis) -> None:
    keep(redis, {hub_subject("b"): Sample(2, {}), job_subject("b"): Sample(1, {})})

    assert histories(redis, [job_subject("b"), hub_subject("none"), hub_subject("b")]) == [
        [Sample(1, {})],
        [],
        [Sample(2, {})],
    ]


def test_rates_are_per_second() -> None:
    assert rates(samples(0, 50, 50, 75), "in") == [5.0, 0.0, 2.5]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(samples(), [], id="nothing"),
        pytest.param(samples(3), [], id="one sample"),
        pytest.param(samples(9, 3, 13), [None, 1.0], id="made again"),
        pytest.param(samples(None, 3, None), [None, None], id="not counted"),
        pytest.param([*samples(1, 2), *samples(12, 22, at=60_000)], [0.1, None, 1.0], id="no worker for a while"),
        pytest.param([*samples(1), *samples(2)], [None], id="no time between"),
    ],
)
def test_no_rate_is_told_where_none_is_known(found: list[Sample], expected: list[float | None]) -> None:
    assert rates(found, "in") == expected
