"""Whether something may have been changed since a request began: what decides what its client is told of an outage.

A connection counts each command that can write, just before it is sent, and takes it back if Redis refused it. So a
request whose count is 0 has changed nothing, whatever failed; with any other count, something may have been carried
out, by a command that was answered or by one whose answer was lost.

Theory: the count can be too high (EXEC after a refused command, a script that only reads and does not say so), and then
a client is told to look first for nothing; it must never be too low.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from redis.commands.cluster import READ_COMMANDS

#: Commands that write nothing, besides `READ_COMMANDS`: they are about the server, the connection or a transaction,
#: whose own commands are counted.
_OTHERS = frozenset(
    {
        "ACL", "ASKING", "AUTH", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DISCARD", "ECHO", "EXEC", "HELLO",
        "INFO", "LASTSAVE", "LATENCY", "MEMORY", "MULTI", "OBJECT", "PING", "READONLY", "READWRITE", "ROLE",
        "SCRIPT", "SELECT", "TIME", "UNWATCH", "WAIT", "WATCH", "XINFO",
    }
)  # fmt: skip

_READS = READ_COMMANDS | _OTHERS
_SCRIPTS = frozenset({"EVAL", "EVALSHA"})

#: The texts and the digests of scripts that only read: `Script(reads_only=True)` adds its own.
READING_SCRIPTS: set[str] = set()


class Writes:
    """What was sent since `begin`. `sent` counts the commands that can write and were not refused."""

    def __init__(self) -> None:
        self.sent = 0


_current: ContextVar[Writes | None] = ContextVar("pipeline.store.writes", default=None)


def begin() -> None:
    """Count from 0, in this thread and in those that run in a copy of its context (`contextvars.copy_context`)."""
    _current.set(Writes())


@contextmanager
def uncounted() -> Iterator[None]:
    """Count nothing that is written in the block, as it is no part of what the client asked for."""
    count = _current.get()
    before = count.sent if count is not None else 0
    try:
        yield
    finally:
        if count is not None:
            count.sent = before


def current() -> Writes | None:
    """Return the count of this context; None outside of a request."""
    return _current.get()


def may_have_written() -> bool:
    """Say whether something may have been changed since `begin`. True where nobody counts."""
    writes = _current.get()
    return writes is None or writes.sent > 0


def can_write(command: Sequence[Any]) -> bool:
    """Say whether a command, as redis-py sends it, can change a key."""
    name = command[0]
    if name in _READS or str(name).partition(" ")[0] in _OTHERS:  # as SCRIPT LOAD, which redis-py splits later
        return False
    if name == "SETRANGE" and command[3] == "":  # it asks whether Redis takes writes
        return False
    if name in _SCRIPTS:
        return command[1] not in READING_SCRIPTS
    return True
