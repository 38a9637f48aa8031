"""The lines of a request that a task is to work on: kept in Redis until a worker has read them.

Redis key: `keys.LINES`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO, cast

from ..store.scripts import ScriptClient
from .keys import KEPT_DAYS, LINES

#: Bytes of each part, before it is packed.
_PART = 256 * 1024


def keep(client: ScriptClient, id: str, body: IO[bytes]) -> None:
    """Keep a body from its beginning, packed, as long as a task. O(bytes), one round trip for each part."""
    key = LINES.named(ID=id)
    while part := body.read(_PART):
        client.execute_command("RPUSH", key, zlib.compress(part, 1))
        client.execute_command("EXPIRE", key, KEPT_DAYS * 86_400)


def lines(client: ScriptClient, id: str) -> Iterator[bytes]:
    """Yield the lines that are kept, none if they are gone."""
    key, number, rest = LINES.named(ID=id), 0, b""
    while part := cast("bytes | None", client.execute_command("LINDEX", key, number)):
        *whole, rest = (rest + zlib.decompress(part)).split(b"\n")
        yield from whole
        number += 1
    if rest:
        yield rest


def drop(client: ScriptClient, id: str) -> None:
    client.execute_command("UNLINK", LINES.named(ID=id))
