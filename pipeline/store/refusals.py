"""What Redis refuses and why: one table, from the first word of its error to what a client and an operator are told.

Redis begins an error with a code. redis-py has a class for most of them; `Parser` adds those that it lacks, so that an
error can be told by its class wherever it is met, also inside of a transaction's answer.

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors, and processCommand in Redis's
server.c. A script is refused at its first command that writes: since Redis 7 with the same code and the line, before
that as "ERR Error running script (...): @user_script: 5: -READONLY You can't ...".
"""

from __future__ import annotations

import re
from typing import ClassVar, NamedTuple

from redis.connection import DefaultParser
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    ClusterError,
    ConnectionError,
    MasterDownError,
    MaxConnectionsError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    ResponseError,
    TimeoutError,
    TryAgainError,
)


class NoReplicasError(ResponseError):
    """NOREPLICAS: fewer replicas than `min-replicas-to-write` have what was written."""


class MisconfiguredError(ResponseError):
    """MISCONF: Redis can't save to its disk, and `stop-writes-on-bgsave-error` or the append-only file forbids more."""


class BusyError(ResponseError):
    """BUSY: a script has run for longer than `busy-reply-threshold`."""


class NotReplicated(TimeoutError):
    """Something was written, and too few replicas have confirmed it in time: see replicas.py."""


class ScriptRefused(ResponseError):
    """FORM or STALE: one of our scripts has looked at what is there, and changed nothing. The text has the code."""


class Refusal(NamedTuple):
    """`why` is for everybody: it names no host, no key and no command. `heals`: without an operator; `seconds`: after
    how many it is worth to try again.
    """

    code: str
    why: str
    heals: bool = True
    seconds: int = 1


#: The nearest class along an error's MRO counts.
REFUSALS: dict[type[Exception], Refusal] = {
    ReadOnlyError: Refusal("READONLY", "the store takes no writes: it is a replica, as after a fail-over"),
    NoReplicasError: Refusal("NOREPLICAS", "the store takes no writes while too few replicas follow it"),
    MisconfiguredError: Refusal("MISCONF", "the store takes no writes while it can't save them to its disk"),
    OutOfMemoryError: Refusal("OOM", "the store is full, and takes nothing new until there is room", seconds=5),
    BusyError: Refusal("BUSY", "the store is busy with a long script"),
    BusyLoadingError: Refusal("LOADING", "the store is loading its data"),
    MasterDownError: Refusal("MASTERDOWN", "the store is a replica that has lost its primary"),
    ClusterDownError: Refusal("CLUSTERDOWN", "a part of the store is away, and it waits for it"),
    TryAgainError: Refusal("TRYAGAIN", "a part of the store is being moved"),
    MaxConnectionsError: Refusal("POOL", "this process has as many connections to the store as it may have"),
    ClusterError: Refusal("CLUSTER", "the nodes of the store are being reassigned"),
    RedisClusterException: Refusal("CLUSTER", "the nodes of the store can't be found"),
    NotReplicated: Refusal("REPLICAS", "too few replicas of the store have confirmed it in time"),
    TimeoutError: Refusal("TIMEOUT", "the store has not answered in time"),
    ConnectionError: Refusal("AWAY", "the store can't be reached"),
    NoPermissionError: Refusal(
        "NOPERM", "the store forbids this to the service: an operator must allow it", heals=False
    ),
    AuthenticationError: Refusal("NOAUTH", "the store refuses the service's password: an operator must mend it", False),
    AuthorizationError: Refusal("NOAUTH", "the store refuses the service's password: an operator must mend it", False),
}

#: Redis is away, or refuses what it usually does; what is wrong with the request itself is not among these.
OUTAGES = tuple(REFUSALS)

#: After these, the command has done nothing. NOPERM is not one of them: a script may meet it at its second command.
NOT_RUN = (
    ReadOnlyError,
    NoReplicasError,
    MisconfiguredError,
    OutOfMemoryError,
    BusyError,
    BusyLoadingError,
    ClusterDownError,  # MasterDownError is one
    TryAgainError,
    NoScriptError,
    AuthenticationError,
    ScriptRefused,
)

#: What our scripts refuse with before they write: see update.lua and configure.lua.
_OURS = ("FORM ", "STALE ")

_IN_SCRIPT = re.compile(r"ERR Error running script .*?: -?([A-Z]+ .*)", re.DOTALL)
_FORBIDDEN_IN_SCRIPT = "ERR ACL failure in script"  # since Redis 7, without the code


def refusal_of(exc: BaseException) -> Refusal:
    """Return the row of an error of `OUTAGES`."""
    return next(REFUSALS[kind] for kind in type(exc).__mro__ if kind in REFUSALS)


class Parser(DefaultParser):  # type: ignore[misc, valid-type]
    """redis-py's parser, which knows more codes, and those of scripts before Redis 7."""

    EXCEPTION_CLASSES: ClassVar = {
        **DefaultParser.EXCEPTION_CLASSES,
        "BUSY": BusyError,
        "MISCONF": MisconfiguredError,
        "NOREPLICAS": NoReplicasError,
    }

    @classmethod
    def parse_error(cls, response: str) -> Exception:
        if response.startswith(_OURS):
            return ScriptRefused(response)
        if response.startswith(_FORBIDDEN_IN_SCRIPT):
            return NoPermissionError(response)
        inner = _IN_SCRIPT.match(response)
        error: Exception = super().parse_error(inner[1] if inner else response)
        return error
