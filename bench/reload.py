"""What clients notice of `wz reload`: requests that fail, and the slowest answer, without a reload and during one.

    python -m bench.reload             a table
    python -m bench.reload --json      the same as JSON
    python -m bench.reload --quick     fewer rounds

nginx, gunicorn with two processes and Redis run as in production. 100 GETs a second of a board's member are sent when
they are due, for as long as a reload takes, and then as long without one. The goals: no request fails, and no answer
takes more than 3 times as long as the slowest without a reload (the median of the rounds).
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sysconfig
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from .bulk import own_stdout
from .gunicorn import KINDS, URL, Server, get, headers, redis, serving, times
from .side_by_side import Goal, Row, report

WITHOUT, DURING = "without", "during a reload"
GOAL = 3.0


def reload(folder: Path, server: Server) -> list[float | BaseException]:
    """Return what `times` does while `wz reload` runs, and a second longer, in which the old workers end."""
    command = [str(Path(sysconfig.get_path("scripts")) / "wz"), "reload"]
    environ = {**os.environ, "WZ_SOCKET": str(folder / "gunicorn.sock")}
    found: list[float | BaseException] = []
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            found += ask(server)
    if process.returncode:
        raise SystemExit("the reload failed")
    return found + ask(server)


def ask(server: Server) -> list[float | BaseException]:
    """Send requests for a second."""
    return asyncio.run(times(server.nginx, get(URL), 1.0))


def without(server: Server, count: int) -> list[float | BaseException]:
    found: list[float | BaseException] = []
    while len(found) < count:
        found += ask(server)
    return found


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--json", "as_json", is_flag=True)
@click.option("--quick", is_flag=True, help="Fewer rounds.")
def main(as_json: bool, quick: bool) -> None:
    slowest: dict[str, list[float]] = {WITHOUT: [], DURING: []}
    failed: dict[str, list[BaseException]] = {WITHOUT: [], DURING: []}
    count = 0
    with ExitStack() as all_, own_stdout():
        folder = Path(all_.enter_context(TemporaryDirectory(prefix="bench-")))
        settings = all_.enter_context(redis(folder))
        server = all_.enter_context(serving(folder / "service", KINDS["epoll 2x16"], settings))
        server.client.put(URL, json={"score": 1}, headers=headers()).close()
        ask(server)
        for _ in range(2 if quick else 8):
            during = reload(folder / "service", server)
            count += len(during)
            for name, found in ((DURING, during), (WITHOUT, without(server, len(during)))):
                slowest[name].append(1000 * max(one for one in found if not isinstance(one, BaseException)))
                failed[name] += [one for one in found if isinstance(one, BaseException)]
    notes = [f"failed of {count} requests {name}: {len(found)} {found[:1] or ''}" for name, found in failed.items()]
    medians = {name: statistics.median(found) for name, found in slowest.items()}
    goals = [Goal(DURING, WITHOUT, GOAL)]
    report([Row("The slowest answer", medians, "ms", goals=goals)], [WITHOUT], notes, as_json=as_json)
    if failed[DURING]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
