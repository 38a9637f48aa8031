"""Long work that workers carry out: how many tasks there are, and for how long the oldest waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from pipeline.store.clock import clock_ms
from pipeline.work.tasks import Tasks, TaskState


def task_metrics(tasks: Tasks) -> Iterator[Metric]:
    """Read all tasks, in three round trips."""
    found = tasks.all()
    numbers = Counter(task.state for task in found)
    states = GaugeMetricFamily(
        "wz_tasks", "Tasks in each state; those that have ended are counted for some days.", labels=["state"]
    )
    for state in TaskState:
        states.add_metric([state.value], numbers[state])
    oldest = GaugeMetricFamily(
        "wz_tasks_oldest_waiting_seconds",
        "How long ago the task was asked for that has waited longest for a worker; 0 if none waits.",
    )
    waiting = [task.created for task in found if task.state is TaskState.WAITING]
    oldest.add_metric([], max(0, clock_ms(tasks.redis) - min(waiting)) / 1000 if waiting else 0)
    yield from (states, oldest)
