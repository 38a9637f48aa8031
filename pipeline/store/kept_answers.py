"""The answers to requests that have a key of their own, so that one that comes again gets the same answer."""

from __future__ import annotations

from typing import cast

from .keys import ANSWER
from .scripts import ScriptClient


class KeptAnswers:
    """Answers by key, each for `seconds` from when it was kept; a mark holds the place of one that is being made.

    Redis key: `keys.ANSWER`. Each method costs one round trip.
    """

    def __init__(self, client: ScriptClient, seconds: float) -> None:
        self.client = client
        self.ttl_ms = int(seconds * 1000)

    def begin(self, key: str, mark: bytes) -> bytes | None:
        """Put the mark under the key if nothing is there, in one step; else return what is there.

        The mark must be unique: one that was put there, and whose reply was lost, is known again when it is sent again.
        """
        name = ANSWER.named(DIGEST=key)
        pipe = self.client.pipeline(transaction=False)
        pipe.execute_command("SET", name, mark, "NX", "PX", self.ttl_ms)
        pipe.execute_command("GET", name)
        found = cast("bytes | None", pipe.execute()[1])
        return None if found == mark else found

    def keep(self, key: str, answer: bytes) -> None:
        """Put the answer into the mark's place."""
        self.client.execute_command("SET", ANSWER.named(DIGEST=key), answer, "PX", self.ttl_ms)

    def forget(self, key: str) -> None:
        """Remove the mark or the answer."""
        self.client.execute_command("DEL", ANSWER.named(DIGEST=key))
