"""`wz up`: Redis, gunicorn, nginx and the worker on this machine, as production has them, with one command."""

from __future__ import annotations

import fcntl
import grp
import http.client
import os
import pwd
import re
import shlex
import shutil
import socket
import stat
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO

import click

from pipeline.connection_string import ConnectionString
from pipeline.errors import PipelineError
from pipeline.hub.namespace import Hubs
from pipeline.hub.sas import new_key, sign
from pipeline.settings import Settings, can_run_jobs
from pipeline.store.client import RedisUnavailable, check_server, database, hubs_client, redis_client
from pipeline.store.clock import machine_time

from .servers import ServerNotFound, nginx, redis_server

DEPLOY = Path(__file__).parent
HOST = "127.0.0.1"
READY_SECONDS = 120.0  # for Redis, and again for the service: slow machines need them, and one that fails ends sooner
TOKEN_SECONDS = 24 * 60 * 60

# A path that nginx.conf and a unix:// URL take without quotes; and the bytes that a unix socket's path may have.
_PLAIN_PATH = re.compile(r"[\w./+-]+", re.ASCII)
_SOCKET_PATH_BYTES = 100


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
    "--state",
    default=".wz",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the data and the key.",
)
@click.pass_context
def up(ctx: click.Context, port: int, workers: int, state: Path) -> None:
    """Run Redis, gunicorn, nginx and the worker on this machine until Ctrl-C.

    Redis and nginx are the ones on PATH, else those that `make` installs. With WZ_REDIS_URL set, that server is used
    and none is started. The other WZ_ variables are passed on to gunicorn and the worker.
    """
    try:
        from .processes import Interrupted, NotReady, ProcessEnded  # here, as honcho may be missing: `wz --help` works
    except ModuleNotFoundError as exc:
        raise click.ClickException(f"there is no {exc.name}: `pip install -r requirements/stack.txt`") from exc

    try:
        run(port, workers, state.absolute())
    except Interrupted as exc:
        ctx.exit(128 + exc.signum)
    except (PipelineError, ServerNotFound, ProcessEnded, NotReady) as exc:
        raise click.ClickException(str(exc)) from exc


def run(port: int, workers: int, state: Path) -> None:
    """Start everything and stay until it ends, which is always by an exception; nothing is left running."""
    from .processes import GRACEFUL_SECONDS, Processes  # here, as in `up`

    with ExitStack() as stack:
        make_private(state)
        lock = stack.enter_context(locked(state))
        require_free(port)
        run_dir = stack.enter_context(runtime_directory(state))

        environ = {**os.environ, **child_environ(port, workers, GRACEFUL_SECONDS, state, run_dir)}
        settings = Settings.from_environ(environ)
        redis = redis_client(settings)
        Hubs.from_settings(settings, redis)  # which checks what is set for them, before anything starts
        if "WZ_REDIS_URL" in os.environ:
            check_server(redis)

        # All inherit the lock: should this process be killed, no second Redis can write to the same files as its own.
        processes = stack.enter_context(Processes(DEPLOY / "Procfile", environ, (lock.fileno(),)))
        click.echo("Starting ...", err=True)
        if "WZ_REDIS_URL" not in os.environ:
            processes.start("redis")
            processes.wait_until(lambda: redis_answers(settings), READY_SECONDS, "Redis")
        processes.start("web", "nginx", "worker.1")
        processes.wait_until(lambda: service_answers(port, run_dir), READY_SECONDS, f"http://{HOST}:{port}/readyz")
        click.echo(welcome(settings, port, state, first_hub(settings)))
        processes.watch()


# -- the folder -------------------------------------------------------------------------------------------------------


def make_private(state: Path) -> None:
    """Make the folder, for this user alone. One that others may enter is refused, not changed."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        (state / "redis").mkdir(mode=0o700, exist_ok=True)
    except OSError as exc:
        raise click.ClickException(f"can't make {exc.filename}: {exc.strerror}") from exc
    mode = stat.S_IMODE(state.stat().st_mode)
    if mode & 0o077:
        raise click.ClickException(
            f"{state} is open to other users (mode {mode:04o}) and would hold a key: `chmod 700` it, or choose --state"
        )


@contextmanager
def locked(state: Path) -> Iterator[IO[str]]:
    """Hold the folder's lock. Raises `ClickException` if another `wz up` has it."""
    with (state / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise click.ClickException(
                f"`wz up` already runs in {state} (process {lock.read().strip()}); choose another folder with --state"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield lock


@contextmanager
def runtime_directory(state: Path) -> Iterator[Path]:
    """An empty folder for sockets and what else nginx.conf keeps in /run/wz, of a path that can be written there."""
    directory = state / "run"
    if _PLAIN_PATH.fullmatch(str(directory)) and len(str(directory / "gunicorn.sock")) <= _SOCKET_PATH_BYTES:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
        yield directory
    else:
        with tempfile.TemporaryDirectory(prefix="wz-") as name:
            yield Path(name)


def require_free(port: int) -> None:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as nginx: closed connections don't count
        try:
            probe.bind((HOST, port))
        except OSError as exc:
            raise click.ClickException(
                f"can't listen on {HOST}:{port} ({exc.strerror}): choose another port with --port"
            ) from exc


# -- what the processes are told --------------------------------------------------------------------------------------


def child_environ(port: int, workers: int, graceful: int, state: Path, run_dir: Path) -> dict[str, str]:
    """The variables of the Procfile and of `Settings`, as far as the user has not set them."""
    conf = run_dir / "nginx.conf"
    conf.write_text(render_nginx(run_dir, f"{HOST}:{port}"))
    environ = {
        "PATH": f"{sysconfig.get_path('scripts')}:{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "WEB_CONCURRENCY": str(workers),
        "GUNICORN_CMD_ARGS": f"--graceful-timeout {graceful} --log-level warning "
        + os.environ.get("GUNICORN_CMD_ARGS", ""),
        "WZ_DEPLOY": str(DEPLOY),
        "WZ_SOCKET": str(run_dir / "gunicorn.sock"),
        "WZ_NGINX": os.environ.get("WZ_NGINX") or str(nginx()),
        "WZ_NGINX_CONF": str(conf),
        "WZ_HOSTS": ",".join(filter(None, [os.environ.get("WZ_HOSTS"), HOST, "localhost"])),
    }
    if "WZ_REDIS_URL" not in os.environ:
        environ |= {
            "WZ_REDIS_SERVER": os.environ.get("WZ_REDIS_SERVER") or str(redis_server()),
            "WZ_REDIS_DIR": str(state / "redis"),
            "WZ_REDIS_SOCKET": str(run_dir / "redis.sock"),
            "WZ_REDIS_URL": f"unix://{run_dir / 'redis.sock'}",
        }
    if not has_connection_string(os.environ):
        environ["WZ_CONNECTION_STRING_FILE"] = str(keep_connection_string(state / "connection-string", port))
    may_add_jobs = "WZ_JOBS" not in os.environ and can_run_jobs(os.environ)
    if may_add_jobs and (jobs := DEPLOY.parent / "jobs").is_dir():
        environ["WZ_JOBS"] = str(jobs)
    return environ


def render_nginx(run_dir: Path, listen: str, conf: Path = DEPLOY / "nginx.conf") -> str:
    """Return nginx.conf with `run_dir` in place of /run/wz and another `listen`, for the user of this process.

    Raises `ValueError` if what is to be replaced is not there.
    """
    text = conf.read_text()
    for old, new in {"/run/wz/": f"{run_dir}/", "listen 8080;": f"listen {listen};"}.items():
        if old not in text:
            raise ValueError(f"{conf} has no {old!r} to replace")
        text = text.replace(old, new)
    if os.geteuid() == 0:
        # nginx's master would give its workers to "nobody", who could not reach the socket.
        text = f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(os.getegid()).gr_name};\n{text}"
    return text


def has_connection_string(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("WZ_CONNECTION_STRING") or environ.get("WZ_CONNECTION_STRING_FILE"))


def keep_connection_string(path: Path, port: int) -> Path:
    """Write the connection string for `port` into `path`, with the key that is already there, else a new one."""
    try:
        old = path.read_text()
        key = ConnectionString.parse(old).key
    except FileNotFoundError:
        old, key = "", new_key()
    new = f"{local_connection_string('RootManageSharedAccessKey', key, port)}\n"
    if new != old:
        part = path.with_name(f"{path.name}.new")
        part.unlink(missing_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new)
        part.replace(path)
    return path


def local_connection_string(key_name: str, key: str, port: int) -> ConnectionString:
    return ConnectionString(endpoint=f"sb://{HOST}:{port}/", key_name=key_name, key=key, development=True)


# -- is it there? -----------------------------------------------------------------------------------------------------


def redis_answers(settings: Settings) -> bool:
    try:
        check_server(redis_client(settings))
    except RedisUnavailable:
        return False
    return True


def service_answers(port: int, run_dir: Path) -> bool:
    if not (run_dir / "gunicorn.sock").exists():
        return False  # nginx would log an error for asking
    with closing(http.client.HTTPConnection(HOST, port, timeout=1)) as connection:
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


# -- what the user is told --------------------------------------------------------------------------------------------


def first_hub(settings: Settings) -> str | None:
    """Return the first hub of WZ_HUBS that was not deleted, otherwise the first one by name; None if there is none."""
    hubs = Hubs.from_settings(settings, hubs_client(settings)).list()
    return next((name for name in (*settings.hubs, *hubs) if name in hubs), None)


def welcome(settings: Settings, port: int, state: Path, hub: str | None) -> str:
    """Return what to try; `hub` is the one that takes the event, or None to show no event."""
    root = settings.root
    address = f"http://{HOST}:{port}"
    connection_string = local_connection_string(root.key_name, root.key, port)
    where = "" if has_connection_string(os.environ) else f" (kept in {state / 'connection-string'})"
    token = sign(f"{address}/", root.key_name, root.key, int(machine_time()) + TOKEN_SECONDS)
    reward = curl(
        f"{address}/boards/actions/members/offer_a/rewards",
        token,
        headers=["Content-Type: application/json"],
        data='{"reward": 0.5}',
    )
    tries, commands = "Give a member of a board its reward (its standing comes back)", [reward]
    if hub is not None:
        event = curl(
            f"{address}/{hub}/messages",
            token,
            headers=['BrokerProperties: {"PartitionKey":"e1"}'],
            data='{"eventid":"e1","actionname":"offer_a","reward":1}',
        )
        tries = "Send an event (201), and give a member of a board its reward (its standing comes back)"
        commands.insert(0, event)
    lines = "\n\n".join(commands)
    terminal = "another terminal, with your WZ_REDIS_URL" if "WZ_REDIS_URL" in os.environ else "another terminal"
    return f"""
wz answers at {address} until Ctrl-C. Connection string{where}:

{connection_string}

{tries}; the token is good for 24 h:

{lines}

In {terminal}, this line gives you `wz`: then try `wz hub status`, `wz board top actions` or `wz --help`.

{second_terminal(settings, state)}
{redis_cli(settings)}"""


def second_terminal(settings: Settings, state: Path) -> str:
    """Return the line that takes a shell to where `wz` is, with what it needs to find this Redis and this key."""
    scripts = Path(sysconfig.get_path("scripts"))
    activate = scripts / "activate"
    found = ["source", str(activate)] if activate.exists() else ["export", f"PATH={scripts}:{os.environ['PATH']}"]
    variables = {}
    if "WZ_REDIS_URL" not in os.environ:  # a user's own may have a password, which is not printed
        variables["WZ_REDIS_URL"] = settings.redis_url
    if not has_connection_string(os.environ) and state != Path.cwd() / ".wz":  # where Settings looks by itself
        variables["WZ_CONNECTION_STRING_FILE"] = str(state / "connection-string")
    export = ["export", *(f"{name}={value}" for name, value in variables.items())]
    return " && ".join(map(shlex.join, (["cd", str(Path.cwd())], found, *([export] if variables else []))))


def redis_cli(settings: Settings) -> str:
    """Return how to look into the Redis that was started here; whoever brought another knows how."""
    if "WZ_REDIS_URL" in os.environ:
        return ""
    options = ["-s", settings.redis_url.removeprefix("unix://"), "-n", str(database(settings))]
    return f"\nRedis itself: {shlex.join(['redis-cli', *options])}\n"


def curl(url: str, token: str, headers: list[str], data: str) -> str:
    lines = [option for header in [f"Authorization: {token}", *headers] for option in ("-H", header)]
    return shlex.join(["curl", "-i", url, *lines, "-d", data])
