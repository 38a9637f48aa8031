"""The built guide over HTTP, below /guide/, with the policy that nginx sends with it: no script but from its files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from ..stack import REPOSITORY

PREFIX = "/guide"
POLICY = re.findall(r'"~\^/guide/" "(default-src [^"]*)"', (REPOSITORY / "deploy/nginx.conf").read_text())[0]


class _Handler(SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix(PREFIX) if path.startswith(f"{PREFIX}/") else "/nowhere")

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what the browser misses, it complains of."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder, and give the URL of its root, which ends in a slash."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{PREFIX}/"
        finally:
            server.shutdown()
