from __future__ import annotations

import threading

import pytest
import redis as redis_py

from pipeline.settings import Settings
from pipeline.store.client import unchecked_boards_client
from pipeline.store.kept_answers import KeptAnswers
from pipeline.store.keys import ANSWER


@pytest.fixture(params=["server_settings", "cluster_settings"], ids=["one server", "a cluster"])
def answers(request: pytest.FixtureRequest) -> KeptAnswers:
    settings: Settings = request.getfixturevalue(request.param)
    found = KeptAnswers(unchecked_boards_client(settings), seconds=100)
    for key in ("a", "b"):
        found.forget(key)
    return found


def test_a_mark_is_put_once_and_an_answer_takes_its_place(answers: KeptAnswers) -> None:
    assert answers.begin("a", b"mark") is None
    assert answers.begin("a", b"another") == b"mark"
    answers.keep("a", b"answer")

    assert answers.begin("a", b"third") == b"answer"
    assert answers.begin("b", b"its own") is None


def test_a_mark_that_is_sent_again_since_its_reply_was_lost_is_the_same(answers: KeptAnswers) -> None:
    assert [answers.begin("a", b"mark") for _ in range(2)] == [None, None]


def test_what_is_forgotten_may_begin_again(answers: KeptAnswers) -> None:
    answers.begin("a", b"mark")
    answers.forget("a")

    assert answers.begin("a", b"another") is None


def test_of_many_that_begin_at_once_one_does(answers: KeptAnswers) -> None:
    barrier = threading.Barrier(8)
    found: list[bytes | None] = []

    def begin(number: int) -> None:
        barrier.wait()
        found.append(answers.begin("a", str(number).encode()))

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found.count(None) == 1
    assert len({*found}) == 2


def test_all_of_it_goes_by_itself(redis: redis_py.Redis) -> None:
    answers = KeptAnswers(redis, seconds=100)
    name = ANSWER.named(DIGEST="a")
    answers.begin("a", b"mark")
    assert 99_000 < redis.pttl(name) <= 100_000

    redis.pexpire(name, 1000)
    answers.keep("a", b"answer")
    assert 99_000 < redis.pttl(name) <= 100_000
