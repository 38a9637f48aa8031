"""`wz run`: serve an app for development."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from werkzeug.serving import is_running_from_reloader, run_simple
from werkzeug.utils import import_string

from ..config import get_debug_flag
from ..loading import NoAppException, ScriptInfo, pass_script_info, put_project_on_path
from ..serving import HOST, PORT, show_server_banner
from .options import debug_option

if TYPE_CHECKING:
    import ssl

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LOOPBACK = (HOST, "::1", "localhost")


def _paths(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    return value.split(os.pathsep) if value else None


@click.command("run")
@click.option("--host", "-h", default=HOST, show_default=True, help="Address to listen on.")
@click.option("--port", "-p", default=PORT, show_default=True, type=click.IntRange(0, 65535))
@click.option("--cert", help="For HTTPS: a certificate's file, 'adhoc', or module:name of an ssl.SSLContext.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), help="The key's file of a certificate's.")
@click.option("--reload/--no-reload", default=None, help="Restart when a file changes. Default: in debug mode.")
@click.option("--debugger/--no-debugger", default=None, help="Show errors with a console. Default: in debug mode.")
@click.option("--with-threads/--without-threads", default=True, help="Serve each request in a thread. Default: yes.")
@click.option(
    "--extra-files", callback=_paths, metavar="PATHS", help=f"Restart for these, too; separated by {os.pathsep!r}."
)
@click.option(
    "--exclude-patterns", callback=_paths, metavar="PATTERNS", help="Don't restart for files that match (fnmatch)."
)
@pass_script_info
def run_command(
    info: ScriptInfo,
    host: str,
    port: int,
    cert: str | None,
    key: str | None,
    reload: bool | None,
    debugger: bool | None,
    with_threads: bool,
    extra_files: list[str] | None,
    exclude_patterns: list[str] | None,
) -> None:
    """Serve the app for development. Not for production: there, gunicorn or another WSGI server calls it.

    Without --debug or --no-debug, and without WZ_DEBUG, debug mode is on where no other machine can reach the app: on
    a loopback address.
    """
    ssl_context = _ssl_context(cert, key)
    os.environ.setdefault("WZ_DEBUG", "1" if host in _LOOPBACK else "0")
    debug = get_debug_flag()
    app = _load_to_serve(info)
    show_server_banner(debug, info.app_import_path)
    run_simple(
        host,
        port,
        app,
        use_reloader=debug if reload is None else reload,
        use_debugger=debug if debugger is None else debugger,
        threaded=with_threads,
        ssl_context=ssl_context,
        extra_files=extra_files,
        exclude_patterns=exclude_patterns,
    )


run_command.params.insert(0, debug_option)


def _load_to_serve(info: ScriptInfo) -> WSGIApplication:
    """Load the app, or, after a change that broke it, one that shows the error, so that the reloader keeps running."""
    try:
        return info.load_app()
    except Exception as exc:
        if not is_running_from_reloader():
            raise
        broken = exc.__cause__ if isinstance(exc, NoAppException) and exc.__cause__ else exc
        traceback.print_exception(broken)

    def fail(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise broken

    return fail


def _ssl_context(cert: str | None, key: str | None) -> ssl.SSLContext | tuple[str, str] | Literal["adhoc"] | None:
    """Return what Werkzeug's server takes. Raises `click.BadParameter`."""
    if cert is None:
        if key is not None:
            raise click.BadParameter("give the certificate's file, too: --cert", param_hint="'--key'")
        return None
    if Path(cert).is_file():
        if key is None:
            raise click.BadParameter("give the file of this certificate's key, too: --key", param_hint="'--cert'")
        return cert, key
    if key is not None:
        raise click.BadParameter(f"it is for a certificate's file, which {cert!r} is not", param_hint="'--key'")
    if cert.lower() == "adhoc":
        if find_spec("cryptography") is None:
            raise click.BadParameter("'adhoc' needs the package: pip install cryptography", param_hint="'--cert'")
        return "adhoc"
    return _imported_context(cert)


def _imported_context(name: str) -> ssl.SSLContext:
    import ssl  # here, as Python may be built without it

    put_project_on_path()
    found = import_string(name, silent=True)
    if not isinstance(found, ssl.SSLContext):
        raise click.BadParameter(
            f"{name!r} is no file, not 'adhoc', and not module:name of an ssl.SSLContext", param_hint="'--cert'"
        )
    return found
