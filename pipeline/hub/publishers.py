"""Publishers: senders with a name of their own, who can be shut out one by one."""

from __future__ import annotations

from typing import cast

from ..errors import PipelineError
from .stored_hub import StoredHub


class PublisherRevoked(PipelineError):
    """Whoever has a key of the hub can still send under another name, or under none."""

    def __init__(self, hub: str, name: str) -> None:
        super().__init__(f"the publisher {name!r} of hub {hub!r} is revoked")


class RevokedPublishers:
    """A hub's revoked publishers, in lower case: a token for `Dev-1` is good for `dev-1`, and so must this be.

    Redis key: `revoked`; see keys.py.
    """

    def __init__(self, hub: StoredHub) -> None:
        self.redis = hub.redis
        self.hub = hub.name
        self.key = hub.keys.revoked

    def check(self, name: str) -> None:
        """Raises `PublisherRevoked`. One round trip."""
        if self.redis.sismember(self.key, name.lower()):
            raise PublisherRevoked(self.hub, name)

    def revoke(self, name: str) -> None:
        self.redis.sadd(self.key, name.lower())

    def resume(self, name: str) -> bool:
        """Let a publisher send again; False if it was not revoked."""
        return bool(self.redis.srem(self.key, name.lower()))

    def __contains__(self, name: str) -> bool:
        return bool(self.redis.sismember(self.key, name.lower()))

    def names(self) -> list[str]:
        """Return them sorted."""
        return sorted(name.decode() for name in cast("set[bytes]", self.redis.smembers(self.key)))
