"""Rows as lines of a file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ...engine.engine import OutputRow
from .outbox import Batch, Refused, Unavailable


class FileReceiver:
    """Appends each row to a file as a line of JSON: exactly once, whenever the process or the machine dies.

    The mark is the file's length in bytes after the last batch. What is behind it was written by a process that died
    before it could say so, and is cut off. A file that is shorter is another one: nothing is written to it.

    The file is locked while it is written to, so that a process which lost its lease in a long pause can't write when
    it wakes up. On a network's file system that takes one that knows flock.
    """

    most_rows = 5_000

    def __init__(self, path: Path) -> None:
        self.path = path

    def key(self, row: OutputRow) -> None:
        return None

    def begin(self) -> str:
        """What is in the file already stays."""
        try:
            return str(self.path.stat().st_size)
        except FileNotFoundError:
            return "0"
        except OSError as exc:
            raise Unavailable(f"{self.path}: {exc}") from exc

    def send(self, batch: Batch) -> str:
        try:
            return str(self._write(batch, int(batch.mark)))
        except OSError as exc:
            raise Unavailable(f"{self.path}: {exc}") from exc

    def _write(self, batch: Batch, length: int) -> int:
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with open(descriptor, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            batch.check()  # no other process can write from here on
            size = file.seek(0, os.SEEK_END)
            if size < length:
                raise Refused(
                    f"{self.path} has {size} bytes, and {length} were written to it: it was changed, or is another "
                    f"machine's. Bring it back; or have rows appended to what is there: HDEL the field mark of "
                    "job:NAME:delivery:OUTPUT, and restart the worker"
                )
            file.truncate(length)
            file.seek(length)
            file.writelines(row.json + b"\n" for row in batch.rows)
            file.flush()
            os.fsync(file.fileno())
            length = file.tell()
        if is_new:
            _sync_folder(self.path.parent)
        return length


def _sync_folder(folder: Path) -> None:
    """Have the name of a new file survive a crash of the machine, as its rows do."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
