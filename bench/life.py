"""The life of a request: what each part of the service holds in its hands, byte for byte, and whose time it takes.

    python -m bench.life             the share of each station, as a table
    python -m bench.life --write     the same, stored in docs/life: two recordings, the pages' parts, and the pictures
    python -m bench.life --pages     the parts of the pages and the pictures anew, from the recordings that are there

Two requests are recorded, `GET /boards/points/members/ann` and `POST /events/messages`, each twice:

- Its bytes. A tap is on each of the two unix sockets, between nginx and gunicorn and between the service and Redis.
  The configuration is that of production, with one worker, so that the request before this one has opened all
  connections, and with two hooks, which write down what the parser and what the server have made.
- Its times. The taps and the hooks are gone, and the client asks for a trace (`X-Wz-Trace: 1`). nginx tells whole
  milliseconds, and all of such a request may take less. So what lies between the client and the worker is measured at
  the client, whose clock is the worker's: it is one share on the way in and one on the way out, in which nginx is not
  told from the two sockets, nor, on the way out, from gunicorn's writing. What the tracer itself does is in the shares
  of those in which it does it. Other processes of the machine only make a request slower, so the quickest quarter
  counts: of it, the medians.

The token is signed with the key of the tests, and its signature is not stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from deploy import servers
from deploy.nginx import DEPLOY
from tests import stack

from . import life_page, life_picture
from .bulk import own_stdout
from .life_bytes import said, tapped
from .life_client import ASKS
from .life_stations import STATIONS, Recording, load, shares, steps, store
from .life_times import TRACES, WARM, traced


@contextmanager
def redis(folder: Path) -> Iterator[Path]:
    """Run Redis with the configuration of production, which writes to the disk before it answers."""
    path = folder / "redis.sock"
    command = [servers.redis_server(), DEPLOY / "redis.conf", "--unixsocket", path, "--dir", folder]
    with stack.process(command, ready=path.exists):
        yield path


def record(traces: int = TRACES, warm: int = WARM) -> dict[str, Recording]:
    """Return a recording of each of `ASKS`."""
    with TemporaryDirectory(prefix="life-") as name, ExitStack() as all_:
        folder = Path(name)
        store_ = all_.enter_context(redis(folder))
        with tapped(folder, store_) as place:
            bytes_ = {file: said(place, ask) for file, ask in ASKS.items()}
        times = traced(folder, store_, traces, warm)
    found = {}
    for file, its in times.items():
        its_steps = steps(its.traces)
        found[file] = Recording(
            by="python -m bench.life --write",
            versions=_versions(),
            traces=len(its.traces),
            untraced=round(its.untraced, 4),
            said=bytes_[file],
            shares=shares(its_steps),
            steps=its_steps,
        )
    return found


def _versions() -> dict[str, str]:
    store = servers.redis_server()
    return {
        "nginx": ".".join(map(str, servers.version(servers.nginx()))),
        "gunicorn": metadata.version("gunicorn"),
        "Werkzeug": metadata.version("werkzeug"),
        "Valkey" if "valkey" in store.name else "Redis": ".".join(map(str, servers.version(store))),
    }


@click.command()
@click.option("--write", is_flag=True, help="Store the recordings, and write pages and pictures.")
@click.option("--pages", is_flag=True, help="Write pages and pictures from the recordings that are stored.")
def main(write: bool, pages: bool) -> None:
    """Record one GET and one POST."""
    if pages:
        recordings = {file: load(file) for file in ASKS}
    else:
        with own_stdout():
            recordings = record()
    if write:
        for file, recording in recordings.items():
            store(file, recording)
    if write or pages:
        life_page.write(recordings)
        life_picture.write(recordings)
    for file, recording in recordings.items():
        click.echo(f"{ASKS[file].method} {ASKS[file].path}, {recording.traces} traces")
        for name, share in recording.shares.items():
            click.echo(f"  {STATIONS[name].heading:30}{share:7.1%}")


if __name__ == "__main__":
    main()
