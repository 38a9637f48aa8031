"""Bodies whose end the server marks, `wsgi.input_terminated`: those sent in chunks, and with gunicorn all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from werkzeug.exceptions import BadRequest, ClientDisconnected, HTTPException, RequestEntityTooLarge
from werkzeug.wsgi import LimitedStream

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

T = TypeVar("T")


def stream(environ: WSGIEnvironment, limit: int | None, length: int | None) -> IO[bytes] | None:
    """Return a stream that enforces the limit and the length that was told; None if the server does not mark the end.

    Raises `RequestEntityTooLarge` if the length is above the limit.
    """
    if "wsgi.input_terminated" not in environ:
        return None
    limit = sys.maxsize if limit is None else limit
    least = 0 if length is None or is_decoded(environ) else length
    if least > limit:
        raise RequestEntityTooLarge
    return cast("IO[bytes]", Terminated(environ["wsgi.input"], limit, least))


def is_decoded(environ: WSGIEnvironment) -> bool:
    """Say whether something may have decoded a body, which then has another length than it was sent with."""
    return "HTTP_CONTENT_ENCODING" in environ


class Terminated(LimitedStream):
    """A body that ends where the server says. When all is read at once, Werkzeug's would cut it at the limit.

    A server such as gunicorn also ends a body when its client has gone, without an error. If fewer bytes came than
    were told, this raises `ClientDisconnected`, as Werkzeug's stream does where the server does not mark the end.
    """

    def __init__(self, stream: IO[bytes], limit: int, least: int) -> None:
        super().__init__(stream, limit, is_max=True)
        self._least = least

    def on_exhausted(self) -> None:
        if self._guarded(self._stream.read, 1):
            raise RequestEntityTooLarge

    def on_disconnect(self, error: Exception | None = None) -> None:
        if error is not None or self.tell() < self._least:
            raise ClientDisconnected

    def readinto(self, b: bytearray) -> int | None:  # type: ignore[override]
        """Read as Werkzeug's stream does. Raises BadRequest for chunks that the server can't read."""
        return self._guarded(super().readinto, b)

    def readall(self) -> bytes:
        data = super().readall()
        if self.is_exhausted:
            self.on_exhausted()
        return data

    @staticmethod
    def _guarded(read: Callable[[Any], T], argument: Any) -> T:
        try:
            return read(argument)
        except HTTPException:
            raise
        except Exception as exc:  # each server raises its own exception for broken chunks
            raise BadRequest(f"the body can't be read: {exc}") from exc
