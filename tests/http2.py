"""HTTP/2 over TLS: a server that is reached by it, for the same tests as one that is reached by plain HTTP."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from werkzeug.datastructures import EnvironHeaders
from werkzeug.http import is_hop_by_hop_header
from werkzeug.wsgi import get_input_stream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Headers = list[tuple[bytes, bytes]]

# Nothing is corrected, and nothing refused, before it is sent: tests send what is not allowed, too.
_AS_IT_IS = H2Configuration(
    header_encoding=False,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
    split_outbound_cookies=False,
)
_STREAM = 1


class HTTP2Server:
    """A WSGI application that hands each request, as it is, to a server on a connection of its own.

    The counterpart of `wz.live_server.LiveServer`. `name` is the one in the server's certificate; `timeout` is in
    seconds.
    """

    def __init__(self, address: tuple[str, int], name: str, context: ssl.SSLContext, timeout: float) -> None:
        context.set_alpn_protocols(["h2"])
        self.address = address
        self.name = name
        self.context = context
        self.timeout = timeout

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        headers = [
            (b":method", environ["REQUEST_METHOD"].encode()),
            (b":scheme", b"https"),
            (b":authority", environ["HTTP_HOST"].encode()),
            (b":path", environ["REQUEST_URI"].encode()),
        ]
        for name, value in EnvironHeaders(environ).items():
            if name != "Host" and not is_hop_by_hop_header(name):
                headers.append((name.lower().encode(), value.encode("latin-1")))
        events = self.exchange(headers, get_input_stream(environ).read())
        answer = next((event for event in events if isinstance(event, ResponseReceived)), None)
        if answer is None:
            raise ConnectionResetError("the server closed without an answer")
        received = [(name.decode().title(), value.decode("latin-1")) for name, value in answer.headers]
        start_response(f"{received[0][1]} ", received[1:])  # :status is the first, and the only pseudo-header
        return _body(events)

    def exchange(self, headers: Headers, body: bytes) -> Iterator[Event]:
        """Send a request; yield what comes back until the answer ends, or the server ends the stream or all.

        Raises OSError if no connection can be made, or HTTP/2 is not spoken on it.
        """
        plain = socket.create_connection(self.address, self.timeout)
        with closing(self.context.wrap_socket(plain, server_hostname=self.name)) as sock:
            if sock.selected_alpn_protocol() != "h2":
                raise ConnectionError("the server does not speak HTTP/2")
            connection = H2Connection(_AS_IT_IS)
            connection.initiate_connection()
            connection.send_headers(_STREAM, headers, end_stream=not body)
            while True:
                sendable = min(connection.local_flow_control_window(_STREAM), connection.max_outbound_frame_size)
                if body and sendable:
                    connection.send_data(_STREAM, body[:sendable], end_stream=len(body) <= sendable)
                    body = body[sendable:]
                with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it closed
                    sock.sendall(connection.data_to_send())
                if body and sendable and not sock.pending() and not _readable(sock):
                    continue
                received = sock.recv(65536)
                for event in connection.receive_data(received):
                    yield event
                    if isinstance(event, StreamEnded | StreamReset | ConnectionTerminated):
                        return
                    if isinstance(event, DataReceived):
                        connection.acknowledge_received_data(event.flow_controlled_length, _STREAM)
                if not received:
                    return


def _readable(sock: ssl.SSLSocket) -> bool:
    return bool(select.select([sock], [], [], 0)[0])


def _body(events: Iterator[Event]) -> Iterator[bytes]:
    with closing(events):  # type: ignore[type-var]  # a generator: its end closes the connection
        for event in events:
            if isinstance(event, DataReceived):
                yield event.data
