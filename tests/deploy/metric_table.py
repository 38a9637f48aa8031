"""Every metric of the service, as it exposes them when each has something to say; and the table of docs/metrics.md.

The table is printed by python -m tests.deploy.metric_table.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from deploy import servers
from pipeline.settings import Settings
from pipeline.store.client import redis_client
from wz.testing import Client

from .. import stack
from ..upstream import Answer, ScriptedUpstream, scripted_upstream

JOB = {
    "query": "SELECT * INTO Rows FROM Input",
    "inputs": {"Input": {"hub": "events"}},
    "outputs": {"Rows": {"type": "hub", "hub": "rows"}},
}

#: One whose window is open for as long as anybody looks.
WINDOWS = {
    "query": "SELECT COUNT(*) AS n INTO Counted FROM Input GROUP BY TumblingWindow(day, 1)",
    "inputs": {"Input": {"hub": "events"}},
    "outputs": {"Counted": {"type": "stream"}},
}

#: What is counted last of all.
LAST = {"wz_job_delivered_rows_total", "wz_dead_letters"}

HEAD = "| Metric | Type | Labels | What it says |\n|---|---|---|---|\n"


@dataclass(frozen=True)
class Described:
    """A metric as a scrape describes it; `labels` without those of a histogram's samples."""

    name: str
    type: str
    labels: tuple[str, ...]
    about: str


def described(text: str) -> dict[str, Described]:
    """Return the metrics of a scrape that have samples, by the names of these."""
    found = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.keys() - {"le"}))
            found[sample.name] = Described(name, family.type, labels, family.documentation)
    return found


def table(text: str) -> str:
    rows = sorted(set(described(text).values()), key=lambda one: one.name)
    return HEAD + "".join(
        f"| `{one.name}` | {one.type} | {', '.join(f'`{label}`' for label in one.labels)} | {one.about} |\n"
        for one in rows
    )


@cache
def scraped() -> str:
    """Run the service with all its processes until each metric has a sample; return what /metrics then says."""
    with tempfile.TemporaryDirectory() as folder, furnished(Path(folder)) as client:
        text = ""

        def is_complete() -> bool:
            nonlocal text
            text = client.get("/metrics", headers={"Authorization": stack.token("metrics")}).text
            families = list(text_string_to_metric_families(text))
            begun = {sample.name for family in families for sample in family.samples if sample.value}
            return all(family.samples for family in families) and begun >= LAST

        stack.until(is_complete)
        return text


@contextmanager
def furnished(folder: Path) -> Iterator[Client]:
    """Run the service, a worker, and an upstream that refuses an event; with a job, a full hub, and a bulk change."""
    socket = folder / "redis.sock"
    redis = [servers.redis_server(), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
    with ExitStack() as running:
        upstream: ScriptedUpstream = running.enter_context(scripted_upstream())
        upstream.answer = lambda received: Answer(400)
        settings = Settings(
            environment="test",
            redis_url=f"unix://{socket}",
            connection_string=stack.ROOT,
            hosts=frozenset({stack.HOST}),
            hubs={"events": 1, "rows": 1},
        )
        running.enter_context(stack.process(redis, ready=socket.exists, log=folder / "redis.log"))
        gunicorn = running.enter_context(stack.gunicorn(folder, settings))
        client = Client(gunicorn)
        furnish(client, settings)
        env = {**stack.environ(settings), "WZ_UPSTREAM": str(upstream.target)}
        worker = [sys.executable, "-m", "wz", "worker"]
        running.enter_context(stack.process(worker, lambda: True, env, stack.REPOSITORY, log=folder / "worker.log"))
        yield client


def furnish(client: Client, settings: Settings) -> None:
    headers = {"Authorization": stack.token()}
    redis = redis_client(settings)
    redis.hset("hubs", "small", b'{"partitions":1,"retention_bytes":1048576}')
    redis.sadd("{hub:small:0}:attached", "$relay")
    for status in (201, 503):
        assert client.post("/small/messages", data=b"x" * 1024 * 1024, headers=headers).status_code == status
    for name, job in {"copies": JOB, "counted": WINDOWS}.items():
        assert client.put(f"/jobs/{name}", json=job, headers=headers).status_code == 201
    assert client.post("/events/messages", data=b'{"a":1}', headers=headers).status_code == 201
    for _ in range(2):
        keyed = client.post("/rows/messages", data=b"again", headers=headers | {"Idempotency-Key": "k"})
        assert keyed.status_code == 201
    records = '{"member":"m","score":1}\n{"member":"m","score":"none"}\n'
    bulk = client.post("/boards/b/members", data=records, content_type="application/x-ndjson", headers=headers)
    assert bulk.status_code == 200, bulk.text


if __name__ == "__main__":
    print(table(scraped()))
