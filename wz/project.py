"""What a project says to the command `wz`, in its pyproject.toml.

The file is looked for in the current folder and those above it; the nearest with a table `[tool.wz]` counts:

    [tool.wz]
    app = "shop:create_app"
    differences = "shop.servers:differences"

    [tool.wz.commands]
    stock = "shop.commands:stock"
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import click


class Project(NamedTuple):
    """What `[tool.wz]` of a pyproject.toml says. A value of `commands` is checked when it is loaded.

    `differences` names a function without arguments that returns the text of `wz layers --differences`.
    """

    file: Path
    app: str | None
    differences: str | None
    commands: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The project's folder, from which its app and its commands are imported."""
        return self.file.parent

    @classmethod
    def find(cls) -> Project | None:
        """Read the nearest pyproject.toml that has a table `[tool.wz]`, from the current folder upwards.

        Raises `click.UsageError` that names a file that is wrong.
        """
        here = current_folder()
        return next(filter(None, (cls._read(folder / "pyproject.toml") for folder in [here, *here.parents])), None)

    @classmethod
    def _read(cls, file: Path) -> Project | None:
        try:
            text = file.read_bytes()
        except OSError:
            return None
        try:
            tool = tomllib.loads(text.decode()).get("tool")
        except ValueError as exc:
            raise click.UsageError(f"{file} is not valid TOML: {exc}") from None
        if not isinstance(tool, dict) or "wz" not in tool:
            return None
        table = tool["wz"]
        if not isinstance(table, dict):
            raise click.UsageError(f"{file}: [tool.wz] must be a table")
        app, differences, commands = table.get("app"), table.get("differences"), table.get("commands", {})
        for name, value in (("app", app), ("differences", differences)):
            if not (value is None or isinstance(value, str)):
                raise click.UsageError(f'{file}: {name} of [tool.wz] must be a text, as in {name} = "module:name"')
        if not isinstance(commands, dict):
            raise click.UsageError(f"{file}: [tool.wz.commands] must be a table")
        return cls(file, app, differences, commands)


def current_folder() -> Path:
    """Return it. Raises `click.UsageError` if it was deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise click.UsageError("the current folder was deleted: change to another one") from None
