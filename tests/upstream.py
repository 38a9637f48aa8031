"""An HTTP server that answers as a test says: what an upstream hub may do and our own does not, on demand."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pipeline.connection_string import ConnectionString
from pipeline.hub import Event, Hub
from pipeline.hub.relay import Relay

from .in_thread import in_thread


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes
    client: int  # the port that it came from: one a connection


@dataclass
class Answer:
    status: int = 201
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class ScriptedUpstream:
    """Answers with `answer(request)`; `received` has all requests."""

    def __init__(self, port: int, secure: bool) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Answer] = lambda received: Answer()
        scheme = "https" if secure else "http"
        self.target = ConnectionString(f"{scheme}://127.0.0.1:{port}/", "up", "a2V5")

    def script(self, *answers: Answer) -> None:
        """Give these answers in turn, and then 201."""
        left = iter(answers)
        self.answer = lambda received: next(left, Answer())


@contextmanager
def scripted_upstream(certificate: Path | None = None) -> Iterator[ScriptedUpstream]:
    """Run it until the block ends; over TLS if there is a certificate, with its key in the same file."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received = Received(self.path, dict(self.headers.items()), body, self.client_address[1])
            upstream.received.append(received)
            answer = upstream.answer(received)
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:  # a client that refused our certificate
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    upstream = ScriptedUpstream(server.server_address[1], certificate is not None)
    with in_thread(server):
        yield upstream


def make_certificates(folder: Path) -> tuple[Path, Path]:
    """Make an authority of our own and a certificate for 127.0.0.1: returns its PEM file and the server's."""
    ca, key, leaf, leaf_key = (folder / name for name in ("ca.pem", "ca.key", "leaf.pem", "leaf.key"))
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    # openssl makes each of them an authority, which Python 3.13 believes only if it says what its key is for.
    usage = ["-addext", "keyUsage=digitalSignature,keyCertSign"]
    vouched = ["-CA", ca, "-CAkey", key, "-addext", "subjectAltName=IP:127.0.0.1", *usage]
    for command in (
        [*new, "-subj", "/CN=tests", "-keyout", key, "-out", ca, *usage],
        [*new, "-subj", "/CN=127.0.0.1", "-keyout", leaf_key, "-out", leaf, *vouched],
    ):
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
    server = folder / "server.pem"
    server.write_text(leaf.read_text() + leaf_key.read_text())
    return ca, server


def relay_one_each(hub: Hub, relay: Relay, upstream: ScriptedUpstream, *statuses: int) -> None:
    """Relay an event of partition 1 for each status, with which it is answered, and stop."""
    for status in statuses:
        upstream.answer = lambda received, status=status: Answer(status, b"why")  # type: ignore[misc]
        hub.append([Event(b"x")], partition=1)
        while relay.step():
            pass
    relay.stop()
