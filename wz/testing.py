"""Werkzeug's test client with Flask's conveniences: `app.test_client()`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers
from werkzeug.test import Client as WerkzeugClient
from werkzeug.test import EnvironBuilder, TestResponse
from werkzeug.wrappers import Request as WerkzeugRequest

from .app import App
from .context import PRESERVE, RequestContext

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from click.testing import Result

    from .session import Session  # beside it, but optional: `Client.session_transaction` yields one


class RequestBuilder(EnvironBuilder):
    """Werkzeug's, for the host, root, scheme and JSON of an app."""

    def __init__(self, app: App, path: str = "/", base_url: str | None = None, *args: Any, **kwargs: Any) -> None:
        self.app = app
        if base_url is None:
            config = app.config
            host, root = config["SERVER_NAME"] or "localhost", config["APPLICATION_ROOT"].strip("/")
            base_url = f"{config['PREFERRED_URL_SCHEME']}://{host}/{root}"
        super().__init__(path, base_url, *args, **kwargs)

    def json_dumps(self, obj: Any, **_: Any) -> str:
        return self.app.json.dumps(obj)


_REQUESTS = (EnvironBuilder, WerkzeugRequest, dict)  # what Werkzeug's client takes as it is


class Client(WerkzeugClient):
    """Keeps cookies; `client.get(path, json=..., headers=..., query_string=...)` as Werkzeug's.

    Inside `with client:` the last request stays current after it was answered, so that a test can look at `request`,
    `g` and `session`. Its teardown hooks have run by then.
    """

    _keeps = False
    _kept: RequestContext | None = None

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        if isinstance(self.application, App) and not (args and isinstance(args[0], _REQUESTS)):
            how: dict[str, Any] = {
                name: kwargs.pop(name) for name in ("buffered", "follow_redirects") if name in kwargs
            }
            with closing(RequestBuilder(self.application, *args, **kwargs)) as builder:
                args, kwargs = (builder.get_request(),), how
        return super().open(*args, **kwargs)

    def run_wsgi_app(self, environ: WSGIEnvironment, buffered: bool = False) -> tuple[Iterable[bytes], str, Headers]:
        """Send one request; `open` calls this once more for each redirect that it follows."""
        if not self._keeps:
            return super().run_wsgi_app(environ, buffered)
        self._leave()
        preserved: list[RequestContext] = []
        environ[PRESERVE] = preserved.append
        try:
            return super().run_wsgi_app(environ, buffered)
        finally:
            del environ[PRESERVE]
            if preserved:
                self._kept = preserved.pop()
                self._kept.__enter__()

    def __enter__(self) -> Client:
        self._app()
        if self._keeps:
            raise RuntimeError("`with client:` can't be nested")
        self._keeps = True
        return self

    def __exit__(self, *_: object) -> None:
        self._keeps = False
        self._leave()

    def session_transaction(self, *args: Any, **kwargs: Any) -> AbstractContextManager[Session]:
        """`with client.session_transaction() as session:` opens the client's session and saves it at the end.

        The arguments are those of a request, for sessions that depend on the path or the host.
        """
        from .session import session_transaction  # loaded only by tests that use sessions: it needs itsdangerous

        return session_transaction(self, self._app(), *args, **kwargs)

    def _app(self) -> App:
        if not isinstance(self.application, App):
            raise RuntimeError(f"this needs a client of the app itself, not of a {type(self.application).__name__}")
        return self.application

    def _leave(self) -> None:
        if self._kept is not None:
            self._kept.__exit__(None, None, None)
            self._kept = None


class AppRunner:
    """Runs the app's own commands in this process: `app.test_cli_runner().invoke(args=["init-db"])`."""

    def __init__(self, app: App, **options: Any) -> None:
        from click.testing import CliRunner  # here, since other tests need no click

        self.app = app
        self._runner = CliRunner(**options)

    def invoke(self, command: Any = None, args: str | list[str] | None = None, **options: Any) -> Result:
        """Invoke a command, `app.cli` unless another is given, as if `wz --app` had loaded this app."""
        return self._runner.invoke(command or self.app.cli, args, obj=self.app, **options)
