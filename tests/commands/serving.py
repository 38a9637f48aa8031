"""The service on a port of this process, for commands that speak HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.serving import make_server

from handlers import create_app
from pipeline.connection_string import ConnectionString
from pipeline.settings import Settings

from ..in_thread import in_thread
from ..stack import ROOT


@contextmanager
def serving(settings: Settings, port: int = 0) -> Iterator[ConnectionString]:
    """Serve until the block ends. Yields the root rule's connection string."""
    server = make_server("127.0.0.1", port, create_app(settings), threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]
    with in_thread(server):
        yield ConnectionString(f"sb://127.0.0.1:{server.port}/", ROOT.key_name, ROOT.key, development=True)
