"""Where a service answers on this machine."""

from __future__ import annotations

import http.client
import ssl
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

HOST = "127.0.0.1"

#: In the folder of `wz up --tls`: the certificate by which clients trust the service's.
AUTHORITY = Path("tls", "authority.pem")


class Address(NamedTuple):
    """A URL without a path; `authority` is the file by which its certificate is trusted, empty for plain HTTP."""

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
    """Say whether GET /readyz answers 200; None if there is no answer within two seconds."""
    with closing(_connection(address)) as connection:
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return None


def _connection(address: Address) -> http.client.HTTPConnection:
    netloc = urlsplit(address.url).netloc
    if not address.authority:
        return http.client.HTTPConnection(netloc, timeout=2)
    return http.client.HTTPSConnection(netloc, timeout=2, context=ssl.create_default_context(cafile=address.authority))
