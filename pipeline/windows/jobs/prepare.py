"""Reads a job's definition: plans its query, and checks its settings against the query. Needs no Redis."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
from .job_toml import InvalidJob, JobConfig, config_of, match


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
    return Prepared(query, planned, match(config, planned, config_path), definition.query)


def warnings_of(definition: Definition, name: str) -> list[Warned]:
    """Return what the query of a recorded job may not mean; nothing if this version can't read it."""
    try:
        return prepare(definition, Path(name)).warnings()
    except InvalidJob:
        return []
