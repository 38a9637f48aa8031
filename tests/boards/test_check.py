"""`Board.check` tells each kind of difference in words, and none beside writers of its own."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from decimal import Decimal

import pytest

from pipeline.boards import Board, Boards, StaleBoard
from pipeline.boards.form import Ties
from pipeline.boards.keys import IN_SEGMENT, SAMPLE, SCORES, SEGMENT_SCORES, SEGMENTS, TREE, name


def send(board: Board, member: str, command: str, key: Callable[[str], str], *args: object) -> None:
    """Send a command to the shard that a member is in, as another program would; `key` makes the key of its tag."""
    shard = board.shards.of(member)
    shard.client.execute_command(command, key(shard.tag), *args)


def gold(tag: str) -> str:
    return name(IN_SEGMENT, tag, SEGMENT="gold")


def gold_scores(tag: str) -> str:
    return name(SEGMENT_SCORES, tag, SEGMENT="gold")


def scores(tag: str) -> str:
    return name(SCORES, tag)


@pytest.fixture
def filled(board: Board) -> Board:
    board.configure(sample=100)
    for number in range(60):
        board.set(f"m{number}", Decimal(number))
    for number in range(0, 60, 2):
        board.join(f"m{number}", "gold")
    board.join("nobody", "gold")
    board.set_features("m1", {"age": 1})
    board.check()
    return board


#: What another program does, and what `check` says.
HARM: dict[str, tuple[Callable[[Board], None], str]] = {
    "another score": (lambda b: send(b, "m1", "ZADD", scores, 7, "m1"), "the set"),
    "one more": (lambda b: send(b, "eve", "ZADD", scores, 7, "eve"), "the set has"),
    "one less": (lambda b: send(b, "m1", "ZREM", scores, "m1"), "the set has"),
    "no score": (lambda b: send(b, "m1", "ZADD", scores, "1.5", "m1"), "'m1' has 1.5, which is not a whole number"),
    "no name": (lambda b: send(b, "m1", "ZADD", scores, 1, b"\xff"), r"xff' is no name that a member can have"),
    "not in the segment": (
        lambda b: send(b, "m2", "SREM", gold, "m2"),
        "in the segment gold, 'm2' has the score 2000000, and should have none",
    ),
    "no score in the segment": (
        lambda b: send(b, "m2", "ZREM", gold_scores, "m2"),
        "in the segment gold, 'm2' has no score, and should have 2000000",
    ),
    "another score in the segment": (lambda b: send(b, "m2", "ZADD", gold_scores, 3, "m2"), "'m2' has the score 3"),
    "in the segment without a score": (lambda b: send(b, "m1", "SADD", gold, "m1"), "'m1' has no score, and should"),
    "a segment that is gone": (
        lambda b: send(b, "m2", "DEL", gold),
        "and should have none; the segment gold has no mem",
    ),
    "a segment that is not listed": (
        lambda b: send(b, "m2", "DEL", lambda tag: name(SEGMENTS, tag)),
        "there are no segments, and the header says otherwise",
    ),
    "a stranger in the sample": (
        lambda b: send(b, "m2", "ZADD", lambda tag: name(SAMPLE, tag), 99, "eve"),
        "'eve' is in the sample, and has no score",
    ),
    "no tree": (lambda b: send(b, "m2", "DEL", lambda tag: name(TREE, tag)), "the set has"),
    "an old layout": (lambda b: send(b, "m2", "SETRANGE", lambda tag: name(TREE, tag), 0, "wzb1"), "an old layout"),
}


@pytest.mark.parametrize("harm", HARM)
def test_what_another_program_did_is_told_and_mended(filled: Board, harm: str) -> None:
    do, text = HARM[harm]
    do(filled)

    with pytest.raises(StaleBoard, match=text):
        filled.check()
    filled.rebuild(remove_invalid=True)
    filled.check()


def test_each_kind_of_difference_is_told(filled: Board) -> None:
    HARM["another score"][0](filled)
    HARM["not in the segment"][0](filled)

    with pytest.raises(StaleBoard) as caught:
        filled.check()
    assert "the set" in str(caught.value)
    assert "in the segment gold, 'm2'" in str(caught.value)


@pytest.mark.parametrize("ties", Ties)
def test_a_check_beside_writers_has_no_false_alarm(boards: Boards, ties: Ties) -> None:
    board, stop = boards["b"], threading.Event()
    board.configure(sample=100, ties=ties)

    def write() -> None:
        rnd, own = random.Random(7), Boards(boards.client, boards.shards)["b"]
        while not stop.is_set():
            member, value = f"m{rnd.randrange(300)}", rnd.randrange(1000)
            match value % 5:
                case 0:
                    own.set(member, Decimal(value))
                case 1:
                    own.add(member, Decimal(1))
                case 2:
                    own.join(member, ["gold", "red"][value % 2])
                case 3:
                    own.forget(member)
                case _:
                    own.set_features(member, {"age": value})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(15):
            board.check()
    finally:
        stop.set()
        writer.join()
    board.check()
