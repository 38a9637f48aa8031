"""A million members of a board in one request, through nginx, gunicorn and Redis as production runs them.

    python -m bench.bulk            a million records: members a second, the goal, and what each step costs
    python -m bench.bulk --json     the same as JSON
    python -m bench.bulk --quick    50,000 records

Everything is started here, with the files in deploy/: Redis keeps an append-only file, and syncs it before it answers.
The scores are set in an empty board, then those of as many other members, then the first get new ones. For comparison,
redis-py sends the same scores to the same Redis by plain ZADD, as a pipeline of 1,000 commands at a time. Each answer
is read to its end, its summary is compared, and the board's sum with that of the records.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from decimal import Decimal
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import click
import msgspec
import redis

from deploy import servers
from deploy.up import DEPLOY
from handlers.boards.bulk import BulkSummary, MemberScore, result_lines
from pipeline.boards import Boards, BulkChange, Outcome
from pipeline.boards.scores import from_units
from pipeline.settings import Settings
from pipeline.store.client import redis_client
from tests import stack
from wz import Request
from wz.live_server import LiveServer
from wz.records import ARRAY, LINES, records

from .side_by_side import Goal, Row, report

GOAL = 40_000.0
PIPELINE = 1_000
READ = 1 << 20


class Records:
    """Members `first` and on, each with a random score, as a file of each form."""

    def __init__(self, folder: Path, first: int, size: int, seed: int) -> None:
        rnd = random.Random(seed)
        self.units = {f"member:{n}": rnd.randrange(10**9) for n in range(first, first + size)}
        self.files = {LINES[0]: folder / f"{seed}.ndjson", ARRAY: folder / f"{seed}.json"}
        documents = [f'{{"member":"{member}","score":{from_units(score)}}}' for member, score in self.units.items()]
        self.files[LINES[0]].write_text("".join(f"{document}\n" for document in documents))
        self.files[ARRAY].write_text(f"[{','.join(documents)}]")

    @property
    def size(self) -> int:
        return len(self.units)


def post(server: LiveServer, board: str, given: Records, media_type: str, before: Records | None = None) -> float:
    """Send all records and read all results. Returns members a second.

    Stops the bench if a result is missing, or if the board's sum is not that of these records and those `before`.
    """
    path = given.files[media_type]
    headers = {"Authorization": stack.token(), "Content-Type": media_type, "Content-Length": str(path.stat().st_size)}
    connection = server.connect()
    with path.open("rb") as body:
        start = time.perf_counter()
        connection.request("POST", f"/boards/{board}/members", body, headers)
        count, summary = results(connection.getresponse())
        seconds = time.perf_counter() - start
    connection.request("GET", f"/boards/{board}", headers={"Authorization": stack.token()})
    total = json.load(connection.getresponse(), parse_float=Decimal)["sum"]
    connection.close()
    if (count, summary.changed, summary.complete) != (given.size, given.size, True):
        raise SystemExit(f"{count} results, and {summary}")
    if total != from_units(sum([*given.units.values(), *(before.units.values() if before else ())])):
        raise SystemExit(f"the sum is {total}")
    return given.size / seconds


def results(response: http.client.HTTPResponse) -> tuple[int, BulkSummary]:
    """Read the answer, and return the number of results before the summary."""
    if response.status != 200:
        raise SystemExit(f"the service answered {response.status}: {response.read()!r}")
    count, end = -1, b""
    while part := response.read(READ):
        count += part.count(b"\n")
        end = (end + part)[-1000:]
    return count, msgspec.json.decode(end.splitlines()[-1], type=BulkSummary)


def zadd(client: redis.Redis, key: str, given: Records) -> float:
    start = time.perf_counter()
    scores = iter(given.units.items())
    while batch := list(islice(scores, PIPELINE)):
        with client.pipeline(transaction=False) as pipe:
            for member, score in batch:
                pipe.zadd(key, {member: score})
            pipe.execute()
    return given.size / (time.perf_counter() - start)


def bulk(client: redis.Redis, server: LiveServer, folder: Path, size: int) -> list[Row]:
    first, others, again = (Records(folder, start, size, seed) for seed, start in enumerate((0, size, 0)))
    rates = {
        "into an empty board": {
            "NDJSON": post(server, "lines", first, LINES[0]),
            "JSON array": post(server, "array", first, ARRAY),
            "ZADD": zadd(client, "bare", first),
        },
        "into a board that has as many": {
            "NDJSON": post(server, "lines", others, LINES[0], before=first),
            "ZADD": zadd(client, "bare", others),
        },
        "new scores for half of a board": {
            "NDJSON": post(server, "lines", again, LINES[0], before=others),
            "ZADD": zadd(client, "bare", again),
        },
    }
    return [
        Row(
            f"{size:,} members, {title}",
            row | {"the goal": GOAL},
            "members/s",
            higher_is_better=True,
            goals=[Goal("NDJSON", "the goal", 1)],
        )
        for title, row in rates.items()
    ]


def steps(client: redis.Redis, given: Records) -> Row:
    """What one member costs in each step, in this process: processor time, and for Redis its own figure."""
    board = Boards(client)["steps"]
    client.config_resetstat()
    read = _costs(given, lambda: list(read_records(given.files[LINES[0]].open("rb"))))
    read_array = _costs(given, lambda: list(read_records(given.files[ARRAY].open("rb"), ARRAY)))
    changes = [BulkChange(member, score=from_units(score)) for member, score in given.units.items()]
    outcomes: list[Outcome] = []
    applied = _costs(given, lambda: outcomes.extend(board.apply(changes)))
    encoder = msgspec.json.Encoder(decimal_format="number")
    encoded = _costs(given, lambda: sum(map(len, result_lines(outcomes, BulkSummary(), encoder))))
    stats: Any = client.info("commandstats")
    scripts = sum(stats.get(f"cmdstat_{name}", {"usec": 0})["usec"] for name in ("eval", "evalsha"))
    medians = {
        "a line to a record": read,
        "an element to a record": read_array,
        "Board.apply, in Python": applied,
        "Board.apply, in Redis": scripts / given.size,
        "an outcome to a line": encoded,
    }
    return Row("A member, step by step", medians)


def read_records(file: IO[bytes], media_type: str = LINES[0]) -> Iterator[Any]:
    length = str(file.seek(0, io.SEEK_END))
    file.seek(0)
    environ: Any = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": media_type, "CONTENT_LENGTH": length, "wsgi.input": file}
    with file:
        yield from records(Request(environ), MemberScore)


def _costs(given: Records, work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) / given.size * 1e6


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help="50,000 records.")
def main(as_json: bool, quick: bool) -> None:
    size = 50_000 if quick else 1_000_000
    with ExitStack() as running:
        running.enter_context(own_stdout())
        folder = Path(running.enter_context(TemporaryDirectory(prefix="bench-")))
        socket = folder / "redis.sock"
        command = [servers.redis_server(), DEPLOY / "redis.conf", "--unixsocket", socket, "--dir", folder]
        running.enter_context(stack.process(command, ready=socket.exists))
        settings = Settings(environment="test", redis_url=f"unix://{socket}", connection_string=stack.ROOT)
        running.enter_context(stack.gunicorn(folder, settings))
        server = running.enter_context(stack.nginx(folder))
        client = redis_client(settings)
        info: Any = client.info("server")
        version = info.get("valkey_version") or info["redis_version"]
        rows = [*bulk(client, server, folder, size), steps(client, Records(folder, 0, size // 10, 3))]
        notes = [f"server: {info.get('server_name', 'redis')} {version}, appendonly yes, appendfsync always"]
        report(rows, ["ZADD"], notes, as_json=as_json)


@contextmanager
def own_stdout() -> Iterator[None]:
    """Keep stdout for this process: the programs that it starts would write their logs there."""
    with os.fdopen(os.dup(1), "w") as stdout, open(os.devnull, "w") as nowhere, redirect_stdout(stdout):
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            stdout.flush()
            os.dup2(stdout.fileno(), 1)


if __name__ == "__main__":
    main()
