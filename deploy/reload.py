"""`wz reload`: new code for the service's workers, without a request that fails or waits."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import click
import psutil

from pipeline.settings.local import SERVICE, read, state_folder

from .serve import STATUS, read_status
from .state import Service, holders
from .status import state_option

PID_FILE = "gunicorn.pid"
RUN = Path("/run/wz")  # of systemd and the container
ANSWER_SECONDS = 30.0  # for the master to begin: it looks at its signals once a second


@click.command()
@state_option
def reload(state: Path | None) -> None:
    """Replace gunicorn's workers by ones with the code that is on disk now, one by one.

    It ends when all are new; or with status 1 when a new one does not come up, and then the old ones go on. The service
    is the one of --state, else the one whose socket is WZ_SOCKET, else that of the `wz up` that runs here or in a
    folder above, else the one in /run/wz.

    It renews the code of gunicorn's workers, and gunicorn.conf.py. What relays and runs the jobs (`wz worker`) goes on
    with the old code: restart it. Another Python, gunicorn or environment needs a restart of all.
    """
    folder = run_folder(state)
    master = read_pid(folder)
    before = read_status(folder / STATUS).get("reload", 0)
    try:
        os.kill(master, signal.SIGHUP)
    except (ProcessLookupError, PermissionError) as exc:
        raise click.ClickException(f"gunicorn, process {master} by {folder / PID_FILE}: {exc.strerror}") from exc
    deadline = time.monotonic() + ANSWER_SECONDS
    shown: dict[str, Any] = {}
    while True:
        status = read_status(folder / STATUS)
        if status.get("reload", 0) > before and status != shown:
            shown = status
            show(status)
            if status["state"] == "done":
                return
        if not shown and time.monotonic() > deadline:
            raise click.ClickException(f"process {master} does not reload: was it started by deploy/serve.py?")
        if not psutil.pid_exists(master):
            raise click.ClickException(f"gunicorn, process {master}, has ended")
        time.sleep(0.05)


def run_folder(state: Path | None) -> Path:
    """Return the folder of gunicorn's socket and PID file; `state` is that of a `wz up`, if one was named."""
    if state is None and "WZ_SOCKET" in os.environ:
        return Path(os.environ["WZ_SOCKET"]).parent
    folder = state or state_folder()
    # Of one that has ended the files may be left, with numbers that other processes have by now.
    if folder is not None and holders(folder) and (run := read(folder / SERVICE, Service).run):
        return Path(run)
    if state is not None:
        raise click.ClickException(f"nothing runs in {state}; `wz up` starts it")
    return RUN


def read_pid(folder: Path) -> int:
    try:
        return int((folder / PID_FILE).read_text())
    except FileNotFoundError:
        where = "WZ_SOCKET names its socket" if "WZ_SOCKET" in os.environ else "and no `wz up` runs here"
        raise click.ClickException(f"the service does not run: there is no {folder / PID_FILE} ({where})") from None
    except (OSError, ValueError) as exc:
        raise click.ClickException(f"{folder / PID_FILE}: {exc}") from exc


def show(status: dict[str, Any]) -> None:
    """Print how far the reload is. Raises `ClickException` if it failed."""
    line = f"{status['new']} of {status['of']} workers are new"
    if status["state"] == "failed":
        raise click.ClickException(f"{line}: {status['detail']}")
    click.echo(line)
