"""gunicorn as it comes, without the configuration of this service."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack import process


@contextmanager
def gunicorn(folder: Path, app: str, tmp_path: Path, *options: str) -> Iterator[Path]:
    """Run `gunicorn app` in a folder; yield its socket."""
    sock = tmp_path / "sock"
    command = [sys.executable, "-m", "gunicorn", "--chdir", folder, "--bind", f"unix:{sock}", "--no-control-socket"]
    with process([*command, *options, app], ready=sock.exists, log=tmp_path / "log"):
        yield sock
