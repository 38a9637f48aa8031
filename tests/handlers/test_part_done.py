"""What clients are told of a board that others hold or change: whether anything was done, also of several steps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from werkzeug.test import TestResponse

from handlers import create_app
from handlers.outage import MAY_BE_DONE, NOTHING_CHANGED
from pipeline.boards import BoardChanged, Boards, BulkChange, Order, StaleBoard, build, giving, hold, lifecycle, trim
from pipeline.boards import keys as board_keys
from pipeline.settings import Settings
from pipeline.store import Redis, writes

from .conftest import ServiceClient

N = 20

ERRORS = pytest.mark.parametrize(
    "error", [BoardChanged("b"), StaleBoard("b", "another wrote to it")], ids=["changed", "stale"]
)


@pytest.fixture
def boards(redis: Redis) -> Boards:
    found = Boards(redis)
    assert all(found["b"].apply(BulkChange(f"m{number:02}", score=Decimal(number)) for number in range(N)))
    return found


@pytest.fixture
def own(settings: Settings, boards: Boards, monkeypatch: pytest.MonkeyPatch) -> ServiceClient:
    """A client of an app in this process, which removes seven members at a time."""
    monkeypatch.setattr(trim, "CHUNK", 7)
    return ServiceClient(create_app(settings))


def nothing_was_done(answer: TestResponse) -> None:
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "1"), answer.json
    assert (answer.json or {})["detail"].endswith(NOTHING_CHANGED)


def something_may_be_done(answer: TestResponse) -> None:
    assert (answer.status_code, "Retry-After" in answer.headers) == (502, False), answer.json
    assert (answer.json or {})["detail"].endswith(MAY_BE_DONE)


def turn(boards: Boards) -> None:
    with writes.uncounted():  # it is another one's request
        boards["b"].configure(order=Order.ASC)


def test_a_trim_that_is_broken_off_says_that_a_part_may_be_done(
    own: ServiceClient, boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = trim._remove

    def and_turn(*args: Any) -> int:
        done = remove(*args)
        turn(boards)
        return done

    monkeypatch.setattr(trim, "_remove", and_turn)
    something_may_be_done(own.post("/boards/b/trim", json={"keep": 1}))
    assert boards["b"].summary().count == N - 7


def test_a_trim_that_removes_nobody_says_so(
    own: ServiceClient, boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = trim._remove

    def turned(*args: Any) -> int:
        turn(boards)
        return remove(*args)

    monkeypatch.setattr(trim, "_remove", turned)
    nothing_was_done(own.post("/boards/b/trim", json={"keep": 1}))
    assert boards["b"].summary().count == N


@ERRORS
def test_a_reward_whose_place_can_not_be_read_may_be_done(
    own: ServiceClient, boards: Boards, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: Any) -> None:
        raise error

    monkeypatch.setattr(giving, "_answer", fail)
    something_may_be_done(own.post("/boards/b/members/m03/rewards", json={"reward": 1}))
    assert boards["b"].standing("m03").score == 4


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PUT", "/members/m03", {"score": 9}), ("POST", "/members/m03/rewards", {"reward": 1}),
     ("DELETE", "/members/m03", None), ("POST", "/trim", {"keep": 1}), ("POST", "/copy", {"to": "c"})],
)  # fmt: skip
def test_a_board_that_is_held_all_the_time_is_not_changed(
    own: ServiceClient, boards: Boards, method: str, path: str, body: Any
) -> None:
    [shard] = boards["b"].shards
    assert hold._HOLD.call(shard.client, shard.keys, ["another", board_keys.HOLD_SECONDS * 12_000])

    nothing_was_done(own.open(f"/boards/b{path}", method=method, json=body))
    assert boards["b"].summary().count == N
    assert boards["b"].standing("m03").score == 3


def test_a_copy_that_is_not_put_in_its_place_is_nothing(
    own: ServiceClient, boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise BoardChanged("b")

    monkeypatch.setattr(lifecycle, "replace_board", fail)
    nothing_was_done(own.post("/boards/b/copy", json={"to": "c"}))
    assert boards.listed(["c"]) == []


def test_what_is_held_for_too_long_may_be_done(
    own: ServiceClient, boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board is put in its place, but by then it was not held any more."""

    def and_fail(*args: Any) -> None:
        build.replace_board(*args)
        raise BoardChanged("b")

    monkeypatch.setattr(lifecycle, "replace_board", and_fail)
    something_may_be_done(own.post("/boards/b/copy", json={"to": "c"}))
    assert boards["c"].summary().count == N


def test_a_stale_board_is_not_changed_and_not_to_be_asked_again(own: ServiceClient, redis: Redis) -> None:
    redis.zadd("{board:b}:scores", {"zoe": 1})
    answer = own.post("/boards/b/members/m03/rewards", json={"reward": 1})

    assert (answer.status_code, "Retry-After" in answer.headers) == (503, False)
    assert redis.zscore("{board:b}:scores", "m03") == 3_000_000
