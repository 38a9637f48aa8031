"""A server that is reached over TLS and HTTP/2, for the same tests as one that is reached by plain HTTP."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import httpcore
from werkzeug.datastructures import EnvironHeaders
from werkzeug.http import is_hop_by_hop_header
from werkzeug.wsgi import get_input_stream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class HTTP2Server:
    """A WSGI application that hands each request, as it is, to a server on a connection of its own.

    The counterpart of `wz.testing.LiveServer`. `name` is the one in the server's certificate; `timeout` is in seconds.
    """

    def __init__(self, address: tuple[str, int], name: str, context: ssl.SSLContext, timeout: float) -> None:
        self.address = address
        self.name = name
        self.context = context
        self.timeout = timeout

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host, port = self.address
        headers = [(k, v.encode("latin-1")) for k, v in EnvironHeaders(environ).items() if not is_hop_by_hop_header(k)]
        connection = httpcore.HTTPConnection(
            httpcore.Origin(b"https", host.encode(), port), ssl_context=self.context, http1=False, http2=True
        )
        request = httpcore.Request(
            environ["REQUEST_METHOD"],
            httpcore.URL(scheme="https", host=host, port=port, target=environ["REQUEST_URI"]),
            headers=headers,
            content=get_input_stream(environ).read(),
            extensions={
                "sni_hostname": self.name,
                "timeout": dict.fromkeys(("connect", "read", "write", "pool"), self.timeout),
            },
        )
        try:
            response = connection.handle_request(request)
        except httpcore.ConnectError as exc:
            raise ConnectionError(exc) from exc
        except BaseException:
            connection.close()
            raise
        assert response.extensions["http_version"] == b"HTTP/2"
        start_response(
            f"{response.status} ",
            [(name.decode().title(), value.decode("latin-1")) for name, value in response.headers],
        )
        return _body(response, connection)


def _body(response: httpcore.Response, connection: httpcore.HTTPConnection) -> Iterator[bytes]:
    try:
        yield from response.iter_stream()
    finally:
        connection.close()
