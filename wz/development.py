"""What a developer calls on an app: contexts for scripts and tests, the test client, commands, a server.

Optional files are imported inside of the methods: a call of `test_client` or `cli` loads what it needs, and an app that
only answers requests loads nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

from .base import BaseApp
from .context import AppContext, RequestContext
from .setup import setupmethod

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from .cli import AppGroup  # upwards: `App.cli` is a group of commands
    from .testing import AppRunner, Client  # upwards: `App.test_client` and `App.test_cli_runner` return them

F = TypeVar("F", bound=Callable[..., Any])


class Development(BaseApp):
    """An app's methods for scripts, tests and the command line; answering a request calls none of them.

    `test_client_class` and `test_cli_runner_class` are what tests are given, if not None: a subclass of
    `wz.testing.Client` or of `wz.testing.AppRunner`. Set them on a subclass or on an app.
    """

    test_client_class: type[Client] | None = None
    test_cli_runner_class: type[AppRunner] | None = None

    def app_context(self) -> AppContext:
        """Return a context in which this app is current without a request: for scripts and commands."""
        return AppContext(self._app)

    def request_context(self, environ: WSGIEnvironment) -> RequestContext:
        """Return a context of a request that is matched, but not answered."""
        request = self.request_class(environ)
        request.app = self._app
        request.route = self._unmatched
        request.app.match(request)
        return RequestContext(request)

    def test_request_context(self, *args: Any, **kwargs: Any) -> RequestContext:
        """`request_context` of the request that `wz.testing.EnvironBuilder` makes of the arguments."""
        from .testing import EnvironBuilder  # optional

        with closing(EnvironBuilder(self._app, *args, **kwargs)) as builder:
            return self.request_context(builder.get_environ())

    def test_client(self, use_cookies: bool = True, **options: Any) -> Client:
        """Return a client whose answers are of `response_class`; other options are those of `test_client_class`."""
        from .testing import Client  # optional

        made = self.test_client_class or Client
        return made(self._app, self.response_class, use_cookies=use_cookies, **options)

    def test_cli_runner(self, **options: Any) -> AppRunner:
        """Return a runner of this app's commands; `options` are those of `click.testing.CliRunner`. Needs click."""
        from .testing import AppRunner  # optional

        return (self.test_cli_runner_class or AppRunner)(self._app, **options)

    def run(
        self,
        host: str | None = None,
        port: int | None = None,
        debug: bool | None = None,
        load_dotenv: bool = True,
        **options: Any,
    ) -> None:
        """Serve for development, where SERVER_NAME says, or at 127.0.0.1:5000; in debug with a reloader and a debugger.

        WZ_DEBUG overrides the app's `debug`, and the argument both. With `load_dotenv`, files such as `.env` are read.
        `options` are those of `werkzeug.serving.run_simple`. While a command of `wz` runs, this does nothing.
        """
        from .serving import run  # optional: no other server needs Werkzeug's

        run(self._app, host, port, debug, load_dotenv, options)

    @property
    def cli(self) -> AppGroup:
        """The app's own commands, shown by `wz --app`; needs click."""
        if "cli" not in self.extensions:
            from .cli import AppGroup  # optional

            self.extensions["cli"] = AppGroup(self.name)
        group: AppGroup = self.extensions["cli"]
        return group

    @setupmethod
    def shell_context_processor(self, function: F) -> F:
        """Add the names that `function()` returns, a dict, to `wz shell`."""
        self.extensions.setdefault("shell_context_processors", []).append(function)
        return function
