"""A board that others change each time that it is read: the answer is a 503, after which a client may ask again."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any

import pytest
import redis as redis_py

from handlers import create_app
from pipeline.boards import Boards, listing
from pipeline.settings import Settings

from ...client import validated
from ...stack import token


@pytest.fixture
def moves_when_read(redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often ann is moved between the two rounds of a question, which the test says."""
    board = Boards(redis)["b"]
    for number in range(40):
        board.set(f"m{number}", Decimal(number))
    board.set("ann", Decimal(0))
    skips, left, scores = listing.skips, [0], count(1)

    def then_move(*args: Any) -> list[int]:
        found = skips(*args)
        if left[0]:
            left[0] -= 1
            board.set("ann", Decimal(next(scores) * 30 % 41))
        return found

    monkeypatch.setattr(listing, "skips", then_move)
    return left


def test_a_board_that_changes_for_a_moment_is_read_again(settings: Settings, moves_when_read: list[int]) -> None:
    moves_when_read[0] = 3

    answer = validated(create_app(settings)).get(
        "/boards/b/members?around=ann&radius=1", headers={"Authorization": token()}
    )

    assert answer.status_code == 200
    assert "ann" in [row["member"] for row in answer.json["members"]]


def test_a_board_that_changes_all_the_time_is_a_503_to_be_sent_again(
    settings: Settings, moves_when_read: list[int]
) -> None:
    moves_when_read[0] = 1000

    answer = validated(create_app(settings)).get(
        "/boards/b/members?around=ann&radius=1", headers={"Authorization": token()}
    )

    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert answer.headers["Retry-After"] == "1"
    assert "nothing was changed: send it again" in answer.json["detail"]
