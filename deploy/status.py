"""`wz status` and `wz down`: what a `wz up` in another terminal runs, and its end."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import msgspec
import psutil

from pipeline.commands.terminal import age, columns, size
from pipeline.settings.local import SERVICE, STATE, read, state_folder
from pipeline.store.clock import machine_time

from .address import Address, is_ready
from .orphans import Orphan, end, lives, orphans
from .processes import STAGES, clock_time
from .state import Service, Started, describe, holders, is_locked, supervisor

#: The exit status of `wz status` when nothing runs; that of `systemctl status`.
NOTHING_RUNS = 3

_HEAD = ("process", "pid", "age", "RSS", "PSS", "restarts", "state")

#: What a process is in, in words, unless it simply runs.
_STATES = {
    psutil.STATUS_DISK_SLEEP: "waits for the disk",
    psutil.STATUS_STOPPED: "stopped by a signal: kill -CONT it",
    psutil.STATUS_ZOMBIE: "has ended",
}


class Row(msgspec.Struct):
    """A process as it is shown; one that a process of that name has started has `parent`.

    Bytes are None where the system does not tell them: PSS, the memory of its own and its share of what others use as
    well, is told by Linux alone. The sum of all PSS is what the service takes.
    """

    name: str
    pid: int | None
    parent: int | None
    age_seconds: float | None
    rss_bytes: int | None
    pss_bytes: int | None
    restarts: int
    state: str


class Status(msgspec.Struct):
    """What `wz status --json` prints. `ready` is what GET /readyz answers; it is null before it can be asked."""

    state: str
    pid: int | None
    environment: str
    address: str
    redis: str
    database: int
    ready: bool | None
    waits_for: str
    processes: list[Row]


def state_option(command: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--state",
        envvar="WZ_STATE",
        type=click.Path(file_okay=False, path_type=Path),
        help=f"The folder of `wz up`. Default: the nearest {STATE}, here or above.",
    )(command)


@click.command()
@state_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def status(ctx: click.Context, state: Path | None, as_json: bool) -> None:
    """Show what `wz up` runs: each process, its age and memory, how often it was started again, what it waits for.

    Exit code 0 if the service is ready, 3 if nothing runs, otherwise 1.
    """
    state = folder_of(state)
    found = look(state)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    elif not found.processes:
        click.echo(f"nothing runs in {state}; `wz up` starts it")
    else:
        click.echo("\n".join(text(found)))
    ctx.exit(NOTHING_RUNS if not found.processes else 0 if found.ready else 1)


@click.command()
@state_option
def down(state: Path | None) -> None:
    """End what `wz up` runs, also what is left of one that was killed. Requests under way get their answers."""
    state = folder_of(state)
    seconds = sum(stage.seconds for stage in STAGES)
    found = holders(state)
    if master := supervisor(state, found):
        click.echo(f"Ending `wz up` (process {master.pid}); all have ended by {clock_time(seconds)} ...", err=True)
        with suppress(psutil.NoSuchProcess):
            master.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 2 * seconds
        while lives(master) and time.monotonic() < deadline:
            time.sleep(0.05)
    elif not found:
        click.echo(f"nothing runs in {state}", err=True)
        return
    if left := orphans(state):
        click.echo(f"Ending what is left: {', '.join(map(str, left))}; by {clock_time(seconds)} ...", err=True)
        end(left)
    if is_locked(state):
        raise click.ClickException(f"still there: {describe(holders(state))}; `kill -9` ends them")
    (state / SERVICE).unlink(missing_ok=True)


def folder_of(state: Path | None) -> Path:
    return (state or state_folder() or Path(STATE)).absolute()


def look(state: Path) -> Status:
    """Return what runs in a folder; no processes if nothing does."""
    found = holders(state)
    service: Service = read(state / SERVICE, Service)
    master = supervisor(state, found)
    if master is None:
        rows = [row for orphan in orphans(state) for row in rows_of_orphan(orphan)]
        waits_for = "`wz up` was killed, and these were left: `wz down` ends them" if rows else ""
    else:
        rows = [row_of(Started("wz up", master.pid))]
        for started in service.processes:
            rows += rows_of(started)
        waits_for = service.waits_for
    return Status(
        state=str(state),
        pid=master.pid if master else None,
        environment=service.environment,
        address=service.address,
        redis=service.redis,
        database=service.database,
        ready=is_ready(Address(service.address, service.authority)) if service.address else None,
        waits_for=waits_for,
        processes=rows,
    )


def rows_of(started: Started) -> Iterator[Row]:
    yield row_of(started)
    with suppress(psutil.Error):
        for child in psutil.Process(started.pid).children(recursive=True) if not started.waits_for else ():
            yield row_of(Started(f"{started.name} child", child.pid), started.pid)


def rows_of_orphan(orphan: Orphan) -> Iterator[Row]:
    for pid in orphan.pids:
        yield row_of(Started(orphan.name, pid))


def row_of(started: Started, parent: int | None = None) -> Row:
    """Return the row of a process, of which nothing is known but its name if it has ended."""
    row = Row(started.name, None, parent, None, None, None, started.restarts, started.waits_for or "has ended")
    if started.waits_for:
        return row
    with suppress(psutil.Error):
        process = psutil.Process(started.pid)
        with process.oneshot():
            row.pid, row.state = started.pid, _STATES.get(process.status(), "runs")
            row.age_seconds = machine_time() - process.create_time()
            memory = process.memory_full_info()
            row.rss_bytes, row.pss_bytes = memory.rss, getattr(memory, "pss", None)
    return row


def text(found: Status) -> Iterator[str]:
    ready = {True: "ready", False: "not ready: /readyz says why", None: "does not answer"}[found.ready]
    yield f"{found.address} ({ready}), environment {found.environment}"
    yield f"Redis: {found.redis}, database {found.database}"
    if found.waits_for:
        yield f"waits for {found.waits_for}" if found.pid else found.waits_for
    yield ""
    yield from columns([_HEAD, *map(cells, found.processes)], {0, len(_HEAD) - 1})


def cells(row: Row) -> tuple[str, ...]:
    return (
        row.name if row.parent is None else f"  {row.name}",
        "-" if row.pid is None else str(row.pid),
        age(None if row.age_seconds is None else round(row.age_seconds * 1000)),
        "-" if row.rss_bytes is None else size(row.rss_bytes),
        "-" if row.pss_bytes is None else size(row.pss_bytes),
        "" if row.parent else str(row.restarts),
        row.state,
    )
