"""A setting: one variable, how it is read, and its description."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..connection_string import InvalidConnectionString
from ..errors import InvalidValue, PipelineError
from .kinds import Kind
from .local import state_folder

#: The origin of a value that is not set.
DEFAULT = "default"


class InvalidSetting(PipelineError, ValueError):
    """The message starts with the variable's name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.field = name


@dataclass(frozen=True)
class Setting:
    """One variable, and the field of `Settings` that it fills.

    `default` is written as in the environment, "" if there is none. `file`: VARIABLE_FILE may name a file that contains
    the value; if neither is set, the value is looked for in `default_file`, or in
    the file of that name in another `state_folder`. `may_be_empty`: a variable that is set to
    "" differs from one that is not set.
    """

    field: str
    variable: str
    kind: Kind
    default: str
    about: str
    file: bool = False
    default_file: str = ""
    may_be_empty: bool = False

    def find(self, environ: Mapping[str, str]) -> tuple[str, str]:
        """Return the text and its origin: the variable, a file, or `DEFAULT`. Raises `InvalidSetting`."""
        text = environ.get(self.variable)
        if text or (text is not None and self.may_be_empty):
            return text, self.variable
        path = self.file and (environ.get(self.file_variable) or self._in_state_folder(environ))
        if not path:
            return self.default, DEFAULT
        text = read_file(self.file_variable, path, must_be_there=bool(environ.get(self.file_variable)))
        return (self.default, DEFAULT) if text is None else (text, path)

    def _in_state_folder(self, environ: Mapping[str, str]) -> str:
        folder = self.default_file and state_folder(environ)
        return str(folder / Path(self.default_file).name) if folder else ""

    @property
    def file_variable(self) -> str:
        """The variable that may name a file with the value."""
        return f"{self.variable}_FILE"

    def read(self, text: str) -> Any:
        """Return the value. Raises `InvalidSetting`."""
        try:
            return self.kind.read(text)
        except (InvalidValue, InvalidConnectionString) as exc:
            raise InvalidSetting(self.variable, str(exc)) from None


def read_file(variable: str, path: str, must_be_there: bool = True) -> str | None:
    """Return the text of a file that may have a key; None if there need be none. Raises `InvalidSetting`."""
    try:
        with open(path, encoding="utf-8") as opened:
            _check_mode(variable, path, os.fstat(opened.fileno()))
            text = opened.read().strip()
    except FileNotFoundError:
        if not must_be_there:
            return None
        raise InvalidSetting(variable, f"there is no file {path!r}") from None
    except OSError as exc:
        raise InvalidSetting(variable, f"can't read {path!r}: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise InvalidSetting(variable, f"{path!r} is not a text in UTF-8") from None
    if not text:
        raise InvalidSetting(variable, f"{path!r} is empty")
    return text


def _check_mode(variable: str, path: str, status: os.stat_result) -> None:
    """Refuse a key file of this user that others can read, as ssh does. Files of another user are accepted."""
    if status.st_uid == os.getuid() and status.st_mode & 0o077:
        mode = status.st_mode & 0o777
        raise InvalidSetting(
            variable, f"other users may read {path!r} (mode {mode:04o}), which has a key: chmod 600 it"
        )


def setting(variable: str, kind: Kind, default: str, about: str, **more: Any) -> Any:
    """Return a field of `Settings`; its default is the value of the text `default`."""
    value = kind.read(default)
    metadata = {"variable": variable, "kind": kind, "default": default, "about": about, **more}
    if isinstance(value, dict):
        return field(default_factory=lambda: dict(value), metadata=metadata)
    return field(default=value, metadata=metadata)
