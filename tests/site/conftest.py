"""The guide, built once for all processes of a run."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..console.conftest import browser
from ..stack import REPOSITORY

__all__ = ["browser"]  # a fixture

DOCS = REPOSITORY / "docs"


@dataclass
class Built:
    """A build: the folder with its pages, what it warned of, line by line, and its exit status."""

    folder: Path
    warnings: list[str]
    status: int


def build(docs: Path, folder: Path) -> Built:
    """Build a folder of pages as `make docs` does, unless another process of this run has."""
    warnings, status = folder / "warnings", folder / "status"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not status.exists():
            options = ["-q", "-E", "-W", "--keep-going", "-b", "dirhtml", "-w", warnings, "-c", DOCS]
            command = [
                sys.executable,
                "-m",
                "tests.site.sphinx_alone",
                *map(str, options),
                str(docs),
                str(folder / "pages"),
            ]
            done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
            if not warnings.exists():  # it did not come so far
                warnings.write_text(done.stdout + done.stderr)
            status.write_text(str(done.returncode))
    return Built(folder / "pages", warnings.read_text().splitlines(), int(status.read_text()))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[str], Path]:
    """Return how a folder is named that all processes of this run have."""
    own = tmp_path_factory.getbasetemp()
    common = own if worker_id == "master" else own.parent

    def folder(name: str) -> Path:
        path = common / name
        path.mkdir(exist_ok=True)
        return path

    return folder


@pytest.fixture(scope="session")
def guide(shared: Callable[[str], Path]) -> Built:
    return build(DOCS, shared("guide"))
