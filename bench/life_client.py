"""The client of the two requests whose life is recorded: what it sends, byte for byte, and what it is answered."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests import stack


@dataclass(frozen=True)
class Ask:
    """A request as its client writes it. `word` is in what the service tells Redis then."""

    method: str
    path: str
    word: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def data(self, changed: Mapping[str, str | None] | None = None) -> bytes:
        """Return its bytes, with these headers besides or instead, or without those that are None."""
        headers: dict[str, str | None] = {
            "Host": stack.HOST,
            "Authorization": stack.token(),
            "Accept": "*/*",
            **self.headers,
            "Content-Length": str(len(self.body)) if self.body else None,
            **(changed or {}),
        }
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        return "\r\n".join([f"{self.method} {self.path} HTTP/1.1", *lines, "", ""]).encode() + self.body


#: By the file that has the recording.
ASKS = {
    "request.json": Ask("GET", "/boards/points/members/ann", b"{board:points}"),
    "event.json": Ask(
        "POST",
        "/events/messages",
        b"{hub:events",
        {"Content-Type": "application/json", "BrokerProperties": '{"PartitionKey": "ann"}'},
        b'{"member": "ann", "reward": 2.5}',
    ),
}


class Answered(NamedTuple):
    """The bytes of an answer, when the request was sent, and when the last of them was there."""

    data: bytes
    begin: int
    end: int

    @property
    def status(self) -> int:
        return int(self.data[9:12])

    @property
    def took(self) -> int:
        return self.end - self.begin

    @property
    def id(self) -> str:
        return header(self.data, "X-Request-ID")


class Connection:
    """A client's connection to nginx, which is kept alive."""

    def __init__(self, address: str) -> None:
        host, _, port = address.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.settimeout(stack.PATIENCE)

    def ask(self, data: bytes) -> Answered:
        """Send a request. Raises `ConnectionError` if it is not answered, or refused."""
        begin = time.time_ns()
        self._socket.sendall(data)
        answer = b""
        while not _is_whole(answer):
            more = self._socket.recv(1 << 16)
            if not more:
                raise ConnectionError(f"nginx has closed the connection after {answer!r}")
            answer += more
        found = Answered(answer, begin, time.time_ns())
        if found.status not in (200, 201):
            raise ConnectionError(f"the service answered {answer!r}")
        return found

    def close(self) -> None:
        self._socket.close()


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    return bool(end) and len(body) >= int(header(head, "Content-Length"))


def header(head: bytes, name: str) -> str:
    found = re.search(rb"^" + name.encode() + rb": *([^\r\n]*)", head, re.IGNORECASE | re.MULTILINE)
    return found[1].decode("latin-1") if found else ""
