"""Bytes on a socket, and what nginx and gunicorn say to them."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from xml.etree import ElementTree

from ..stack import PATIENCE


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def detail(self) -> str:
        """The text of an error, whose form and whose other fields are looked at: a problem document, or a hub's XML.

        Both have the status, and the request's id that is in the header, too.
        """
        request_id = self.headers["X-Request-ID"]
        if self.headers["Content-Type"] == "application/problem+json":
            document = json.loads(self.body)
            assert document.keys() == {"type", "title", "status", "detail", "request_id"}
            assert (document["status"], document["request_id"]) == (self.status, request_id)
            return str(document["detail"])
        assert self.headers["Content-Type"] == "application/xml; charset=utf-8"
        error = ElementTree.fromstring(self.body)
        assert (error.tag, [part.tag for part in error]) == ("Error", ["Code", "Detail"])
        assert error.findtext("Code") == str(self.status)
        text, _, tracking = error.findtext("Detail", "").partition(" TrackingId:")
        assert tracking.partition(",")[0] == request_id
        return text


def connect(address: str, source: str | None = None) -> socket.socket:
    """Connect to `http://host:port` or `unix:/path`; from `source`, an address of this machine."""
    scheme, _, rest = address.partition(":")
    if scheme == "unix":
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(rest)
    else:
        host, _, port = rest.removeprefix("//").rpartition(":")
        sock = socket.create_connection((host, int(port)), source_address=(source, 0) if source else None)
    sock.settimeout(PATIENCE)
    return sock


def exchange(address: str, data: bytes, source: str | None = None) -> Answer | None:
    """Send bytes, and read one answer; None if the connection was closed without one, or within it."""
    with connect(address, source) as sock:
        with suppress(BrokenPipeError, ConnectionResetError):  # it may be refused before it is read
            sock.sendall(data)
        return read(sock, data.partition(b" ")[0].decode("latin-1"))


def read(sock: socket.socket, method: str = "GET") -> Answer | None:
    response = http.client.HTTPResponse(sock, method=method)
    try:
        response.begin()
        return Answer(response.status, response.headers, response.read())
    except (http.client.BadStatusLine, http.client.IncompleteRead, ConnectionResetError):
        return None
