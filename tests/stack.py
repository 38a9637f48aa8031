"""Servers as the tests start them: real ones, on unix sockets and free ports, ended with the test session."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import trustme

from deploy import servers
from deploy.nginx import TLS, render_nginx
from pipeline.connection_string import ConnectionString
from pipeline.hub.sas import sign
from pipeline.settings import Settings
from pipeline.store.client import hubs_client, redis_client
from wz.live_server import LiveServer
from wz.testing import Client

from .http2 import HTTP2Server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: The namespace that the tests' service is; its name need not resolve.
HOST = "contoso.servicebus.windows.net"
ROOT = ConnectionString.parse(
    f"Endpoint=sb://{HOST}/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=dGhlIHRlc3RzJyBvd24ga2V5"
)
REPOSITORY = Path(__file__).parents[1]
GUNICORN_CONF = REPOSITORY / "deploy" / "gunicorn.conf.py"

#: Seconds that a test waits for something before it fails: many times what the slowest machine has needed, since a
#: bound is there to end a test that hangs, not to measure.
PATIENCE = 300.0

#: Seconds from SIGTERM until a server that does not end is killed; above all of their own limits.
ENDS = 60.0

#: Seconds in which a quiet machine starts Python and imports the service.
_QUIET_START = 1.0

#: True while pytest collects tests (tests/conftest.py).
collecting = False


def token(path: str = "", connection: ConnectionString = ROOT, lifetime: int = 600) -> str:
    """Return an Authorization header for `path` of the tests' namespace; for the test that runs, not for later ones."""
    assert not collecting, "a token that is made when tests are collected has expired when a slow machine runs them"
    return sign(f"https://{HOST}/{path}", connection.key_name, connection.key, int(time.time()) + lifetime)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(
    command: Sequence[object],
    ready: Callable[[], bool],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = PATIENCE,
    log: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; raise if it stops, or is not `ready` in `timeout` seconds.

    What it has started ends with it, even if it could not see to that itself. What it prints goes to the file `log`.
    """
    with nullcontext() if log is None else log.open("wb") as printed:
        child = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
            stdout=printed,
            stderr=printed,
        )
    try:
        deadline = time.monotonic() + timeout
        while not ready():
            if child.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with status {child.returncode}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{command[0]} is not ready after {timeout} s")
            time.sleep(0.02)
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(ENDS)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def environ(settings: Settings) -> dict[str, str]:
    """Return the variables that a process of the service needs to be one of these settings."""
    return {
        "WZ_ENVIRONMENT": settings.environment,
        "WZ_REDIS_URL": settings.redis_url,
        "WZ_HUBS_CLUSTER": ",".join(settings.hubs_cluster),
        "WZ_HUBS_REPLICAS": str(settings.hubs_replicas),
        "WZ_CONNECTION_STRING": str(settings.root),
        "WZ_HOSTS": ",".join(settings.hosts),
        "WZ_HUBS": ",".join(f"{name}:{count}" for name, count in settings.hubs.items()),
    }


def emptied(settings: Settings) -> Settings:
    """Delete all that its Redis has: with a hub that an earlier test made of another size, no service would start."""
    for client in (redis_client(settings), hubs_client(settings)):
        client.flushdb()
    return settings


@contextmanager
def gunicorn(
    folder: Path,
    settings: Settings,
    conf: Path = GUNICORN_CONF,
    log: Path | None = None,
    app: str = "",
    ready: str = "/readyz",
    **more: str,
) -> Iterator[LiveServer]:
    """Run the service, or another `app`, under gunicorn, with the configuration of production and `more` variables.

    It listens on a unix socket in `folder`, and is started there, not in the checkout: the configuration finds the app.
    `log` is that of `process`. It is up when `ready` is answered with 200.
    """
    server = LiveServer(f"unix:{folder / 'gunicorn.sock'}", PATIENCE)
    env = {"WZ_SOCKET": str(folder / "gunicorn.sock"), "WEB_CONCURRENCY": "2", **environ(settings), **more}
    command = [sys.executable, "-P", REPOSITORY / "deploy" / "serve.py", "--config", conf, "--log-level", "warning"]
    command += filter(None, [app])
    with process(command, ready=lambda: answers(server, ready), env=env, cwd=folder, log=log):
        yield server


@contextmanager
def nginx(
    folder: Path,
    tls: TLS | None = None,
    log: Path | None = None,
    alone: bool = False,
    processes: int = 2,
    origins: Collection[str] = (),
    guide_url: str = "",
) -> Iterator[LiveServer]:
    """Run nginx, with the configuration of production, before the gunicorn whose socket is in `folder`.

    `log` is the file for its access log, in JSON; what it prints besides is in `*-errors.log` next to it. If it is
    `alone`, there is no gunicorn that could answer. `origins` are those of pages that may read its errors. The guide is
    what is in `guide` of that folder, and `guide_url` is where errors say that it is.
    """
    port = free_port()
    conf, pid = folder / "nginx.conf", folder / "nginx.pid"
    form: Literal["json", "text"] = "json" if log else "text"
    text = render_nginx(folder, f"127.0.0.1:{port}", tls, form, origins=origins, guide_url=guide_url)
    text = text.replace("worker_processes 2;", f"worker_processes {processes};")
    conf.write_text(text.replace("/dev/stdout", str(log)) if log else text)
    server = LiveServer(f"http://127.0.0.1:{port}", PATIENCE)

    def ready() -> bool:
        return (pid.exists() and pid.read_text() != "") if alone or tls else answers(server)

    with process(
        [servers.nginx(), "-e", "stderr", "-c", conf], ready, log=log and log.with_name(f"{log.stem}-errors.log")
    ):
        yield server


@contextmanager
def tls(folder: Path, gunicorn: Path) -> Iterator[HTTP2Server]:
    """Run nginx with TLS and HTTP/2, the configuration of production's, before the gunicorn at this socket."""
    (folder / "gunicorn.sock").symlink_to(gunicorn)
    authority = trustme.CA()
    certificate = folder / "certificate.pem"
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(str(certificate))
    port = free_port()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with nginx(folder, TLS(certificate, certificate, port)):
        yield HTTP2Server(("127.0.0.1", port), HOST, context, PATIENCE)


def until(condition: Callable[[], bool], timeout: float = PATIENCE) -> None:
    """Wait for what other processes bring about; fail if they don't."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def slowness() -> float:
    """Return how many times as long as on a quiet machine things take now, and 1 at least.

    For tests in which several things happen at once, each at its own time: all of these times are stretched by it.
    """
    begin = time.monotonic()
    subprocess.run([sys.executable, "-c", "import handlers"], check=True, cwd=REPOSITORY)
    return max(1.0, (time.monotonic() - begin) / _QUIET_START)


def answers(server: WSGIApplication, path: str = "/readyz") -> bool:
    """Say whether the service behind `server` is ready."""
    try:
        return Client(server).get(path).status_code == 200
    except OSError:
        return False


@contextmanager
def redis_server(folder: Path, *options: object) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run a Redis of the test's own, which it may stop, kill and set as it likes. Yields its process and its address.

    It may be started again in the same folder.
    """
    path = folder / "redis.sock"
    path.unlink(missing_ok=True)
    command = [servers.redis_server(), "--port", 0, "--unixsocket", path, "--save", "", "--dir", folder, *options]
    with process(command, ready=path.exists) as server:
        try:
            yield server, f"unix://{path}"
        finally:
            server.send_signal(signal.SIGCONT)
