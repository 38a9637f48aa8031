"""A job as its maker writes it: the query's text, and the tables of job.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ...errors import InvalidValue
from .job_toml import InvalidJob

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Definition(msgspec.Struct, frozen=True):
    """`query` is text; `document` what job.toml holds, read as TOML or as JSON, and not checked."""

    query: str
    document: Mapping[str, Any]


def read_definition(folder: Path) -> Definition:
    """Read query.asaql and job.toml. Raises `InvalidJob` for a file that can't be read."""
    config_path, query_path = folder / "job.toml", folder / "query.asaql"
    try:
        document = tomllib.loads(config_path.read_text())
    except (OSError, ValueError) as exc:
        raise InvalidJob(config_path, f"can't be read: {exc}") from exc
    try:
        return Definition(query_path.read_text(), document)
    except (OSError, ValueError) as exc:
        raise InvalidJob(query_path, f"can't be read: {exc}") from exc


def check_name(name: str) -> str:
    """Return a job's name. Raises `InvalidValue`."""
    if not _NAME.fullmatch(name):
        raise InvalidValue(f"{name!r} is not a job's name: that is 1 to 64 letters, digits and . - _", "name")
    return name
