from __future__ import annotations

import os

import pytest
import redis as redis_py

import pipeline.redis
from pipeline.redis import EnvironmentClash, RedisUnavailable
from pipeline.settings import Settings

from .stack import ROOT


def settings_for(url: str, environment: str = "test") -> Settings:
    return Settings(environment=environment, redis_url=url, root=ROOT)


def test_each_environment_has_its_own_database(redis_url: str, redis: redis_py.Redis) -> None:
    staging = pipeline.redis.client(settings_for(redis_url, "staging"))
    staging.flushdb()
    redis.set("key", "test's")

    assert staging.get("key") is None


def test_two_environments_cannot_share_a_database(redis_url: str) -> None:
    url = f"{redis_url}?db=9"
    pipeline.redis.check(pipeline.redis.client(settings_for(url, "staging")))

    with pytest.raises(EnvironmentClash, match="belongs to the environment 'staging', this process to 'production'"):
        pipeline.redis.check(pipeline.redis.client(settings_for(url, "production")))


def test_a_clash_is_found_by_every_connection(redis_url: str) -> None:
    url = f"{redis_url}?db=8"
    pipeline.redis.check(pipeline.redis.client(settings_for(url, "staging")))
    client = pipeline.redis.client(settings_for(url, "production"))

    for _ in range(2):
        with pytest.raises(EnvironmentClash):
            client.set("key", "value")


def test_a_process_has_one_client(settings: Settings) -> None:
    assert pipeline.redis.client(settings) is pipeline.redis.client(settings)


def test_a_forked_child_makes_a_client_of_its_own(settings: Settings, redis: redis_py.Redis) -> None:
    ours = redis.client_id()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            theirs = pipeline.redis.client(settings)
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
        pipeline.redis.check(pipeline.redis.client(settings_for("redis://127.0.0.1:1")))
