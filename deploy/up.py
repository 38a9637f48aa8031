"""`wz up`: Redis, gunicorn, nginx and the worker on this machine, as production has them, with one command."""

from __future__ import annotations

import os
import socket
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO

import click

from pipeline.errors import PipelineError
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings
from pipeline.settings.local import STATE
from pipeline.store.client import RedisUnavailable, check_server, redis_client

from .address import HOST, Address, is_ready
from .guide import SOON, Guide, can_build
from .nginx import TLS, render_nginx
from .orphans import end, orphans
from .processes import GRACEFUL_SECONDS, STAGES, Interrupted, NotReady, ProcessEnded, Processes, clock_time
from .report import Report
from .servers import ServerNotFound, nginx, redis_server
from .state import keep_connection_string, locked, make_private, runtime_directory
from .welcome import console_link, first_hub, given_by, welcome

DEPLOY = Path(__file__).parent
READY_SECONDS = 120.0  # for Redis, and again for the service: slow machines need them, and one that fails ends sooner


@click.command()
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="Port on 127.0.0.1.")
@click.option(
    "--workers",
    default=2,
    show_default=True,
    type=click.IntRange(1),
    envvar="WEB_CONCURRENCY",
    help="Processes of gunicorn.",
)
@click.option(
    "--jobs-workers",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Workers (`wz worker`), which share the window jobs, the relays, and long work on boards.",
)
@click.option("--tls", is_flag=True, help="Answer by HTTPS, with a certificate of a local authority; HTTP is sent on.")
@click.option("--tls-port", default=8443, show_default=True, type=click.IntRange(1, 65535), help="The port for --tls.")
@click.option(
    "--state",
    default=STATE,
    show_default=True,
    envvar="WZ_STATE",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the data and the key.",
)
@click.option("--guide/--no-guide", default=True, show_default=True, help="Serve the guide at /guide, built beside.")
@click.pass_context
def up(
    ctx: click.Context,
    port: int,
    workers: int,
    jobs_workers: int,
    tls: bool,
    tls_port: int,
    state: Path,
    guide: bool,
) -> None:
    """Run Redis, gunicorn, nginx and the worker on this machine until Ctrl-C.

    One that dies is started again. Redis and nginx are the ones on PATH, else those that `make` installs. With
    WZ_REDIS_URL set, that server is used and none is started. The other WZ_ variables are passed on to gunicorn and the
    worker. In another terminal, `wz status` shows what runs, and `wz down` ends it.
    """
    try:
        run(state.absolute(), port, tls_port if tls else None, workers, jobs_workers, guide)
    except Interrupted as exc:
        ctx.exit(128 + exc.signum)
    except (PipelineError, ServerNotFound, ProcessEnded, NotReady) as exc:
        raise click.ClickException(str(exc)) from exc
    except OSError as exc:
        if exc.filename is None:
            raise
        raise click.ClickException(f"{exc.filename}: {exc.strerror}") from exc


def run(state: Path, port: int, tls_port: int | None, workers: int, jobs_workers: int, with_guide: bool) -> None:
    """Start everything and stay until it ends, which is always by an exception; nothing is left running.

    With `tls_port`, the service answers there, and `port` sends clients on to it.
    """
    with_guide = with_guide and can_build(DEPLOY.parent)
    with ExitStack() as stack:
        make_private(state)
        lock = stack.enter_context(sole(state))
        for number, option in ((port, "--port"), (tls_port, "--tls-port")):
            if number is not None:
                require_free(number, option)
        run_dir = stack.enter_context(runtime_directory(state))
        address = Address.of(state, port, tls_port)
        key_is_new = not given_by() and keep_connection_string(state / "connection-string", address)
        guide_url = f"{address.url}/guide/" if with_guide else ""
        environ = {**os.environ, **child_environ(workers, state, run_dir, guide_url)}
        settings = Settings.from_environ(environ)
        write_nginx_conf(run_dir, port, tls_port, state, settings)
        redis = redis_client(settings)
        Hubs.from_settings(settings, redis)  # which checks what is set for them, before anything starts
        if "WZ_REDIS_URL" in os.environ:
            check_server(redis)

        report = stack.enter_context(Report(state, run_dir, address, settings, environ))
        # All inherit the lock: should this process be killed, no second Redis can write to the same files as its own.
        processes = Processes(DEPLOY / "Procfile", environ, (lock.fileno(),), lambda: report.write(processes))
        stack.enter_context(processes)
        click.echo("Starting ...", err=True)
        if "WZ_REDIS_URL" not in os.environ:
            processes.start("redis")
            processes.wait_until(lambda: redis_answers(settings), READY_SECONDS, "Redis")
        guide = stack.enter_context(Guide(DEPLOY.parent, run_dir, state / "guide.log")) if with_guide else None
        processes.start("web", "nginx", *(f"worker.{number}" for number in range(1, jobs_workers + 1)))
        processes.wait_until(lambda: service_answers(address, run_dir), READY_SECONDS, f"{address.url}/readyz")
        if guide is not None:
            guide.start()
            guide_url += SOON if guide.is_being_built else ""
        link = console_link(settings, address)
        click.echo(welcome(settings, address, state, first_hub(settings), key_is_new, link, guide_url))
        processes.watch(guide.attend if guide else str)


@contextmanager
def sole(state: Path) -> Iterator[IO[str]]:
    """Hold the folder's lock, once what a killed `wz up` has left has ended. Raises `ClickException` if one runs."""
    if left := orphans(state):
        by = clock_time(sum(stage.seconds for stage in STAGES))
        click.echo(f"Ending what a killed `wz up` has left: {', '.join(map(str, left))}; by {by} ...", err=True)
        end(left)
    with locked(state) as lock:
        if lock is None:
            raise click.ClickException(
                f"`wz up` already runs in {state} (process {(state / 'lock').read_text().strip()}): `wz status` shows "
                "it, `wz down` ends it; or choose another folder with --state"
            )
        yield lock


def require_free(port: int, option: str) -> None:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as nginx: closed connections don't count
        try:
            probe.bind((HOST, port))
        except OSError as exc:
            raise click.ClickException(
                f"can't listen on {HOST}:{port} ({exc.strerror}): choose another port with {option}"
            ) from exc


# -- what the processes are told --------------------------------------------------------------------------------------


def write_nginx_conf(run_dir: Path, port: int, tls_port: int | None, state: Path, settings: Settings) -> None:
    """Write nginx.conf into the run directory, with a certificate if there is to be a port for TLS."""
    tls = None
    if tls_port is not None:
        from .certificates import certificate  # here, as it loads much that is needed for TLS alone

        tls = TLS(*certificate(state, {*settings.hosts, settings.root.host}), tls_port)
    listen, origins, guide_url = f"{HOST}:{port}", settings.cors_origins, settings.guide_url
    (run_dir / "nginx.conf").write_text(render_nginx(run_dir, listen, tls, origins=origins, guide_url=guide_url))


def child_environ(workers: int, state: Path, run_dir: Path, guide_url: str) -> dict[str, str]:
    """The variables of the Procfile and of `Settings`, as far as the user has not set them."""
    environ = {
        "PATH": f"{sysconfig.get_path('scripts')}:{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "WEB_CONCURRENCY": str(workers),
        "GUNICORN_CMD_ARGS": f"--graceful-timeout {GRACEFUL_SECONDS} --log-level warning "
        + os.environ.get("GUNICORN_CMD_ARGS", ""),
        "WZ_LOG_FORMAT": os.environ.get("WZ_LOG_FORMAT") or "text",
        "WZ_DEPLOY": str(DEPLOY),
        "WZ_SOCKET": str(run_dir / "gunicorn.sock"),
        "WZ_NGINX": str(nginx()),
        "WZ_NGINX_CONF": str(run_dir / "nginx.conf"),
        "WZ_HOSTS": ",".join(filter(None, [os.environ.get("WZ_HOSTS"), HOST, "localhost"])),
        "WZ_GUIDE_URL": os.environ.get("WZ_GUIDE_URL", guide_url),
    }
    if "WZ_REDIS_URL" not in os.environ:
        environ |= {
            "WZ_REDIS_SERVER": os.environ.get("WZ_REDIS_SERVER") or str(redis_server()),
            "WZ_REDIS_DIR": str(state / "redis"),
            "WZ_REDIS_SOCKET": str(run_dir / "redis.sock"),
            "WZ_REDIS_URL": f"unix://{run_dir / 'redis.sock'}",
        }
    if not given_by():
        environ["WZ_CONNECTION_STRING_FILE"] = str(state / "connection-string")
    if "WZ_JOBS" not in os.environ and (jobs := DEPLOY.parent / "jobs").is_dir():
        environ["WZ_JOBS"] = str(jobs)
    return environ


# -- is it there? -----------------------------------------------------------------------------------------------------


def redis_answers(settings: Settings) -> bool:
    try:
        check_server(redis_client(settings))
    except RedisUnavailable:
        return False
    return True


def service_answers(address: Address, run_dir: Path) -> bool:
    """Ask gunicorn first: until it answers, nginx would log an error for each question."""
    socket = run_dir / "gunicorn.sock"
    return socket.exists() and all(map(is_ready, (Address(f"unix:{socket}"), address)))
