"""A lease in Redis: it has one owner at a time, who loses it unless it is renewed."""

from __future__ import annotations

import secrets

from redis import Redis
from redis.client import Pipeline

# KEYS[1] the lease; ARGV[1] the owner, ARGV[2] the time to live in ms, ARGV[3] '1' to take it if it is free.
# Returns 1 if the owner holds it now.
_HOLD = """
local owner = redis.call('GET', KEYS[1])
if owner == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if owner or ARGV[3] ~= '1' then return 0 end
redis.call('DEL', KEYS[1])  -- nothing; but a script that begins so may go on although memory is full: see full.py
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS[1] the lease; ARGV[1] the owner.
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


#: Seconds that a lease lasts from each `hold`, unless others are asked for.
TTL = 8.0


class LeaseLost(Exception):
    """Another owner has taken over, so the work was not committed."""


class Lease:
    """The right to work on something, for `ttl` seconds from each `hold`.

    A paused owner may believe that it still holds a lease that it lost. So a lease only keeps two workers from doing
    the same work, and what they commit is checked by something else: a count of commits or an offset.

    Redis key: the given one, a string with the owner's name, which must be unique; by default it is random.
    """

    def __init__(self, client: Redis, key: str, ttl: float = TTL, owner: str | None = None) -> None:
        self.redis = client
        self.key = key
        self.owner = owner or secrets.token_hex(8)
        self._ttl_ms = int(ttl * 1000)
        self._hold = client.register_script(_HOLD)
        self._release = client.register_script(_RELEASE)

    def hold(self) -> bool:
        """Take or renew the lease; False while another owner has it.

        After a pause, another owner may have worked in the meantime: read again everything that the work depends on.
        """
        return bool(self._hold(keys=[self.key], args=[self.owner, self._ttl_ms, "1"]))

    def release(self) -> None:
        """Give up the lease at once, so that another owner need not wait until it ends."""
        self._release(keys=[self.key], args=[self.owner])

    # A cluster's pipeline has no method `eval`, but takes the command.

    def queue_hold(self, pipe: Pipeline, *, take: bool) -> None:
        """Put `hold` into a pipeline, with its answer of 1 or 0.

        Without `take` the lease is only renewed: the answer is 0 if it ended, or went to another owner, since the last
        `hold`.
        """
        arguments = (self.key, self.owner, self._ttl_ms, "1" if take else "0")
        pipe.execute_command("EVAL", _HOLD, 1, *arguments)  # type: ignore[no-untyped-call]

    def queue_release(self, pipe: Pipeline) -> None:
        """Put `release` into a pipeline."""
        pipe.execute_command("EVAL", _RELEASE, 1, self.key, self.owner)  # type: ignore[no-untyped-call]
