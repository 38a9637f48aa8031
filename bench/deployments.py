"""The deployments that bench.service compares: nginx, gunicorn with two processes, and the app behind them.

`OURS` is deploy/'s, `SAME` Flask in the same, and `USUAL` Flask as most people deploy it: gthread with four threads,
nginx by TCP with a configuration of its defaults, and redis-py without hiredis. All use one Redis, by its unix socket.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy import servers
from deploy.nginx import render_nginx
from deploy.up import DEPLOY
from tests import stack
from wz.live_server import LiveServer
from wz.testing import Client

from . import counted

HERE = Path(__file__).parent
PROCESSES = "2"
USUAL_FLAGS = ["--worker-class", "gthread", "--threads", "4", "--http-parser", "python", "--no-control-socket"]
OURS, SAME, USUAL = "wz", "Flask, deployed like wz", "Flask, deployed as usual"


@dataclass(frozen=True)
class Deployment:
    """`address` is nginx's, as HOST:PORT; `folder` has what bench/counted.py counts."""

    address: str
    server: LiveServer
    folder: Path
    nginx: int
    gunicorn: int

    def used(self) -> tuple[float, float]:
        """Return the seconds of processor time that nginx and gunicorn have used so far."""
        return seconds(*children(self.nginx)), seconds(*children(self.gunicorn))

    def counts(self) -> list[int]:
        return counted.counts(self.folder)


@contextmanager
def deployment(name: str, folder: Path, environ: Mapping[str, str]) -> Iterator[Deployment]:
    """Run it in a folder, which must not exist."""
    counts = folder / "counts"
    counts.mkdir(parents=True)
    address, app_address = (f"127.0.0.1:{stack.free_port()}" for _ in range(2))
    conf = render_nginx(folder, address)
    more: list[str] = []
    if name == OURS:
        app, flags = "handlers.wsgi:app", ["--config", DEPLOY / "gunicorn.conf.py"]
    elif name == SAME:
        app, flags = "bench.service_peer:app()", ["--config", HERE / "peer.conf.py"]
    else:
        app, flags = "bench.service_peer:app(hiredis=False)", [*USUAL_FLAGS, "--bind", app_address]
        conf = (HERE / "usual.nginx.conf").read_text().replace("127.0.0.1:8000", app_address)
        conf = conf.replace("/run/wz/", f"{folder}/").replace("listen 8080;", f"listen {address};")
        more = ["-g", "user root;"] if os.geteuid() == 0 else []  # "nobody" could not write into the folder
    (folder / "nginx.conf").write_text(conf)
    env = dict(environ) | {"WEB_CONCURRENCY": PROCESSES, "WZ_SOCKET": str(folder / "gunicorn.sock")}
    env |= {"BENCH_COUNTS": str(counts), "BENCH_APP": app}
    gunicorn = [sys.executable, "-m", "gunicorn", "--log-level", "warning", *flags, "bench.counted:app()"]
    nginx = [servers.nginx(), "-e", folder / "error.log", "-c", folder / "nginx.conf", *more]
    server = LiveServer(f"http://{address}", stack.PATIENCE)

    def is_loaded() -> bool:
        return len(list(counts.iterdir())) >= int(PROCESSES)  # each worker, when it has the app, makes a file

    def is_ready() -> bool:
        try:
            return Client(server).get("/").status_code < 500
        except OSError:
            return False

    with (
        stack.process(gunicorn, ready=is_loaded, env=env) as master,
        stack.process(nginx, ready=is_ready) as edge,
    ):
        yield Deployment(address, server, counts, edge.pid, master.pid)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def seconds(*pids: int) -> float:
    """Return the processor time that these processes have used, in user and in kernel mode."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    ticks = sum(int(stat[11]) + int(stat[12]) for stat in fields)  # utime and stime, proc(5)
    return ticks / os.sysconf("SC_CLK_TCK")
