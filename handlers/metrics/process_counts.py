"""What the processes of gunicorn count: a file of prometheus_client for each process and kind of metric, in one folder.

    counter_4711.db  histogram_4711.db  gauge_max_4711.db    by process id
    counter_ended.db histogram_ended.db gauge_max_ended.db   of all processes that have ended, merged

Whoever reads reads all of them. A process that starts merges those of the ones that have ended, so there are never more
than a few, however many processes come and go.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

_ENDED = "ended"  # instead of a process id
_BLOCK = 1 << 16  # bytes: the sizes of files are multiples of it
_PER_VALUE = 64  # bytes at most, besides the key

Value = tuple[float, float]  # and the Unix time at which a gauge was set, otherwise 0


class AllCounts(Collector):
    """Reads the files of all processes at each scrape."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def collect(self) -> Iterable[Metric]:
        with _locked(self.folder, fcntl.LOCK_SH):  # else the files of an ended process may be counted twice, or not
            metrics: Iterable[Metric] = MultiProcessCollector(None, self.folder).collect()  # type: ignore[no-untyped-call]
        return metrics


def merge_ended(folder: Path) -> None:
    """Merge the files of processes that have ended.

    Counts are added up, gauges by their mode. Those of mode `all` stay, as each has a series of its own; those of live
    processes (`livesum` and so on) go, if the master could not see to that (`child_exit` in gunicorn.conf.py).
    """
    with _locked(folder, fcntl.LOCK_EX):
        files = defaultdict(list)
        for file in folder.glob("*.db"):
            kind, _, pid = file.stem.rpartition("_")
            if kind == "gauge_all" or _is_running(pid):
                continue
            if kind.startswith("gauge_live"):
                file.unlink(missing_ok=True)
            else:
                files[kind].append(file)
        for kind, ended in files.items():
            merged = folder / f"{kind}_{_ENDED}.db"
            if ended != [merged]:
                _merge(kind, ended, merged)


def reserve(file: Path, size: int) -> None:
    """Make a file of zeros, as prometheus_client begins with, that has its space. Raises `OSError` if there is none.

    prometheus_client's own files have holes. As they are mapped into memory, a process that writes into one while the
    disk is full, or the memory in which the files are, is killed by SIGBUS.
    """
    file.write_bytes(bytes(-(-max(size, 1) // _BLOCK) * _BLOCK))


def _merge(kind: str, files: list[Path], merged: Path) -> None:
    values: dict[str, Value] = {}
    for file in files:
        for key, value, time in _read(file):
            new = value, time
            values[key] = _both(kind, values[key], new) if key in values else new
    part = merged.with_suffix(".new")
    reserve(part, sum(len(key) + _PER_VALUE for key in values))
    written = MmapedDict(str(part))  # type: ignore[no-untyped-call]
    for key, (value, time) in values.items():
        written.write_value(key, value, time)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    part.replace(merged)
    for file in files:
        if file != merged:
            file.unlink()


def _read(file: Path) -> list[tuple[str, float, float]]:
    """Return keys, values and times; nothing if the process was killed while it made the file."""
    try:
        found = MmapedDict.read_all_values_from_file(file)  # type: ignore[no-untyped-call]
        return [(key, value, time) for key, value, time, _ in found]
    except struct.error:
        return []


def _both(kind: str, one: Value, other: Value) -> Value:
    match kind:
        case "gauge_min":
            return min(one, other)
        case "gauge_max":
            return max(one, other)
        case "gauge_mostrecent":
            return max(one, other, key=lambda value: value[1])
        case _:
            return one[0] + other[0], max(one[1], other[1])


def _is_running(pid: str) -> bool:
    if pid == _ENDED:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's: a process id that is used again
    return True


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, how)
        yield
