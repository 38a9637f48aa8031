"""The clients of Redis: in each process one for each server or cluster; and one database for each environment.

A client holds a pool of connections and is safe to share between threads, as StackExchange.Redis's multiplexer is:
make one, keep it. It is not safe to share between processes, so it is made on first use, which under gunicorn is
after the fork, and a forked child forgets the one that it inherited. The same holds for the clients of clusters, if
the hubs or the boards are on one.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from redis import AuthenticationError, Redis, RedisError
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import AskError, RedisClusterException, ResponseError

from ..errors import InvalidValue, PipelineError
from ..settings import DATABASES, InvalidSetting, Settings
from ..settings.address import database_in
from . import UNREACHABLE
from .connection import Client, Pool, make_pool
from .keys import BOARD_SHARDS, ENVIRONMENT
from .options import connection_options, no_retry

if TYPE_CHECKING:
    from redis.connection import Connection

MARKER = ENVIRONMENT.pattern
SHARDS_MARKER = BOARD_SHARDS.pattern

#: The oldest version of Redis that has all commands that are used.
MINIMUM = (6, 2)
MINIMUM_TEXT = ".".join(map(str, MINIMUM))

#: Of a cluster.
SLOTS = 16384

_clients: dict[tuple[str, str], Redis] = {}
_clusters: dict[tuple[tuple[str, ...], str], RedisCluster] = {}
os.register_at_fork(after_in_child=_clients.clear)
os.register_at_fork(after_in_child=_clusters.clear)


class EnvironmentClash(PipelineError):
    """This process and the database belong to different environments."""


class RedisUnavailable(PipelineError):
    """Redis does not answer, or is too old to be used."""


def redis_client(settings: Settings) -> Redis:
    """Return the process's client of the server that WZ_REDIS_URL names; nothing is sent before its first command.

    Each new connection first makes sure that the database is this environment's (two round trips), so neither a
    mistaken setting nor a fail-over to another server can mix staging with production; the command that needed the
    connection then raises `EnvironmentClash`.

    Time-outs and all other options are those of `options.py`.
    """
    key = (settings.redis_url, settings.environment)
    if key not in _clients:
        _clients[key] = _make(settings)
    return _clients[key]


def database(settings: Settings) -> int:
    """Return the number of the database of `redis_client`: the one in the address, otherwise the environment's.

    Raises `InvalidSetting` if the one in the address is not a number, for which redis-py would use database 0.
    """
    try:
        named = database_in(settings.redis_url)
    except InvalidValue as exc:
        raise InvalidSetting("WZ_REDIS_URL", str(exc)) from None
    return DATABASES[settings.environment] if named is None else named


def cluster_client(urls: tuple[str, ...], environment: str) -> RedisCluster:
    """Return the process's client of the cluster that these nodes belong to.

    The first call looks for its nodes, and makes sure that the cluster is this environment's: raises `RedisUnavailable`
    or `EnvironmentClash`. Each new connection to the node that has the marker checks it again.
    """
    key = (urls, environment)
    if key not in _clusters:
        _clusters[key] = _make_cluster(urls, environment)
    return _clusters[key]


def hubs_client(settings: Settings) -> Redis:
    """Return the client of the database that has the hubs: of a cluster if the settings name one, else of the server.

    The two have the same commands, but their types have nothing in common; code that must tell them apart asks for
    `RedisCluster`. Raises what `cluster_client` does.
    """
    if not settings.hubs_cluster:
        return redis_client(settings)
    return cast("Redis", cluster_client(settings.hubs_cluster, settings.environment))


def unchecked_boards_client(settings: Settings) -> Redis | RedisCluster:
    """Return the client of the database that has the boards: of a cluster if the settings name one, else of the server.

    Raises what `cluster_client` does. It is for a process that calls `boards_client` before it uses a board.
    """
    if not settings.boards_cluster:
        return redis_client(settings)
    return cluster_client(settings.boards_cluster, settings.environment)


def boards_client(settings: Settings) -> Redis | RedisCluster:
    """Return `unchecked_boards_client`, once it is sure that the boards are split as the settings say.

    Otherwise members would be looked for in the wrong shard. Raises `InvalidSetting`, or what `cluster_client` does.
    Call it when a process starts, not for each request.
    """
    found = unchecked_boards_client(settings)
    marker = found.get(SHARDS_MARKER)
    if marker is None:
        found.set(SHARDS_MARKER, settings.board_shards, nx=True)
        marker = found.get(SHARDS_MARKER)
    shards = int(cast("bytes", marker))
    if shards != settings.board_shards:
        raise InvalidSetting(
            "WZ_BOARD_SHARDS",
            f"the boards have {shards} shards each, not {settings.board_shards}: set {shards}, or, if there are no "
            f"boards to keep, delete the key {SHARDS_MARKER}",
        )
    return found


def check_stores(settings: Settings) -> Redis:
    """Make sure that all that the settings name answers and is this environment's, and return `redis_client`.

    That is the server, and the clusters of the hubs and of the boards. Raises what `check_server` and `boards_client`
    do: `RedisUnavailable` is all that can heal by itself. Call it when a process starts.
    """
    client = redis_client(settings)
    check_server(client)
    hubs_client(settings)
    boards_client(settings)
    return client


def try_write(client: Redis) -> None:
    """Make sure that Redis takes writes, on a cluster each node that has keys. Raises what a command does.

    Nothing is written: SETRANGE of no bytes changes no key and makes none, but is refused as every write is. Finding a
    name for each node of a cluster costs some microseconds a node.
    """
    if not isinstance(client, RedisCluster):
        client.setrange(MARKER, 0, "")
        return
    waiting = {node.name for node in cast("list[ClusterNode]", client.get_primaries())}
    for number in range(SLOTS):
        name = f"{MARKER}:{number}"
        node: ClusterNode = client.get_node_from_key(name)
        if node.name in waiting:
            waiting.remove(node.name)
            client.setrange(name, 0, "")
        if not waiting:  # a primary without slots would be waited for to the end
            return


def check_server(client: Redis) -> None:
    """Make sure that Redis answers, is new enough and is this environment's.

    Raises `RedisUnavailable`, also while it is loading its data, or `EnvironmentClash`.
    """
    try:
        version = client.info("server")["redis_version"]
    except AuthenticationError as exc:
        raise RedisUnavailable(f"Redis at {address_of(client)} refuses the password: {exc}") from exc
    except UNREACHABLE as exc:  # BusyLoadingError is a ConnectionError
        raise RedisUnavailable(f"Redis at {address_of(client)} can't be reached: {exc}") from exc
    _check_version(version, address_of(client))


def _check_version(version: str, where: str) -> None:
    if tuple(int(part) for part in version.split(".")[:2]) < MINIMUM:
        raise RedisUnavailable(f"Redis at {where} is {version}; at least {MINIMUM_TEXT} is needed")


def _claim(connection: Connection, environment: str, other: str) -> None:
    """Make sure, in a new connection, that the database is this environment's; `other` names what else to set."""
    try:
        owner = _owner(connection)
        if owner is None:  # only then, since a Redis that takes no writes may still be read
            # Packed, since it is nothing that a request has written.
            connection.send_packed_command(connection.pack_command("SET", MARKER, environment, "NX"))  # type: ignore[no-untyped-call]
            connection.read_response()
            owner = _owner(connection)
        if owner != environment:
            raise EnvironmentClash(
                f"Redis database {connection.db} belongs to the environment {owner!r}, but this process to "
                f"{environment!r}: set WZ_ENVIRONMENT, or {other}"
            )
    except AskError:  # a MOVED error: another node of the cluster has the marker
        return
    except BaseException:
        # otherwise the pool would give it out again, unchecked
        connection.disconnect()  # type: ignore[no-untyped-call]
        raise


def _owner(connection: Connection) -> str | None:
    connection.send_command("GET", MARKER)  # type: ignore[no-untyped-call]
    found = cast("bytes | None", connection.read_response())
    return None if found is None else found.decode()


def _make(settings: Settings) -> Redis:
    def claim(connection: Connection) -> None:
        try:
            connection.on_connect()  # type: ignore[no-untyped-call]
        except ResponseError as exc:
            connection.disconnect()  # type: ignore[no-untyped-call]
            if "DB index" not in str(exc):
                raise
            raise RedisUnavailable(
                f"Redis has no database {connection.db}: choose another with WZ_REDIS_URL or WZ_ENVIRONMENT, or raise "
                "`databases` in redis.conf"
            ) from exc
        _claim(connection, settings.environment, "another database in WZ_REDIS_URL")

    db = database(settings)
    try:
        return Client.from_pool(make_pool(settings.redis_url, settings.environment, db=db, redis_connect_func=claim))
    except ValueError as exc:
        raise InvalidSetting("WZ_REDIS_URL", str(exc)) from exc


def _make_cluster(urls: tuple[str, ...], environment: str) -> RedisCluster:
    def claim(connection: Connection) -> None:
        _claim(connection, environment, "another cluster in WZ_HUBS_CLUSTER or WZ_BOARDS_CLUSTER")

    first, *others = urls
    where = ", ".join(urlsplit(url).netloc.rpartition("@")[2] for url in urls)
    nodes = [ClusterNode(url.hostname, url.port or 6379) for url in map(urlsplit, others)]  # type: ignore[no-untyped-call]
    options = connection_options(first, environment)
    # A cluster passes to its nodes' pools only the options that it knows, and the health check is not one of them.
    pool = partial(Pool, health_check_interval=options.pop("health_check_interval"))
    try:
        client = RedisCluster.from_url(
            first,
            startup_nodes=nodes,
            redis_connect_func=claim,
            retry=no_retry(),
            connection_pool_class=pool,
            **options,
        )
        client.get(MARKER)  # so that at least one connection has checked it
        version = cast("dict[str, str]", client.info("server"))["redis_version"]
    except RedisClusterException as exc:
        if isinstance(exc.__cause__, EnvironmentClash):
            raise exc.__cause__ from None
        raise RedisUnavailable(f"the Redis Cluster at {where} can't be reached: {exc}") from exc
    except RedisError as exc:
        raise RedisUnavailable(f"the Redis Cluster at {where} can't be used: {exc}") from exc
    _check_version(version, where)
    return client


def address_of(client: Redis) -> str:
    """Return where a client's server is: `host:port`, or the path of its socket.

    Where Sentinels say so, it is the server that a connection was made to last, or, before the first, the Sentinels.
    """
    options = client.connection_pool.connection_kwargs
    if (sentinels := options.get("sentinels")) is not None:
        return ":".join(map(str, sentinels.last or ())) or str(sentinels)
    return str(options.get("path") or f"{options.get('host')}:{options.get('port', 6379)}")
