"""Werkzeug's test client, and what lets it call a server that runs as it calls the app itself."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING, Any

from werkzeug import test
from werkzeug.datastructures import EnvironHeaders
from werkzeug.http import is_hop_by_hop_header
from werkzeug.wsgi import get_input_stream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TIMEOUT = 60  # seconds until a test that waits for an answer fails: it ends what hangs, and measures nothing


class Client(test.Client):
    """Reads each response to its end and closes it, as a server does; not so a stream, opened with `buffered=False`."""

    def open(self, *args: Any, **kwargs: Any) -> test.TestResponse:
        return super().open(*args, **{"buffered": True, **kwargs})


class Server:
    """A server at a unix socket, as a WSGI application: it hands on each request, on a connection of its own."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        headers = {name: value for name, value in EnvironHeaders(environ) if not is_hop_by_hop_header(name)}
        body = get_input_stream(environ).read()
        connection = self.connect()
        try:
            connection.request(environ["REQUEST_METHOD"], environ["REQUEST_URI"], body, headers)
            response = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        kept = [(name, value) for name, value in response.getheaders() if not is_hop_by_hop_header(name)]
        start_response(f"{response.status} {response.reason}", kept)
        return chunks(response, connection)

    def connect(self) -> HTTPConnection:
        connection = HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(TIMEOUT)
        try:
            connection.sock.connect(self.path)
        except OSError:
            connection.close()
            raise
        return connection


def chunks(response: HTTPResponse, connection: HTTPConnection) -> Iterator[bytes]:
    """Yield the body as it comes."""
    try:
        while chunk := response.read1():
            yield chunk
    finally:
        response.close()
        connection.close()
