"""What `make docs` runs: build the guide beside the one that is there, and put it in its place only as a whole.

So whoever reads it meets no page of a build that has not ended, has failed or was killed, whatever ends it; and two
builds do not meet each other. A folder that a killed build leaves is removed by the next one: a build holds a lock on
its own.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sphinx.cmd.build import main

#: The guide, and before a random part what is being built, beside it.
SITE, NEW = ".site", ".site.new."

#: In the guide: its time is when the build began. A change after that may not be in it.
STAMP = ".built"

_AT_CWD, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE, of Linux


def build(checkout: Path, options: list[str]) -> int:
    """Build the guide of a checkout, and return the exit status. With any but 0, nothing is replaced."""
    with _folder(checkout) as folder:
        began = time.time()
        places = [str(checkout / "docs"), str(folder / "pages"), "-d", str(folder / "doctrees")]
        status = main([*options, "-b", "dirhtml", *places])
        if status == 0:
            stamp = folder / "pages" / STAMP
            stamp.touch()
            os.utime(stamp, (began, began))
            put(folder / "pages", checkout / SITE)
    return status


@contextmanager
def _folder(checkout: Path) -> Iterator[Path]:
    """Make a folder that is deleted at the end, and delete those of builds that were killed."""
    for left in checkout.glob(f"{NEW}*"):
        with suppress(OSError), _locked(left):  # OSError: that build is under way, or has just ended
            shutil.rmtree(left)
    folder = checkout / f"{NEW}{secrets.token_hex(4)}"
    folder.mkdir()
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Raises `BlockingIOError` if another process has it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def put(new: Path, place: Path) -> None:
    """Put a folder in its place: at once, and what was there is at `new` then.

    Where the system can't exchange two folders, there is a moment with neither.
    """
    if not place.exists():
        new.rename(place)
    elif not _exchange(new, place):
        place.rename(new.with_name(f"{new.name}.old"))
        new.rename(place)


def _exchange(one: Path, other: Path) -> bool:
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    return bool(renameat2(_AT_CWD, os.fsencode(one), _AT_CWD, os.fsencode(other), _EXCHANGE) == 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that its folder is deleted
    sys.exit(build(Path(__file__).resolve().parents[2], sys.argv[1:]))
