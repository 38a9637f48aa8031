"""Real workers of a job on a real cluster, and the node that has the job's slot, are killed with SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as redis_py

from pipeline.boards import Boards
from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings
from pipeline.store import OUTAGES
from pipeline.store.client import cluster_client, redis_client
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.outputs import StreamOutput

from ... import cluster, stack
from ..support.running_jobs import write_job

QUERY = """
SELECT n, k INTO Rows FROM Input
SELECT k, COUNT(*) AS n INTO Sums FROM Input GROUP BY k, TumblingWindow(second, 1)
"""
TOML = """
snapshot = "1s"
[inputs.Input]
hub = "events"
[[boards]]
from = "Sums"
board = "counts"
member = "k"
score = "n"
mode = "add"
"""
EVENTS, KEYS, PARTITIONS = 2_000, 5, 4

AWAY: tuple[type[Exception], ...] = OUTAGES

#: Without replicas, a node that is killed keeps what it has written to its disk: all, with these.
DURABLE: dict[str, Any] = {"appendonly": "yes", "appendfsync": "always"}


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    (folder := tmp_path / "nodes").mkdir()
    with cluster.running(folder, **DURABLE) as urls:
        yield folder, urls


def send(hubs: Hubs) -> None:
    for first in range(0, EVENTS, 100):
        events = [Event(b'{"n": %d, "k": "k%d"}' % (n, n % KEYS), f"k{n % KEYS}") for n in range(first, first + 100)]
        hubs["events"].append(events, enqueued_ms=1_000_000_000_000 + 10 * first)
    for partition in range(PARTITIONS):  # which ends all windows
        hubs["events"].append([Event(b'{"n": -1, "k": "end"}')], partition=partition)


@contextmanager
def worker(environ: dict[str, str], log: Path, is_done: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    with stack.process([sys.executable, "-m", "wz", "worker"], is_done, environ, log=log) as child:
        yield child


def test_each_row_is_written_once(
    tmp_path: Path, redis: redis_py.Redis, server_settings: Settings, nodes: tuple[Path, tuple[str, ...]]
) -> None:
    folder, urls = nodes
    client: Any = cluster_client(urls, "test")
    hubs, boards = Hubs(client, {"events": PARTITIONS}), Boards(redis_client(server_settings))
    (tmp_path / "jobs").mkdir()
    write_job(tmp_path / "jobs" / "j", QUERY, TOML, "Rows,Sums")
    settings = stack.environ(server_settings)
    environ = {
        **settings,
        "WZ_HUBS_CLUSTER": ",".join(urls),
        "WZ_HUBS": f"events:{PARTITIONS}",
        "WZ_JOBS": str(tmp_path / "jobs"),
    }
    send(hubs)

    def written(output: str) -> list[dict[str, Any]]:
        """Return the rows, but for those of the last events."""
        rows = [msgspec.json.decode(entry.row) for entry in StreamOutput(client, output).read(limit=10 * EVENTS)]
        return [row for row in rows if row["k"] != "end"]

    def scores() -> dict[str, Decimal]:
        return {each.member: each.score for each in boards["counts"].members(0, 10).members if each.member != "end"}

    def has(rows: int) -> Callable[[], bool]:
        def has() -> bool:
            try:
                return int(client.xlen(keys.output("Rows"))) >= rows
            except AWAY:
                return False

        return has

    def is_done() -> bool:
        if not has(EVENTS + PARTITIONS)():
            return False
        return bool(EVENTS == sum(row["n"] for row in written("Sums")) == sum(scores().values()))

    for rows in (EVENTS // 100, EVENTS // 3):
        with worker(environ, tmp_path / f"{rows}.log", has(rows)) as child:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        for key in list(client.scan_iter("{job:j}:*lease*")):
            client.pexpire(key, 1)  # as time would
    with worker(environ, tmp_path / "last.log", has(EVENTS // 2)):
        node = client.get_node_from_key(keys.job("j"))
        os.kill(node.redis_connection.info("server")["process_id"], signal.SIGKILL)
        again = cluster.command(node.port, folder, DURABLE)
        with closing(redis_py.Redis(port=node.port)) as asked, stack.process(again, lambda: cluster._answers(asked)):
            stack.until(is_done)
            assert sorted(row["n"] for row in written("Rows")) == list(range(EVENTS))
            counted: Counter[str] = Counter()
            for row in written("Sums"):
                counted[row["k"]] += row["n"]
            assert counted == scores() == {f"k{k}": EVENTS // KEYS for k in range(KEYS)}
