"""Hubs: what their partitions hold, and how far their readers and relays have come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from pipeline.hub.namespace import Hubs
from pipeline.hub.relay import GROUP
from pipeline.hub.relay_status import PartitionStatus, statuses


def hub_metrics(hubs: Hubs) -> list[Metric]:
    """Read the status of every partition of every hub, as `wz hub status` does: two round trips for all hubs."""
    its = dict(hubs.items())
    found = dict(zip(its, statuses(list(its.values())), strict=True))
    return [*_of_partitions(found), *_of_groups(found), _workers(found)]


def _of_partitions(hubs: dict[str, list[PartitionStatus]]) -> Iterator[Metric]:
    counters = {
        "wz_hub_events": ("Events taken.", lambda one: one.log.in_events),
        "wz_hub_bytes": ("Bytes of the events taken, with their keys and properties.", lambda one: one.log.in_bytes),
        "wz_relay_events": ("Events that the upstream hub took.", lambda one: one.relay.events),
        "wz_relay_bytes": (
            "Bytes of the bodies of the events that the upstream hub took.",
            lambda one: one.relay.bytes,
        ),
        "wz_relay_requests": ("Requests that the upstream hub took.", lambda one: one.relay.requests),
        "wz_relay_retries": ("Requests that failed and are sent again.", lambda one: one.relay.retries),
        "wz_relay_refused": (
            "Events that the upstream hub will never take, and that are kept as dead letters.",
            lambda one: one.relay.refused,
        ),
        "wz_relay_dropped": (
            "Events that the upstream hub refused and that are not kept.",
            lambda one: one.relay.dropped,
        ),
    }
    gauges = {
        "wz_hub_kept_events": ("Events in the log.", lambda one: one.log.events),
        "wz_hub_kept_bytes": ("Bytes of the events in the log, as they count for its size.", lambda one: one.log.bytes),
        "wz_relay_waiting": ("1 while the relay waits to try again.", lambda one: int(one.relay.error is not None)),
        "wz_dead_letters": ("Dead letters that are there.", lambda one: one.relay.deadletters),
        "wz_dead_letters_full": (
            "1 while the relay waits since there are WZ_MAX_DEAD_LETTERS.",
            lambda one: int(one.relay.is_full),
        ),
    }
    families: list[tuple[Any, dict[str, tuple[str, Callable[[PartitionStatus], int]]]]]
    families = [(CounterMetricFamily, counters), (GaugeMetricFamily, gauges)]
    for family, table in families:
        for name, (text, value) in table.items():
            metric = family(name, text, labels=["hub", "partition"])
            for hub, partitions in hubs.items():
                for one in partitions:
                    metric.add_metric([hub, str(one.log.partition)], value(one))
            yield metric


def _of_groups(hubs: dict[str, list[PartitionStatus]]) -> list[Metric]:
    labels = ["hub", "partition", "group"]
    lag = GaugeMetricFamily(
        "wz_group_lag_events", f"Stored events that a group has not processed; {GROUP} is the relay.", labels=labels
    )
    oldest = GaugeMetricFamily(
        "wz_group_oldest_seconds",
        "How long the first event that a group has not processed has waited; 0 if there is none.",
        labels=labels,
    )
    for hub, partitions in hubs.items():
        for one in partitions:
            for group in one.log.groups:
                values = [hub, str(one.log.partition), group.name]
                lag.add_metric(values, group.lag)
                oldest.add_metric(values, (group.oldest_ms or 0) / 1000)
    return [lag, oldest]


def _workers(hubs: dict[str, list[PartitionStatus]]) -> Metric:
    workers = GaugeMetricFamily("wz_relay_workers", "Workers that relay a partition of the hub.", labels=["hub"])
    for hub, partitions in hubs.items():
        workers.add_metric([hub], len({one.relay.worker for one in partitions if one.relay.worker}))
    return workers
