"""The environments that have data on a server, for a person who may look into the wrong database."""

from __future__ import annotations

from redis import Redis, RedisError

from ..settings import DATABASES, Settings
from .client import MARKER, database
from .connection import make_pool
from .keys import KEYS


def others_with_data(settings: Settings) -> dict[str, int]:
    """Return the other environments that have data on the server of WZ_REDIS_URL, each with its database.

    None is returned if the database of `settings` has data itself, or if Redis does not tell. Nothing is written, not
    even the marker. One connection, and one for each other database if the first is empty.
    """
    own = database(settings)
    try:
        if _owner_of_data(settings, own) is not None:
            return {}
        return {
            name: number
            for name, number in DATABASES.items()
            if number != own and _owner_of_data(settings, number) == name
        }
    except RedisError:
        return {}


def _owner_of_data(settings: Settings, number: int) -> str | None:
    """Return the environment that a database is marked with, "" if with none; None if it has no data."""
    # Unlike `redis_client`, this one does not claim the database for its environment.
    with Redis.from_pool(make_pool(settings.redis_url, settings.environment, db=number)) as client:
        if client.dbsize() <= client.exists(*(key.pattern for key in KEYS)):
            return None
        return (client.get(MARKER) or b"").decode()
