"""What clients are told when Redis hangs, dies or refuses while a request waits for it, and what was done then."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, cast
from xml.etree import ElementTree

import pytest
import redis as redis_py
from werkzeug.test import TestResponse

from handlers import create_app
from handlers.outage import MAY_BE_DONE, MAY_BE_STORED, NOTHING_CHANGED
from pipeline.settings import Settings
from pipeline.store.outage_log import OutageLog

from .. import cluster, stack
from ..client import ServerlikeClient, validated

UNITS = 1_000_000  # a reward of 1, as a board of six places has it
MEMBERS = [f"member-{number}" for number in range(16)]


class Place(NamedTuple):
    """A service in this process, and the Redis that it alone uses."""

    client: ServerlikeClient
    redis: subprocess.Popen[bytes]
    raw: redis_py.Redis

    def reward(self, member: str) -> TestResponse:
        return self.client.post(
            f"/boards/b/members/{member}/rewards", json={"reward": 1}, headers={"Authorization": stack.token()}
        )

    def scores(self) -> dict[bytes, float]:
        return dict(cast("list[tuple[bytes, float]]", self.raw.zrange("{board:b}:scores", 0, -1, withscores=True)))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with stack.redis_server(tmp_path) as (redis, url):
        settings = Settings(
            environment="test",
            redis_url=f"{url}?socket_timeout=1",
            connection_string=stack.ROOT,
            hosts=frozenset({stack.HOST}),
        )
        raw = redis_py.Redis(unix_socket_path=url.removeprefix("unix://"), db=2, socket_timeout=stack.PATIENCE)
        found = Place(validated(create_app(settings)), redis, raw)
        with ThreadPoolExecutor(len(MEMBERS)) as threads:  # so that there is a connection for each request
            assert {answer.status_code for answer in threads.map(found.reward, MEMBERS)} == {200}
        yield found


def send(place: Place) -> TestResponse:
    return place.client.post("/events/messages", data="x", headers={"Authorization": stack.token()})


def read(place: Place) -> TestResponse:
    return place.client.get("/boards/b/members/member-0", headers={"Authorization": stack.token()})


def told(answer: TestResponse) -> tuple[int, bool]:
    return answer.status_code, "Retry-After" in answer.headers


def test_a_redis_that_hangs_does_later_what_may_be_done_and_nothing_else(place: Place) -> None:
    before = place.scores()
    place.redis.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(len(MEMBERS)) as threads:
        answers = dict(zip(MEMBERS, threads.map(place.reward, MEMBERS), strict=True))
    place.redis.send_signal(signal.SIGCONT)
    # A request that had to open a connection could not even ask whose database it is.
    sent = {member.encode() for member, answer in answers.items() if told(answer) == (504, False)}
    stack.until(
        lambda: place.scores() == {member: score + UNITS * (member in sent) for member, score in before.items()}
    )

    assert sent
    assert {told(answer) for answer in answers.values()} <= {(504, False), (503, True)}
    details = {answer.status_code: answer.json["detail"] for answer in answers.values()}
    assert details[504] == f"the store has not answered in time. {MAY_BE_DONE}"
    assert details.get(503, NOTHING_CHANGED).endswith(NOTHING_CHANGED)


def test_a_reader_may_ask_a_redis_that_hangs_again(place: Place) -> None:
    path, token = "/boards/b/members/member-0", {"Authorization": stack.token()}
    place.redis.send_signal(signal.SIGSTOP)
    answers = [ask(path, headers=token) for ask in (place.client.get, place.client.head)]
    place.redis.send_signal(signal.SIGCONT)

    assert [told(answer) for answer in answers] == [(503, True)] * 2


def test_a_send_that_hangs_may_be_stored(place: Place) -> None:
    assert send(place).status_code == 201
    place.redis.send_signal(signal.SIGSTOP)
    answer = send(place)
    place.redis.send_signal(signal.SIGCONT)

    assert told(answer) == (504, False)
    assert MAY_BE_STORED in (ElementTree.fromstring(answer.data).findtext("Detail") or "")


@pytest.mark.parametrize("ask", [lambda place: place.reward("member-0"), send], ids=["reward", "send"])
def test_a_redis_that_is_gone_has_done_nothing(place: Place, ask: Callable[[Place], TestResponse]) -> None:
    assert send(place).status_code == 201
    place.redis.kill()
    place.redis.wait()
    answer = ask(place)

    assert told(answer) == (503, True)
    assert NOTHING_CHANGED in answer.text


def test_a_redis_that_dies_while_a_request_waits_may_have_done_it(place: Place) -> None:
    place.redis.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        waiting: Future[TestResponse] = threads.submit(place.reward, "member-0")
        stack.until(lambda: _unread(place) > 0 or waiting.done())
        place.redis.kill()
        answer = waiting.result()

    assert told(answer) == (502, False)
    assert answer.json["detail"].endswith(MAY_BE_DONE)


def test_a_bulk_that_hangs_says_which_records_may_be_applied(place: Place) -> None:
    place.redis.send_signal(signal.SIGSTOP)
    answer = place.client.post(
        "/boards/b/rewards", json=[{"member": "ann", "reward": 1}], headers={"Authorization": stack.token()}
    )
    place.redis.send_signal(signal.SIGCONT)

    assert told(answer) == (504, False)
    assert answer.json["detail"].endswith(MAY_BE_DONE)


def test_a_redis_that_refuses_says_why_and_changes_nothing(
    place: Place, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.outage.outages", OutageLog())  # not that of other tests, in which it may last still
    place.raw.config_set("min-replicas-to-write", "1")
    reward, sent, got = place.reward("member-0"), send(place), read(place)
    logged = [record.getMessage() for record in caplog.records]
    ready = place.client.get("/readyz")
    place.raw.config_set("min-replicas-to-write", "0")

    why = "the store takes no writes while too few replicas follow it"
    assert [told(answer) for answer in (reward, sent, ready)] == [(503, True)] * 3
    assert reward.json["detail"] == f"{why}; {NOTHING_CHANGED}"
    assert any(line.startswith(f"Redis: NOREPLICAS: {why}: ") for line in logged)
    assert ready.json["stores"] == dict.fromkeys(("redis", "hubs", "boards"), f"NOREPLICAS: {why}")
    assert got.status_code == 200
    assert place.reward("member-0").status_code == 200


def test_what_an_operator_must_mend_is_not_to_be_sent_again(place: Place) -> None:
    place.raw.execute_command("ACL SETUSER default -evalsha -eval")  # type: ignore[no-untyped-call]
    answer = place.reward("member-0")

    assert told(answer) == (500, False)
    assert answer.json["detail"].startswith("the store forbids this to the service")


def test_metrics_say_that_redis_refuses(place: Place) -> None:
    def shown() -> tuple[int, list[str]]:
        answer = place.client.get("/metrics", headers={"Authorization": stack.token()})
        samples = [line for line in answer.text.splitlines() if line.startswith(("wz_redis_up", "wz_redis_is_replica"))]
        return answer.status_code, [re.sub(r"{.*}", "", sample) for sample in samples]

    assert send(place).status_code == 201  # which declares the hub
    place.raw.replicaof("127.0.0.1", 1)
    replica = shown()
    place.raw.replicaof("NO", "ONE")
    place.raw.execute_command("ACL SETUSER default -info")  # type: ignore[no-untyped-call]

    assert replica == (200, ["wz_redis_up 1.0", "wz_redis_is_replica 1.0"])
    assert shown() == (200, ["wz_redis_up 0.0"])


@pytest.mark.parametrize("what", ["hubs_cluster", "boards_cluster"])
def test_a_cluster_that_is_away_is_an_outage(place: Place, tmp_path: Path, what: str) -> None:
    """At the start, and later; what is on the server goes on, once the cluster has been found."""
    port = cluster.free_port()
    path = place.raw.connection_pool.connection_kwargs["path"]
    settings = Settings(
        environment="test",
        redis_url=f"unix://{path}",
        connection_string=stack.ROOT,
        hosts=frozenset({stack.HOST}),
        board_shards=1,
        **{what: (f"redis://127.0.0.1:{port}",)},  # type: ignore[arg-type]
    )
    there = Place(validated(create_app(settings)), place.redis, place.raw)
    ask, other = (send, there.reward) if what == "hubs_cluster" else (there.reward, send)

    def outcome(do: Callable[..., TestResponse]) -> int:
        return (do(there) if do is send else do("ann")).status_code

    before = outcome(ask)
    with cluster.of_one_node(tmp_path, port):
        found = outcome(ask), outcome(other)
    later = outcome(ask)
    with cluster.of_one_node(tmp_path, port):
        stack.until(lambda: outcome(ask) in (200, 201))

    assert (before, later) == (503, 503)
    assert set(found) == {200, 201}


def _unread(place: Place) -> int:
    """Return how many bytes wait for the stopped Redis, which can't be asked."""
    listed = subprocess.run(["ss", "-xH"], capture_output=True, text=True, check=True).stdout
    path = place.raw.connection_pool.connection_kwargs["path"]
    return sum(int(line.split()[2]) for line in listed.splitlines() if path in line)
