"""Requests that are under way for as long as a test likes, to the applications of steps 10 and 11."""

from __future__ import annotations

import http.client
import select

from ..deploy.wire import connect

#: Seconds for which nothing comes from who can't answer. What is awaited otherwise has all the time it needs.
SILENCE = 0.2


class UnderWay:
    """A request whose body is half there. Its answer has begun; when, and in which process, its first line says."""

    def __init__(self, address: str, path: str = "/") -> None:
        self.sock = connect(address)
        self.sock.sendall(f"POST {path} HTTP/1.1\r\nHost: tour\r\nContent-Length: 2\r\n\r\n1".encode())
        self.response = http.client.HTTPResponse(self.sock, method="POST")

    def begun(self) -> bytes:
        """Wait for the first line of the answer."""
        self.response.begin()
        return self.response.readline()

    def process(self) -> int:
        return int(self.begun().split()[1].rstrip(b","))

    def is_silent(self) -> bool:
        """Say whether nothing has come, and the connection is open."""
        return not select.select([self.sock], [], [], SILENCE)[0]

    def end(self) -> bytes:
        """Send the rest of the body, and return the rest of the answer, until `with` or garbage closes the connection.

        Raises `http.client.IncompleteRead` or OSError if the server ends it before its end.
        """
        self.sock.sendall(b"2")
        return self.rest()

    def rest(self) -> bytes:
        return self.response.read()

    def close(self) -> None:
        self.response.close()
        self.sock.close()

    def __enter__(self) -> UnderWay:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
