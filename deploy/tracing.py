"""What only the servers know of a traced request: when gunicorn saw, took and parsed it, and how long nginx had it.

Of each request a worker notes three times, in its thread, which are looked at only if it is traced. nginx tells of each
traced request in one datagram to a unix socket that all workers read: whichever is free takes it.

The master loads this file, so nothing of the service is imported before a worker needs it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from wz.tracing.spans import Span

#: The clock of all parts of a trace: nginx reads its `$msec` from the same.
now = time.time_ns

#: Bytes of nginx's longest datagram.
_DATAGRAM = 64 * 1024


class _Noted(threading.local):
    """Of the request that this thread answers: when a worker saw that it is there, took it, and had parsed it."""

    seen = taken = parsed = 0


noted = _Noted()

_bound: tuple[socket.socket, tuple[str, int]] | None = None


def listen(path: str) -> None:
    """Have a socket at `path`, for the workers that are forked after. Raises OSError.

    It stays the same until somebody else binds that path, as a second master does, or removes it.
    """
    global _bound
    if _bound is not None and _bound[1] == _identity(path):
        return
    with suppress(FileNotFoundError):
        os.unlink(path)
    before = os.umask(0o177)
    try:
        lines = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        lines.bind(path)
    finally:
        os.umask(before)
    _bound = lines, _identity(path)


def _identity(path: str) -> tuple[str, int]:
    try:
        return path, os.stat(path).st_ino
    except OSError:
        return path, 0


def install(worker: Any) -> None:
    """Trace the requests of a worker that ask for it. It has loaded the service."""
    from handlers.tracing import Tracing

    tracing = Tracing(worker.wsgi, Times())
    worker.wsgi = tracing.tracer
    if _bound is not None:
        lines = _bound[0]
        threading.Thread(target=_read, args=[lines, tracing.keeper], name="nginx's part of traces", daemon=True).start()


def _read(lines: socket.socket, keeper: Any) -> None:
    while True:
        try:
            data = lines.recv(_DATAGRAM)
        except OSError:
            return
        keeper.line(data.partition(b": ")[2])  # "<190>Nov 28 15:00:00 nginx: {...}"


class Times:
    """The spans of a request before the application was called at `called`, from what its thread has noted."""

    def __init__(self) -> None:
        from gunicorn.http.message import Request
        from gunicorn.http.wsgi import create

        from wz.tracing.source import source_of
        from wz.tracing.spans import Span

        from .worker import Worker

        self._span = Span
        self._queue, self._parse, self._create = map(source_of, (Worker.handle, Request.parse, create))

    def __call__(self, environ: WSGIEnvironment, called: int) -> list[Span]:
        seen, taken, parsed = noted.seen, noted.taken, noted.parsed
        if not parsed:  # another kind of worker
            return []
        span = self._span
        return [
            span("gunicorn.queue", "waits for a thread", "gunicorn", seen, taken, self._queue),
            span("gunicorn.parse", "reads and parses", "gunicorn", taken, parsed, self._parse),
            span("gunicorn.environ", "makes the environ", "gunicorn", parsed, called, self._create),
        ]
