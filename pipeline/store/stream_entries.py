"""Many entries of a stream in one command. A command for each costs its sender ten times as much.

The script is sent with its text, and not by its digest: where it is one command of a transaction, a Redis that had lost
it would carry out all the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from redis.client import Pipeline

from .scripts import OPENING, SCRIPT_NAMES

#: A function of Lua. `most` is about how many entries the stream keeps, '' for all. `packed` is MessagePack: the
#: number of fields, their names, and the values of one entry after the other. It returns false, or the first error.
ADD_ENTRIES = """
local function add_entries(key, most, packed)
  local given = cmsgpack.unpack(packed)
  local fields = given[1]
  local words = most == '' and {'XADD', key, '*'} or {'XADD', key, 'MAXLEN', '~', most, '*'}
  local before = #words
  for i = 1, fields do words[before + 2 * i - 1] = given[1 + i] end
  for entry = 2 + fields, #given, fields do
    for i = 1, fields do words[before + 2 * i] = given[entry + i - 1] end
    local reply = redis.pcall(unpack(words))
    if type(reply) == 'table' and reply.err then return reply end
  end
  return false
end
"""

# KEYS[1] a stream; ARGV[1] and ARGV[2] as above. It runs although memory is full: it is a part of a job's transaction.
_ADD = OPENING + ADD_ENTRIES + "return add_entries(KEYS[1], ARGV[1], ARGV[2])\n"

SCRIPT_NAMES[_ADD] = "add entries"


def queue_entries(
    pipe: Pipeline, key: str, fields: Sequence[str], values: Sequence[str], most: int | None = None
) -> None:
    """Put a command into a pipeline that adds entries, which all have these fields; `values` are those of all entries.

    About `most` entries are kept. The reply is None, or the first error, after which no more entries are added.
    """
    packed = msgspec.msgpack.encode(
        [len(fields), *fields, *values]
    )  # text alone: Redis does not read MessagePack's bin
    pipe.execute_command("EVAL", _ADD, 1, key, "" if most is None else most, packed)  # type: ignore[no-untyped-call]


def adds_entries(command: Sequence[Any]) -> bool:
    """Say whether a command, as a pipeline has it, is one of `queue_entries`."""
    return command[:2] == ("EVAL", _ADD)
