"""`make docs` puts a guide in its place as a whole or not at all, however its build ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from ..stack import PATIENCE, REPOSITORY, until

SCRIPT = REPOSITORY / "docs" / "_ext" / "build_site.py"

#: Waits for a file that the test makes.
WAITS = """
import pathlib, time
def setup(app):
    def wait(app):
        pathlib.Path("begun").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.02)
    app.connect("builder-inited", wait)
"""

Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a guide of one page, which is built."""
    folder = tmp_path / "checkout"
    (folder / "docs" / "_ext").mkdir(parents=True)
    shutil.copy(SCRIPT, folder / "docs" / "_ext")
    (folder / "docs" / "conf.py").write_text("extensions = []\n")
    write(folder, "old")
    done = start(folder)
    assert (done.wait(PATIENCE), shown(folder)) == (0, "old")
    return folder


@pytest.fixture
def waiting(checkout: Path) -> Iterator[Start]:
    """How a build of a new page is started that waits in the midst."""
    builds: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        (checkout / "begun").unlink(missing_ok=True)
        builds.append(start(checkout))
        until((checkout / "begun").exists)
        return builds[-1]

    write(checkout, "new")
    (checkout / "docs" / "conf.py").write_text(WAITS)
    yield begin
    for build in builds:
        build.kill()
        build.wait()


def write(checkout: Path, text: str) -> None:
    (checkout / "docs" / "index.rst").write_text(f"{text}\n{'=' * len(text)}\n")


def start(checkout: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "docs/_ext/build_site.py", "-q", "-E", "-W", "--keep-going"]
    with (checkout / "said").open("w") as said:
        return subprocess.Popen(command, cwd=checkout, stderr=said)


def shown(checkout: Path) -> str:
    page = (checkout / ".site" / "index.html").read_text()
    assert page.rstrip().endswith("</html>")
    [text] = [text for text in ("old", "new") if f"<h1>{text}" in page]
    return text


def left(checkout: Path) -> list[Path]:
    return list(checkout.glob(".site.new.*"))


def test_what_is_built_is_the_pages_alone_with_the_time_of_the_beginning(checkout: Path) -> None:
    site = checkout / ".site"
    assert site.stat().st_mode & 0o777 == 0o777 & ~_umask()  # nginx, another user, reads it
    assert not (site / ".doctrees").exists()
    assert (site / ".built").stat().st_mtime <= (site / "index.html").stat().st_mtime
    assert left(checkout) == []


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def test_a_warning_leaves_the_old_one(checkout: Path) -> None:
    (checkout / "docs" / "other.rst").write_text("In no toctree\n=============\n")
    build = start(checkout)

    assert build.wait(PATIENCE) == 1
    assert "other.rst" in (checkout / "said").read_text()
    assert (shown(checkout), left(checkout)) == ("old", [])
    assert not (checkout / ".site" / "other").exists()


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 2), (signal.SIGKILL, -9)])
def test_a_build_that_is_ended_leaves_the_old_one(
    checkout: Path, waiting: Start, signum: signal.Signals, status: int
) -> None:
    build = waiting()
    assert (shown(checkout), len(left(checkout))) == ("old", 1)
    build.send_signal(signum)

    assert build.wait(PATIENCE) == status
    assert (shown(checkout), len(left(checkout))) == ("old", signum == signal.SIGKILL)
    (checkout / "go").touch()
    assert waiting().wait(PATIENCE) == 0
    assert (shown(checkout), left(checkout)) == ("new", [])


def test_two_builds_do_not_meet(checkout: Path, waiting: Start) -> None:
    first, second = waiting(), waiting()
    assert len(left(checkout)) == 2
    (checkout / "go").touch()

    assert (first.wait(PATIENCE), second.wait(PATIENCE)) == (0, 0)
    assert (shown(checkout), left(checkout)) == ("new", [])


def test_a_reader_meets_no_moment_without_a_guide(tmp_path: Path) -> None:
    spec = spec_from_file_location("build_site", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    build_site = module_from_spec(spec)
    spec.loader.exec_module(build_site)
    site, new = tmp_path / "site", tmp_path / "new"
    for folder in (site, new):
        folder.mkdir()
        (folder / "index.html").touch()
    stop, missed = threading.Event(), 0

    def read() -> None:
        nonlocal missed
        while not stop.is_set():
            missed += not (site / "index.html").exists()

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(500):
        build_site.put(new, site)
    stop.set()
    reader.join()

    assert missed == 0
