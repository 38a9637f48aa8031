"""What each process of gunicorn does now: a small file for each, beside their counts, written once a second.

    busy_4711.json    by process id

It goes with the process (`child_exit` in gunicorn.conf.py); one that was left by a process that is gone is not read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec


class UnderWay(msgspec.Struct):
    """A request whose answer has not begun; `route` is its rule, empty if none was found."""

    method: str
    route: str
    seconds: float


class Busy(msgspec.Struct):
    """`threads` and `connections` are None where the server does not say; `parked` requests wait for a thread.

    `waiting` requests, of `places`, wait for events: long polls and streams.
    """

    pid: int
    threads: int | None
    connections: int | None
    parked: int
    waiting: int
    places: int
    under_way: list[UnderWay]


def write(folder: Path, busy: Busy) -> None:
    """Write a process's file; without space on the disk, the last one stays."""
    file = folder / f"busy_{busy.pid}.json"
    with suppress(OSError):
        part = file.with_suffix(".new")
        part.write_bytes(msgspec.json.encode(busy))
        part.replace(file)


def read(folder: Path) -> Iterator[Busy]:
    """Yield what the processes that run have written, by process id."""
    for file in sorted(folder.glob("busy_*.json")):
        with suppress(OSError, msgspec.DecodeError):
            busy = msgspec.json.decode(file.read_bytes(), type=Busy)
            os.kill(busy.pid, 0)
            yield busy
