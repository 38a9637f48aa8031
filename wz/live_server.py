"""A server that runs, as a WSGI application: what drives the app in this process can drive it too.

    client = Client(LiveServer("http://127.0.0.1:8080"))
    client = Client(LiveServer("unix:/run/wz/gunicorn.sock"))

So the same tests are run on the app, on a server, and on a proxy before it: `Client` is the one of `wz/testing.py`, or
Werkzeug's.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.datastructures import EnvironHeaders
from werkzeug.http import is_hop_by_hop_header
from werkzeug.wsgi import get_input_stream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


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
    target, query = environ["REQUEST_URI"], environ["QUERY_STRING"]
    if query and "?" not in target:  # Werkzeug's builder puts a `query_string` there, and not behind the path
        target = f"{target}?{query}"
    connection.putrequest(environ["REQUEST_METHOD"], target, skip_host=True, skip_accept_encoding=True)
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
