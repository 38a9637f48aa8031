"""Where a service answers on this machine."""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

HOST = "127.0.0.1"

#: Seconds for an answer to the question whether a service is ready.
TIMEOUT = 2.0

#: In the folder of `wz up --tls`: the certificate by which clients trust the service's.
AUTHORITY = Path("tls", "authority.pem")


class Address(NamedTuple):
    """Where HTTP is spoken: `http://host:port`, `https://host:port` or `unix:/path`.

    `authority` is the file by which the certificate is trusted, empty for plain HTTP.
    """

    url: str
    authority: str = ""

    @classmethod
    def of(cls, state: Path, port: int, tls_port: int | None) -> Address:
        """Return where a `wz up` with these ports answers."""
        return (
            cls(f"http://{HOST}:{port}")
            if tls_port is None
            else cls(f"https://{HOST}:{tls_port}", str(state / AUTHORITY))
        )


def is_ready(address: Address) -> bool | None:
    """Say whether GET /readyz answers 200; None if there is no answer within `TIMEOUT`."""
    with closing(_connection(address)) as connection:
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return None


def _connection(address: Address) -> http.client.HTTPConnection:
    url = urlsplit(address.url)
    if url.scheme == "unix":
        return _UnixConnection(url.path)
    if not address.authority:
        return http.client.HTTPConnection(url.netloc, timeout=TIMEOUT)
    context = ssl.create_default_context(cafile=address.authority)
    return http.client.HTTPSConnection(url.netloc, timeout=TIMEOUT, context=context)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self._path)
