"""Compiled templates, kept beside this package's compiled modules and as long: the next process loads one in 1 ms."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket

CONSOLE = Path(__file__).parent


class Bytecode(jinja2.FileSystemBytecodeCache):
    """What templates are compiled to, in files of `folder`, which need not be there.

    Jinja knows by a checksum that a template has changed. But a compiled template may also have in it what a filter has
    made of a constant. So the checksum is also of when the newest of `sources` was changed: folders of Python files.
    """

    def __init__(
        self, folder: Path = CONSOLE / "__pycache__", sources: tuple[str, ...] = ("handlers", "pipeline")
    ) -> None:
        super().__init__(str(folder), "%s.template")
        files = (file for name in sources for file in (CONSOLE.parents[1] / name).rglob("*.py"))
        self.changed = max(file.stat().st_mtime_ns for file in files)

    def get_source_checksum(self, source: str) -> str:
        return super().get_source_checksum(f"{self.changed}\n{source}")

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write it, unless Python is told to write no bytecode. Where that fails, each process compiles anew."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                super().dump_bytecode(bucket)
