"""A file of NDJSON that a command writes."""

from __future__ import annotations

import gzip
import os
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ..errors import PipelineError


class RowFile:
    """Writes lines to a temporary file in the same folder, which replaces the file once all are written.

    So a run that fails or is killed leaves the file as it was, and a run may write to the file that it reads. A file
    whose name ends in .gz is packed. If the path is not a regular file (a pipe, /dev/null), it is written directly.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Raises `PipelineError` if it can't be written."""
        self.path = path.resolve()  # so that a symbolic link remains one
        self._is_direct = path.exists() and not path.is_file()
        self._written = path if self._is_direct else self.path.with_name(f".{self.path.name}.{os.getpid()}")
        self._open = ExitStack()
        try:
            self._file: IO[bytes] | gzip.GzipFile = self._open.enter_context(self._written.open("wb"))
        except OSError as exc:
            raise PipelineError(f"{path} can't be written: {exc.strerror}") from exc
        if path.suffix == ".gz":
            self._file = self._open.enter_context(gzip.GzipFile(fileobj=self._file, mode="wb", mtime=0))

    def write(self, line: bytes) -> None:
        """Write one row; `line` is its JSON without a line break. Raises `PipelineError`, as on a disk that is full."""
        try:
            self._file.write(line + b"\n")
        except OSError as exc:
            raise self._error(exc) from exc

    def _finish(self) -> None:
        """Write what is left, once all rows have come."""

    def _error(self, exc: OSError) -> OSError | PipelineError:
        """Return what is told of an error of the system; a closed pipe is for the command to end by."""
        if isinstance(exc, BrokenPipeError):
            return exc
        return PipelineError(f"{self.path} can't be written: {exc.strerror}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        is_whole = False
        try:
            if kind is None:
                self._finish()
            self._open.close()  # which writes what is left
            is_whole = kind is None
        except OSError as exc:
            if kind is None:
                raise self._error(exc) from exc
        finally:
            with suppress(OSError):
                self._open.close()
            if not self._is_direct:
                if is_whole:
                    self._written.replace(self.path)
                else:
                    self._written.unlink()
