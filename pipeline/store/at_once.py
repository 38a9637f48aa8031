"""Commands that are sent before the first answer is awaited: on a cluster, to all nodes that have their keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from redis import Redis
from redis.cluster import PipelineCommand, RedisCluster
from redis.exceptions import AskError, NoScriptError, TryAgainError

#: Errors after which a script is sent again, to another node or with its text: it has not run. A `MovedError` is an
#: `AskError`.
SEND_AGAIN = (AskError, NoScriptError, TryAgainError)


class PipelineClient(Protocol):
    """What `Redis` and `RedisCluster` have in common."""

    def pipeline(self, transaction: Any = ...) -> Any: ...


def send_at_once(
    client: PipelineClient, commands: Sequence[tuple[Any, ...]], keys: Sequence[str], *, asking: Any = None
) -> list[Any]:
    """Send commands, each of which has one of the keys. Returns their answers, errors among them; none is sent twice.

    `asking`: a node of a cluster to which the one slot of all keys is being moved.

    Raises `ConnectionError` if a node of a cluster can't be connected to: then nothing was sent.
    """
    if isinstance(client, RedisCluster):
        # With `execute`, redis-py would look up the keys of each script call in Redis, and send a command again whose
        # answer was lost: an update might then be applied twice.
        nodes = [asking or client.get_node_from_key(key) for key in keys]  # type: ignore[no-untyped-call]
        each = 2 if asking else 1  # ASKING holds for the next command
        stack = [
            PipelineCommand(sent, {"target_nodes": node}, i)  # type: ignore[no-untyped-call]
            for i, (sent, node) in enumerate(
                (one, node)
                for command, node in zip(commands, nodes, strict=True)
                for one in ([("ASKING",), command] if asking else [command])
            )
        ]
        with client.pipeline() as pipe:  # type: ignore[no-untyped-call]
            answers: list[Any] = pipe.send_cluster_commands(stack, raise_on_error=False, allow_redirections=False)
            return answers[each - 1 :: each]
    assert isinstance(client, Redis)
    with client.pipeline(transaction=False) as pipe:
        for command in commands:
            pipe.execute_command(*command)  # type: ignore[no-untyped-call]
        return pipe.execute(raise_on_error=False)
