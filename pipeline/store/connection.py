"""Connections to Redis, and their pool, as the service needs them: they count what may have written, and follow a
fail-over.

A primary that was demoted behind a name or a proxy answers READONLY, and one that hangs answers nothing.
Connections that stayed open would go on asking it, so one such answer closes it and all that are idle in its pool.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from redis.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ReadOnlyError, RedisError, TimeoutError

from . import writes
from .refusals import NOT_RUN, Parser

#: After these, the pool opens new connections.
_LEAVE = (ReadOnlyError, TimeoutError)


class _Counting:
    """What all connections have in common; it comes before a connection's class of redis-py."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("parser_class", Parser)
        self._sent: deque[bool] = deque()  # for each command that is not answered yet, whether it was counted
        self.leave = False
        super().__init__(**options)

    def send_command(self, *args: Any, **options: Any) -> None:
        self._count([args])
        super().send_command(*args, **options)  # type: ignore[misc]

    def pack_commands(self, commands: Sequence[Sequence[Any]]) -> Any:
        """Pack what is sent next, of which redis-py packs nothing twice."""
        self._count(commands)
        return super().pack_commands(commands)  # type: ignore[misc]

    def read_response(self, *args: Any, **options: Any) -> Any:
        counted = bool(self._sent) and self._sent.popleft()
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]
        except RedisError as exc:
            if counted and isinstance(exc, NOT_RUN) and (count := writes.current()) is not None:
                count.sent -= 1
            if isinstance(exc, _LEAVE):
                self.leave = True
            raise

    def disconnect(self, *args: Any, **options: Any) -> None:
        self._sent.clear()
        super().disconnect(*args, **options)  # type: ignore[misc]

    def _count(self, commands: Sequence[Sequence[Any]]) -> None:
        flags = [writes.can_write(command) for command in commands]
        self._sent.extend(flags)
        if (count := writes.current()) is not None:
            count.sent += sum(flags)


class _TCP(_Counting, Connection):
    pass


class _TLS(_Counting, SSLConnection):
    pass


class _Unix(_Counting, UnixDomainSocketConnection):
    pass


_CLASSES: dict[type, type] = {Connection: _TCP, SSLConnection: _TLS, UnixDomainSocketConnection: _Unix}


class Pool(ConnectionPool):
    """A pool of such connections, whichever class of redis-py an address stands for."""

    def __init__(self, connection_class: type = Connection, **options: Any) -> None:
        super().__init__(connection_class=_CLASSES.get(connection_class, connection_class), **options)

    def release(self, connection: Any) -> None:
        leave, connection.leave = connection.leave, False
        if leave:
            connection.disconnect()
        super().release(connection)
        if leave:
            self.disconnect(inuse_connections=False)
