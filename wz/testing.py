"""A test client: WSGI without a server. `app.test_client()` returns one.

A server calls the app with an environ, a dict, and gets a status, headers and an iterable of bytes. So does a test, in
its own process and without a socket:

    environ       EnvironBuilder makes it of what a test would say: path="/posts?page=2", json={...}, subdomain="api"
    app           Client hands it to the app, whose layers, hooks and error handlers run as they do behind a server
    TestResponse  Werkzeug makes it of what comes back: status_code, headers, text, json, and history after redirects
    cookies       kept by domain and path, as a browser does, and put into the next environ
    context       inside `with client:`, the request that was answered stays current, for a test to look at

Werkzeug's `EnvironBuilder` and `Client` do all of this for any WSGI application. Here they learn what is an app's own:
its host, root and scheme, its JSON, its contexts, sessions and commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers
from werkzeug.test import Client as WerkzeugClient
from werkzeug.test import EnvironBuilder as WerkzeugEnvironBuilder
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request as WerkzeugRequest

from .app import App
from .context import PRESERVE, RequestContext

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from click.testing import Result

    from .sessions import SessionMixin  # beside it, but optional: `Client.session_transaction` yields one

_USER_AGENT = f"Werkzeug/{version('werkzeug')}"


class EnvironBuilder(WerkzeugEnvironBuilder):
    """Makes the environ of a request to an app: Werkzeug's, and it knows where the app is served.

    A URL is made of `url_scheme` or PREFERRED_URL_SCHEME, `subdomain`, SERVER_NAME or localhost, APPLICATION_ROOT and
    `path`, or of `base_url` and `path`; or else `path` is a whole URL, which has its own scheme and host. What follows
    is Werkzeug's: `method`, `query_string`, `headers`, `data`, `json`, `environ_base` and more.
    """

    def __init__(
        self,
        app: App,
        path: str = "/",
        base_url: str | None = None,
        subdomain: str | None = None,
        url_scheme: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Raises TypeError for a `base_url` beside a `subdomain` or `url_scheme`, which it has already."""
        if base_url is not None and (subdomain or url_scheme):
            raise TypeError("a base_url has a scheme and a host: give no subdomain and no url_scheme beside it")
        if base_url is None:
            config, url = app.config, urlsplit(path)
            host = config["SERVER_NAME"] or "localhost"
            host = url.netloc or (f"{subdomain}.{host}" if subdomain else host)
            scheme = url.scheme or url_scheme or config["PREFERRED_URL_SCHEME"]
            base_url = f"{scheme}://{host}/{config['APPLICATION_ROOT'].strip('/')}"
            path = f"{url.path}?{url.query}" if url.query else url.path
        self.app = app
        super().__init__(path, base_url, *args, **kwargs)

    def json_dumps(self, obj: Any, **options: Any) -> str:
        """Write `json=` as the app would."""
        return self.app.json.dumps(obj, **options)


class Client(WerkzeugClient):
    """Sends requests to an app, or to any other WSGI application, and keeps its cookies.

    `client.get(path, json=..., headers=..., query_string=...)` takes what `EnvironBuilder` takes; for an application
    that is not an App, what Werkzeug's takes. `environ_base` is what each environ begins with: change it to come from
    another address.

    Inside `with client:` the last request stays current after it was answered, or after it failed, until the next one
    or the end of the block, so that a test can look at `request`, `g` and `session`. Its teardowns have run when the
    answer is there; they run once more when it is left, and close what the test itself has opened meanwhile.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """The arguments are Werkzeug's: an application, a class for its answers, `use_cookies` and their like."""
        super().__init__(*args, **kwargs)
        self.environ_base: WSGIEnvironment = {"REMOTE_ADDR": "127.0.0.1", "HTTP_USER_AGENT": _USER_AGENT}
        #: Whether this is inside of `with client:`.
        self.preserve_context = False
        self._preserved = ExitStack()

    def open(self, *args: Any, buffered: bool = False, follow_redirects: bool = False, **kwargs: Any) -> TestResponse:
        """Send a request, and one more for each redirect if `follow_redirects`.

        It is made of the arguments, or the first of them is one: a builder, an environ, or a request, such as the one
        that an answer has. The method and all else are then its own.
        """
        request = WerkzeugRequest(self.environ_base | self._environ(*args, **kwargs))
        response = super().open(request, buffered=buffered, follow_redirects=follow_redirects)
        if isinstance(self.application, App):
            response.json_module = self.application.json  # type: ignore[assignment]
        return response

    def _environ(self, *args: Any, **kwargs: Any) -> WSGIEnvironment:
        match args:
            case (WerkzeugEnvironBuilder() as given, *_):
                return given.get_environ()
            case (WerkzeugRequest() as given, *_):
                return given.environ
            case (dict() as given, *_):
                return given
        builder: WerkzeugEnvironBuilder
        if isinstance(self.application, App):
            builder = EnvironBuilder(self.application, *args, **kwargs)
        else:
            builder = WerkzeugEnvironBuilder(*args, **kwargs)
        with closing(builder):
            return builder.get_environ()

    def run_wsgi_app(self, environ: WSGIEnvironment, buffered: bool = False) -> tuple[Iterable[bytes], str, Headers]:
        """Send one request; `open` calls this once more for each redirect that it follows."""
        self._preserved.close()
        if not self.preserve_context:
            return super().run_wsgi_app(environ, buffered)
        contexts: list[RequestContext] = []
        environ[PRESERVE] = contexts.append
        try:
            return super().run_wsgi_app(environ, buffered)
        finally:
            del environ[PRESERVE]
            for context in contexts:
                self._preserved.enter_context(context)

    def __enter__(self) -> Self:
        self._app()
        if self.preserve_context:
            raise RuntimeError("`with client:` can't be nested")
        self.preserve_context = True
        return self

    def __exit__(self, *_: object) -> None:
        self.preserve_context = False
        self._preserved.close()

    def session_transaction(self, *args: Any, **kwargs: Any) -> AbstractContextManager[SessionMixin]:
        """`with client.session_transaction() as session:` opens the client's session and saves it at the end.

        The arguments are those of a request, for sessions that depend on the path or the host. Raises TypeError for a
        client without cookies, and RuntimeError for an app without sessions or without a SECRET_KEY.
        """
        from .sessions import session_transaction  # loaded only by tests that use sessions: it needs itsdangerous

        return session_transaction(self, self._app(), *args, **kwargs)

    def _app(self) -> App:
        if not isinstance(self.application, App):
            raise RuntimeError(f"this needs a client of the app itself, not of a {type(self.application).__name__}")
        return self.application


class AppRunner:
    """Runs an app's commands in this process: `app.test_cli_runner().invoke(args=["init-db"]).output`.

    Its options are those of `click.testing.CliRunner`, which does the work and whose other methods it has too.
    """

    def __init__(self, app: App, **options: Any) -> None:
        from click.testing import CliRunner  # here, since other tests need no click

        self.app = app
        self._runner = CliRunner(**options)

    def invoke(self, cli: Any = None, args: str | Sequence[str] | None = None, **options: Any) -> Result:
        """Invoke a command, `app.cli` unless another is given, as if `wz --app` had loaded this app.

        `obj`, the object of the command's context, is a `wz.cli.ScriptInfo` of the app; give another one to run the
        command with another app.
        """
        from .loading import ScriptInfo  # here as above

        options.setdefault("obj", ScriptInfo(create_app=lambda: self.app))
        return self._runner.invoke(self.app.cli if cli is None else cli, args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)
