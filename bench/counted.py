"""A WSGI app whose processor time is counted, and, apart from it, what redis-py takes of that.

`app` is what gunicorn loads instead of the app that BENCH_APP names. Each thread of each worker adds up its figures in
a file of its own in the folder BENCH_COUNTS. The clock is the thread's own, so that waiting costs nothing. A request
reads it twice, and twice more for each call of redis-py, whatever the app is.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from time import thread_time_ns
from typing import TYPE_CHECKING, Any

import redis
from gunicorn.util import import_app
from redis.client import Pipeline

from pipeline.store.connection import Client

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

REQUESTS, APP, CLIENT = range(3)  # nanoseconds, but for the first; the app's include redis-py's
_BYTES = 3 * 8


class Cells(threading.local):
    """The figures of this thread."""

    def __init__(self) -> None:
        path = Path(os.environ["BENCH_COUNTS"]) / f"{os.getpid()}-{threading.get_native_id()}"
        path.write_bytes(bytes(_BYTES))
        with path.open("r+b") as file:
            self.cells = memoryview(mmap.mmap(file.fileno(), _BYTES)).cast("q")


class Counted:
    """The app, and what else gunicorn's hooks look for in it."""

    def __init__(self, wsgi: Any) -> None:
        self.wsgi = wsgi
        self.here = Cells()
        clients = [(client, "execute_command") for client in (redis.Redis, Client)]
        for owner, name in (*clients, (Pipeline, "execute"), (Pipeline, "execute_command")):
            setattr(owner, name, self._counting(getattr(owner, name)))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        cells = self.here.cells
        begin = thread_time_ns()
        answer = self.wsgi(environ, start_response)
        try:
            return [b"".join(answer)]
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                close()
            cells[APP] += thread_time_ns() - begin
            cells[REQUESTS] += 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wsgi, name)

    def _counting(self, method: Callable[..., Any]) -> Callable[..., Any]:
        here = self.here

        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            begin = thread_time_ns()
            try:
                return method(*args, **kwargs)
            finally:
                here.cells[CLIENT] += thread_time_ns() - begin

        return call


def app() -> Counted:
    return Counted(import_app(os.environ["BENCH_APP"]))


def counts(folder: Path) -> list[int]:
    """Return the figures of all threads, added up."""
    rows = [memoryview(file.read_bytes()).cast("q") for file in folder.iterdir()]
    return [sum(row[cell] for row in rows) for cell in (REQUESTS, APP, CLIENT)]
