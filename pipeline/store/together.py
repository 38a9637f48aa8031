"""A script whose callers share round trips: what several threads want at the same time is sent in one go.

To send, and to be woken by the reply, costs a thread and Redis more than a small call itself.

Theory. One thread leads. It takes all calls that wait, its own among them, sends them over one connection, hands out
the replies, and makes the first of those that came meanwhile the next to lead. So a call waits for one turn of others
at most before its own, and where nobody else calls, for none. That is no longer than a Redis with `appendfsync always`
lets it wait anyway: it takes up what came in during an fsync after that.

    a thread       has a call in `_waiting`, or is in a turn, or neither
    `_busy`        somebody leads, or was told to: whoever comes then waits, and is woken by its reply or to lead

Calls are as independent as if each were sent alone: each has its own reply or error, and runs in Redis by itself. What
all calls of a turn share is the fate of their connection. Large calls go alone: many of them in a row would keep Redis
from its other clients.
"""

from __future__ import annotations

from importlib.resources.abc import Traversable
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from redis.exceptions import ConnectionError, NoScriptError, RedisError, TimeoutError

from . import writes
from .connection import Client
from .refusals import NOT_RUN
from .replicas import Confirmation
from .scripts import Script, ScriptClient

#: Bytes of a call's arguments up to which it shares a turn.
SMALL = 4096


class SharedScript(Script):
    """A `Script` whose small calls share round trips, unless they go to a cluster or wait for replicas."""

    def __init__(self, *parts: Traversable, reads_only: bool = False) -> None:
        super().__init__(*parts, reads_only=reads_only)
        self._turns: WeakKeyDictionary[Client, Turns] = WeakKeyDictionary()

    def call(
        self, client: ScriptClient, keys: list[str], args: list[Any], confirmation: Confirmation | None = None
    ) -> Any:
        if confirmation or not isinstance(client, Client):
            return super().call(client, keys, args, confirmation)
        if sum([len(arg) for arg in args if isinstance(arg, bytes)]) > SMALL:
            return super().call(client, keys, args)
        turns = self._turns.get(client)
        if turns is None:
            turns = self._turns.setdefault(client, Turns(client))
        try:
            return turns.run("EVALSHA", self.sha, len(keys), *keys, *args)
        except NoScriptError:
            return client.eval(self.text, len(keys), *keys, *args)


class _Call:
    __slots__ = ("command", "is_done", "leads", "reply", "was_sent", "woken")

    def __init__(self, command: tuple[Any, ...]) -> None:
        self.command = command
        self.woken = Lock()
        self.woken.acquire()
        self.leads = self.was_sent = self.is_done = False
        self.reply: Any = None  # or what it failed with


class Turns:
    """The calls of a process to a server."""

    def __init__(self, client: Client) -> None:
        self._pool = client.connection_pool
        self._lock = Lock()  # for these two
        self._busy = False
        self._waiting: list[_Call] = []

    def run(self, *command: Any) -> Any:
        """Return the reply to a command, or raise its error."""
        call = _Call(command)
        with self._lock:
            call.leads, self._busy = not self._busy, True
            self._waiting.append(call)
        if not call.leads:
            try:
                call.woken.acquire()
            except BaseException:  # the thread is to end
                self._leave(call)
                raise
        if call.leads:
            self._lead(call)
        # What is counted for a request is its own call (writes.py), whoever has sent it.
        count = writes.current()
        if count is not None and call.was_sent and not isinstance(call.reply, NOT_RUN):
            count.sent += 1
        if isinstance(call.reply, Exception):
            raise call.reply
        return call.reply

    def _lead(self, mine: _Call) -> None:
        with self._lock:
            calls, self._waiting = self._waiting, []
        failed: Exception = ConnectionError("the thread that sent this was ended")
        try:
            with writes.uncounted():  # `run` counts each call for the request that it is of
                self._send(calls)
        except Exception as exc:
            failed = exc
        finally:
            for call in calls:
                if not call.is_done:
                    call.reply, call.is_done = _copy(failed), True
                if call is not mine:
                    call.woken.release()
            with self._lock:
                self._pass_on()

    def _pass_on(self) -> None:
        """Let the first that waits lead, if one does. The caller has the lock."""
        if self._waiting:
            self._waiting[0].leads = True
            self._waiting[0].woken.release()
        else:
            self._busy = False

    def _leave(self, call: _Call) -> None:
        with self._lock:
            if call in self._waiting:
                self._waiting.remove(call)
                if call.leads:
                    self._pass_on()

    def _send(self, calls: list[_Call]) -> None:
        """Send calls, and read the replies until the connection fails."""
        connection = self._pool.get_connection()
        try:
            if len(calls) == 1:
                calls[0].was_sent = True
                connection.send_command(*calls[0].command)  # type: ignore[no-untyped-call]
            else:
                packed = connection.pack_commands([call.command for call in calls])  # type: ignore[no-untyped-call]
                for call in calls:
                    call.was_sent = True
                connection.send_packed_command(packed)  # type: ignore[no-untyped-call]
            for call in calls:
                try:
                    call.reply = connection.read_response()
                except NOT_RUN as exc:
                    call.reply, call.is_done = exc, True
                    if isinstance(exc, ConnectionError):  # after which redis-py has closed it: others may have run
                        raise ConnectionError(str(exc)) from exc
                except (ConnectionError, TimeoutError):
                    raise
                except RedisError as exc:
                    call.reply = exc
                call.is_done = True
        except BaseException:
            connection.disconnect()  # type: ignore[no-untyped-call]
            raise
        finally:
            self._pool.release(connection)


def _copy(exc: Exception) -> Exception:
    """Return an error of its own for each thread, which adds its traceback."""
    try:
        copied: Exception = type(exc)(*exc.args)
    except TypeError:
        return exc
    copied.__cause__ = exc
    return copied
