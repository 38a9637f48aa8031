"""Whether a service answers at an address that `wz up` has printed."""

from __future__ import annotations

import http.client
import ssl
from contextlib import closing
from urllib.parse import urlsplit


def is_ready(address: str, authority: str = "") -> bool | None:
    """Say whether GET /readyz answers 200; None if there is no answer within two seconds.

    `authority` is the file with the certificate by which an https address is trusted.
    """
    url = urlsplit(address)
    with closing(_connection(url.scheme, url.netloc, authority)) as connection:
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return None


def _connection(scheme: str, netloc: str, authority: str) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(netloc, timeout=2)
    return http.client.HTTPSConnection(netloc, timeout=2, context=ssl.create_default_context(cafile=authority))
