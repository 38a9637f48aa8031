"""Boards that take the place of others: of one moment, put there at once, and nothing changed by what is refused."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest
import redis as redis_py
from redis.cluster import RedisCluster
from redis.connection import AbstractConnection

from pipeline.boards import (
    Board,
    BoardChanged,
    BoardExists,
    Boards,
    BulkChange,
    Order,
    StaleBoard,
    Ties,
    UnknownBoard,
    build,
    lifecycle,
    shard,
)
from pipeline.boards.build import Building
from pipeline.boards.changes import Change, Op
from pipeline.boards.hold import held
from pipeline.boards.shard import OtherForm, put_in_place
from pipeline.boards.snapshot import Row
from pipeline.boards.tree import Header
from pipeline.errors import InvalidValue
from pipeline.settings import Settings
from pipeline.store.client import cluster_client

from .stored import nodes_of, stored

MEMBERS = 120

T = TypeVar("T")


@pytest.fixture(params=["one shard", "three shards", "cluster"])
def boards(request: pytest.FixtureRequest) -> Boards:
    if request.param == "cluster":
        return Boards(request.getfixturevalue("cluster"), 8)
    return Boards(request.getfixturevalue("redis"), 1 if request.param == "one shard" else 3)


def fill(board: Board, score: int, count: int = MEMBERS) -> None:
    assert not [
        one for one in board.apply(BulkChange(f"m{n}", score=Decimal(score)) for n in range(count)) if one.error
    ]


def furnish(board: Board) -> None:
    board.configure(places=2, sample=100, order=Order.ASC, most=1000)
    fill(board, 5, 100)
    board.add("m1", Decimal("0.25"), "e1")
    board.join("m1", "gold")
    board.join("later", "gold")
    board.set_features("m1", {"age": 31, "weight": Decimal("61.50")})
    board.set_features("nobody", {"age": 1})


# -- a refusal changes nothing ----------------------------------------------------------------------------------------

REFUSED: list[tuple[str, Callable[[Boards], object], type[Exception]]] = [
    (
        "a source that is not there",
        lambda b: b["b"].union({"a": Decimal(1), "no": Decimal(1)}, replace=True),
        UnknownBoard,
    ),
    ("a weight too small", lambda b: b["b"].union({"a": Decimal("0.00000001")}, replace=True), InvalidValue),
    ("a weight too large", lambda b: b["b"].union({"a": Decimal("1e20")}, replace=True), InvalidValue),
    ("a weight of 100 digits", lambda b: b["b"].union({"a": Decimal("1e100")}, replace=True), InvalidValue),
    ("no sources", lambda b: b["b"].union({}, replace=True), InvalidValue),
    ("itself as a source", lambda b: b["b"].union({"b": Decimal(1)}, replace=True), InvalidValue),
    ("members are there: union", lambda b: b["b"].union({"a": Decimal(1)}), BoardExists),
    ("members are there: copy", lambda b: b["a"].copy("b"), BoardExists),
    ("members are there: rename", lambda b: b["a"].rename("b"), BoardExists),
    ("onto itself", lambda b: b["a"].rename("a", replace=True), InvalidValue),
    ("nothing to copy", lambda b: b["no"].copy("b", replace=True), UnknownBoard),
    ("nothing to rename", lambda b: b["no"].rename("b", replace=True), UnknownBoard),
    ("an end in the past", lambda b: b["a"].copy("b", replace=True, expires=datetime(2020, 1, 1)), InvalidValue),
    ("set up, and a source too small", lambda b: b["empty"].union({"a": Decimal("0.00000001")}), InvalidValue),
    ("set up, and too many places", lambda b: b["empty"].union({"a": Decimal("0.1")}), InvalidValue),
    ("a score that no board can have", lambda b: b["odd"].copy("b", replace=True), StaleBoard),
    ("such a score: union", lambda b: b["b"].union({"odd": Decimal(1)}, replace=True), StaleBoard),
    ("no sums", lambda b: b["raw"].copy("b", replace=True), StaleBoard),
]


@pytest.mark.parametrize(("do", "error"), [pytest.param(do, error, id=name) for name, do, error in REFUSED])
def test_what_is_refused_changes_nothing(
    boards: Boards, do: Callable[[Boards], object], error: type[Exception]
) -> None:
    for name in ("a", "b"):
        furnish(boards[name])
    boards["empty"].configure(places=2, sample=500)
    boards["empty"].set_features("m1", {"age": 2})
    boards["odd"].set("m1", Decimal(1))
    boards.client.execute_command("ZADD", boards["odd"].shards.of("m1").keys[0], "1.5", "m1")
    boards.client.execute_command("ZADD", boards["raw"].shards.of("m1").keys[0], "15", "m1")
    before = stored(boards.client)

    with pytest.raises(error):
        do(boards)

    assert stored(boards.client) == before


# -- what goes along --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["copy", "rename"])
def test_all_goes_along(boards: Boards, how: str) -> None:
    furnish(boards["a"])
    fill(boards["b"], 7)
    boards["b"].join("m2", "silver")
    before = boards["a"].members(0, 999).members

    made = getattr(boards["a"], how)("b", replace=True)

    summary = made.summary()
    assert (summary.places, summary.sample, summary.order, summary.most) == (2, 100, Order.ASC, 1000)
    assert made.members(0, 999).members == before
    assert made.segments() == ["gold"]
    assert made.segment("gold").summary().count == 1
    assert made.segments_of("later") == ["gold"]
    assert made.features("m1") == {"age": 31, "weight": Decimal("61.5")}
    assert made.features("nobody") == {"age": 1}
    assert made.add("m1", Decimal("0.25"), "e1").repeated
    made.set("later", Decimal(3))
    assert made.segment("gold").summary().count == 2
    made.check()
    assert [key for key in stored(boards.client) if b":new:" in key] == []
    if how == "rename":
        with pytest.raises(UnknownBoard):
            boards["a"].summary()
        assert [key for key in stored(boards.client) if key.startswith((b"{board:a}", b"{board:a:"))] == []


def test_a_copy_does_not_end_with_its_board_and_a_renamed_board_does(boards: Boards) -> None:
    end = datetime.now(UTC) + timedelta(hours=1)
    furnish(boards["a"])
    boards["a"].configure(expires=end)

    assert boards["a"].copy("archive").summary().expires is None
    assert boards["a"].copy("other", expires=end).summary().expires is not None
    assert boards["a"].rename("b").summary().expires is not None

    ends: set[tuple[str, bool]] = set()
    for key, (_, has_end) in stored(boards.client).items():
        if not key.endswith(b":events"):
            ends.add((key.decode().strip("{").replace("}", ":").split(":")[1], has_end))
    assert ends == {("archive", False), ("other", True), ("b", True)}


def test_a_board_that_was_not_set_up_is_whole_on_all_shards_under_its_new_name(boards: Boards) -> None:
    boards["a"].set("ann", Decimal(1))
    renamed = boards["a"].rename("b").rename("c")
    copied = renamed.copy("d")

    for board in (renamed, copied):
        for n in range(50):
            board.set(f"m{n}", Decimal(n))
        assert board.summary().count == 51
        board.check()


def test_a_union_takes_the_places_and_the_order_of_its_sources(boards: Boards) -> None:
    boards["a"].configure(places=2, order=Order.ASC)
    boards["b"].configure(places=4, order=Order.ASC, ties=Ties.FIRST)
    boards["a"].set("ann", Decimal("1.25"))
    boards["b"].set("ann", Decimal("0.0001"))

    made = boards["u"].union({"a": Decimal(2), "b": Decimal(-1)})

    assert (made.places, made.order, made.ties, made.sum) == (4, Order.ASC, Ties.NAME, Decimal("2.4999"))


def test_a_union_into_a_board_that_was_set_up_keeps_what_it_has(boards: Boards) -> None:
    boards["a"].set("ann", Decimal(1))
    boards["a"].set("bob", Decimal(2))
    board = boards["u"]
    board.configure(places=3, sample=200, order=Order.ASC)
    board.join("ann", "gold")
    board.join("cid", "gold")
    board.set_features("ann", {"age": 1})
    board.set_features("dee", {"age": 2})

    made = board.union({"a": Decimal(1)})

    assert (made.places, made.sample, made.order, made.sum) == (3, 200, Order.ASC, Decimal(3))
    assert board.segment("gold").summary().sum == 1
    assert board.segments_of("cid") == ["gold"]
    assert (board.features("ann"), board.features("dee")) == ({"age": 1}, {"age": 2})
    board.check()


def test_a_union_keeps_features_that_came_before_the_board(boards: Boards) -> None:
    boards["a"].configure(places=2, order=Order.ASC)
    boards["a"].set("ann", Decimal(1))
    board = boards["u"]
    board.set_features("ann", {"age": 1})
    board.set_features("dee", {"age": 2})

    made = board.union({"a": Decimal(1)})

    assert (made.places, made.order, made.sum) == (2, Order.ASC, Decimal(1))
    assert (board.features("ann"), board.features("dee")) == ({"age": 1}, {"age": 2})
    board.check()


@pytest.mark.parametrize("how", ["copy", "rename"])
@pytest.mark.parametrize("order", Order)
def test_who_came_first_is_the_better_one_under_another_name_too(boards: Boards, how: str, order: Order) -> None:
    board = boards["a"]
    board.configure(ties=Ties.FIRST, order=order, sample=100)
    came = [f"m{n}" for n in range(40)]
    random.Random(1).shuffle(came)
    for name in came:
        board.set(name, Decimal(1))
        board.join(name, "all")

    def come_meanwhile(done: int, total: int) -> None:
        if done > 0 and "late" not in came:
            board.set("late", Decimal(1))
            board.set(came[0], Decimal(2))
            board.set(came[0], Decimal(1))
            came.append("late")
            came.append(came.pop(0))

    made = getattr(board, how)("b", progress=come_meanwhile)
    made.set("last", Decimal(1))
    made.join("last", "all")

    for view in (made, made.segment("all")):
        names = [row.member for row in view.members(0, 99).members if row.member != "late" or view is made]
        assert names == [*(name for name in came if name != "late" or view is made), "last"]
    made.check()


# -- beside readers and writers ---------------------------------------------------------------------------------------


@contextmanager
def beside(do: Callable[[], object]) -> Iterator[list[Any]]:
    """Do something again and again in another thread, and yield the list of what it has returned."""
    found: list[Any] = []
    is_done = threading.Event()

    def run() -> None:
        while not is_done.is_set():
            found.append(do())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield found
    finally:
        is_done.set()
        thread.join()


@pytest.mark.parametrize("how", ["copy", "rename", "union"])
def test_readers_see_the_old_board_or_the_new_one(boards: Boards, how: str) -> None:
    for name, score in (("one", 1), ("two", 2)):
        fill(boards[name], score)
    boards["one"].copy("b")

    def replace(source: str) -> None:
        if how == "rename":
            boards[source].copy("season").rename("b", replace=True)
        elif how == "copy":
            boards[source].copy("b", replace=True)
        else:
            boards["b"].union({source: Decimal(1)}, replace=True)

    other = Boards(boards.client, boards.shards)
    reads: list[Callable[[], set[Decimal]]] = [
        lambda: {other["b"].summary().sum / MEMBERS, Decimal(other["b"].summary().count) / MEMBERS} - {1},
        lambda: {row.score for row in other["b"].members(0, 9).members},
        lambda: {other["b"].standing("m7").score},
        lambda: {other["b"].sum(99).sum / 100},
    ]
    with beside(lambda: [read() for read in reads]) as found:
        for _ in range(3):
            replace("two")
            replace("one")

    assert found
    assert {tuple(sorted(scores)) for answers in found for scores in answers} <= {(), (1,), (2,)}
    boards["b"].check()


def test_writers_go_on_and_no_board_is_left_in_parts(boards: Boards) -> None:
    for name, score in (("one", 1), ("two", 2)):
        fill(boards[name], score)
    boards["one"].copy("b")
    other = Boards(boards.client, boards.shards)["b"]
    members = iter(range(10**9))

    with beside(lambda: other.add(f"w{next(members)}", Decimal(1))) as written:
        for name in ("two", "one") * 3:
            boards[name].copy("b", replace=True)

    assert written
    boards["b"].check()
    summary = boards["b"].summary()
    assert summary.count == summary.sum  # "one", and what was added to it since


def test_a_copy_is_of_one_moment_beside_a_writer(boards: Boards) -> None:
    fill(boards["a"], 0)
    shards = boards["a"].shards
    names: dict[int, list[str]] = {}
    for n in range(MEMBERS):
        names.setdefault(shards.all.index(shards.of(f"m{n}")), []).append(f"m{n}")
    rnd = random.Random(1)

    def move() -> None:
        number = rnd.randrange(len(shards))
        giver, taker = rnd.sample(names[number], 2)
        with suppress(OtherForm):  # it is held for a moment
            shards[number].update(shards.form, [Change(Op.ADD, giver, -1), Change(Op.ADD, taker, 1)])

    with beside(move) as moved:
        sums = [boards["a"].copy("b", replace=True).summary().sum for _ in range(5)]

    assert moved
    assert sums == [0] * 5


def test_every_reward_is_on_the_board_or_on_the_next_one_of_its_name(boards: Boards) -> None:
    fill(boards["a"], 0)
    other = Boards(boards.client, boards.shards)["a"]
    events = iter(range(10**9))

    def reward() -> int:
        event = next(events)
        added = other.add(f"m{event % MEMBERS}", Decimal(1), f"e{event}")
        assert not added.repeated
        return event

    with beside(reward) as given:
        for number in range(5):
            until_more(given)
            boards["a"].rename(f"season{number}")
            until_more(given)

    names = ["a", *(f"season{number}" for number in range(5))]
    assert sum(boards[name].summary().sum for name in names) == len(given)
    for name in names:
        boards[name].check()
    repeated = [boards["season0"].add(f"m{event % MEMBERS}", Decimal(1), f"e{event}").repeated for event in given[:3]]
    assert repeated == [True] * 3


def until_more(found: list[Any]) -> None:
    size = len(found)
    while len(found) < size + 3:
        time.sleep(0.001)


# -- a process that ends ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("may_replace", [True, False])
def test_what_was_begun_is_completed_by_whoever_comes_next(
    cluster: redis_py.RedisCluster, monkeypatch: pytest.MonkeyPatch, may_replace: bool
) -> None:
    boards = Boards(cluster, 8)
    fill(boards["a"], 2)
    if may_replace:
        fill(boards["b"], 1)
    put = shard.put_in_place
    calls = iter(range(100))

    def stop(*args: Any) -> bool:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return put(*args)

    with monkeypatch.context() as patch:
        patch.setattr(build, "put_in_place", stop)
        patch.setattr(lifecycle, "_delete", lambda shards: 0)  # as if the process had been killed
        with pytest.raises(KeyboardInterrupt):
            boards["a"].copy("b", replace=may_replace)

    assert Boards(cluster, 8)["b"].summary().sum == 2 * MEMBERS
    boards["b"].set("late", Decimal(2))
    boards["b"].check()
    assert [key for key in stored(cluster) if b":new:" in key] == []


def client_of(settings: Settings, url: str, on_cluster: bool) -> Any:
    if on_cluster:
        return cluster_client(settings.boards_cluster, settings.environment)
    return redis_py.Redis.from_url(url)


def replace_again_and_again(settings: Settings, url: str, shards: int, on_cluster: bool) -> None:
    """The process that is killed."""
    boards = Boards(client_of(settings, url, on_cluster), shards)
    while True:
        for name in ("two", "one"):
            boards[name].copy("b", replace=True)
            boards[name].copy("season", replace=True).rename("b", replace=True)


@pytest.mark.parametrize(("shards", "on_cluster"), [(3, False), (8, True)], ids=["three shards", "cluster"])
def test_a_process_that_is_killed_leaves_one_board_or_the_other(
    request: pytest.FixtureRequest, shards: int, on_cluster: bool, redis_url: str
) -> None:
    settings = request.getfixturevalue("cluster_settings")
    boards = Boards(request.getfixturevalue("cluster" if on_cluster else "redis"), shards)
    for name, score in (("one", 1), ("two", 2)):
        fill(boards[name], score, 40)
    boards["one"].copy("b")
    rnd = random.Random(1)
    for _ in range(8):
        child = multiprocessing.get_context("fork").Process(
            target=replace_again_and_again, args=(settings, redis_url, shards, on_cluster)
        )
        child.start()
        assert child.pid is not None
        time.sleep(rnd.uniform(0.3, 0.8))  # any moment will do
        os.kill(child.pid, signal.SIGKILL)
        child.join()

        summary = patiently(Boards(boards.client, shards)["b"].summary)
        assert (summary.count, summary.sum) in {(40, Decimal(40)), (40, Decimal(80))}
        patiently(lambda: boards["b"].set("m1", boards["b"].standing("m2").score))
        patiently(boards["b"].check)

    for node in nodes_of(boards.client):
        assert [key for key in node.scan_iter("*:new:*") if node.pttl(key) < 0] == []
    patiently(lambda: boards["two"].copy("b", replace=True))
    assert boards["b"].summary().sum == 80


def patiently(do: Callable[[], T]) -> T:
    """Do something that the process may have held a board against, for as long as it can be held."""
    for _ in range(60):
        with suppress(BoardChanged):
            return do()
    return do()


def test_a_bulk_beside_one_that_replaces_the_board_counts_each_record_once(boards: Boards) -> None:
    fill(boards["a"], 0)
    other = Boards(boards.client, boards.shards)["a"]
    rewards = [BulkChange(f"m{n % MEMBERS}", reward=Decimal(1)) for n in range(100)]

    with beside(lambda: list(other.apply(rewards))) as given:
        for number in range(3):
            until_more(given)
            boards["a"].rename(f"season{number}")
            until_more(given)

    outcomes = [outcome for some in given for outcome in some]
    assert [outcome for outcome in outcomes if outcome.error] == []
    names = ["a", *(f"season{number}" for number in range(3))]
    assert sum(boards[name].summary().sum for name in names) == len(outcomes)


@pytest.mark.parametrize("sent", range(8))
def test_no_key_is_left_without_an_end_wherever_its_writer_is_killed(
    redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch, sent: int
) -> None:
    part = Building(Boards(redis)["b"].shards[0], Header(generation=7))
    redis.ping()
    packets = 0

    def cut(connection: AbstractConnection, command: Iterable[bytes], check_health: bool = True) -> None:
        nonlocal packets
        for packet in [command] if isinstance(command, bytes) else command:
            if packets >= sent:
                connection.disconnect()  # type: ignore[no-untyped-call]
                raise redis_py.ConnectionError("killed")
            connection._sock.sendall(packet)  # type: ignore[attr-defined]
            packets += 1

    with monkeypatch.context() as patched, suppress(redis_py.ConnectionError):
        patched.setattr(AbstractConnection, "send_packed_command", cut)
        part.add(Row(b"member:%d" % n, n, frozenset({"gold"}), b"{}") for n in range(500))

    assert [key for key in redis.scan_iter("{board:*", count=1000) if redis.pttl(key) < 0] == []


def test_each_thread_reads_one_board_while_another_replaces_it(boards: Boards) -> None:
    boards["two"].configure(places=2)
    boards["six"].configure(places=6, order=Order.ASC)
    for name in ("two", "six"):
        list(boards[name].apply(BulkChange(f"m{n}", score=Decimal(1 + n % 2)) for n in range(20)))
    boards["two"].copy("b")

    def answers() -> list[Decimal]:
        board = boards["b"]  # one object, with what it knows, for all threads
        best = board.page(None, 10)
        score, sum_ = (1, 10) if best.order is Order.ASC else (2, 20)
        ranked = board.sum(9)
        return [
            ranked.sum if ranked.order is Order.ASC else ranked.sum / 2,
            *(row.score / score for row in best.members),
            best.members[-1].sum / sum_,
            board.standing("m1").score,
            board.summary().sum,
            board.set("m1", Decimal(2)).score,
        ]

    with beside(lambda: patiently(answers)) as found, beside(lambda: patiently(answers)) as more:
        for _ in range(4):
            for name in ("six", "two"):
                patiently(lambda name=name: boards[name].copy("b", replace=True))  # type: ignore[misc]
        until_more(found)
        until_more(more)

    assert [some for some in [*found, *more] if some != [10, *[1] * 11, 2, 30, 2]] == []


def test_a_transaction_that_can_t_wait_goes_on_and_ends_the_hold(redis: redis_py.Redis) -> None:
    fill(Boards(redis)["a"], 1, 3)
    board = Boards(redis)["a"]
    board.summary()
    Boards(redis)["a"].copy("other").rename("a", replace=True)  # another generation

    def write_while_it_is_held() -> None:
        with redis.pipeline() as pipe, held(board.shards):
            board.queue_update(pipe, Op.ADD, "m1", Decimal(5))
            assert pipe.execute() == [[b"ok", 6_000_000]]

    with pytest.raises(BoardChanged):
        write_while_it_is_held()

    assert board.standing("m1").score == 6
    board.rebuild()
    board.check()


class BrokenOff(Exception):
    pass


@pytest.mark.parametrize("first", [lambda board: None, lambda board: board.rebuild()], ids=["export", "rebuild"])
def test_what_was_put_in_place_in_part_is_exported_as_a_whole(
    cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch, first: Callable[[Board], object]
) -> None:
    boards, real = Boards(cluster, 8), put_in_place
    calls: list[Any] = []
    for name, score in {"new": 1, "b": 2}.items():
        list(boards[name].apply(BulkChange(f"m{n}", score=Decimal(score)) for n in range(60)))

    def break_off(*args: Any) -> bool:
        if calls:
            raise BrokenOff
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(build, "put_in_place", break_off)
    with pytest.raises(BrokenOff):
        boards["new"].copy("b", replace=True)
    monkeypatch.undo()
    first(Boards(cluster, 8)["b"])

    assert list(Boards(cluster, 8)["b"].export()) == list(boards["new"].export())
