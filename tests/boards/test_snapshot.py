"""What a snapshot says of a board beside writers is what the board was at its moment."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal

import pytest

from pipeline.boards import Board, BoardChanged, Boards, Ties, shards
from pipeline.boards import snapshot as snapshots
from pipeline.boards.follow import Follower, LogLost
from pipeline.boards.keys import MOST_SEGMENTS
from pipeline.boards.snapshot import Snapshot

State = dict[bytes, tuple[int | None, frozenset[str], bytes]]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "PAGE", 20)
    monkeypatch.setattr(snapshots, "_OVERLAP", 5)


def state_of(found: Snapshot) -> State:
    rows = list(found.rows())
    places = [(row.units or 0, row.arrival + row.name) for row in rows]
    assert places == sorted(places)
    without = list(found.scoreless())
    assert len({row.name for row in [*rows, *without]}) == len(rows) + len(without)
    return {row.name: (row.units, row.segments, row.features) for row in [*rows, *without]}


class Writer:
    """Changes a shard at random, and keeps what it should have then."""

    def __init__(self, board: Board, seed: int) -> None:
        self.board, self.random = board, random.Random(seed)
        self.scores: dict[str, int] = {}
        self.segments: dict[str, set[str]] = {}
        self.features: dict[str, int] = {}
        self.events: set[str] = set()

    def change(self) -> None:
        member, value = f"m{self.random.randrange(150)}", self.random.randrange(-500, 500)
        match self.random.randrange(8):
            case 0 | 1 | 2:
                self.board.set(member, Decimal(value))
                self.scores[member] = value
            case 3:
                event = f"e{self.random.randrange(10**9)}"
                self.board.add(member, Decimal(value), event)
                self.scores[member] = self.scores.get(member, 0) + value
                self.events.add(event)
            case 4 if member in self.scores:
                self.board.remove(member)
                del self.scores[member]
                self.segments.pop(member, None)
                self.features.pop(member, None)
            case 5:
                self.board.join(member, segment := f"s{value % 3}")
                self.segments.setdefault(member, set()).add(segment)
            case 6 if self.segments.get(member):
                self.board.leave(member, self.segments[member].pop())
            case 7:
                self.board.set_features(member, {"n": value} if value % 2 else {}, replace=True)
                self.features[member] = value
                if not value % 2:
                    del self.features[member]

    @property
    def state(self) -> State:
        names = {*self.scores, *(name for name, some in self.segments.items() if some), *self.features}
        return {
            name.encode(): (
                self.scores[name] * 10**6 if name in self.scores else None,
                frozenset(self.segments.get(name, ())),
                b'{"n":%d}' % self.features[name] if name in self.features else b"",
            )
            for name in names
        }


@pytest.mark.parametrize("ties", Ties)
@pytest.mark.parametrize("seed", range(3))
def test_a_snapshot_is_of_its_moment_though_others_write_between_any_two_commands(
    boards: Boards, monkeypatch: pytest.MonkeyPatch, seed: int, ties: Ties
) -> None:
    board = Boards(boards.client)["b"]
    board.configure(ties=ties)
    writer = Writer(board, seed)
    for _ in range(400):
        writer.change()
    changes = iter(range(50))  # fewer than the commands that a snapshot takes
    is_writing = False

    def between(method: Callable[..., object]) -> Callable[..., object]:
        def wrapper(self: object, *args: object, **options: object) -> object:
            nonlocal is_writing
            if not is_writing:
                is_writing = True
                for _ in zip(range(writer.random.randrange(4)), changes, strict=False):
                    writer.change()
                is_writing = False
            return method(self, *args, **options)

        return wrapper

    client = type(boards.client)
    with monkeypatch.context() as patch:
        patch.setattr(client, "execute_command", between(client.execute_command))
        patch.setattr(client, "pipeline", between(client.pipeline))
        found = Snapshot("b", board.shards[0])
        assert next(changes, None) is None, "the writer was slower than the reader"

    with closing(found):
        assert state_of(found) == writer.state
        stored: list[bytes] = board.shards.client.execute_command("ZRANGE", board.shards[0].keys[0], 0, -1)
        assert [row.arrival + row.name for row in found.rows()] == stored
        assert {id_.decode() for id_, _ in found.events()} == writer.events


def test_what_is_done_afterwards_is_in_the_log(board: Board) -> None:
    board.set("ann", Decimal(1))
    with closing(Snapshot("b", board.shards.of("ann"))) as found:
        board.set("ann", Decimal(2))
        board.add("ann", Decimal(3), "e1")
        board.join("ann", "gold")
        board.set_features("ann", {"age": 31})
        board.remove("ann")

        assert [row.units for row in found.rows()] == [10**6]
        assert [entry[1:6] for entry in found.follower.entries()] == [
            ("set", b"ann", b"1000000", b"2000000", ""),
            ("set", b"ann", b"2000000", b"5000000", ""),
            ("event", b"e1", b"", board_event(board), ""),
            ("join", b"ann", b"", b"", "gold"),
            ("features", b"ann", b"", b'{"age":31}', ""),
            ("remove", b"ann", b"5000000", b"", ""),
        ]


def test_a_segment_that_is_new_is_known_of_each_member_that_is_read_once_more(board: Board) -> None:
    """A member that joined it, and is then changed otherwise: the entry that says so was read before."""
    board.set("ann", Decimal(1))
    with closing(Snapshot("b", board.shards.of("ann"))) as found:
        board.join("ann", "gold")
        found.catch_up()
        board.set("ann", Decimal(2))
        found.catch_up()
        assert [(row.units, row.segments) for row in found.rows()] == [(2 * 10**6, frozenset({"gold"}))]

        board.join("ann", "red")
        assert [row.segments for row in found.changes()[0]] == [{"gold", "red"}]
        board.add("ann", Decimal(1))
        assert [(row.units, row.segments) for row in found.changes()[0]] == [(3 * 10**6, frozenset({"gold", "red"}))]
        board.leave("ann", "gold")
        board.set_features("ann", {"age": 31})
        assert [row.segments for row in found.changes()[0]] == [{"red"}]


def test_more_segments_come_and_go_than_a_board_can_have(board: Board) -> None:
    board.set("ann", Decimal(1))
    board.join("ann", "gold")
    with closing(Snapshot("b", board.shards.of("ann"))) as found:
        for number in range(MOST_SEGMENTS + 1):
            board.join("ann", f"s{number}")
            found.catch_up()
            assert [row.segments for row in found.rows()] == [{"gold", f"s{number}"}]
            board.leave("ann", f"s{number}")


def board_event(board: Board) -> bytes:
    shard = board.shards.of("ann")
    score: float = shard.client.execute_command("ZSCORE", f"{shard.tag}:events", "e1")
    return repr(score).encode()


def test_a_follower_that_missed_something_is_told(board: Board) -> None:
    board.set("ann", Decimal(1))
    shard = board.shards.of("ann")
    for forget in ("XTRIM", "DEL"):
        follower = Follower(shard)
        board.set("ann", Decimal(2))
        board.set("ann", Decimal(3))
        shard.client.execute_command(forget, f"{shard.tag}:changes", *(["MAXLEN", 1] if forget == "XTRIM" else []))
        with pytest.raises(LogLost):
            list(follower.entries())

    follower = Follower(shard)
    board.remove("ann")
    board.set("ann", Decimal(1))  # another board, whose changes nobody follows yet
    Follower(shard)
    with pytest.raises(LogLost):
        list(follower.entries())


def test_a_board_that_changes_faster_than_it_is_read_is_no_snapshot(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.set("ann", Decimal(1))
    shard = board.shards.of("ann")
    monkeypatch.setattr(
        Snapshot, "_write_scoreless", lambda self: shard.client.execute_command("DEL", f"{shard.tag}:changes")
    )
    monkeypatch.setattr(shards, "pause", lambda _: None)

    with pytest.raises(BoardChanged):
        Snapshot("b", shard)


def test_scores_that_no_board_can_have_are_told(boards: Boards) -> None:
    board = Boards(boards.client)["b"]
    board.set("ann", Decimal(1))
    odd = {b"half": 1.5, b"\xff": float("inf"), b"large": 2.0**53}
    for name, score in odd.items():
        boards.client.execute_command("ZADD", "{board:b}:scores", repr(score), name)

    with closing(Snapshot("b", board.shards[0])) as found:
        assert found.invalid.keys() == odd.keys()
        assert [row.name for row in found.rows()] == [b"ann"]
