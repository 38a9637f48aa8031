"""Werkzeug's test client with Flask's conveniences, over the app in this process or over one that a server runs.

    client = app.test_client()
    client = Client(LiveServer("http://127.0.0.1:8080"))
    client = Client(LiveServer("unix:/run/wz/gunicorn.sock"))

To the client, each of these is a WSGI application, so the same tests can be run on all of them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from http.client import HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from werkzeug.datastructures import EnvironHeaders, Headers
from werkzeug.http import is_hop_by_hop_header
from werkzeug.test import Client as WerkzeugClient
from werkzeug.test import EnvironBuilder, TestResponse
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wsgi import get_input_stream

from .app import App
from .context import PRESERVE, PreservedContext

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from click.testing import Result

    from .session import SessionMixin  # beside it, but optional: `Client.session_transaction` yields one


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
    _kept: PreservedContext | None = None

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
        preserved: list[PreservedContext] = []
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

    def session_transaction(self, *args: Any, **kwargs: Any) -> AbstractContextManager[SessionMixin]:
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


class LiveServer:
    """A WSGI application that hands each request, as it is, to the server at `address`, on a connection of its own.

    `address` is an `http://host:port` or `unix:/path`; `timeout` is in seconds. The Host header is the request's
    own, the path goes out with its escapes as the client wrote them. Werkzeug's `ProxyMiddleware` would decode and
    re-encode the path, which turns `%C3%A9` into `%C3%83%C2%A9`, and knows no unix sockets.
    """

    def __init__(self, address: str, timeout: float = 10.0) -> None:
        self.address = address
        self.timeout = timeout

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        connection = self.connect()
        try:
            response = _exchange(connection, environ)
        except BaseException:
            connection.close()
            raise
        headers = [(k, v) for k, v in response.getheaders() if not is_hop_by_hop_header(k)]
        start_response(f"{response.status} {response.reason}", headers)
        return _body(response, connection)

    def connect(self) -> HTTPConnection:
        """Return a connection that is open. Raises OSError."""
        parts = urlsplit(self.address)
        if parts.scheme == "unix":
            connection = HTTPConnection("localhost", timeout=self.timeout)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(self.timeout)
            try:
                connection.sock.connect(parts.path)
            except OSError:
                connection.close()
                raise
            return connection
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{self.address!r} must be http://host:port or unix:/path")
        connection = HTTPConnection(parts.hostname, parts.port, timeout=self.timeout)
        connection.connect()
        return connection


def _exchange(connection: HTTPConnection, environ: WSGIEnvironment) -> HTTPResponse:
    connection.putrequest(environ["REQUEST_METHOD"], environ["REQUEST_URI"], skip_host=True, skip_accept_encoding=True)
    for name, value in EnvironHeaders(environ).items():
        if not is_hop_by_hop_header(name):
            connection.putheader(name, value.encode("latin-1"))
    connection.putheader("Connection", "close")
    connection.endheaders()
    # A server may answer, and close, before it has read a body that it refuses.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.send(get_input_stream(environ).read())
    return connection.getresponse()


def _body(response: HTTPResponse, connection: HTTPConnection) -> Iterator[bytes]:
    try:
        while chunk := response.read1(64 * 1024):
            yield chunk
    finally:
        connection.close()
