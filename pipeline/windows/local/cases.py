"""Unit tests of a query: each case is a folder with the events of the inputs, and the rows that are expected.

FOLDER/tests/CASE/Input.ndjson           events of an input, in any format of files.py; each input needs a file
FOLDER/tests/CASE/devices.json           reference data, in place of what job.toml names
FOLDER/tests/CASE/OutputWindow.ndjson    rows of an output, in order; an output without such a file is not compared
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ...errors import PipelineError
from ..engine.engine import OutputRow
from ..language.values import to_json
from ..planning.columns import Unseen
from .files import FORMATS, EventFile, find_file
from .run import LocalJob, Summary, run

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode


class InvalidCase(PipelineError):
    """A case that can't be run. The message starts with its folder or file."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


@dataclass(frozen=True)
class Outcome:
    """What came of a case: `rows` are lines of JSON, by output.

    `compared` has the file of each output that was compared, and `diffs` the differences of outputs that have some.
    """

    case: Path
    summary: Summary
    rows: Mapping[str, list[bytes]]
    compared: Mapping[str, Path]
    diffs: Mapping[str, str]


def find_cases(job: LocalJob, names: Iterable[str]) -> list[Path]:
    """Return the folders of the cases with these names, or of all cases without names. Raises `InvalidCase`."""
    folder = job.folder / "tests"
    found = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()} if folder.is_dir() else {}
    for name in names:
        if name not in found:
            raise InvalidCase(folder, f"there is no case {name!r}: there are {', '.join(found) or 'none'}")
    if not found:
        raise InvalidCase(
            folder, f"there is no case: write {folder / 'NAME' / job.plan.inputs[0]}.ndjson, then run it with --update"
        )
    return [found[name] for name in names] or list(found.values())


def run_case(
    job: LocalJob,
    case: Path,
    unseen: Unseen | None = None,
    progress: Callable[[Collection[EventFile]], None] = lambda _: None,
) -> Outcome:
    """Run the query over a case's files, at which `unseen` looks, and compare its rows.

    `progress` is called now and then with the files that are read. Raises `InvalidCase`, `InvalidFile` or `InvalidJob`.
    """
    files, tables = _given(job, case)
    rows: dict[str, list[bytes]] = {output: [] for output in job.plan.outputs}

    def write(row: OutputRow) -> None:
        rows[row.output].append(to_json(row.columns))

    with ExitStack() as opened:
        events = {name: EventFile(path, job.config.events(name).delimiter) for name, path in files.items()}
        for file in events.values():
            opened.callback(file.close)
        summary = run(job, events, job.tables(tables), write, lambda: progress(events.values()), unseen)
    compared = {output: path for output in job.plan.outputs if (path := _expected_file(case, output)) is not None}
    diffs = {output: _diff(path, rows[output]) for output, path in compared.items()}
    return Outcome(case, summary, rows, compared, {output: diff for output, diff in diffs.items() if diff})


def update(outcome: Outcome) -> list[Path]:
    """Save the rows that came as the expected ones; return the files. If there are none yet, each output gets one."""
    paths = outcome.compared or {output: outcome.case / f"{output}.ndjson" for output in outcome.rows}
    for output, path in paths.items():
        path.write_bytes(b"".join(row + b"\n" for row in outcome.rows[output]))
    return list(paths.values())


def _given(job: LocalJob, case: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    files = {}
    for name in job.plan.inputs:
        found = find_file(case, name)
        if found is None:
            raise InvalidCase(case, f"there is no file for the input {name}: {name} with {', '.join(FORMATS)}")
        if name.lower() in (output.lower() for output in job.plan.outputs):
            raise InvalidCase(found, "is it an input or an output? The query has both by this name: rename one")
        files[name] = found
    tables = {name: found for name in job.plan.references if (found := find_file(case, name)) is not None}
    return files, tables


def _expected_file(case: Path, output: str) -> Path | None:
    return next((path for path in sorted(case.iterdir()) if path.name.lower() == f"{output}.ndjson".lower()), None)


def _diff(path: Path, rows: Iterable[bytes]) -> str:
    """Return a unified diff of the expected rows and those that came, '' if they are the same."""
    came = [_sorted(row) for row in rows]
    return "\n".join(difflib.unified_diff(list(_expected(path)), came, str(path), "the query's rows", lineterm=""))


def _expected(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                yield _sorted(line)
            except (ValueError, RecursionError) as exc:
                raise InvalidCase(path, f"line {number} is not JSON: {exc}") from exc


def _sorted(row: bytes) -> str:
    """Return a row with its names sorted, so that their order does not count."""
    return _encode(_decode(row)).decode()
