"""gunicorn as it comes, without the configuration of this service."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack import process


@contextmanager
def gunicorn(folder: Path, app: str, tmp_path: Path, *options: str) -> Iterator[Path]:
    """Run `gunicorn app` in a folder; yield its socket."""
    sock = tmp_path / "sock"

    def listens() -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(sock)) == 0  # the file alone is there before

    command = [sys.executable, "-m", "gunicorn", "--chdir", folder, "--bind", f"unix:{sock}", "--no-control-socket"]
    with process([*command, *options, app], ready=listens, log=tmp_path / "log"):
        yield sock
