"""The guide at /guide: what `make docs` builds in .site, beside the service, as if it were not there.

nginx serves what is in `guide` of the run directory: a link to .site, or a page that says why there is none yet. The
build delays no start and no end, has what others leave of the processor, and if it fails, all else goes on. It replaces
.site as a whole, and only if nothing failed: see docs/_ext/build_site.py, which also says there when it began.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

#: What the text of pages is made of. Code that they have only links to, as of tests, may be shown as it was.
SOURCES = ("docs", "wz", "handlers", "pipeline", "deploy", "requirements")

#: What follows its address while it is being built.
SOON = ", once it is built, in some minutes at most"

#: Seconds from SIGTERM until a build that does not end is killed.
ENDS = 2.0

_PAGE = """\
<!doctype html><html lang=en><meta charset=utf-8>{more}<title>{title}</title>
<style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 sans-serif;max-width:40rem;margin:4rem auto}}</style>
<h1>{title}</h1><p>{text}</p>
"""


class Guide:
    """The guide of a checkout; as a context manager, after which nothing builds any more.

    `log` is the file for what the build prints. A lock on the Makefile, which the build inherits, keeps a second
    `wz up` of the same checkout from building at the same time.
    """

    def __init__(self, checkout: Path, run_dir: Path, log: Path) -> None:
        self._checkout = checkout
        self._site = checkout / ".site"
        self._run_dir = run_dir
        self._log = log
        self._lock: IO[str] | None = None
        self._build: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Guide:
        if not self._show_site():
            self._show_page("The guide is not built yet", "It is, once the service has started.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._build is not None:
            self._signal(self._build, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._build.wait(ENDS)
            self._signal(self._build, signal.SIGKILL)
            self._build.wait()
        if self._lock is not None:
            self._lock.close()

    @property
    def is_being_built(self) -> bool:
        return self._lock is not None

    def start(self) -> None:
        """Begin to build, unless the guide is there and newer than `SOURCES`."""
        if self._is_current():
            return
        self._lock = (self._checkout / "Makefile").open()
        if not self._show_site():
            self._show_page("The guide is being built", "That takes a minute the first time.")

    def attend(self) -> str:
        """Go on with what has been started. Returns a line about how it has ended, once it has, else an empty text."""
        if self._lock is None:
            return ""
        try:
            return self._attend(self._lock)
        except OSError as exc:  # a full disk must not end the service
            self._lock = None
            return f"the guide could not be built: {exc}"

    def _attend(self, lock: IO[str]) -> str:
        if self._build is None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # another one builds it
                return ""
            if not self._is_current():
                self._begin(lock)
                return ""
        elif self._build.poll() is None:
            return ""
        return self._end(lock, self._build is not None and (self._build.returncode != 0 or not self._has_pages()))

    def _begin(self, lock: IO[str]) -> None:
        with self._log.open("wb") as log:
            self._build = subprocess.Popen(
                ["nice", "-n", "19", "make", "--no-print-directory", "docs"],
                cwd=self._checkout,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(lock.fileno(),),
            )

    def _end(self, lock: IO[str], has_failed: bool) -> str:
        lock.close()
        self._lock = self._build = None
        if not self._show_site():
            self._show_page(
                "The guide could not be built", f"{self._log} says why; `make docs` tries again.", wait=False
            )
        return f"the guide could not be built: {self._log} says why" if has_failed else "the guide is built"

    def _is_current(self) -> bool:
        """Say whether there is a guide, built from `SOURCES` as they are; a file that is gone is not missed."""
        try:
            built = (self._site / ".built").stat().st_mtime
        except OSError:
            return False
        return self._has_pages() and all(changed <= built for changed in self._changed())

    def _changed(self) -> Iterator[float]:
        """Yield when each source was changed. One that can't be looked at is left out: the build says what is wrong."""
        for name in SOURCES:
            for folder, below, files in os.walk(self._checkout / name):
                below[:] = [one for one in below if one != "__pycache__"]
                for file in files:
                    with suppress(OSError):  # also a link to nothing, as an editor's lock is; or it has just gone
                        yield Path(folder, file).stat().st_mtime

    def _has_pages(self) -> bool:
        return (self._site / "index.html").exists()

    def _show_site(self) -> bool:
        """Have nginx serve .site, if there is a page in it; also one that is old, while a new one is built."""
        has_pages = self._has_pages()
        if has_pages:
            self._show(self._site)
        return has_pages

    def _show_page(self, title: str, text: str, wait: bool = True) -> None:
        more = "<meta http-equiv=refresh content=3>" if wait else ""
        text += " This page reloads itself." if wait else ""
        folder = self._run_dir / "no-guide"
        folder.mkdir(exist_ok=True)
        (folder / "index.html").write_text(_PAGE.format(title=title, text=text, more=more))
        self._show(folder)

    def _show(self, folder: Path) -> None:
        """Replace the link at once, so that nobody who reloads a page meets a moment without one."""
        link = self._run_dir / "guide.new"
        link.unlink(missing_ok=True)
        link.symlink_to(folder)
        link.replace(self._run_dir / "guide")

    @staticmethod
    def _signal(build: subprocess.Popen[bytes], signum: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(build.pid, signum)


def can_build(checkout: Path) -> bool:
    """Say whether this is a checkout, on a machine that has what builds its guide."""
    return (checkout / "Makefile").exists() and (checkout / "docs").is_dir() and shutil.which("make") is not None
