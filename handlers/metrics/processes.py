"""The processes of gunicorn: their memory, processor time, files and threads, as Linux counts them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector


class Processes(Collector):
    """The master and its workers; they are looked for at each scrape, so none is missing or left over."""

    def collect(self) -> Iterable[Metric]:
        master = os.getppid()
        workers = Path(f"/proc/{master}/task/{master}/children")
        found = {master: "master"}
        with suppress(OSError):
            found |= dict.fromkeys(map(int, workers.read_text().split()), "worker")
        families: dict[str, Metric] = {}
        threads = GaugeMetricFamily("wz_process_threads", "Number of threads.", labels=["process", "pid"])
        for pid, name in found.items():
            labels = {"process": name, "pid": str(pid)}
            for metric in ProcessCollector("wz", partial(int, pid), registry=CollectorRegistry()).collect():
                family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    family.add_sample(sample.name, labels, sample.value)
            with suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text()
                threads.add_metric([name, str(pid)], int(re.findall(r"^Threads:\s+(\d+)", status, re.MULTILINE)[0]))
        return [*families.values(), threads]
