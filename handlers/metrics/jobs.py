"""Window jobs: how far each has come, what it has written, and what went wrong, as `wz job status` shows it."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from pipeline.store.clock import clock_ms
from pipeline.windows.jobs.progress import JobProgress
from pipeline.windows.jobs.registry import JobRegistry
from pipeline.windows.jobs.state import state_sizes
from pipeline.windows.jobs.states import State
from pipeline.windows.language.ticks import TICKS_PER_SECOND, from_unix_ms, parse
from pipeline.windows.operators.faults import KINDS


def job_metrics(registry: JobRegistry) -> Iterator[Metric]:
    """Read the status of every job, in a few round trips."""
    jobs = registry.all()
    found = registry.progress_of(jobs)
    now = from_unix_ms(clock_ms(registry.redis)) if found else 0
    yield from _progress(found, now)
    yield from _states(found, state_sizes(registry.redis, {name: job.tasks for name, job in jobs.items()}), now)
    yield from _results(found)
    yield from _deliveries(found)


def _progress(jobs: dict[str, JobProgress], now: int) -> Iterator[Metric]:
    state = GaugeMetricFamily("wz_job_state", "1 for the state that the job is in.", labels=["job_name", "state"])
    delay = GaugeMetricFamily(
        "wz_job_watermark_delay_seconds",
        "How long ago the time is up to which all rows are written. It also grows while no events come, in a job "
        "without a late tolerance.",
        labels=["job_name"],
    )
    lag = GaugeMetricFamily("wz_job_lag_events", "Events of its hubs that it has not done yet.", labels=["job_name"])
    waiting = GaugeMetricFamily(
        "wz_job_waiting_events", "Events that wait for the end of the window that ends next.", labels=["job_name"]
    )
    due = GaugeMetricFamily(
        "wz_job_rows_due_seconds",
        "In how many seconds that window's rows come at the latest, if a worker runs the job. Absent if only further "
        "events tell.",
        labels=["job_name"],
    )
    events = CounterMetricFamily("wz_job_events", "Events of its hubs up to where it has come.", labels=["job_name"])
    for name, (its_state, status, *_) in jobs.items():
        for one in State:
            state.add_metric([name, one.value], int(one is its_state))
        if status is None:
            continue
        if status.watermark is not None:
            delay.add_metric([name], (now - parse(status.watermark)) / TICKS_PER_SECOND)
        lag.add_metric([name], status.lag)
        window = status.waiting[0] if status.waiting else None
        waiting.add_metric([name], window.events if window else 0)
        if window and window.due is not None:
            due.add_metric([name], (parse(window.due) - now) / TICKS_PER_SECOND)
        events.add_metric([name], sum(number for task in status.tasks.values() for number in task.next.values()))
    yield from (state, delay, lag, waiting, due, events)


def _states(jobs: dict[str, JobProgress], sizes: dict[str, int], now: int) -> Iterator[Metric]:
    size = GaugeMetricFamily(
        "wz_job_state_bytes", "About how much of Redis's memory its saved state takes.", labels=["job_name"]
    )
    age = GaugeMetricFamily(
        "wz_job_checkpoint_age_seconds",
        "How long ago the oldest state was saved with which a task would begin after a crash; 0 if nothing was new "
        "since. It grows while no worker runs.",
        labels=["job_name"],
    )
    for name, (_, status, *_) in jobs.items():
        if status is None:
            continue
        size.add_metric([name], sizes[name])
        ages = [now - parse(task.saved) for task in status.tasks.values() if task.saved not in (None, task.reported)]
        age.add_metric([name], max(ages, default=0) / TICKS_PER_SECOND)
    yield from (size, age)


def _results(jobs: dict[str, JobProgress]) -> Iterator[Metric]:
    rows = CounterMetricFamily("wz_job_rows", "Rows written.", labels=["job_name", "output"])
    faults = CounterMetricFamily(
        "wz_job_faults",
        f"What went wrong with single events and rows: {', '.join(KINDS)}.",
        labels=["job_name", "kind"],
    )
    for name, (_, status, *_) in jobs.items():
        if status is None:
            continue
        for output, count in status.rows.items():
            rows.add_metric([name, output], count)
        for kind in sorted({*KINDS, *status.faults}):  # those that never were, too: a rate begins with the first
            faults.add_metric([name, kind], status.faults.get(kind, 0))
    yield from (rows, faults)


def _deliveries(jobs: dict[str, JobProgress]) -> Iterator[Metric]:
    labels = ["job_name", "output"]
    waiting = GaugeMetricFamily(
        "wz_job_delivery_waiting_rows", "Rows for an output outside Redis that wait for its receiver.", labels=labels
    )
    delivered = CounterMetricFamily("wz_job_delivered_rows", "Rows that the receiver has taken.", labels=labels)
    stopped = GaugeMetricFamily(
        "wz_job_delivery_stopped", "1 if the receiver has refused rows, so that none are sent.", labels=labels
    )
    for name, (_, _, deliveries, _) in jobs.items():
        for one in deliveries:
            waiting.add_metric([name, one.output], one.waiting)
            delivered.add_metric([name, one.output], one.delivered)
            stopped.add_metric([name, one.output], int(one.stopped))
    yield from (waiting, delivered, stopped)
