"""Serving for development, by Werkzeug's server: what `app.run()` does."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from werkzeug import serving

from .config import get_debug_flag
from .dotenv import get_load_dotenv, load_dotenv

if TYPE_CHECKING:
    from .app import App  # upwards: `App.run` gives itself

#: While a command runs, this variable is "true", and `app.run()` does nothing: a module that calls it when it is
#: imported would serve instead.
RUN_FROM_CLI = "WZ_RUN_FROM_CLI"

HOST = "127.0.0.1"
PORT = 5000


def run(
    app: App, host: str | None, port: int | None, debug: bool | None, reads_dotenv: bool, options: dict[str, Any]
) -> None:
    """Serve the app until the process is interrupted; what `App.run` does."""
    if os.environ.get(RUN_FROM_CLI) == "true":
        if not serving.is_running_from_reloader():
            print(
                " * Ignoring a call of app.run() that would block this command: call it in a module only below\n"
                '   if __name__ == "__main__":',
                file=sys.stderr,
            )
        return
    if get_load_dotenv(reads_dotenv):
        load_dotenv()
        if "WZ_DEBUG" in os.environ:
            app.debug = get_debug_flag()
    if debug is not None:
        app.debug = debug
    host, port = address(app.config["SERVER_NAME"], host, port)
    options = {"use_reloader": app.debug, "use_debugger": app.debug, "threaded": True, **options}
    show_server_banner(app.debug, app.name)
    serving.run_simple(host, port, app, **options)


def address(server_name: str | None, host: str | None, port: int | None) -> tuple[str, int]:
    """Return what to listen on: what is given, else what SERVER_NAME says, else 127.0.0.1 and 5000."""
    named = urlsplit(f"//{server_name or ''}")
    return host or named.hostname or HOST, next((int(one) for one in (port, named.port) if one is not None), PORT)


def show_server_banner(debug: bool, name: str | None) -> None:
    """Print what is served and whether in debug; once, and not again at each reload."""
    if serving.is_running_from_reloader():
        return
    if name is not None:
        print(f" * Serving the app {name!r}")
    print(f" * Debug mode: {'on' if debug else 'off'}")
