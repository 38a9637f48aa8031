"""Bytes to a server, and what comes back, without a client library that would correct either."""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from email.message import Message

from wz.live_server import LiveServer


@dataclass(frozen=True)
class Answer:
    """`status` is "100" to "599", or "0.9" for bytes without a status line; then `body` is all that came."""

    status: str
    headers: Message
    body: bytes


def exchange(server: LiveServer, pieces: Iterable[bytes], *, end: bool = False) -> list[Answer]:
    """Send bytes on a new connection; return the answers, once the server has closed it.

    `end` closes the client's half after the last byte, for requests that leave the server waiting.
    """
    with closing(server.connect()) as connection:
        assert connection.sock is not None
        with suppress(BrokenPipeError, ConnectionResetError):  # a server may close as soon as it has read enough
            for piece in pieces:
                connection.sock.sendall(piece)
            if end:
                connection.sock.shutdown(socket.SHUT_WR)
        received = bytearray()
        with suppress(ConnectionResetError):
            while chunk := connection.sock.recv(65536):
                received += chunk
    return list(_answers(bytes(received)))


def _answers(received: bytes) -> Iterable[Answer]:
    stream = io.BytesIO(received)
    while line := stream.readline():
        if not line.startswith(b"HTTP/1."):
            yield Answer("0.9", Message(), line + stream.read())
            return
        headers = http.client.parse_headers(stream)
        yield Answer(line.split()[1].decode(), headers, stream.read(int(headers.get("Content-Length", 0))))
