"""What a container runs, below an init: gunicorn, nginx and a worker, or those of them that are named, until SIGTERM.

    python -m deploy.container web nginx worker

The names are those of the Procfile. One that dies is started again; nginx ends first, so that no request is cut.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from .processes import STAGES, Interrupted, ProcessEnded, Processes, Stage

DEPLOY = Path(__file__).parent
STOP_SECONDS = 9.0  # unless WZ_STOP_SECONDS says otherwise: podman and docker kill after 10


@click.command()
@click.argument("names", nargs=-1, required=True, type=click.Choice(["web", "nginx", "worker"]))
def container(names: tuple[str, ...]) -> None:
    """Run what is named until SIGTERM, SIGINT or SIGHUP, and end with status 0 then.

    WZ_STOP_SECONDS says how long ending may take.
    """
    stages = stages_within(float(os.environ.get("WZ_STOP_SECONDS") or STOP_SECONDS), names)
    try:
        with Processes(DEPLOY / "Procfile", child_environ(os.environ, stages), stages=stages) as processes:
            processes.start(*names)
            processes.watch()
    except Interrupted:
        return
    except ProcessEnded as exc:
        raise click.ClickException(str(exc)) from exc


def stages_within(seconds: float, names: Sequence[str]) -> Sequence[Stage]:
    """Return how these end: as under `wz up`, but gunicorn and the worker have all the time that nginx leaves them.

    Raises `ClickException` if that is less than they have there.
    """
    stages = [stage for stage in STAGES if {*stage.names} & {*names}]
    last = stages[-1]
    rest = seconds - sum(stage.seconds for stage in stages[:-1])
    if rest < last.seconds:
        raise click.ClickException(
            f"WZ_STOP_SECONDS: {seconds:g} s are too few, give {seconds - rest + last.seconds:g}"
        )
    return [*stages[:-1], last._replace(seconds=rest)]


def child_environ(environ: Mapping[str, str], stages: Sequence[Stage]) -> dict[str, str]:
    """Return the variables of the Procfile, as far as they are not set, and how long gunicorn may take to end."""
    graceful = stages[-1].seconds - 1
    return {
        "WZ_DEPLOY": str(DEPLOY),
        "WZ_NGINX": "nginx",
        "WZ_NGINX_CONF": str(DEPLOY / "nginx.conf"),
        **environ,
        "GUNICORN_CMD_ARGS": f"--graceful-timeout {graceful:.0f} {environ.get('GUNICORN_CMD_ARGS', '')}",
    }


if __name__ == "__main__":
    container()
