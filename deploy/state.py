"""The folder .wz of a `wz up`: its lock, its key, its sockets, and what it says of its processes.

Every process that it starts inherits the lock. So whoever has the file open is one of them, also after `wz up` itself
was killed, and no second Redis can write to the same files as long as one of them lives.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import click
import msgspec
import psutil

from pipeline.connection_string import ConnectionString, InvalidConnectionString
from pipeline.errors import PipelineError
from pipeline.hub.rules import new_key
from pipeline.settings.local import SERVICE

from .address import Address

# A path that nginx.conf and a unix:// URL take without quotes; and the bytes that a unix socket's path may have.
_PLAIN_PATH = re.compile(r"[\w./+-]+", re.ASCII)
_SOCKET_PATH_BYTES = 100


class Started(msgspec.Struct):
    """A process that `wz up` has started, and starts again.

    `waits_for` is empty while it runs; otherwise it says how it ended and when it is started again.
    """

    name: str
    pid: int
    restarts: int = 0
    waits_for: str = ""


class Service(msgspec.Struct):
    """What `wz up` says of itself in `SERVICE`. Commands read `environ` alone: how the service's data is reached.

    `pid` is its own. `run` is the folder of its sockets. `authority` is the file with the certificate by which its TLS
    is trusted. `waits_for` is empty while it serves.
    """

    pid: int = 0
    run: str = ""
    address: str = ""
    authority: str = ""
    redis: str = ""
    database: int = 0
    environment: str = ""
    waits_for: str = ""
    processes: list[Started] = []
    environ: dict[str, str] = {}


def write_service(state: Path, service: Service) -> None:
    write_private(state / SERVICE, msgspec.json.format(msgspec.json.encode(service)).decode() + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace a file, at once and for this user alone."""
    part = path.with_name(f"{path.name}.new")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


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


def keep_connection_string(path: Path, address: Address) -> bool:
    """Write the connection string for an address into `path`, with the key that is there; return whether it is new."""
    try:
        old = path.read_text()
        key = ConnectionString.parse(old).key
        if not key:
            raise InvalidConnectionString("connection string: a signature in place of the key")
    except FileNotFoundError:
        old, key = "", new_key()
    except (PipelineError, UnicodeDecodeError) as exc:
        raise click.ClickException(f"{path}: {exc}. Without this file, a new key is made") from exc
    endpoint = f"sb://{urlsplit(address.url).netloc}/"
    new = f"{ConnectionString(endpoint, 'RootManageSharedAccessKey', key, development=not address.authority)}\n"
    if new != old:
        write_private(path, new)
    return not old


# -- the lock ---------------------------------------------------------------------------------------------------------


@contextmanager
def locked(state: Path) -> Iterator[IO[str] | None]:
    """Hold the folder's lock, whose file has this process's number; None if others hold it."""
    with (state / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield lock


def is_locked(state: Path) -> bool:
    try:
        with (state / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def holders(state: Path) -> list[psutil.Process]:
    """Return the processes that have the lock open: `wz up`, all that it has started, and what these have started."""
    lock = str((state / "lock").resolve())
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended meanwhile, or is another user's
            if process.pid != os.getpid() and any(file.path == lock for file in process.open_files()):
                found.append(process)
    return found


def describe(processes: Sequence[psutil.Process]) -> str:
    """Return their names and numbers: nginx (4711), wz (4712)."""
    found = []
    for process in processes:
        with suppress(psutil.Error):
            found.append(f"{process.name()} ({process.pid})")
    return ", ".join(found)


def supervisor(state: Path, among: list[psutil.Process]) -> psutil.Process | None:
    """Return the `wz up` that has the lock, or None if it was killed and only what it has started is left."""
    try:
        pid = int((state / "lock").read_text())
    except (OSError, ValueError):
        return None
    return next((process for process in among if process.pid == pid), None)
