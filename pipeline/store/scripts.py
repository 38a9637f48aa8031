"""Lua scripts, sent by their digest."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Protocol

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import NoScriptError

from .at_once import SEND_AGAIN, send_at_once
from .replicas import Confirmation, call_confirmed, send_confirmed
from .writes import READING_SCRIPTS

#: What people call a script, the name of its last file, by its text and by its digest.
SCRIPT_NAMES: dict[str, str] = {}

#: What a script begins with that is to run although memory is full: a write that is never refused for want of memory,
#: and has no effect. A key is renamed to its own name or, if it is not there, deleted. See while_full.py.
OPENING = "redis.call(redis.call('EXISTS', KEYS[1]) == 1 and 'RENAMENX' or 'DEL', KEYS[1], KEYS[1])\n"


def lua(package: str, *names: str) -> list[Traversable]:
    """Return the files of these names, without `.lua`, that are beside the modules of a package."""
    return [files(package) / f"{name}.lua" for name in names]


class ScriptClient(Protocol):
    """The methods that scripts need, which `Redis` and `RedisCluster` have in common."""

    def execute_command(self, *args: Any, **options: Any) -> Any: ...

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any: ...

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any: ...

    def pipeline(self, transaction: Any = ...) -> Any: ...


class Script:
    """A script made from files, in their order. `reads_only`: no command of it can write.

    `while_full`: it runs although memory is full, since it frees some, or something that does waits for it. See
    while_full.py.
    """

    def __init__(self, *parts: Traversable, reads_only: bool = False, while_full: bool = False) -> None:
        text = "".join(part.read_text() for part in parts)
        self.text = self.finish(OPENING + text if while_full else text)
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        self.name, self.reads_only = parts[-1].name, reads_only
        SCRIPT_NAMES[self.text] = SCRIPT_NAMES[self.sha] = self.name
        if reads_only:
            READING_SCRIPTS.update((self.text, self.sha))

    def finish(self, text: str) -> str:
        """Return the text that is sent: for subclasses."""
        return text

    def call(
        self, client: ScriptClient, keys: list[str], args: list[Any], confirmation: Confirmation | None = None
    ) -> Any:
        """Run it in one round trip, or in two if Redis does not have it (any more).

        With `confirmation`, replicas must confirm what it writes, or it raises `NotReplicated`: see replicas.py.
        """
        if confirmation:
            return self._confirmed(client, keys, args, confirmation)
        try:
            return client.evalsha(self.sha, len(keys), *keys, *args)
        except NoScriptError:
            return client.eval(self.text, len(keys), *keys, *args)

    def _confirmed(self, client: ScriptClient, keys: list[str], args: list[Any], confirmation: Confirmation) -> Any:
        try:
            return call_confirmed(client, ("EVALSHA", self.sha, len(keys), *keys, *args), keys[0], confirmation)
        except NoScriptError:
            return call_confirmed(client, ("EVAL", self.text, len(keys), *keys, *args), keys[0], confirmation)

    def call_all(
        self,
        client: Redis,
        calls: Sequence[tuple[list[str], list[Any]]],
        confirmations: Sequence[Confirmation] = (),
    ) -> list[Any]:
        """Run it once for each of these keys and arguments, in one round trip, on a cluster one per node.

        If it fails for some of them, it may have run for others; the first error is raised. `confirmations` are as in
        `call`, one for each call, or none.
        """
        commands = [("EVALSHA", self.sha, len(keys), *keys, *args) for keys, args in calls]
        first = [keys[0] for keys, _ in calls]
        replies: list[Any] = []
        if calls and confirmations:
            replies = send_confirmed(client, commands, first, confirmations)
        elif calls:
            replies = send_at_once(client, commands, first)
        for place, (keys, args) in enumerate(calls):
            if isinstance(replies[place], SEND_AGAIN):
                replies[place] = self.call(client, keys, args, confirmations[place] if confirmations else None)
            elif isinstance(replies[place], Exception):
                raise replies[place]
        return replies

    def queue(self, pipe: Pipeline, keys: list[str], args: list[Any]) -> None:
        """Put it into a transaction, whose first call of it brings its text.

        With the digest alone, a Redis that had lost the script would carry out all other commands.
        """
        is_sent = any(command[:2] == ("EVAL", self.text) for command, _ in pipe.command_stack)
        sent = ("EVALSHA", self.sha) if is_sent else ("EVAL", self.text)
        pipe.execute_command(*sent, len(keys), *keys, *args)  # type: ignore[no-untyped-call]
