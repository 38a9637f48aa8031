"""Every setting as it is shown, in the terminal and on a page: its value without secrets, and where that comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..connection_string import ConnectionString
from ..errors import PipelineError
from ..hub.description import Defaults, declared_hubs
from ..settings import DATABASES, SETTINGS, Settings
from ..settings.address import without_password
from ..settings.deployment import DEPLOYMENT
from ..settings.kinds import ADDRESS, NODES
from ..settings.local import with_service
from ..settings.row import DEFAULT, Setting
from ..store.client import database


@dataclass(frozen=True)
class ShownSetting:
    """A setting as it is shown: `value` without secrets, and `origin`, the variable or file that it comes from."""

    variable: str
    value: str
    origin: str
    default: str
    type: str
    about: str


def shown_settings(environ: Mapping[str, str], service: Path | None = None) -> tuple[list[ShownSetting], list[str]]:
    """Return the settings of a process with these variables, and what is wrong with them, a sentence each.

    `service` is the file of a `wz up`, whose variables count where `environ` has none.
    """
    problems: list[str] = []
    all_variables = with_service(environ, service)
    rows = [*_rows(all_variables, problems), *_deployment(environ)]
    added = all_variables.keys() - environ.keys()
    rows = [replace(row, origin=str(service)) if row.origin in added else row for row in rows]
    if not problems:
        try:
            found = Settings.from_environ(all_variables)
            rows = list(_with_what_depends_on_others(rows, found))
            declared_hubs(found)
            Defaults.from_settings(found)
        except PipelineError as exc:
            problems.append(str(exc))
    return rows, problems


def _rows(environ: Mapping[str, str], problems: list[str]) -> Iterator[ShownSetting]:
    for row in SETTINGS:
        value, origin = "?", "?"
        try:
            text, origin = row.find(environ)
            value = _shown(row, text)
        except PipelineError as exc:
            problems.append(str(exc))
        yield ShownSetting(row.variable, value, origin, row.default, type_of(row), row.about)


def _with_what_depends_on_others(rows: Iterable[ShownSetting], found: Settings) -> Iterator[ShownSetting]:
    for row in rows:
        yield replace(row, value=str(found.board_shards)) if row.variable == "WZ_BOARD_SHARDS" else row
        if row.variable == "WZ_REDIS_URL":
            number = database(found)
            origin = "WZ_ENVIRONMENT" if number == DATABASES[found.environment] else "WZ_REDIS_URL"
            yield ShownSetting(
                "(database)", str(number), origin, "", "number", "The database of the server WZ_REDIS_URL."
            )


def _shown(row: Setting, text: str) -> str:
    value = row.read(text)
    if isinstance(value, ConnectionString):
        return value.shown
    return without_password(text) if text and row.kind in (ADDRESS, NODES) else text


def _deployment(environ: Mapping[str, str]) -> Iterator[ShownSetting]:
    for row in DEPLOYMENT:
        value = environ.get(row.variable)
        yield ShownSetting(
            row.variable, value or "", row.variable if value else DEFAULT, row.default, row.kind, row.about
        )


def type_of(row: Setting) -> str:
    """Return how a setting is written, with the unit of a bare number."""
    return f"{row.kind.name}; {row.kind.unit}" if row.kind.unit else row.kind.name
