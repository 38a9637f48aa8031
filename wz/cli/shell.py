"""`wz shell`: a Python shell in an app's context."""

from __future__ import annotations

import code
import sys

import click

from ..loading import ScriptInfo, pass_script_info


@click.command("shell")
@pass_script_info
def shell_command(info: ScriptInfo) -> None:
    """Open a Python shell in the app's context, with `app` and what its shell context processors add."""
    app = info.load_app()
    with app.app_context():
        banner = f"Python {sys.version.split()[0]}, app {app.name}"
        code.interact(banner=banner, local=app.make_shell_context(), exitmsg="")
