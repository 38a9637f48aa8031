"""A primary that a real Sentinel names, and fails over."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import redis as redis_py

from deploy.welcome import redis_cli
from handlers import create_app
from handlers.outage import NOTHING_CHANGED
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings
from pipeline.store import OUTAGES, ResponseError
from pipeline.store.client import RedisUnavailable, address_of, check_server, redis_client
from pipeline.store.environments import others_with_data
from pipeline.store.refusals import refusal_of
from pipeline.windows.jobs.outputs import StreamOutput

from .. import stack
from ..client import ServerlikeClient, validated
from ..commands.calling import run
from ..sentinel import NAME, PASSWORD, SENTINELS_PASSWORD, Store, running
from ..windows.support import example


@pytest.fixture(scope="module")
def running_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running(tmp_path_factory.mktemp("sentinel") / "store") as found:
        yield found


@pytest.fixture
def store(running_store: Store) -> Store:
    running_store.until(running_store.is_whole)
    return running_store


@pytest.fixture
def settings(store: Store) -> Settings:
    return Settings(
        environment="test", redis_url=store.url, connection_string=stack.ROOT, hosts=frozenset({stack.HOST})
    )


@pytest.fixture
def client(store: Store, settings: Settings) -> redis_py.Redis:
    """The service's own client."""
    found = redis_client(settings)
    store.until(lambda: writes(found))
    found.flushdb()
    found.connection_pool.disconnect()  # so that the next connection marks the database again
    return found


@pytest.fixture
def service(client: redis_py.Redis, settings: Settings) -> ServerlikeClient:
    return validated(create_app(settings))


def writes(client: redis_py.Redis) -> bool:
    try:
        client.set("key", "value")
    except OUTAGES:
        return False
    return True


def fail_over(store: Store, *, kill: bool = False) -> None:
    lost = store.primary
    if kill:
        lost.down = True
        lost.kill()
    store.until(store.fail_over)
    store.until(store.has_failed_over)
    lost.down = False


@pytest.mark.parametrize("kill", [False, True], ids=["a primary that goes on as a replica", "a primary that is killed"])
def test_a_fail_over_is_followed(store: Store, client: redis_py.Redis, kill: bool) -> None:
    client.set("before", "x")
    assert client.wait(1, 0) == 1
    fail_over(store, kill=kill)
    store.until(lambda: writes(client))
    client.set("after", "x")

    assert address_of(client) == f"127.0.0.1:{store.port_of_primary}"
    store.until(store.is_whole)
    assert client.mget("before", "after") == [b"x", b"x"]


def test_a_request_and_a_worker_go_on_after_a_fail_over(
    store: Store, client: redis_py.Redis, service: ServerlikeClient, settings: Settings
) -> None:
    hub = Hubs.from_settings(settings, client)["events"]
    environ = {**os.environ, **stack.environ(settings), "WZ_JOBS": str(stack.REPOSITORY / "jobs")}
    headers = {"Authorization": stack.token()}

    def rows() -> int:
        return len(StreamOutput(client, "Output").read())

    def send(events: list[tuple[str, dict[str, object]]]) -> None:
        for at, columns in events:
            hub.append([example.event(columns)], enqueued_ms=example.enqueued_ms(at))

    def has_begun() -> bool:
        return client.exists("output:Output") == 1

    command = [sys.executable, "-m", "wz", "worker"]
    with subprocess.Popen(command, env=environ, cwd=stack.REPOSITORY, stderr=subprocess.PIPE, text=True) as worker:
        try:
            send(example.EVENTS[:4])
            assert service.put("/boards/b/members/ann", json={"score": 1}, headers=headers).status_code == 200
            store.until(has_begun)
            client.wait(1, 0)
            fail_over(store)
            store.until(lambda: writes(client))
            send(example.EVENTS[4:])
            store.until(lambda: rows() >= 8)
            worker.terminate()
            _, log = worker.communicate(timeout=stack.PATIENCE)
        finally:
            worker.kill()

    assert rows() == 8
    assert service.get("/boards/b/members/ann", headers=headers).json["score"] == 1
    assert service.get("/metrics", headers=headers).text.count(f'server="127.0.0.1:{store.port_of_primary}"') > 0
    assert "Traceback" not in log


def test_a_sentinel_that_names_a_replica_is_not_believed(store: Store, client: redis_py.Redis) -> None:
    client.get("key")
    store.ask("REPLICAOF", "127.0.0.1", 1)
    try:
        with pytest.raises(ResponseError, match="You can't write against a read only replica"):
            client.set("key", "x")
        with pytest.raises(OUTAGES, match="which a Sentinel names as the primary, is a slave"):
            client.get("key")
    finally:
        store.ask("REPLICAOF", "NO", "ONE")
    store.until(lambda: writes(client))


def test_without_a_sentinel_connections_go_on_and_new_ones_are_an_outage(
    store: Store, client: redis_py.Redis, service: ServerlikeClient
) -> None:
    headers = {"Authorization": stack.token()}

    def reward() -> int:
        return service.post("/boards/b/members/ann/rewards", json={"reward": 1}, headers=headers).status_code

    assert reward() == 200
    store.sentinel.down = True
    try:
        store.sentinel.kill()
        connected = reward()
        client.connection_pool.disconnect()
        away = service.post("/boards/b/members/ann/rewards", json={"reward": 1}, headers=headers)
        ready, healthy = service.get("/readyz"), service.get("/healthz")
    finally:
        store.sentinel.down = False
    store.until(lambda: reward() == 200)

    assert (connected, away.status_code, ready.status_code, healthy.status_code) == (200, 503, 503, 200)
    assert away.headers["Retry-After"] == "1"
    assert away.json["detail"] == f"the store can't be reached; {NOTHING_CHANGED}"
    assert service.get("/boards/b/members/ann", headers=headers).json["score"] == 3


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        pytest.param(f"/{NAME}?", "/other?", "a primary other: .* knows no such primary", id="no such primary"),
        pytest.param(f"={SENTINELS_PASSWORD}", "=wrong", "invalid username-password", id="the Sentinel's password"),
        pytest.param(f":{PASSWORD}@", ":wrong@", "refuses the password", id="the primary's password"),
    ],
)
def test_what_is_wrong_with_an_address_is_told(store: Store, right: str, wrong: str, says: str) -> None:
    url = store.url.replace(right, wrong)

    with pytest.raises(RedisUnavailable, match=says) as caught:
        check_server(redis_client(Settings(environment="test", redis_url=url)))

    assert PASSWORD not in str(caught.value)
    assert SENTINELS_PASSWORD not in str(caught.value)


def test_of_several_sentinels_one_that_answers_is_enough(store: Store) -> None:
    url = store.url.replace("127.0.0.1", f"127.0.0.1:{stack.free_port()},127.0.0.1")
    client = redis_client(Settings(environment="test", redis_url=url))

    assert address_of(client).endswith(f",127.0.0.1:{store.port}/{NAME}")
    check_server(client)
    assert address_of(client) == f"127.0.0.1:{store.port_of_primary}"


def test_the_database_is_the_environment_s_and_others_are_found(
    store: Store, client: redis_py.Redis, settings: Settings
) -> None:
    client.set("key", "value")
    other = Settings(environment="staging", redis_url=store.url)

    assert (client.connection_pool.connection_kwargs["db"], store.ask("DBSIZE")) == (2, 0)
    assert others_with_data(other) == {"test": 2}
    assert redis_cli(settings) == f"REDISCLI_AUTH=... redis-cli -h 127.0.0.1 -p {store.port_of_primary} -n 2"


def test_a_command_uses_it(store: Store, client: redis_py.Redis, settings: Settings) -> None:
    environ = {"WZ_ENVIRONMENT": "test", "WZ_REDIS_URL": store.url, "WZ_CONNECTION_STRING": str(stack.ROOT)}
    created = run(("hub", "create", "orders"), **environ)
    shown = run(("settings",), **environ)

    assert created.exit_code == 0, created.output
    assert "orders" in Hubs.from_settings(settings, client)
    assert PASSWORD not in shown.output
    assert SENTINELS_PASSWORD not in shown.output


def test_a_primary_that_its_replica_has_left_takes_no_writes(store: Store, client: redis_py.Redis) -> None:
    """So nothing is lost when it becomes a replica of that one. The store has `min-replicas-to-write 1`."""
    store.ask_replica("REPLICAOF", "NO", "ONE")
    try:
        store.until(lambda: not writes(client))
        with pytest.raises(OUTAGES) as refused:
            client.set("key", "x")
    finally:
        store.ask_replica("REPLICAOF", "127.0.0.1", store.port_of_primary)

    assert refusal_of(refused.value).code == "NOREPLICAS"
