from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
import redis as redis_py
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.boards import Board, Order
from pipeline.boards.board import LIMIT, UnknownBoard, UnknownMember, from_units, to_units
from pipeline.errors import InvalidValue


@pytest.fixture
def board(redis: redis_py.Redis) -> Board:
    return Board(redis, "b")


def fill(board: Board, units: dict[str, int]) -> None:
    board.redis.delete(board.scores_key, board.tree_key)
    for member, score in units.items():
        board.set(member, from_units(score))


def ranked(units: dict[str, int]) -> list[tuple[str, int]]:
    """What Redis promises: by score, then by the member's bytes."""
    return sorted(units.items(), key=lambda item: (item[1], item[0].encode()))


SCORES = st.one_of(
    st.integers(-LIMIT + 1, LIMIT - 1),
    st.sampled_from([0, 1, 1_000_000, LIMIT - 1, 1 - LIMIT]),
    st.integers(2**52, 2**52 + 3),
)
BOARDS = st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), SCORES, min_size=1, max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(units=BOARDS, data=st.data())
def test_ranks_and_sums_are_those_of_a_plain_list(board: Board, units: dict[str, int], data: st.DataObject) -> None:
    fill(board, units)
    order = data.draw(st.sampled_from(Order))
    rows = ranked(units)[:: -1 if order is Order.DESC else 1]
    rank = data.draw(st.integers(0, len(rows) + 1))

    assert [(row.member, row.score) for row in board.members(0, 99, order)] == [(m, from_units(u)) for m, u in rows]
    cumulative = board.sum(rank, order)
    assert cumulative.count == min(rank + 1, len(rows))
    assert cumulative.sum == from_units(sum(u for _, u in rows[: rank + 1]))
    assert board.summary().sum == from_units(sum(units.values()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rewards=st.lists(st.decimals(-1000, 1000, places=6), min_size=1, max_size=20))
def test_rewards_add_up_as_decimals_do(board: Board, rewards: list[Decimal]) -> None:
    board.redis.delete(board.scores_key, board.tree_key)
    for reward in rewards:
        standing = board.add("ann", reward)

    assert standing.score == sum(rewards)


@given(st.integers(-(2**200), 2**200))
def test_units_survive_the_round_trip_at_any_size(units: int) -> None:
    decimal = from_units(units)

    assert decimal * 10**6 == units or abs(units) >= 10**28  # Decimal's own arithmetic rounds there; the text does not
    assert int(f"{decimal:.6f}".replace(".", "")) == units
    assert "E" not in str(decimal)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("0", 0),
        ("-0", 0),
        ("0e50", 0),
        ("12.5", 12_500_000),
        ("1.0000000", 1_000_000),
        ("-0.000001", -1),
        ("1e3", 1_000_000_000),
        ("9007199254.740991", LIMIT - 1),
        ("-9007199254.740991", 1 - LIMIT),
    ],
)
def test_units_of_a_score(text: str, units: int) -> None:
    assert to_units(Decimal(text), "score") == units


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.0000001", "score has more than 6 digits"),
        ("1e-999999999", "score has more than 6 digits"),
        ("9007199254.740992", "score must be below"),
        ("1e999999999", "score must be below"),
        ("NaN", "score must be a number"),
        ("sNaN", "score must be a number"),
        ("-Infinity", "score must be a number"),
    ],
)
def test_a_score_is_exact_or_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidValue, match=message) as caught:
        to_units(Decimal(text), "score")

    assert caught.value.field == "score"


def test_a_sum_far_beyond_two_to_the_53_is_exact(board: Board) -> None:
    fill(board, {str(n): LIMIT - 1 - n for n in range(2500)})

    assert board.summary().sum == from_units(sum(LIMIT - 1 - n for n in range(2500)))
    assert board.summary().sum * 10**6 > 2**64


@pytest.mark.parametrize("reward", ["0.000001", "9007199254.740991"])
def test_a_score_cannot_be_raised_out_of_range(board: Board, reward: str) -> None:
    top = Decimal("9007199254.740991")
    board.set("ann", top)

    with pytest.raises(InvalidValue, match="would leave the range"):
        board.add("ann", Decimal(reward))

    assert board.standing("ann").score == top


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        pytest.param(lambda board: board.standing("none"), UnknownMember, id="standing"),
        pytest.param(lambda board: board.remove("none"), UnknownMember, id="remove"),
        pytest.param(lambda board: board.summary(), UnknownBoard, id="summary"),
        pytest.param(lambda board: board.members(0, 9), UnknownBoard, id="members"),
        pytest.param(lambda board: board.sum(0), UnknownBoard, id="sum"),
        pytest.param(lambda board: board.delete(), UnknownBoard, id="delete"),
    ],
)
def test_what_is_not_there_is_an_error(board: Board, ask: Callable[[Board], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        ask(board)


@pytest.mark.parametrize("name", ["", "-x", "x-", "a b", "a{b}", "x" * 129, "é"])
def test_a_board_s_name(redis: redis_py.Redis, name: str) -> None:
    with pytest.raises(InvalidValue, match="is no name for a board"):
        Board(redis, name)


@pytest.mark.parametrize("member", ["", "é" * 257])
def test_a_member_s_name(board: Board, member: str) -> None:
    with pytest.raises(InvalidValue, match="a member's name must have 1 to 512 bytes"):
        board.set(member, Decimal(1))


def test_scripts_are_loaded_again_after_redis_forgot_them(board: Board) -> None:
    board.add("ann", Decimal(1))
    board.redis.script_flush()

    assert board.add("ann", Decimal(1)).score == 2
