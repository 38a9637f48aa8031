from __future__ import annotations

import os
from dataclasses import replace

import pytest
import redis as redis_py
from redis.cluster import RedisCluster

from pipeline.settings import InvalidSetting, Settings
from pipeline.store.client import (
    MARKER,
    EnvironmentClash,
    RedisUnavailable,
    boards_client,
    check_server,
    check_stores,
    cluster_client,
    hubs_client,
    redis_client,
)

from ..stack import ROOT


def settings_for(url: str, environment: str = "test") -> Settings:
    return Settings(environment=environment, redis_url=url, connection_string=ROOT)


def found(settings: Settings, environment: str = "test") -> RedisCluster:
    return cluster_client(settings.hubs_cluster, environment)


def test_each_environment_has_its_own_database(redis_url: str, redis: redis_py.Redis) -> None:
    staging = redis_client(settings_for(redis_url, "staging"))
    staging.flushdb()
    redis.set("key", "test's")

    assert staging.get("key") is None


def test_two_environments_cannot_share_a_database(redis_url: str) -> None:
    url = f"{redis_url}?db=9"
    check_server(redis_client(settings_for(url, "staging")))

    clash = "belongs to the environment 'staging', but this process to 'production'"
    with pytest.raises(EnvironmentClash, match=clash):
        check_server(redis_client(settings_for(url, "production")))


def test_a_clash_is_found_by_every_connection(redis_url: str) -> None:
    url = f"{redis_url}?db=8"
    check_server(redis_client(settings_for(url, "staging")))
    client = redis_client(settings_for(url, "production"))

    for _ in range(2):
        with pytest.raises(EnvironmentClash):
            client.set("key", "value")


@pytest.mark.parametrize("url", ["redis://a/x", "redis://a?db=x", "unix:///a?db=-1", "redis://a/1/2"])
def test_a_database_that_is_not_a_number_is_refused(url: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^WZ_REDIS_URL: the database in the address is not a number$"):
        redis_client(settings_for(url))


def test_a_database_that_the_server_does_not_have_is_named(redis_url: str) -> None:
    with pytest.raises(RedisUnavailable, match="Redis has no database 999: choose another with WZ_REDIS_URL"):
        check_server(redis_client(settings_for(f"{redis_url}?db=999")))


def test_a_process_has_one_client(settings: Settings) -> None:
    assert redis_client(settings) is redis_client(settings)


def test_a_forked_child_makes_a_client_of_its_own(settings: Settings, redis: redis_py.Redis) -> None:
    ours = redis.client_id()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            theirs = redis_client(settings)
            os.write(writer, f"{theirs is redis} {theirs.client_id()}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    shared, client_id = os.read(reader, 100).decode().split()
    os.close(reader)
    os.close(writer)

    assert shared == "False"
    assert int(client_id) != ours


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(RedisUnavailable, match=r"127\.0\.0\.1:1 can't be reached"):
        check_server(redis_client(settings_for("redis://127.0.0.1:1")))


def test_a_process_has_one_client_of_the_cluster(cluster_settings: Settings, cluster: RedisCluster) -> None:
    both = {id(found(cluster_settings)), id(hubs_client(cluster_settings))}

    assert both == {id(cluster)}


def test_two_environments_cannot_share_a_cluster(cluster_settings: Settings, cluster: RedisCluster) -> None:
    cluster.set(MARKER, "test")

    with pytest.raises(EnvironmentClash, match="belongs to the environment 'test', but this process to 'production'"):
        found(cluster_settings, "production")


def test_a_cluster_s_new_connections_check_whose_it_is(cluster_settings: Settings, cluster: RedisCluster) -> None:
    staging = found(cluster_settings, "staging")
    cluster.set(MARKER, "test")
    staging.disconnect_connection_pools()  # type: ignore[no-untyped-call]

    with pytest.raises(EnvironmentClash):
        staging.get(MARKER)


def test_a_cluster_that_is_not_there() -> None:
    with pytest.raises(RedisUnavailable, match=r"the Redis Cluster at 127\.0\.0\.1:1 can't be reached"):
        cluster_client(("redis://:secret@127.0.0.1:1",), "test")


def test_a_command_whose_answer_was_lost_is_not_sent_again(cluster_settings: Settings, cluster: RedisCluster) -> None:
    impatient = cluster_client((f"{cluster_settings.hubs_cluster[0]}?socket_timeout=0.25",), "test")
    slow = "redis.call('INCR', KEYS[1]) local begun = os.clock() while os.clock() - begun < 0.35 do end"

    with pytest.raises(redis_py.TimeoutError):
        impatient.eval(slow, 1, "calls")

    assert cluster.get("calls") == b"1"


def test_boards_keep_their_number_of_shards(settings: Settings, redis: redis_py.Redis) -> None:
    assert boards_client(settings) is redis

    with pytest.raises(InvalidSetting, match="the boards have 1 shards each, not 4: set 1, or"):
        boards_client(replace(settings, board_shards=4))


def test_a_process_that_starts_checks_the_server_the_hubs_and_the_boards(
    redis_url: str, settings: Settings, redis: redis_py.Redis, cluster_settings: Settings, cluster: RedisCluster
) -> None:
    assert check_stores(settings) is redis

    check_stores(settings_for(f"{redis_url}?db=12", "staging"))
    with pytest.raises(EnvironmentClash, match="Redis database 12"):
        check_stores(settings_for(f"{redis_url}?db=12", "production"))
    cluster.set(MARKER, "test")
    with pytest.raises(EnvironmentClash, match="Redis database 0"):
        check_stores(replace(settings, environment="production", hubs_cluster=cluster_settings.hubs_cluster))
    with pytest.raises(InvalidSetting, match="the boards have 1 shards each, not 4"):
        check_stores(replace(settings, board_shards=4))


def test_boards_on_a_cluster_keep_their_number_of_shards(cluster_settings: Settings, cluster: RedisCluster) -> None:
    assert boards_client(cluster_settings) is cluster

    with pytest.raises(InvalidSetting, match="the boards have 8 shards each, not 16"):
        boards_client(replace(cluster_settings, board_shards=16))
