"""Writes rows as lines of a file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from .. import keys
from .outbox import Batch, Receiver, Refused, Unavailable


class FileReceiver(Receiver):
    """Appends each row to a file as a line of JSON: exactly once, even if the process or the machine dies.

    The mark is the file's length in bytes after the last batch. Bytes after it were written by a process that died
    before it could save the new mark, or are what a full disk had room for: they are cut off. If the file is shorter
    than the mark, it is not the same file, and nothing is written to it.

    The file is locked while it is written to, so that a process that lost its lease during a long pause can't write
    when it continues. A network file system must support flock for this.
    """

    most_rows = 5_000

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self) -> str:
        """Return the file's length: what is in the file already stays."""
        try:
            return str(self.path.stat().st_size)
        except FileNotFoundError:
            return "0"
        except OSError as exc:
            raise Unavailable(f"{self.path}: {exc}") from exc

    def send(self, batch: Batch) -> str:
        """Append the batch; return the new length of the file."""
        try:
            return str(self._write(batch, int(batch.mark)))
        except OSError as exc:
            raise Unavailable(f"{self.path}: {exc}") from exc

    def _write(self, batch: Batch, length: int) -> int:
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with open(descriptor, "wb", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            batch.check()  # from here on no other process can write
            size = file.seek(0, os.SEEK_END)
            if size < length:
                raise Refused(
                    f"{self.path} has {size} bytes, but {length} were written to it: it was changed, or is a file of "
                    "another machine. Bring the file back. Or, to append to the file as it is, HDEL the field mark of "
                    f"{keys.delivery('NAME', 'OUTPUT')} and restart the worker"
                )
            file.truncate(length)
            file.seek(length)
            left = memoryview(b"".join(row.json + b"\n" for row in batch.rows))
            try:
                while left:
                    left = left[file.write(left) :]
                os.fsync(file.fileno())
            except OSError:  # the disk is full: nobody shall read a part of a line until the next try
                file.truncate(length)
                raise
            length = file.tell()
        if is_new:
            _sync_folder(self.path.parent)
        return length


def _sync_folder(folder: Path) -> None:
    """Make sure that the name of a new file survives a crash of the machine, as its rows do."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
