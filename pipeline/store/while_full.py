"""What goes on while Redis has no memory left, so that it has some again.

At `maxmemory`, with the policy noeviction, Redis refuses each command that may need memory ("deny-oom" in COMMAND INFO:
SET, HSET, XADD ...) and takes all others (DEL, XTRIM, HDEL, PEXPIRE ...). A script is refused at its first command that
writes, if it is one of the former; after one that was taken it may go on, since it can't be undone. So a script whose
first write is never refused runs to its end, with each server that is supported. (The flag `allow-oom` does the same,
but Redis 6.2 does not know it.) Before Valkey 9 everything in a transaction is refused, also DEL, so that a transaction
that must go on is run as a script here.

Theory. Memory is freed by retention, which waits for the offsets of relays and jobs; and by those who delete. All that
stands between them and the XTRIM or DEL at the end must run: leases, announcements, offsets, status. Each of these
writes what was there before, or some hundred bytes. What may need more waits until there is room, and says so. While
nothing new comes in, what jobs write is made from what is there: it ends with it.

    what runs                                      how
    a lease is taken, renewed, released            lease.py: its first write is never refused
    a worker announces itself                      hub/share.py: the same
    retention trims                                hub/retention.lua: `Script(while_full=True)`
    the relay attaches, commits, says why it waits hub/commit.lua: the same as a lease; `write`
    a consumer group attaches, detaches, moves     hub/consumer_group.py: `write`
    a relay is paused, detached, or sent elsewhere hub/route.lua: its first write is never refused
    a dead letter is dropped, or sent again        pipeline/hub/deadletters.py: XDEL, `write`
    a hub keeps less, or takes more or less        hub/namespace.py: `write`
    a hub is deleted; a declared one is made       the same, UNLINK
    a job begins anew                              windows/jobs/begin.py: `execute`
    a job's task commits, reports, publishes       windows/jobs: `execute`, `write`, `OPENING`
    rows are added to outputs and outboxes         stream_entries.py, in a task's commit: `execute` knows its script
    an outbox gives its rows to the receiver       windows/jobs/outputs/outbox.py: `execute`
    a job of a folder is found; a job is deleted   windows/jobs/registry.py, erase.py: `execute`
    an output, a board, or a member is deleted     windows/jobs/outputs/stream.py, boards/delete.lua, boards/update.lua:
                                                   the same as a lease
    a task is put, begun, cancelled, and ends      work/task.lua: `Script(while_full=True)`
    who looks after it signs in at the console     console/sessions.py: `write`
    a publisher is revoked                         hub/publishers.py: `write`
    a rule gets another key, or other limits       pipeline/hub/rules.py: `replace`
    what a refused send took of a limit            hub/throughput.lua: its first write is never refused

    what waits                                     until there is room
    a send, a reward, all that a client adds       503, and nothing was changed: a script that adds has no write that is
                                                   never refused before the first that is
    a dead letter of the relay                     its partition waits, and says so
    a task whose rows go to a board                its turn is tried again
    rows that an outbox has for a hub              its delivery waits, and says so
    a batch of which a node is full                503; only if it fills up just then, the batch's intent stays
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from redis import Redis, WatchError
from redis.client import Pipeline
from redis.exceptions import OutOfMemoryError

from .scripts import OPENING, SCRIPT_NAMES
from .stream_entries import ADD_ENTRIES, adds_entries

# KEYS[1] a key; ARGV[1] the name of a command, ARGV[2..] what comes after the key.
_ONE = OPENING + "return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))\n"

# KEYS[1] a hash; ARGV[1] how many of its fields were read; for each its name, and '' if it was not there, or '=' and
# the value; then for each command the number of its words, and these; ADD is for what `add_entries` takes. Returns the
# replies, which may be errors, or nothing if a field has another value now: then nothing was done.
_ALL = (
    OPENING
    + ADD_ENTRIES
    + """
local at = 2
for _ = 1, ARGV[1] do
  local value = redis.call('HGET', KEYS[1], ARGV[at])
  if (value and '=' .. value or '') ~= ARGV[at + 1] then return false end
  at = at + 2
end
local replies = {}
while at <= #ARGV do
  local last = at + tonumber(ARGV[at])
  local run = ARGV[at + 1] == 'ADD' and add_entries or redis.pcall
  replies[#replies + 1] = run(unpack(ARGV, at + (run == add_entries and 2 or 1), last))
  at = last + 1
end
return replies
"""
)

# KEYS[1] a hash; ARGV[1] a field, ARGV[2] its value, ARGV[3] the new one. Returns 1, or 0 if it has another value now.
_REPLACE = (
    OPENING
    + """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""
)

SCRIPT_NAMES[_ONE], SCRIPT_NAMES[_ALL], SCRIPT_NAMES[_REPLACE] = "one command", "transaction", "replace"

#: Commands that a script can't run.
_NOT_IN_SCRIPTS = frozenset({"EVAL", "EVALSHA"})


def write(client: Redis | Pipeline, command: str, key: str, *args: Any) -> Any:
    """Send a command on one key, or put it into a pipeline: it is carried out although memory is full."""
    # A cluster's pipeline has no method `eval`, but takes the command.
    return client.execute_command("EVAL", _ONE, 1, key, command, *args)  # type: ignore[no-untyped-call]


def replace(client: Redis, key: str, field: str, before: bytes, after: bytes) -> bool:
    """Change a field of a hash, if its value is still `before`; returns whether it was."""
    return bool(client.eval(_REPLACE, 1, key, field, before, after))


def execute(
    client: Redis, pipe: Pipeline, key: str, read: Mapping[str, bytes | None], *, raise_on_error: bool = True
) -> list[Any]:
    """Execute a transaction that watches the hash `key`, although memory is full; return its replies as Redis has them.

    `read` are the fields on which it depends, as they were read while the hash was watched. If one command fails, the
    others take effect all the same, and its error is raised or, without `raise_on_error`, among the replies. Raises
    `WatchError` if the hash was changed, or `OutOfMemoryError` if memory is full and one of the commands is a script
    other than that of `queue_entries`; then nothing was done.
    """
    commands = [args for args, _ in pipe.command_stack]
    try:
        return list(pipe.execute(raise_on_error=raise_on_error))
    except OutOfMemoryError:
        if any(command[0] in _NOT_IN_SCRIPTS and not adds_entries(command) for command in commands):
            raise
    words: list[Any] = [len(read)]
    for name, value in read.items():
        words += [name, b"" if value is None else b"=" + value]
    for command in commands:
        words += _words(command)
    replies = cast("list[Any] | None", client.eval(_ALL, 1, key, *words))
    if replies is None:
        raise WatchError(f"{key} was changed")
    for reply in replies if raise_on_error else ():
        if isinstance(reply, Exception):
            raise reply
    return replies


def _words(command: Sequence[Any]) -> list[Any]:
    if adds_entries(command):
        _, _, _, *arguments = command  # the name, the text, and the number of keys
        return [1 + len(arguments), "ADD", *arguments]
    name, *others = command
    named = str(name).split()  # redis-py has names of two words
    return [len(named) + len(others), *named, *others]
