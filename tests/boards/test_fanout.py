"""Calls to many shards at once, on one server and on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis as redis_py
from redis.cluster import RedisCluster

from pipeline.boards.changes import Change, Code, Op
from pipeline.boards.fanout import ask_all, update_all
from pipeline.boards.form import Form
from pipeline.boards.queries import AskInfo, ByRank
from pipeline.boards.shard import OtherForm, Shard, StaleShard
from pipeline.settings import Settings
from pipeline.store.at_once import send_at_once
from pipeline.store.client import cluster_client

from ..cluster import SHARDS, ask
from .set_up import set_up


@pytest.fixture(params=["redis", "cluster"])
def client(request: pytest.FixtureRequest) -> redis_py.Redis | RedisCluster:
    found: redis_py.Redis | RedisCluster = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def shards(client: redis_py.Redis | RedisCluster) -> list[Shard]:
    return [Shard(client, f"{{board:b:{n}}}") for n in range(SHARDS)]


def one_each() -> list[list[Change]]:
    return [[Change(Op.ADD, f"member:{n}", n)] for n in range(SHARDS)]


def members(shards: list[Shard]) -> list[list[tuple[bytes, int]]]:
    return [[tuple(row) for row in rows] for [rows] in ask_all(shards, Form(), [[ByRank(0, -1)]] * SHARDS)]


def test_each_shard_gets_its_own(shards: list[Shard]) -> None:
    replies = update_all(shards, Form(), one_each(), ranks=True)

    assert [[tuple(reply) for reply in some] for some in replies] == [[(Code.OK, n, 0, 1)] for n in range(SHARDS)]
    assert members(shards) == [[(b"member:%d" % n, n)] for n in range(SHARDS)]


@pytest.mark.parametrize("asked", [[], [2], [1, 6]], ids=["none", "one", "two"])
def test_a_shard_with_nothing_to_do_is_left_out(shards: list[Shard], asked: list[int]) -> None:
    changes = [some if n in asked else [] for n, some in enumerate(one_each())]

    assert [len(some) for some in update_all(shards, Form(), changes)] == [len(some) for some in changes]
    assert [len(rows) for rows in members(shards)] == [len(some) for some in changes]
    answers = ask_all(shards, Form(), [[AskInfo()] if n in asked else [] for n in range(SHARDS)])
    assert [info.version for some in answers for info in some] == [1] * len(asked)


def test_scripts_are_loaded_again_after_redis_forgot_them(
    client: redis_py.Redis | RedisCluster, shards: list[Shard]
) -> None:
    for _ in range(2):
        client.script_flush()
        update_all(shards, Form(), one_each())

    assert members(shards) == [[(b"member:%d" % n, 2 * n)] for n in range(SHARDS)]


def test_a_stale_shard_has_no_replies_and_its_error_is_raised_when_the_others_are_done(
    client: redis_py.Redis | RedisCluster, shards: list[Shard]
) -> None:
    client.zadd(shards[2].keys[0], {"by hand": 1})

    replies = update_all(shards, Form(), one_each())

    assert [len(some) for some in replies] == [int(n != 2) for n in range(SHARDS)]
    assert [len(rows) for rows in members(shards)] == [1] * SHARDS
    with pytest.raises(StaleShard):
        update_all(shards, Form(), [some if n == 2 else [] for n, some in enumerate(one_each())])


def test_another_form_is_told(shards: list[Shard]) -> None:
    with pytest.raises(OtherForm):  # a board has 6 places, if none were chosen
        update_all(shards, Form(2), one_each())
    for shard in shards:
        set_up(shard, 2)
    update_all(shards, Form(2), one_each())

    with pytest.raises(OtherForm) as caught:
        ask_all(shards, Form(), [[AskInfo()]] * SHARDS)
    assert caught.value.form.places == 2


def test_a_slot_that_moved_is_followed(cluster: RedisCluster) -> None:
    shards = [Shard(cluster, f"{{board:b:{n}}}") for n in range(SHARDS)]
    update_all(shards, Form(), [*one_each()[:-1], []])

    with moved(cluster, shards[-1].keys[0]):
        update_all(shards, Form(), one_each())
        assert members(shards) == [[(b"member:%d" % n, 2 * n if n < SHARDS - 1 else n)] for n in range(SHARDS)]
        cluster.flushall()


@contextmanager
def moved(cluster: RedisCluster, key: str) -> Iterator[None]:
    """Give the slot of a key to another node, and back again. It must be empty both times."""
    slot = cluster.keyslot(key)  # type: ignore[no-untyped-call]
    nodes = {node.name: node.redis_connection for node in cluster.get_primaries()}  # type: ignore[no-untyped-call]
    names = {name: ask(node, "CLUSTER MYID").decode() for name, node in nodes.items()}
    owner = cluster.get_node_from_key(key).name  # type: ignore[no-untyped-call]
    other = next(name for name in nodes if name != owner)
    for source, target in ((owner, other), (other, owner)):
        ask(nodes[target], "CLUSTER SETSLOT", slot, "IMPORTING", names[source])
        ask(nodes[target], "CLUSTER SETSLOT", slot, "NODE", names[target])
        ask(nodes[source], "CLUSTER SETSLOT", slot, "NODE", names[target])
        if source == owner:
            yield


def test_what_was_sent_is_not_sent_again_when_its_answer_is_lost(
    cluster_settings: Settings, cluster: RedisCluster
) -> None:
    impatient = cluster_client((f"{cluster_settings.boards_cluster[0]}?socket_timeout=0.25",), "test")
    slow = "redis.call('INCR', KEYS[1]) local begun = os.clock() while os.clock() - begun < 0.35 do end"
    keys = [f"{{board:b:{n}}}" for n in range(SHARDS)]

    answers = send_at_once(impatient, [("EVAL", slow, 1, key) for key in keys], keys)

    assert all(isinstance(answer, redis_py.TimeoutError) for answer in answers)
    patient = cluster_client((f"{cluster_settings.boards_cluster[0]}?socket_timeout=60",), "test")
    assert [patient.get(key) for key in keys] == [b"1"] * SHARDS
