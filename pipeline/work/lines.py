"""The lines that a task is to import: put into Redis by who asks for it, in parts, and read by the worker."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterator
from typing import IO

from ..store.scripts import ScriptClient
from .keys import KEPT_DAYS, LINES
from .tasks import Task

#: Bytes of a part before it is packed: so that neither Redis nor a process holds much of it at a time.
_PART = 1024 * 1024


def put_lines(client: ScriptClient, found: IO[bytes]) -> str:
    """Put lines into Redis, and return the id under which they are. If that fails, none are left."""
    id = secrets.token_hex(8)
    key = LINES.named(ID=id)
    try:
        while part := found.read(_PART):
            client.execute_command("RPUSH", key, zlib.compress(part))
            client.execute_command("EXPIRE", key, KEPT_DAYS * 86_400)
    except BaseException:
        drop_lines(client, id)
        raise
    return id


def lines_of(client: ScriptClient, id: str) -> Iterator[bytes]:
    """Yield the lines, each with its line feed, or none if they were dropped, or have expired."""
    rest, number = b"", 0
    while part := client.execute_command("LINDEX", LINES.named(ID=id), number):
        *lines, rest = (rest + zlib.decompress(part)).split(b"\n")
        yield from (line + b"\n" for line in lines)
        number += 1
    if rest:
        yield rest


def drop_lines(client: ScriptClient, id: str) -> None:
    """Delete the lines, if they are there."""
    client.execute_command("UNLINK", LINES.named(ID=id))


def drop_lines_of(client: ScriptClient, task: Task) -> None:
    """Delete the lines that a task has, if it has any: it has ended."""
    if id := task.arguments.get("lines"):
        drop_lines(client, id)
