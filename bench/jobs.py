"""What a job costs through Redis: the query of the notes over a hub, beside an earlier revision of the product.

    python -m bench.jobs               60,000 events, 6,000 keys, 3 rounds; the table, with the goals and whether
                                       reached; some 3 minutes
    python -m bench.jobs --json        the same as JSON
    python -m bench.jobs --quick       5,000 events, 1 round
    python -m bench.jobs --against REV another revision

Both revisions read the same events, whose times are spread over four hours, so that windows end and rows are written to
a stream. One process runs all tasks of the job, and what is timed is its CPU time, from the first turn until there is
nothing left to do; Redis has its own. `one stage`: job.toml says that the events' partition key is the key of the
groups, so each of four partitions runs by itself. `merged`: it does not, and a fifth task merges. `one row an event`:
one stage, and each event is written to a second stream as well. All results have to be equal.
"""

from __future__ import annotations

import gc
import hashlib
import random
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, cast

import click
import msgspec
import redis

from .boards import own_server
from .revision import OURS, measure, tree
from .side_by_side import Goal, Row, report, take_turns

AGAINST = "33c225e"
PARTITIONS = 4

QUERY = """
WITH ContextReward AS (
    SELECT eventid, TopOne() OVER (ORDER BY t ASC) CR, MAX(reward) AS reward
    FROM Input TIMESTAMP BY DATEADD(millisecond, t, '1970-01-01T00:00:00Z')
    GROUP BY eventid, HoppingWindow(Duration(hour, 2), Hop(hour, 1))
)
SELECT eventid, CR.actionname AS actionname, CR.age AS age, CR.gender AS gender, CR.weight AS weight, reward
INTO OutputWindow FROM ContextReward
"""
COPY = "SELECT * INTO Output FROM Input"
TOML = """
[time]
late_arrival = -1
out_of_order = "60s"
[inputs.Input]
hub = "events"
{keyed}
[outputs.OutputWindow]
type = "stream"
"""
COPY_TOML = '[outputs.Output]\ntype = "stream"\n'
KEYED = 'partition_key = "eventid"'

#: For each layout: the query, and job.toml.
LAYOUTS = {
    "one stage": (QUERY, TOML.format(keyed=KEYED)),
    "merged": (QUERY, TOML.format(keyed="")),
    "one row an event": (QUERY + COPY, TOML.format(keyed=KEYED) + COPY_TOML),
}
GOALS = {"one stage": 1.5, "merged": 1.35}


def run_one(socket: str, layout: str, count: int, keys: int) -> tuple[float, float, int, str]:
    """Return the CPU time of this process, that of Redis, the number of windows' rows, and their digest.

    It runs in a tree of any revision, so what it needs of the product is imported here.
    """
    from pipeline.hub.event import Event
    from pipeline.hub.namespace import Hubs
    from pipeline.windows.jobs.definition import read_definition
    from pipeline.windows.jobs.job import Job

    client = redis.Redis(unix_socket_path=socket)
    client.flushall()
    hubs = Hubs(client, {"events": PARTITIONS})
    rnd = random.Random(count)
    events = []
    for number in range(count):
        key = f"event-{rnd.randrange(keys)}"
        record: dict[str, Any] = {"eventid": key, "t": 1_714_557_600_000 + number * 4 * 3_600_000 // count}
        if rnd.random() < 0.5:
            record |= {"actionname": f"offer_{rnd.randrange(20)}", "age": rnd.randrange(18, 90)}
            record |= {"gender": "F", "weight": 62.5}
        else:
            record["reward"] = rnd.random()
        events.append(Event(msgspec.json.encode(record), key))
    for first in range(0, count, 1_000):
        hubs["events"].append(events[first : first + 1_000])
    del events
    with tempfile.TemporaryDirectory() as folder:
        query, toml = LAYOUTS[layout]
        Path(folder, "query.asaql").write_text(query)
        Path(folder, "job.toml").write_text(toml)
        job = Job.of("bench", read_definition(Path(folder)), client, hubs, beat=0.0)
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)  # as a worker does
    server, ours = cpu(client), time.process_time()
    idle = 0
    while idle < 3:
        idle = 0 if job.step() else idle + 1
    ours = time.process_time() - ours
    server = cpu(client) - server
    job.stop()
    rows = sorted(fields[b"e"] + fields[b"r"] for _, fields in cast("Any", client.xrange("output:OutputWindow")))
    return ours, server, len(rows), hashlib.sha256(b"\n".join(rows)).hexdigest()


def cpu(client: redis.Redis) -> float:
    used = cast("dict[str, float]", client.info("cpu"))
    return used["used_cpu_user"] + used["used_cpu_sys"]


def compare(socket: str, layout: str, trees: dict[str, Path], count: int, keys: int, rounds: int) -> list[Row]:
    """One layout, in each tree."""
    seen: set[tuple[int, str]] = set()
    of_redis: dict[str, float] = {}

    def contender(name: str) -> float:
        ours, server, rows, digest = measure(trees[name], "bench.jobs:run_one", socket, layout, count, keys)
        seen.add((rows, digest))
        if len(seen) > 1 or not rows:
            raise SystemExit(f"{layout}: the results differ, or there are none: {seen}")
        of_redis[name] = server / count * 1e6
        return count / float(ours)

    medians = take_turns({name: partial(contender, name) for name in trees}, rounds)
    ((results, _),) = seen
    title = f"{layout}: {count:,} events of {keys:,} keys, {results:,} rows of windows"
    rate = Row(f"{title}; events a second of CPU time", medians, "events/s", higher_is_better=True)
    if layout in GOALS and count >= 60_000:
        today, before = trees
        rate.goals.append(Goal(today, before, GOALS[layout]))
    return [rate, Row(f"{layout}: CPU time of Redis for an event, in the last round", of_redis)]


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help="Few events, and one round.")
@click.option("--against", default=AGAINST, show_default=True, help="The revision that is compared.")
def main(as_json: bool, quick: bool, against: str) -> None:
    count, keys, rounds = (5_000, 500, 1) if quick else (60_000, 6_000, 3)
    rows: list[Row] = []
    with tree(against) as earlier, own_server() as client:
        socket = str(client.connection_pool.connection_kwargs["path"])
        trees = {"wz": OURS, against: earlier}
        for layout in LAYOUTS:
            rows += compare(socket, layout, trees, count, keys, rounds)
    report(rows, [against], ["CPU time of one process"], as_json=as_json)


if __name__ == "__main__":
    main()
