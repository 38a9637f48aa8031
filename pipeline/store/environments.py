"""The environments that have data on a server, for a person who may have the wrong one."""

from __future__ import annotations

from redis import Redis, RedisError

from ..settings import DATABASES, Settings
from .client import MARKER, database
from .keys import KEYS
from .options import connection_options, no_retry


def others_with_data(settings: Settings) -> dict[str, int]:
    """Return the other environments that have data on the server of WZ_REDIS_URL, each with its database.

    None is returned if the database of `settings` has data itself, or if Redis does not tell. Nothing is written, not
    even the marker. One connection, and one more for each database that may be an environment's.
    """
    own = database(settings)
    try:
        with _client(settings, own) as client:
            keys = {name: found["keys"] for name, found in client.info("keyspace").items()}
        if keys.get(f"db{own}", 0) > len(KEYS):
            return {}
        return {
            name: number
            for name, number in DATABASES.items()
            if number != own and keys.get(f"db{number}", 0) > len(KEYS) and _owner(settings, number) == name
        }
    except RedisError:
        return {}


def _owner(settings: Settings, number: int) -> str:
    with _client(settings, number) as client:
        return (client.get(MARKER) or b"").decode()


def _client(settings: Settings, number: int) -> Redis:
    """Return a client that, unlike `redis_client`, does not claim the database for its environment."""
    options = {**connection_options(settings.redis_url, settings.environment), "db": number}
    return Redis.from_url(settings.redis_url, retry=no_retry(), **options)
