"""`wz job run | test | explain`: a job's query over files. None of them needs Redis."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from ..units import counted
from ..windows.engine.engine import OutputRow
from ..windows.explanation.explain import FORMATS, explain
from ..windows.jobs.job_toml import FileConfig
from ..windows.language.values import to_json
from ..windows.local.cases import Outcome, find_cases, run_case, update
from ..windows.local.files import STDIN, EventFile
from ..windows.local.run import FirstFaults, LocalJob, Summary, Write, run
from ..windows.planning.columns import Unseen
from . import terminal
from .job_azure import folder_argument, project_of
from .parquet_file import ParquetFile
from .row_file import RowFile
from .terminal import one_line_errors

#: The name of standard output.
STDOUT = Path("-")


class NamedFile(click.ParamType[tuple[str, Path]]):
    """NAME=FILE."""

    name = "NAME=FILE"

    def convert(
        self, value: tuple[str, Path] | str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        if isinstance(value, tuple):
            return value
        name, sign, file = value.partition("=")
        if not (name and sign and file):
            self.fail(f"{value!r} is not NAME=FILE, as in Input=events.ndjson", param, ctx)
        return name, Path(file)


# -- run --------------------------------------------------------------------------------------------------------------


@click.command("run")
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--input", "inputs", type=NamedFile(), multiple=True, help="Events of an input, or reference data.")
@click.option(
    "--output", "outputs", type=NamedFile(), multiple=True, help="Where an output's rows go: NDJSON or Parquet."
)
@one_line_errors
def run_job(folder: Path, inputs: tuple[tuple[str, Path], ...], outputs: tuple[tuple[str, Path], ...]) -> None:
    """Run the query of FOLDER over files, to their ends; then all windows are closed. Needs no Redis.

    FOLDER may also be a project of the Azure Stream Analytics Tools for VS Code, or its asaproj.json.

    Inputs are NDJSON (- is standard input), JSON, CSV or Parquet, as the file's name tells; they may be .gz. Without
    --input, a file that job.toml names is used. Rows go to the files of --output or of job.toml; if there are none, to
    standard output (-), which several outputs share as {"output": ..., "row": ...}. Other outputs of job.toml, such as
    boards, are not touched. Rows are NDJSON, packed if the file's name ends in .gz, or Parquet (.parquet).

    Exits with 1 if no row came because every event failed.
    """
    started = time.monotonic()
    project = project_of(folder)
    made = LocalJob.read(folder) if project is None else project.local_job()
    given = _by_name(inputs, (*made.plan.inputs, *made.plan.references), "--input")
    files = made.input_files(given)
    if list(files.values()).count(STDIN) > 1:
        raise click.UsageError("--input: standard input can be one input only")
    tables = made.tables(given)
    places = _places(made, _by_name(outputs, made.plan.outputs, "--output"))
    with ExitStack() as opened:
        events = {
            name: EventFile(path, made.config.events(name).delimiter)
            if project is None
            else project.event_file(name, path)
            for name, path in files.items()
        }
        for file in events.values():
            opened.callback(file.close)
        write = opened.enter_context(_writers(places))
        progress = opened.enter_context(_progress(list(events.values()), places.values()))
        unseen = Unseen(made.plan)
        summary = run(made, events, tables, write, progress, unseen)
    sys.stdout.flush()
    for warned in made.prepared.warnings(unseen):
        click.echo(warned, err=True)
    for line in _summary(made, summary, places, time.monotonic() - started):
        click.echo(line, err=True)
    if summary.is_failed:
        sys.exit(1)


def _by_name(pairs: Iterable[tuple[str, Path]], names: Collection[str], option: str) -> dict[str, Path]:
    """Return the files by their names as the query writes them."""
    written = {name.lower(): name for name in names}
    found: dict[str, Path] = {}
    for name, path in pairs:
        if name.lower() not in written:
            raise click.UsageError(f"{option}: {name!r} is not in the query, which has {', '.join(names)}")
        if written[name.lower()] in found:
            raise click.UsageError(f"{option}: {name} is given twice")
        found[written[name.lower()]] = path
    return found


def _places(made: LocalJob, given: Mapping[str, Path]) -> Mapping[str, Path]:
    """Return where the rows of each output go; rows of outputs that are left out are only counted."""
    of_job = {
        name: made.folder / table.file
        for name, table in made.config.outputs.items()
        if isinstance(table, FileConfig) and name != made.config.faults
    }
    places = of_job | dict(given) or dict.fromkeys(made.plan.outputs, STDOUT)
    files = [path.resolve() for path in places.values() if path != STDOUT]
    if len(files) != len(set(files)):
        raise click.UsageError("--output: two outputs can't share a file, except standard output (-)")
    return places


@contextmanager
def _writers(places: Mapping[str, Path]) -> Iterator[Write]:
    to_stdout = [name for name, path in places.items() if path == STDOUT]
    with ExitStack() as opened:
        writers: dict[str, Callable[[Mapping[str, Any]], object]] = {
            name: _writer(path, opened) for name, path in places.items() if path != STDOUT
        }
        for name in to_stdout:
            writers[name] = _as_json(_print_named(name) if len(to_stdout) > 1 else _print)

        def write(row: OutputRow) -> None:
            if row.output in writers:
                writers[row.output](row.columns)

        yield write


def _writer(path: Path, opened: ExitStack) -> Callable[[Mapping[str, Any]], object]:
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix == ".csv" or path.suffixes[-2:] == [".parquet", ".gz"]:
        raise click.UsageError(f"--output: {path}: rows are written as NDJSON (.ndjson, .ndjson.gz) or .parquet")
    if suffix == ".parquet":
        return opened.enter_context(ParquetFile(path)).write_row
    return _as_json(opened.enter_context(RowFile(path)).write)


def _as_json(write: Callable[[bytes], object]) -> Callable[[Mapping[str, Any]], object]:
    return lambda columns: write(to_json(columns))


def _print(row: bytes) -> None:
    sys.stdout.buffer.write(row + b"\n")


def _print_named(output: str) -> Callable[[bytes], None]:
    begin = b'{"output":' + msgspec.json.encode(output) + b',"row":'
    return lambda row: _print(begin + row + b"}")


@contextmanager
def _progress(files: list[EventFile], places: Iterable[Path]) -> Iterator[Callable[[], None]]:
    """Show on a terminal how much of the files is read, unless rows are printed there, or a file's size is unknown."""
    sizes = [file.size for file in files]
    total = sum(size or 0 for size in sizes)
    is_hidden = None in sizes or (STDOUT in places and sys.stdout.isatty())
    with terminal.progress(None if is_hidden else total) as at:
        yield lambda: at(sum(file.position for file in files))


def _summary(made: LocalJob, summary: Summary, places: Mapping[str, Path], seconds: float) -> Iterator[str]:
    yield f"{summary.events:,} events in {seconds:.1f} s, {summary.events / seconds:,.0f} a second"
    for name in made.plan.outputs:
        where = "" if name in places else ", not written"
        yield f"{_rows(summary.rows[name])} of {name}{where}"
    for board in dict.fromkeys(board.board for _, board in made.config.boards):
        yield f"board {board}: not touched, as this run was over files"
    yield from _faults(summary.faults)


def _rows(count: int) -> str:
    return counted(count, "row")


def _faults(faults: FirstFaults) -> Iterator[str]:
    for kind, count in sorted(faults.counts.items()):
        yield f"{kind}: {count:,}, the first: {faults.first[kind]}"


# -- unit tests -------------------------------------------------------------------------------------------------------


@click.command("test")
@folder_argument
@click.argument("cases", nargs=-1)
@click.option("--update", "is_update", is_flag=True, help="Save the rows that come as the expected ones.")
@one_line_errors
def test_job(folder: Path, cases: tuple[str, ...], is_update: bool) -> None:
    """Run the query of FOLDER over its test CASES, or over all of them, and show rows that differ from the expected.

    A case is a folder, FOLDER/tests/CASE, with a file for each input, such as Input.ndjson (or .json, .csv, .parquet),
    and one for each output to compare, such as OutputWindow.ndjson. Rows are compared in order, with their types (1 is
    not 1.0), and times as text. --update writes the files of outputs: those that exist, or all if there are none.
    """
    made = LocalJob.read(folder)
    failed = 0
    unseen = Unseen(made.plan)
    for case in find_cases(made, cases):
        with terminal.stages(case.name) as at:
            outcome = run_case(made, case, unseen, partial(_show_read, at))
        if is_update:
            click.echo(f"{case.name}: wrote {', '.join(path.name for path in update(outcome))}")
            continue
        failed += bool(outcome.diffs or not outcome.compared)
        for line in _outcome(outcome):
            click.echo(line)
    for warned in made.prepared.warnings(unseen):
        click.echo(warned, err=True)
    if failed:
        click.echo(f"{failed} failed", err=True)
        sys.exit(1)


def _show_read(at: Callable[[int, int], None], files: Collection[EventFile]) -> None:
    """Show on a terminal how many bytes of how many are read."""
    if sys.stderr.isatty():
        at(sum(file.position for file in files), sum(file.size or 0 for file in files))


def _outcome(outcome: Outcome) -> Iterator[str]:
    if not outcome.compared:
        yield f"{outcome.case.name}: there are no expected rows; --update saves the rows that come"
        return
    rows = ", ".join(f"{_rows(len(outcome.rows[name]))} of {name}" for name in outcome.compared)
    ignored = [name for name in outcome.rows if name not in outcome.compared]
    note = f" ({', '.join(ignored)} not compared)" if ignored else ""
    yield f"{outcome.case.name}: {'FAILED' if outcome.diffs else 'ok'}, {rows}{note}"
    for line in _faults(outcome.summary.faults):
        yield f"  {line}"
    yield from outcome.diffs.values()


# -- explain ----------------------------------------------------------------------------------------------------------


@click.command("explain")
@folder_argument
@click.option("--format", "format", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option(
    "--partitions", type=click.IntRange(1), help="The number of partitions of each hub. With 1 there is one stage."
)
@one_line_errors
def explain_job(folder: Path, format: str, partitions: int | None) -> None:
    """Explain what the query of FOLDER does with events: steps, windows, state, time, and what runs in parallel."""
    made = LocalJob.read(folder)
    counts = dict.fromkeys(made.plan.inputs, partitions) if partitions else {}
    click.echo(explain(made.plan, made.config, format, counts, made.prepared.warnings()), nl=False)


COMMANDS = (run_job, test_job, explain_job)
