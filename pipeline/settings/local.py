"""The folder .wz, in which a `wz up` keeps its data, and what it says there for commands in another terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

STATE = ".wz"

#: In the folder, while a `wz up` runs there: a JSON object, whose `environ` has the variables that `REACH` names.
SERVICE = "service.json"

_SERVERS = ("WZ_REDIS_URL", "WZ_HUBS_CLUSTER", "WZ_BOARDS_CLUSTER")

#: The variables that say where a service has its data.
REACH = ("WZ_ENVIRONMENT", *_SERVERS, "WZ_BOARD_SHARDS")


class _Service(msgspec.Struct):
    environ: dict[str, str] = {}


def state_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return WZ_STATE, or the nearest folder .wz: in the working directory, or in a folder above.

    One above must belong to this user, as anybody may make one in /tmp.
    """
    if named := environ.get("WZ_STATE"):
        return Path(named)
    here = Path(STATE)
    if here.is_dir():
        return here
    above = (parent / STATE for parent in Path.cwd().parents)
    return next((folder for folder in above if folder.is_dir() and folder.stat().st_uid == os.geteuid()), None)


def service_file(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file of the `wz up` of `state_folder`, or None if none runs there."""
    folder = state_folder(environ)
    return folder / SERVICE if folder and (folder / SERVICE).is_file() else None


def names_a_server(environ: Mapping[str, str]) -> bool:
    """Say whether variables say where the data is."""
    return any(environ.get(name) for name in _SERVERS)


def with_service(environ: Mapping[str, str], file: Path | None) -> Mapping[str, str]:
    """Return `environ` with the variables of `service_file` that it does not set.

    None is added if it names a server itself, as two services would then be mixed.
    """
    if file is None or names_a_server(environ):
        return environ
    found = read(file, _Service).environ
    return {**{name: found[name] for name in REACH if name in found}, **environ}


def read(file: Path, kind: type[Any]) -> Any:
    """Return what a `service_file` has, or `kind()`, if it has gone or can't be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return kind()
