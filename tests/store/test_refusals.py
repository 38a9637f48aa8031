"""What a real Redis refuses, and how: by a command, in a script, in a transaction."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from pipeline.settings import Settings
from pipeline.store import OUTAGES, writes
from pipeline.store.client import redis_client, try_write
from pipeline.store.refusals import BusyError, Parser, refusal_of
from pipeline.store.scripts import Script

from .. import stack
from ..cluster import ask
from ..stack import ROOT, until


def settings_for(url: str) -> Settings:
    return Settings(environment="test", redis_url=url, connection_string=ROOT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refusing")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with stack.redis_server(folder) as (_, url):
        yield url


@pytest.fixture
def client(url: str) -> redis_py.Redis:
    """The service's own client."""
    found = redis_client(settings_for(url))
    found.delete("key")
    found.set("there", "x")
    return found


def control(client: redis_py.Redis) -> redis_py.Redis:
    """A client of the same server that needs no marker."""
    return redis_py.Redis(unix_socket_path=client.connection_pool.connection_kwargs["path"])


@contextmanager
def settings(client: redis_py.Redis, **changes: str) -> Iterator[None]:
    client = control(client)
    names = {name.replace("_", "-"): value for name, value in changes.items()}
    before = {name: str(client.config_get(name)[name]) for name in names}
    for name, value in names.items():
        client.config_set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            client.config_set(name, value)


@contextmanager
def replica(client: redis_py.Redis, serves: str = "yes") -> Iterator[None]:
    """Without its primary, since nobody listens on port 1."""
    with settings(client, replica_serve_stale_data=serves):
        control(client).replicaof("127.0.0.1", 1)
        try:
            yield
        finally:
            control(client).replicaof("NO", "ONE")


@contextmanager
def disk_that_fails(client: redis_py.Redis, folder: Path) -> Iterator[None]:
    """It can't rename what it has saved: there is a folder of that name."""
    file = folder / "dump.rdb"
    file.mkdir()
    with settings(client, save="3600 1"):
        control(client).bgsave()
        until(lambda: control(client).info("persistence")["rdb_last_bgsave_status"] == "err")
        try:
            yield
        finally:
            file.rmdir()
            control(client).bgsave()
            until(lambda: control(client).info("persistence")["rdb_last_bgsave_status"] == "ok")


@contextmanager
def long_script(client: redis_py.Redis) -> Iterator[None]:
    with settings(client, lua_time_limit="1"):
        patient = control(client)
        thread = threading.Thread(target=lambda: raises(lambda: patient.eval("while true do end", 0)))
        thread.start()
        until(lambda: isinstance(raises(lambda: client.get("there")), BusyError))
        try:
            yield
        finally:
            patient.script_kill()
            thread.join()


@contextmanager
def forbidden(client: redis_py.Redis) -> Iterator[None]:
    ask(control(client), "ACL SETUSER default -set -setrange")
    try:
        yield
    finally:
        ask(control(client), "ACL SETUSER default +@all")


def raises(do: Callable[[], Any]) -> Exception | None:
    try:
        do()
    except Exception as exc:
        return exc
    return None


def in_transaction(client: redis_py.Redis, *, script: bool) -> None:
    with client.pipeline() as pipe:
        if script:
            pipe.eval("return redis.call('SET', KEYS[1], 'x')", 1, "key")
        else:
            pipe.set("key", "x")
        pipe.get("there")
        pipe.execute()


WRITES: dict[str, Callable[[redis_py.Redis], Any]] = {
    "a command": lambda client: client.set("key", "x"),
    "a script": lambda client: client.eval("return redis.call('SET', KEYS[1], 'x')", 1, "key"),
    "a transaction": lambda client: in_transaction(client, script=False),
    "a script in a transaction": lambda client: in_transaction(client, script=True),
    "what /readyz tries": try_write,
}


@pytest.mark.parametrize(
    ("code", "refusing"),
    [
        ("OOM", lambda client, _: settings(client, maxmemory="1")),
        ("NOREPLICAS", lambda client, _: settings(client, min_replicas_to_write="1")),
        ("READONLY", lambda client, _: replica(client)),
        ("MASTERDOWN", lambda client, _: replica(client, serves="no")),
        ("MISCONF", disk_that_fails),
        ("BUSY", lambda client, _: long_script(client)),
        ("NOPERM", lambda client, _: forbidden(client)),
    ],
)
def test_a_refusal_is_told_by_its_code(
    client: redis_py.Redis,
    code: str,
    refusing: Callable[[redis_py.Redis, Path], AbstractContextManager[None]],
    folder: Path,
) -> None:
    with refusing(client, folder):
        found, counted = {}, {}
        for how, write in WRITES.items():
            writes.begin()
            found[how] = raises(partial(write, client))
            counted[how] = writes.may_have_written()

    codes = {how: isinstance(exc, OUTAGES) and refusal_of(exc).code for how, exc in found.items()}
    if (
        code == "MASTERDOWN"
    ):  # a replica refuses a write as such, and everything else, such as a new connection, for this
        codes = {how: code if found == "READONLY" else found for how, found in codes.items()}
    assert codes == dict.fromkeys(WRITES, code)
    assert code == "NOPERM" or not (counted["a command"] or counted["a script"])
    assert not client.exists("key")
    client.set("key", "x")  # it is over, and each connection is as before


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("ERR Error running script (call to f_6e1b): @user_script:1: -READONLY You can't write", "READONLY"),
        ("ERR Error running script (call to f_6e1b): @user_script: 12: -MISCONF Redis is configured", "MISCONF"),
        ("LOADING Redis is loading the dataset in memory", "LOADING"),
        ("CLUSTERDOWN Hash slot not served", "CLUSTERDOWN"),
        ("TRYAGAIN Multiple keys request during rehashing of slot", "TRYAGAIN"),
        ("WRONGPASS invalid username-password pair or user is disabled.", "NOAUTH"),
        ("NOAUTH Authentication required.", "NOAUTH"),
        ("ERR max number of clients reached", "AWAY"),
    ],
)
def test_what_older_versions_and_other_states_say(reply: str, code: str) -> None:
    assert refusal_of(Parser.parse_error(reply)).code == code


def test_nothing_is_written_by_what_readyz_tries(client: redis_py.Redis) -> None:
    before = client.keys()
    try_write(client)

    assert sorted(client.keys()) == sorted(before)


def test_a_refused_command_counts_as_none(client: redis_py.Redis) -> None:
    writes.begin()
    with replica(client):
        assert isinstance(raises(lambda: client.set("key", "x")), OUTAGES)
        refused = writes.may_have_written()
        client.get("there")

    assert not refused
    assert not writes.may_have_written()
    client.set("key", "x")
    assert writes.may_have_written()


def test_a_database_that_takes_no_writes_is_read_by_new_connections(client: redis_py.Redis) -> None:
    with settings(client, min_replicas_to_write="1"):
        client.connection_pool.disconnect()

        assert client.get("there") == b"x"


def test_a_script_that_only_reads_counts_as_none_and_what_nobody_counts_may_have_written(tmp_path: Path) -> None:
    file = tmp_path / "reads.lua"
    file.write_text("return redis.call('GET', KEYS[1])")
    writing = ("EVALSHA", "0" * 40, 1, "key")
    reading = ("EVALSHA", Script(file, reads_only=True).sha, 1, "key")

    assert [writes.can_write(command) for command in (writing, reading)] == [True, False]
    assert contextvars.Context().run(writes.may_have_written)
