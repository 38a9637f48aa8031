"""Reads a job's definition: plans its query, and checks its settings against the query. Needs no Redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from ...javascript import WrongFunction
from ..language.excerpt import excerpt
from ..language.parser import parse
from ..language.syntax import Query
from ..language.tokens import At, QueryError
from ..language.warned import Warned
from ..planning.columns import Unseen
from ..planning.nodes import Plan
from ..planning.planner import plan
from .definition import FUNCTIONS, Definition
from .job_toml import InvalidJob, JobConfig, config_of

T = TypeVar("T")


@dataclass(frozen=True)
class Prepared:
    """A definition that has been read. `config` has the names as the query writes them."""

    query: Query
    plan: Plan
    config: JobConfig
    text: str

    def warnings(self, unseen: Unseen | None = None) -> list[Warned]:
        """Return what the query may not mean as it is written, and which columns no event of a sample has."""
        of_sample = unseen.warnings() if unseen else ()
        return [warned.shown(self.text) for warned in (*self.plan.warnings, *of_sample)]


def prepare(definition: Definition, folder: Path) -> Prepared:
    """Read the query and the settings; `folder` is for messages.

    Raises `InvalidJob`. If the error is in the query, a note of the exception shows its line, with a caret below.
    """
    config_path, query_path = folder / "job.toml", folder / "query.asaql"
    config = config_of(definition.document, config_path)
    try:
        query = parse(definition.query)
        planned = plan(query, config.references, config.functions)
    except WrongFunction as exc:
        raise InvalidJob(folder / FUNCTIONS / f"{exc.name}.js", str(exc), f"functions.{exc.name}") from exc
    except QueryError as exc:
        at = At(exc.line, exc.column)
        error = InvalidJob(query_path, str(exc), "query", at)
        if shown := excerpt(definition.query, at):
            error.add_note(shown)
        raise error from exc
    return Prepared(query, planned, _match(config, planned, config_path), definition.query)


def warnings_of(definition: Definition, name: str) -> list[Warned]:
    """Return what the query of a recorded job may not mean; nothing if this version can't read it."""
    try:
        return prepare(definition, Path(name)).warnings()
    except InvalidJob:
        return []


def _match(config: JobConfig, plan: Plan, path: Path) -> JobConfig:
    """Check job.toml against the query; return it with the names as the query writes them. Raises `InvalidJob`."""
    names = {name.lower(): name for name in plan.outputs}
    if config.faults is not None and config.faults.lower() in names:
        raise InvalidJob(path, f"faults: the query writes {config.faults} itself: name another output", "faults")
    of_job = {name: table for name, table in config.outputs.items() if name == config.faults}
    of_query = {name: table for name, table in config.outputs.items() if name != config.faults}
    outputs = _matched(of_query, plan.outputs, path, "outputs", "INTO") | of_job
    for number, (source, _) in enumerate(config.boards, 1):
        if source.lower() not in names:
            raise InvalidJob(
                path,
                f"[[boards]] {number}: from = {source!r} is not an output: the query has {', '.join(plan.outputs)}",
                "boards",
            )
    inputs = _matched(config.inputs, (*plan.inputs, *plan.references), path, "inputs", "FROM")
    for stream in plan.streams:
        if stream.over and config.policies.late is None:
            raise InvalidJob(
                path,
                f"[time]: late_arrival = -1 can't be used with TIMESTAMP BY ... OVER, which {stream.input} has: a new "
                "key may come at any time, so that no window would ever close",
                "time.late_arrival",
            )
    return msgspec.structs.replace(
        config,
        inputs=inputs,
        outputs=outputs,
        boards=tuple((names[source.lower()], board) for source, board in config.boards),
    )


def _matched(tables: Mapping[str, T], names: tuple[str, ...], path: Path, section: str, clause: str) -> dict[str, T]:
    """Return the tables by the query's names. Raises `InvalidJob` unless there is exactly one table for each name."""
    by_name = {name.lower(): (name, table) for name, table in tables.items()}
    found = {}
    for name in names:
        if name.lower() not in by_name:
            raise InvalidJob(path, f"[{section}.{name}] is missing: the query has {clause} {name}", f"{section}.{name}")
        _, found[name] = by_name.pop(name.lower())
    for written, _ in by_name.values():
        place = f"{section}.{written}"
        raise InvalidJob(path, f"[{place}] is not in the query: it has {', '.join(names)}", place)
    return found
