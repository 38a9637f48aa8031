"""Makes a job's folder of a project: query.asaql, job.toml, the local files of its inputs, and its functions."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..windows.jobs.definition import FUNCTIONS
from ..windows.language.values import to_json
from .forms import InvalidProject, check_file_names
from .project import Project

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def write_folder(project: Project, to: Path) -> None:
    """Write the folder, whole or not at all. Raises `InvalidProject`, also if there is something at `to`.

    Events that do not tell when they arrived are written with the time at which they do, so that the folder gives the
    rows that the project gives.
    """
    document = {**project.document, "inputs": dict(project.document["inputs"])}
    check_file_names(to, (*project.data, *document[FUNCTIONS]))
    with new_folder(to) as folder:
        for name, path in project.data.items():
            table = dict(document["inputs"][name])
            file = f"{name}.ndjson" if name in project.arrivals else f"{name}{path.suffix.lower()}"
            if name in project.arrivals:
                _write_events(project, name, path, folder / file)
            else:
                shutil.copyfile(path, folder / file)
            document["inputs"][name] = _with_file(table, file)
        for name, source in document.pop(FUNCTIONS).items():
            (folder / FUNCTIONS).mkdir(exist_ok=True)
            (folder / FUNCTIONS / f"{name}.js").write_text(source)
        (folder / "query.asaql").write_text(project.query)
        (folder / "job.toml").write_text(_toml(document, project.hubs))


@contextmanager
def new_folder(to: Path) -> Iterator[Path]:
    """Give a folder to be filled, which is moved to `to` if nothing fails. Raises `InvalidProject`."""
    if to.exists():
        raise InvalidProject(to, "is there already: name a folder that is not")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{to.name}.", dir=to.parent) as made:
            folder = Path(made) / to.name
            folder.mkdir()
            yield folder
            folder.rename(to)
    except OSError as exc:
        raise InvalidProject(to, f"can't be written: {exc.strerror or exc}") from exc


def _write_events(project: Project, name: str, path: Path, to: Path) -> None:
    file = project.event_file(name, path)
    try:
        with to.open("wb") as written:
            for number, event in file:
                if not isinstance(event, dict):
                    raise InvalidProject(path, f"{number}: {event}")
                written.write(to_json(event) + b"\n")
    finally:
        file.close()


def _with_file(table: dict[str, Any], file: str) -> dict[str, Any]:
    return {**table, "reference": {"file": file}} if "reference" in table else {**table, "file": file}


def _toml(document: Mapping[str, Any], hubs: Mapping[str, str]) -> str:
    """Return job.toml. The Event Hub of an input that is a file is in a comment."""
    lines = ["[time]", *(f"{key} = {_value(value)}" for key, value in document["time"].items())]
    for section in ("inputs", "outputs"):
        for name, table in document[section].items():
            lines += ["", f"[{section}.{_key(name)}]"]
            if section == "inputs" and "file" in table and name in hubs:
                lines.append(f"# hub = {_value(hubs[name])}   in place of the file, for a job on a hub")
            lines += [f"{_key(key)} = {_value(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # all else is the same in TOML
