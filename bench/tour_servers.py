"""What steps 10 and 11 of the tour say that servers cost: docs/tour/servers.json.

    python -m bench.tour_servers            some minutes; then `python -m bench.figures` puts it into the pages

The measurements are those of bench/gunicorn.py, of fewer kinds of workers, and each is divided by what production has:
gunicorn with our worker, behind nginx. `direct` is the same gunicorn without nginx.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from . import figures
from .bulk import own_stdout
from .gunicorn import EPOLL, GTHREAD, RAW_URL, URL, Kind, Server, get, headers, redis, saturated, serving, slowest
from .load import measure
from .side_by_side import in_turn

FILE = Path(__file__).parents[1] / "docs" / "tour" / "servers.json"

OURS = "ours"
KINDS = {
    "sync": Kind(2, "sync"),
    "gthread": Kind(2, GTHREAD, 16),
    "gevent": Kind(2, "gevent"),
    OURS: Kind(2, EPOLL, 16),
}

NO_POLLS = ("sync", "gevent")

#: Clients beside which short requests are timed: that poll, and that load.
BESIDE = {"alone": (0, 0), "beside_polls": (8, 0), "beside_loads": (0, 2)}


def relative(found: dict[str, list[float]], to: str) -> dict[str, float]:
    """Return the medians of all rounds, divided by that of one contender."""
    medians = {name: statistics.median(rounds) for name, rounds in found.items()}
    return {name: round(median / medians[to], 3) for name, median in medians.items()}


def at_full_load(
    servers: dict[str, Server], request: Path, to: str, rounds: int, seconds: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Return requests a second, and processor time of one, of each server."""
    costs: dict[str, list[float]] = {name: [] for name in servers}
    turns = {name: partial(saturated, one, request, seconds, costs[name]) for name, one in servers.items()}
    for one in servers.values():
        measure(one.nginx, 0.3, request)
    rates = in_turn(turns, rounds)
    return relative(rates, to), relative(costs, to)


def of_workers(servers: dict[str, Server], request: Path, rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """Return for each kind of worker what it does, as a share of what ours does."""
    found: dict[str, dict[str, float]] = {name: {} for name in servers}
    rates, costs = at_full_load(servers, request, OURS, rounds, seconds)
    columns = {"rate": rates, "processor": costs}
    alone = 0.0
    for column, (polls, loads) in BESIDE.items():
        # Eight polls leave nobody else two processes of one thread each, and under gevent they do not end.
        turns: dict[str, Callable[[], float]] = {
            name: partial(slowest, server, seconds, polls, loads, [])
            for name, server in servers.items()
            if not (polls and name in NO_POLLS)
        }
        times = {name: statistics.median(rounds_) for name, rounds_ in in_turn(turns, rounds).items()}
        alone = alone or times[OURS]
        columns[column] = {name: round(time / alone, 1) for name, time in times.items()}
    for column, values in columns.items():
        for name, value in values.items():
            found[name][column] = value
    return found


def of_nginx(ours: Server, folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Return what is left of the requests a second, and what they cost, with nginx and without it."""
    found: dict[str, Any] = {}
    # The processes are the same, and nginx idles while nothing comes through it.
    ways = {"direct": Server(ours.nginx.with_name("gunicorn.sock"), ours.masters), "nginx": ours}
    for name, url in (("member", URL), ("raw", RAW_URL)):
        request = folder / f"request-{name}"
        request.write_bytes(get(url))
        rates, costs = at_full_load(ways, request, "direct", rounds, seconds)
        found[name] = {"rate": rates["nginx"], "processor": costs["nginx"]}
    return found


@click.command()
@click.option("--rounds", default=5)
@click.option("--seconds", default=1.0)
def main(rounds: int, seconds: float) -> None:
    """Measure, and write the file."""
    with ExitStack() as all_, own_stdout():
        folder = Path(all_.enter_context(TemporaryDirectory(prefix="bench-")))
        settings = all_.enter_context(redis(folder))
        servers = {name: all_.enter_context(serving(folder / name, kind, settings)) for name, kind in KINDS.items()}
        servers[OURS].client.put(URL, json={"score": 1}, headers=headers()).close()
        request = folder / "request"
        request.write_bytes(get(URL))
        workers = of_workers(servers, request, rounds, seconds)
        found = {"workers": workers, "nginx": of_nginx(servers[OURS], folder, rounds, seconds)}
    figures.write(FILE, found)


if __name__ == "__main__":
    main()
