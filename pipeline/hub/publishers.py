"""Publishers: senders with a name of their own, each of whom can be revoked."""

from __future__ import annotations

from typing import cast

from ..errors import PipelineError
from ..store import while_full
from .stored_hub import StoredHub


class PublisherRevoked(PipelineError):
    """Raised when events are sent under the name of a revoked publisher.

    It stops that name alone: a client that has a key of the hub can still send under another name, or without one.
    """

    def __init__(self, hub: str, name: str) -> None:
        super().__init__(f"the publisher {name!r} of hub {hub!r} is revoked")


class RevokedPublishers:
    """A hub's revoked publishers, in lower case: names ignore case, as a token for `Dev-1` is valid for `dev-1`.

    Redis key: `revoked`; see keys.py.
    """

    def __init__(self, hub: StoredHub) -> None:
        self.redis = hub.redis
        self.hub = hub.name
        self.key = hub.keys.revoked

    def check(self, *names: str) -> None:
        """Raise `PublisherRevoked` if one of a publisher's names is revoked. One round trip."""
        found = cast("list[int]", self.redis.smismember(self.key, [name.lower() for name in names]))
        for name, is_revoked in zip(names, found, strict=True):
            if is_revoked:
                raise PublisherRevoked(self.hub, name)

    def revoke(self, name: str) -> None:
        """Refuse this publisher from now on; without effect if it is revoked already."""
        while_full.write(self.redis, "SADD", self.key, name.lower())

    def resume(self, name: str) -> bool:
        """Let a publisher send again; False if it was not revoked."""
        return bool(self.redis.srem(self.key, name.lower()))

    def __contains__(self, name: str) -> bool:
        return bool(self.redis.sismember(self.key, name.lower()))

    def names(self) -> list[str]:
        """Return the names, sorted."""
        return sorted(name.decode() for name in cast("set[bytes]", self.redis.smembers(self.key)))
