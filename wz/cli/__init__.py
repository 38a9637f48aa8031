"""The `wz` command: run an app, show its routes, and what an installed package, a project or the app itself adds to it.

A package adds commands by entry points of the group `COMMANDS`, a project by its pyproject.toml (see `wz/project.py`),
an app or a blueprint by `@app.cli.command()`. A program's own script is a `Group` that knows how its app is made:

    @click.group(cls=Group, create_app=create_app)
    def shop() -> None:
        "Manage the shop."
"""

from __future__ import annotations

try:
    import click  # noqa: F401
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError("the command line needs the package click: pip install click", name=exc.name) from exc

from ..dotenv import load_dotenv as load_dotenv
from ..loading import NoAppException as NoAppException
from ..loading import ScriptInfo as ScriptInfo
from ..loading import load_app as load_app
from ..loading import pass_script_info as pass_script_info
from .groups import COMMANDS as COMMANDS
from .groups import AppGroup as AppGroup
from .groups import Group as Group
from .groups import with_appcontext as with_appcontext
from .routes import routes_command as routes_command
from .run import run_command as run_command
from .shell import shell_command as shell_command

main = Group(name="wz", help="Run and inspect WSGI applications made with wz.")
