"""`wz job list | status | faults | put | stop | start | restart | copy | delete`: the jobs of a service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import msgspec

from ..boards import Boards
from ..store.client import redis_client
from ..windows.jobs.copying import copy_job
from ..windows.jobs.definition import read_definition
from ..windows.jobs.fault_examples import fault_examples
from ..windows.jobs.prepare import warnings_of
from ..windows.jobs.progress import JobProgress
from ..windows.jobs.record import JobRecord
from ..windows.jobs.registry import JobRegistry
from ..windows.operators.faults import KINDS
from . import terminal
from .hub_management import hubs_of
from .terminal import one_line_errors

_HEAD = ("job", "state", "watermark", "lag", "rows", "faults")
_TASK_HEAD = ("task", "watermark", "rows", "faults")
_WAITING_HEAD = ("in a window of", "that ends", "rows by", "events", "groups")
_FAULT_HEAD = ("fault", "last", "why")
_DELIVERY_HEAD = ("delivery to", "waiting", "delivered", "left out")
_TEXT = {0, 1, 2}


@click.command("list")
@one_line_errors
def list_jobs() -> None:
    """Show the name of every job, and whether it is a worker's folder or was put."""
    found = job_registry().all()
    rows = [("job", "of"), *((name, "a folder" if job.folder else "put") for name, job in found.items())]
    for line in terminal.columns(rows, {0, 1}):
        click.echo(line)


@click.command("status")
@click.argument("name", required=False)
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@click.option("--interval", type=click.FloatRange(0.1), default=1.0, show_default=True, help="Seconds, with --watch.")
@one_line_errors
def show_status(name: str | None, watch: bool, interval: float) -> None:
    """Show the status of the job NAME, or of all jobs: how far each has come, what waits, what was written, errors.

    The rows of windows that end by the watermark are written. Lag is the number of events that are not done yet. With
    NAME also what waits for the ends of which windows, the job's tasks and deliveries, and the last fault of each kind.
    """
    jobs = job_registry()

    def text() -> str:
        found = {name: jobs.get(name)} if name else jobs.all()
        seen = [_Seen(name, found[name], progress) for name, progress in jobs.progress_of(found).items()]
        lines = terminal.columns([_HEAD, *(one.row() for one in seen)], _TEXT)
        lines += [f"{one.name}: {problem}" for one in seen for problem in one.problems()]
        if name:
            lines += [f"{name}: {warned}" for warned in warnings_of(found[name].definition, name)]
            lines += ["", *seen[0].parts()]
            last = {kind: its[0] for kind, its in fault_examples(jobs.redis, name, 1).items() if its}
            if last:
                rows = [(kind, _time(each.time), each.reason) for kind, each in last.items()]
                lines += ["", *terminal.columns([_FAULT_HEAD, *rows], {0, 1, 2})]
        return "\n".join(lines)

    terminal.show(text, interval if watch else None)


@click.command("faults")
@click.argument("name")
@click.option("--kind", type=click.Choice(list(KINDS)), help="Of this kind only.")
@click.option("--json", "as_json", is_flag=True, help="As lines of JSON, with the events' bodies.")
@one_line_errors
def show_faults(name: str, kind: str | None, as_json: bool) -> None:
    """Show how many faults of each kind the job NAME has met, and the last ones, newest first: which event, and why."""
    jobs = job_registry()
    status = jobs.progress(name, jobs.get(name)).status
    counts = {} if status is None else status.faults
    kinds = [kind] if kind else list(KINDS)
    found = [(each, of) for of, its in fault_examples(jobs.redis, name).items() if of in kinds for each in its]
    found.sort(key=lambda pair: pair[0].time, reverse=True)
    if as_json:
        for each, of in found:
            click.echo(msgspec.json.encode({"kind": of, **msgspec.structs.asdict(each)}))
        return
    totals = [(of, f"{counts[of]:,}", KINDS[of].meaning) for of in kinds if of in counts]
    rows = [
        (_time(each.time), of, f"{each.hub}/{each.partition}/{each.offset}" if each.hub else "-", each.reason)
        for each, of in found
    ]
    for line in terminal.columns([("kind", "count", "meaning"), *totals], {0, 2}):
        click.echo(line)
    click.echo()
    for line in terminal.columns([("time", "kind", "event", "why"), *rows], {0, 1, 2, 3}):
        click.echo(line)


@click.command("put")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@one_line_errors
def put_job(folder: Path) -> None:
    """Make the job of FOLDER, or change it: workers begin it within two seconds. Its inputs must be hubs, not files.

    Workers need no folder for such a job. A delivery that has stopped begins again, even if nothing has changed.
    """
    is_new = job_registry(creates=True).put(folder.resolve().name, read_definition(folder))
    click.echo("made" if is_new else "changed")


@click.command("stop")
@click.argument("name")
@one_line_errors
def stop_job(name: str) -> None:
    """Have workers leave the job NAME alone, within two seconds, until `wz job start`.

    It keeps its state and its place: its hubs keep the events that it has not read.
    """
    job_registry().stop(name)


@click.command("start")
@click.argument("name")
@one_line_errors
def start_job(name: str) -> None:
    """Have workers run the job NAME, which was stopped: it goes on where it was."""
    job_registry().start(name)


@click.command("restart")
@click.argument("name")
@click.option("--from", "start", required=True, metavar="TIME", help="last, now, or a time as 2024-05-01T11:00:00Z.")
@one_line_errors
def restart_job(name: str, start: str) -> None:
    """Have workers begin the job NAME anew: its first row is that of TIME, or comes after the last that it wrote.

    It makes its state again from the events that its hubs still have. Rows after TIME that were written before are
    written again, and are added to boards again. A job that was stopped runs again.
    """
    job_registry().restart(name, start)


@click.command("copy")
@click.argument("name")
@click.argument("new")
@click.option(
    "--of", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="The copy's definition."
)
@one_line_errors
def copy_a_job(name: str, new: str, folder: Path | None) -> None:
    """Make the job NEW with the state and the place that the job NAME has now; workers begin it within two seconds.

    Without a definition it has that of NAME, and writes to OUTPUT_NEW for each OUTPUT. With a query that means
    something else it makes its state again, and its first row comes after the last that NAME had written.
    """
    copy_job(job_registry(creates=True), name, new, None if folder is None else read_definition(folder))


@click.command("delete")
@click.argument("name")
@click.confirmation_option(
    prompt="Its state and its consumer groups are deleted as well; what it wrote stays. Delete it?"
)
@one_line_errors
def delete_job(name: str) -> None:
    """Delete the job NAME with its state and its consumer groups. What it wrote stays."""
    job_registry().delete(name)


COMMANDS = (list_jobs, show_status, show_faults, put_job, stop_job, start_job, restart_job, copy_a_job, delete_job)


def job_registry(creates: bool = False) -> JobRegistry:
    """Return the registry of the settings; `creates` is that of `settings_for_redis`."""
    settings = terminal.settings_for_redis(creates)
    client = redis_client(settings)
    return JobRegistry(client, hubs_of(settings), Boards.from_settings(settings))


class _Seen:
    """The status of a job when it was read."""

    def __init__(self, name: str, job: JobRecord, progress: JobProgress) -> None:
        self.name = name
        self.stopped = job.stopped
        self.state, self.status, self.deliveries, self.reason = progress

    def row(self) -> tuple[str, ...]:
        if self.status is None:
            return (self.name, self.state, "-", "-", "-", "-")
        status = self.status
        return (
            self.name,
            self.state,
            _time(status.watermark),
            f"{status.lag:,}",
            f"{sum(status.rows.values()):,}",
            f"{sum(status.faults.values()):,}",
        )

    def problems(self) -> Iterator[str]:
        if self.stopped is not None:
            yield f"{self.reason}: `wz job start {self.name}` lets it go on"
        elif self.reason is not None:
            yield self.reason
        error = None if self.status is None else self.status.error
        if error is not None and error.message not in (self.reason or ""):
            yield f"{_time(error.time)}, task {error.task}: {error.message}"

    def parts(self) -> Iterator[str]:
        """Yield the lines of tables: of what waits, if anything does, of the tasks and of the deliveries."""
        if self.status is not None and self.status.waiting:
            windows = [
                (each.step, _time(each.end), _time(each.due), f"{each.events:,}", f"{each.groups:,}")
                for each in self.status.waiting
            ]
            yield from terminal.columns([_WAITING_HEAD, *windows], {0, 1, 2})
            if self.status.silent:
                yield f"Time alone does not end the first: it waits for later events of {', '.join(self.status.silent)}"
            yield ""
        tasks = {} if self.status is None else self.status.tasks
        rows = [(name, _time(task.watermark), _counts(task.rows), _counts(task.faults)) for name, task in tasks.items()]
        yield from terminal.columns([_TASK_HEAD, *rows], {0, 1, 2, 3})
        if self.deliveries:
            yield ""
            counts = [
                (one.output, *(f"{count:,}" for count in (one.waiting, one.delivered, one.left_out)))
                for one in self.deliveries
            ]
            yield from terminal.columns([_DELIVERY_HEAD, *counts], {0})


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "-"


def _time(text: str | None) -> str:
    """Return a UTC time to the second."""
    return "-" if text is None else f"{text[:19]}Z"
