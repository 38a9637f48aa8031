"""A job as its author writes it: the text of the query, and the tables of job.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from .job_toml import InvalidJob

_UTF_8 = "utf-8-sig"  # with a mark or without

#: The folder, beside job.toml, of the query's own functions: NAME.js is UDF.NAME.
FUNCTIONS = "functions"


class Definition(msgspec.Struct, frozen=True):
    """`query` is its text; `document` is the content of job.toml, parsed as TOML or as JSON, but not checked.

    `document` has the sources of functions as well, which in a folder may be files.
    """

    query: str
    document: Mapping[str, Any]


def read_definition(folder: Path) -> Definition:
    """Read query.asaql, job.toml and functions/*.js. Raises `InvalidJob` for a file that can't be read."""
    config_path = folder / "job.toml"
    text = _text(config_path, None)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidJob(config_path, f"can't be read: {exc}") from exc
    if (sources := function_files(folder)) and isinstance(named := document.get(FUNCTIONS, {}), dict):
        if both := named.keys() & {_named(path) for path in sources}:
            raise InvalidJob(config_path, f"[{FUNCTIONS}]: {min(both)} is also a file: keep one of the two", FUNCTIONS)
        document[FUNCTIONS] = {**named, **{path.stem: _text(path, FUNCTIONS) for path in sources}}
    return Definition(_text(folder / "query.asaql", "query"), document)


def _named(path: Path) -> str:
    name = path.stem.encode(errors="replace").decode()
    if name != path.stem:  # a name on a disk is any bytes
        raise InvalidJob(path.with_name(f"{name}.js"), "the name of a function's file must be UTF-8", FUNCTIONS)
    return name


def function_files(folder: Path) -> list[Path]:
    """Return the files of the functions of a job's folder, sorted."""
    return sorted((folder / FUNCTIONS).glob("*.js"))


def _text(path: Path, field: str | None) -> str:
    try:
        return path.read_text(_UTF_8)
    except (FileNotFoundError, NotADirectoryError):
        what = "is not there: a job is a folder with query.asaql, and job.toml, which names its inputs and outputs"
        raise InvalidJob(path, what, field) from None
    except (OSError, ValueError) as exc:
        raise InvalidJob(path, f"can't be read: {exc}", field) from exc


def name_of(folder: Path) -> str:
    """Return the name of a folder's job: that of the folder to which a link leads, if it leads to one."""
    try:
        name = folder.resolve().name
    except (OSError, RuntimeError):  # a link in a circle
        name = folder.name
    return name.encode(errors="replace").decode()  # a name on a disk is any bytes
