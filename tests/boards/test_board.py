"""A board's methods, on one shard and on several; test_model.py tests any sequence of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

import msgspec
import pytest
import redis as redis_py
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.boards import (
    Board,
    BoardExists,
    Boards,
    BulkChange,
    NoSample,
    NotInSegment,
    Order,
    StaleBoard,
    UnknownBoard,
    UnknownMember,
    UnknownSegment,
    WrongPlaces,
)
from pipeline.boards.by_name import KEPT
from pipeline.boards.changes import Code, Op
from pipeline.boards.features import Feature
from pipeline.boards.scores import LIMIT, from_units
from pipeline.boards.shard import shard_of
from pipeline.boards.shards import Shards
from pipeline.errors import InvalidValue

S = TypeVar("S", bound=msgspec.Struct)

TOP = Decimal("9007199254.740991")


def fill(board: Board, count: int) -> None:
    """Scores 0.00 to (count - 1) / 100, in the order of the names."""
    changes = [BulkChange(f"m{n:04}", score=Decimal(n) / 100) for n in range(count)]
    assert not [outcome for outcome in board.apply(changes) if outcome.error]


def keys(board: Board) -> list[str]:
    """All keys of a board."""
    client = board.shards.client
    nodes: list[Any] = [client]
    if isinstance(client, redis_py.RedisCluster):  # which asks one of its nodes
        nodes = [node.redis_connection for node in client.get_primaries()]  # type: ignore[no-untyped-call]
    found = [key.decode() for node in nodes for key in node.keys(f"{{board:{board.name}*")]
    return [key for key in found if key.startswith((f"{{board:{board.name}}}", f"{{board:{board.name}:"))]


def other_process(boards: Boards) -> Boards:
    """Boards that know nothing of what was written, like those of another process."""
    return Boards(boards.client, boards.shards)


# -- exact -----------------------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(rewards=st.lists(st.decimals(-1000, 1000, places=6), min_size=1, max_size=20))
def test_rewards_add_up_as_decimals_do(board: Board, rewards: list[Decimal]) -> None:
    board.set("ann", Decimal(0))
    for reward in rewards:
        standing = board.add("ann", reward)

    assert standing.score == sum(rewards)


def test_a_sum_far_beyond_two_to_the_53_is_exact(board: Board) -> None:
    scores = {str(n): from_units(LIMIT - 1 - n) for n in range(2500)}
    list(board.apply(BulkChange(member, score=score) for member, score in scores.items()))

    summary = board.summary()
    assert summary.sum == from_units(sum(LIMIT - 1 - n for n in range(2500)))
    assert summary.sum * 10**6 > 2**64
    exact = Fraction(sum((2 * n - 2499) ** 2 for n in range(2500)), 4 * 2500 * 10**12)
    assert abs(Fraction(summary.variance or 0) - exact) <= Fraction(1, 2 * 10**12)


@pytest.mark.parametrize("reward", ["0.000001", "9007199254.740991"])
def test_a_score_cannot_be_raised_out_of_range(board: Board, reward: str) -> None:
    board.set("ann", TOP)

    with pytest.raises(InvalidValue, match="would leave the range"):
        board.add("ann", Decimal(reward))

    assert board.standing("ann").score == TOP


@pytest.mark.parametrize(
    ("places", "score", "refused"), [(0, "7", "7.5"), (2, "0.25", "0.125"), (15, "0.1e-14", "9.1")]
)
def test_a_board_has_its_own_places(boards: Boards, places: int, score: str, refused: str) -> None:
    board = boards["b"]
    assert board.configure(places=places).places == places
    board.set("ann", Decimal(score))

    assert other_process(boards)["b"].add("ann", Decimal(0)).score == Decimal(score)
    assert other_process(boards)["b"].summary().places == places
    with pytest.raises(InvalidValue, match="score"):
        other_process(boards)["b"].set("ann", Decimal(refused))


def test_a_board_that_was_made_again_may_have_other_places(boards: Boards) -> None:
    board = boards["b"]
    board.set("ann", Decimal("0.000001"))
    board.delete()
    other_process(boards)["b"].configure(places=2)
    assert board.shards.places == 6

    assert board.set("ann", Decimal("1.25")).score == Decimal("1.25")
    assert [o.error for o in board.apply([BulkChange("bob", score=Decimal("1.255"))])] == [
        "score has more than 2 digits after the point, and is not rounded"
    ]


def test_places_stay_while_there_are_members(board: Board) -> None:
    assert board.configure(places=2).created
    assert board.configure(places=3).places == 3
    fill(board, 20)

    with pytest.raises(WrongPlaces, match="have 3 places"):
        board.configure(places=2)
    assert not board.configure(places=3).created


# -- events ----------------------------------------------------------------------------------------------------------


def test_an_event_counts_once(board: Board) -> None:
    first, again = board.add("ann", Decimal(5), "e1"), board.add("ann", Decimal(5), "e1")
    other = board.add("ann", Decimal(5), "e2")

    assert [added.score for added in (first, again, other)] == [5, 5, 10]
    assert [added.repeated for added in (first, again, other)] == [False, True, False]


def test_an_event_is_remembered_for_some_time(boards: Boards) -> None:
    forgetful = Boards(boards.client, boards.shards, remember=0)["b"]

    assert [forgetful.add("ann", Decimal(5), "e1").repeated for _ in range(2)] == [False, False]


@pytest.mark.parametrize("remember", [1e14, 1e20], ids=["beyond what is exact", "beyond what Redis takes"])
def test_an_event_may_be_remembered_for_ever(boards: Boards, remember: float) -> None:
    board = Boards(boards.client, boards.shards, remember=remember)["b"]

    added = [board.add("ann", Decimal(5), "e1") for _ in range(2)]

    assert [(one.score, one.repeated) for one in added] == [(Decimal(5), False), (Decimal(5), True)]
    board.check()


def test_an_event_counts_once_in_one_call(board: Board) -> None:
    changes = [BulkChange("ann", reward=Decimal(5), event="e1")] * 2

    assert [outcome.repeated for outcome in board.apply(changes)] == [False, True]
    assert board.summary().sum == 5


def test_a_refused_reward_is_not_remembered(board: Board) -> None:
    board.set("ann", TOP)
    with pytest.raises(InvalidValue, match="leave the range"):
        board.add("ann", Decimal(1), "e1")
    board.set("ann", Decimal(0))

    assert not board.add("ann", Decimal(1), "e1").repeated


def test_a_deleted_board_forgets_its_events(board: Board) -> None:
    board.add("ann", Decimal(5), "e1")
    board.delete()

    assert not board.add("ann", Decimal(5), "e1").repeated


# -- bulk ------------------------------------------------------------------------------------------------------------


def test_bulk_changes_are_applied_in_their_order_and_answered_one_by_one(board: Board) -> None:
    changes = [
        BulkChange("ann", score=Decimal(1)),
        BulkChange("ann", reward=Decimal("0.5"), event="e"),
        BulkChange("", score=Decimal(1)),
        BulkChange("ann", reward=Decimal("0.5"), event="e"),
        BulkChange("bob", score=Decimal("0.1234567")),
        BulkChange("bob"),
        BulkChange("cid", score=Decimal(2), reward=Decimal(2)),
        BulkChange("ann", reward=TOP),
        BulkChange("ann", score=Decimal(-3)),
    ]

    outcomes = list(board.apply(changes))

    assert [o.member for o in outcomes] == [c.member for c in changes]
    assert [o.score for o in outcomes] == [1, Decimal("1.5"), None, Decimal("1.5"), None, None, None, None, -3]
    assert [o.field for o in outcomes] == [None, None, "member", None, "score", "score", "score", "reward", None]
    assert [o.repeated for o in outcomes].index(True) == 3
    assert board.summary().count == 1
    board.check()


def test_a_bulk_of_many_chunks(board: Board) -> None:
    fill(board, 3001)

    assert board.summary().sum == Decimal(3000 * 3001) / 200
    assert board.at_percentile(Decimal(50)).member == "m1500"
    board.check()


# -- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", Order)
def test_a_member_that_stays_is_in_exactly_one_page(board: Board, order: Order) -> None:
    fill(board, 60)
    staying = {f"m{n:04}" for n in range(60)} - {f"m{n:04}" for n in (0, 9, 10, 29, 30, 59)}
    seen: list[str] = []
    cursor, n = None, 0
    while True:
        page = board.page(order, 10, cursor)
        seen += [row.member for row in page.members]
        assert [row.rank for row in page.members] == sorted(row.rank for row in page.members)
        if (cursor := page.next) is None:
            break
        for name in (f"low{n}", f"m{n}"):
            board.set(name, Decimal(-1 - n))
            board.set("z" + name, Decimal(99 + n))
        for member in (page.members[-1].member, "m0000", "m0059", "m0030"):  # also the one to which the cursor belongs
            if member not in staying and member in {row.member for row in board.members(0, 999).members}:
                board.remove(member)
        n += 1

    assert len(seen) == len(set(seen))
    assert staying <= set(seen)


@pytest.mark.parametrize(
    ("cursor", "message"),
    [
        ("", "must be `next`"),
        ("x", "must be `next`"),
        ("é", "must be `next`"),
        ("k6NhYmMBAA", "must be `next`"),
        ("AAAA", "must be `next`"),
    ],
)
def test_an_invalid_cursor_is_refused(board: Board, cursor: str, message: str) -> None:
    fill(board, 3)

    with pytest.raises(InvalidValue, match=message) as caught:
        board.page(Order.ASC, 10, cursor)
    assert caught.value.field == "cursor"


def test_a_cursor_is_good_for_one_order(board: Board) -> None:
    fill(board, 3)
    cursor = board.page(Order.ASC, 1).next

    with pytest.raises(InvalidValue, match="in the order asc, not desc"):
        board.page(Order.DESC, 1, cursor)


# -- estimates -------------------------------------------------------------------------------------------------------


def test_an_estimate_is_given_with_the_exact_sum(board: Board) -> None:
    fill(board, 2000)
    with pytest.raises(NoSample, match="configure it with a `sample` size"):
        board.estimated_sum(999)
    board.configure(sample=100)

    for order in Order:
        found = board.estimated_sum(999, order)
        assert found.sum == board.sum(999, order).sum
        assert found.estimate.low < found.estimate.sum < found.estimate.high
        assert found.estimate.high < 2 * found.estimate.low
        assert 0 < found.estimate.sample <= 100


def test_a_sample_is_kept_while_members_come_and_go(board: Board) -> None:
    board.configure(sample=100)
    fill(board, 3000)
    for n in range(0, 3000, 7):
        board.remove(f"m{n:04}")

    assert 50 < board.estimated_sum(999).estimate.sample <= 100
    board.configure(sample=0)
    with pytest.raises(NoSample):
        board.estimated_sum(999)


# -- features and segments -------------------------------------------------------------------------------------------


def test_features_keep_their_types(board: Board) -> None:
    given: dict[str, Feature] = {
        "age": 31,
        "weight": Decimal("70.50"),
        "tiny": Decimal("1E-30"),
        "huge": 10**40,
        "gender": "f",
        "digits": "31",
        "member": True,
        "none": "",
    }
    board.set("ann", Decimal(1))

    found = board.set_features("ann", given)

    assert found == board.features("ann") == given
    assert {name: type(value) for name, value in found.items()} == {name: type(value) for name, value in given.items()}


def test_features_are_merged_or_replaced(board: Board) -> None:
    board.set_features("ann", {"a": 1, "b": 2})

    assert board.set_features("ann", {"a": None, "c": 0}) == {"b": 2, "c": 0}
    assert board.set_features("ann", {"d": False}, replace=True) == {"d": False}
    assert board.set_features("ann", {}, replace=True) == board.features("ann") == {}
    assert keys(board) == []


@pytest.mark.parametrize(
    "features",
    [{"": 1}, {"x" * 129: 1}, {"x": "y" * 5000}, {"x": Decimal("NaN")}, {str(n): n for n in range(257)}],
    ids=["no name", "long name", "long value", "not a number", "too many"],
)
def test_features_that_are_refused_change_nothing(board: Board, features: dict[str, Feature | None]) -> None:
    with pytest.raises(InvalidValue):
        board.set_features("ann", {"good": 1} | features)
    assert board.features("ann") == {}


def test_a_segment_on_a_shard_that_is_not_the_first_has_the_places_of_its_board(boards: Boards) -> None:
    board = boards["b"]
    board.configure(places=2)
    member = next(name for name in map(str, range(100)) if shard_of(name, boards.shards) == boards.shards - 1)
    board.set(member, Decimal(-1))
    board.join(member, "gold")
    gold = other_process(boards)["b"].segment("gold")

    with pytest.raises(InvalidValue, match="a share needs a sum above 0"):
        gold.reach(Decimal("0.5"))
    with pytest.raises(InvalidValue, match="more than 2 digits"):
        gold.sum_below(Decimal("0.125"))
    assert gold.summary().places == 2


def test_a_segment_ranks_counts_and_sums_its_members(board: Board) -> None:
    fill(board, 100)
    for n in range(0, 100, 10):
        board.join(f"m{n:04}", "tens")
    board.join("nobody yet", "tens")
    tens = board.segment("tens")

    assert tens.summary().count == 10
    assert tens.sum(2).sum == Decimal("2.4")
    assert tens.standing("m0020", Order.ASC).rank == 2
    board.set("nobody yet", Decimal(-1))
    board.add("m0090", Decimal(1))
    assert tens.standing("m0020", Order.ASC).rank == 3
    assert tens.summary().max == Decimal("1.9")
    board.leave("m0090", "tens")
    board.remove("m0080")
    assert tens.summary().max == Decimal("0.7")
    with pytest.raises(UnknownMember):
        tens.standing("m0090")
    board.check()


def test_a_member_that_is_not_in_a_segment_can_not_leave_it(board: Board) -> None:
    board.set("ann", Decimal(1))

    with pytest.raises(NotInSegment) as raised:
        board.leave("ann", "gold")
    assert str(raised.value) == "'ann' is not in the segment 'gold' of the board 'b'"
    assert (raised.value.board, raised.value.segment, raised.value.member) == ("b", "gold", "ann")


@pytest.mark.parametrize("setting", [{"sample": 100}, {"expires": "never"}])
def test_a_new_board_has_six_places_whatever_is_configured(board: Board, setting: dict[str, Any]) -> None:
    assert board.configure(**setting).places == 6
    board.set("ann", Decimal("0.000001"))


def test_a_board_has_at_most_64_segments(redis: redis_py.Redis) -> None:
    board = Boards(redis)["b"]
    for n in range(64):
        board.join("ann", f"s{n}")
    board.join("bob", "s5")

    with pytest.raises(InvalidValue, match="64 segments"):
        board.join("ann", "one-more")
    assert len(board.segments_of("ann")) == 64
    board.leave("ann", "s0")
    board.join("ann", "one-more")


# -- whole boards -----------------------------------------------------------------------------------------------------


@pytest.fixture
def furnished(boards: Boards) -> Board:
    """A board with everything that a board can have."""
    board = boards["b"]
    board.configure(places=3, sample=100)
    fill(board, 300)
    board.add("m0001", Decimal(1), "e1")
    for n in range(0, 300, 3):
        board.join(f"m{n:04}", "thirds")
    board.set_features("m0003", {"age": 3})
    return board


def expect_the_same(board: Board, other: Board) -> None:
    assert board.members(0, 999) == _named(other.members(0, 999), board.name)
    of_segments = [msgspec.structs.replace(one.segment("thirds").summary(), version="") for one in (board, other)]
    assert of_segments[0] == _named(of_segments[1], board.name)
    assert board.features("m0003") == other.features("m0003")
    assert msgspec.structs.replace(board.summary(), version="") == _named(
        msgspec.structs.replace(other.summary(), version=""), board.name
    )
    other.check()


def _named(answer: S, name: str) -> S:
    return msgspec.structs.replace(answer, board=name)


def test_a_copy_has_everything(furnished: Board, boards: Boards) -> None:
    expect_the_same(furnished, furnished.copy("c"))
    with pytest.raises(BoardExists):
        furnished.copy("c")
    furnished.remove("m0003")
    expect_the_same(furnished, furnished.copy("c", replace=True))


def test_a_renamed_board_is_gone_from_its_old_name(furnished: Board, boards: Boards) -> None:
    kept = furnished.copy("kept")
    boards["d"].set("x", Decimal(1))
    with pytest.raises(BoardExists):
        furnished.rename("d")

    expect_the_same(kept, furnished.rename("d", replace=True))
    assert keys(furnished) == []


def test_nothing_is_left_of_a_deleted_board(furnished: Board) -> None:
    furnished.delete()

    assert keys(furnished) == []
    with pytest.raises(UnknownBoard):
        furnished.delete()


def test_all_of_a_board_goes_at_its_time(furnished: Board) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    assert (furnished.configure(expires=at).expires or "").startswith(f"{at:%Y-%m-%dT%H:%M:%S}")
    furnished.set_features("m0004", {"a": 1})
    furnished.add("m0004", Decimal(1), "e2")
    furnished.join("m0004", "fourths")
    furnished.join("later", "fifths")
    for n in range(0, 300, 2):
        furnished.remove(f"m{n:04}")

    def lifetimes() -> dict[str, int]:
        return {key: furnished.shards.client.execute_command("PTTL", key) for key in keys(furnished)}

    assert {key for key, ms in lifetimes().items() if not 0 < ms <= 3_600_000} == set()
    assert furnished.configure(expires="never").expires is None
    assert set(lifetimes().values()) == {-1}


def test_a_board_can_t_go_in_the_past(board: Board) -> None:
    with pytest.raises(InvalidValue, match="must be in the future"):
        board.configure(expires=datetime(2020, 1, 1, tzinfo=UTC))


def test_a_configured_board_stays_when_it_is_empty(board: Board) -> None:
    board.configure(places=2)
    board.set("ann", Decimal("0.25"))
    board.remove("ann")

    summary = board.summary()
    assert summary.count == summary.sum == 0
    assert summary.mean is summary.min is summary.max is summary.variance is None
    assert summary.places == 2
    with pytest.raises(InvalidValue, match="more than 2 digits"):
        board.set("ann", Decimal("0.255"))


def test_a_union_adds_weighted_scores(boards: Boards) -> None:
    for name, scores in {"a": {"ann": "1", "bob": "2"}, "b": {"bob": "0.5", "cid": "-4"}}.items():
        for member, score in scores.items():
            boards[name].set(member, Decimal(score))

    summary = boards["u"].union({"a": Decimal(2), "b": Decimal("0.25")})

    assert (summary.count, summary.sum) == (3, Decimal("5.125"))
    assert {row.member: row.score for row in boards["u"].members(0, 9).members} == {
        "ann": 2,
        "bob": Decimal("4.125"),
        "cid": -1,
    }
    boards["u"].check()


def test_a_union_that_can_t_be_leaves_the_settings_of_an_empty_board(boards: Boards) -> None:
    boards["a"].set("ann", Decimal(1))
    boards["a"].set("bob", Decimal("0.001"))
    at = datetime(2100, 1, 1, tzinfo=UTC)
    boards["u"].configure(places=2, sample=100, expires=at)

    with pytest.raises(InvalidValue, match="more places than the board"):
        boards["u"].union({"a": Decimal(1)})

    kept = boards["u"].configure()
    assert (kept.created, kept.places, kept.sample, (kept.expires or "")[:10]) == (False, 2, 100, "2100-01-01")
    assert boards["u"].summary().count == 0
    boards["a"].remove("bob")
    assert boards["u"].union({"a": Decimal(1)}).count == 1
    assert boards["u"].configure().places == 2


@pytest.mark.parametrize(
    ("sources", "error"),
    [
        ({}, InvalidValue),
        ({"nothing": Decimal(1)}, UnknownBoard),
        ({"a": Decimal("0.0000001")}, InvalidValue),
        ({"a": Decimal(10) ** 10}, InvalidValue),
        ({"a": Decimal("NaN")}, InvalidValue),
        ({"u": Decimal(1)}, InvalidValue),
    ],
    ids=["of nothing", "of a board that is not", "too many places", "out of range", "no number", "of itself"],
)
def test_a_union_that_can_t_be_is_not_made(boards: Boards, sources: dict[str, Decimal], error: type[Exception]) -> None:
    boards["a"].set("ann", Decimal(1))

    with pytest.raises(error):
        boards["u"].union(sources)
    assert keys(boards["u"]) == []


# -- stale boards ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        pytest.param(lambda board: board.standing("none"), UnknownMember, id="standing"),
        pytest.param(lambda board: board.ranks("none"), UnknownMember, id="ranks"),
        pytest.param(lambda board: board.around("none"), UnknownMember, id="around"),
        pytest.param(lambda board: board.remove("none"), UnknownMember, id="remove"),
        pytest.param(lambda board: board.leave("none", "s"), UnknownMember, id="leave"),
        pytest.param(lambda board: board.summary(), UnknownBoard, id="summary"),
        pytest.param(lambda board: board.members(0, 9), UnknownBoard, id="members"),
        pytest.param(lambda board: board.page(), UnknownBoard, id="page"),
        pytest.param(lambda board: board.between(Decimal(1), None), UnknownBoard, id="between"),
        pytest.param(lambda board: board.sum(0), UnknownBoard, id="sum"),
        pytest.param(lambda board: board.statistics(), UnknownBoard, id="statistics"),
        pytest.param(lambda board: board.statistics_between(), UnknownBoard, id="statistics by score"),
        pytest.param(lambda board: board.reach(Decimal("0.8")), UnknownBoard, id="reach"),
        pytest.param(lambda board: board.at_percentile(Decimal(50)), UnknownBoard, id="percentile"),
        pytest.param(lambda board: board.segment("s").summary(), UnknownSegment, id="segment"),
        pytest.param(lambda board: board.copy("c"), UnknownBoard, id="copy"),
        pytest.param(lambda board: board.rename("c"), UnknownBoard, id="rename"),
        pytest.param(lambda board: board.delete(), UnknownBoard, id="delete"),
    ],
)
def test_what_is_not_there_is_an_error(board: Board, ask: Callable[[Board], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        ask(board)
    assert keys(board) == []


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        pytest.param(lambda board: board.set("", Decimal(1)), "member", id="no member"),
        pytest.param(lambda board: board.set("é" * 257, Decimal(1)), "member", id="long member"),
        pytest.param(lambda board: board.set("a\0b", Decimal(1)), "member", id="a NUL"),
        pytest.param(lambda board: board.join("a\0b", "gold"), "member", id="a NUL in a segment"),
        pytest.param(lambda board: board.set_features("a\0b", {"age": 1}), "member", id="a NUL with features"),
        pytest.param(lambda board: board.add("ann", Decimal(1), "e" * 129), "event", id="long event"),
        pytest.param(lambda board: board.members(0, 1000), "to", id="many ranks"),
        pytest.param(lambda board: board.page(Order.ASC, 0), "limit", id="no limit"),
        pytest.param(lambda board: board.page(Order.ASC, 1001), "limit", id="large limit"),
        pytest.param(lambda board: board.between(Decimal("NaN"), None), "min", id="min"),
        pytest.param(lambda board: board.between(None, Decimal("1e-9")), "max", id="max"),
        pytest.param(lambda board: board.around("ann", 500), "radius", id="large radius"),
        pytest.param(lambda board: board.reach(Decimal(0)), "share", id="no share"),
        pytest.param(lambda board: board.reach(Decimal("1.01")), "share", id="large share"),
        pytest.param(lambda board: board.at_percentile(Decimal("100.1")), "percentile", id="percentile"),
        pytest.param(lambda board: board.configure(places=16), "places", id="places"),
        pytest.param(lambda board: board.configure(sample=5), "sample", id="small sample"),
        pytest.param(lambda board: board.segment("a b"), "segment", id="segment"),
        pytest.param(lambda board: board.join("ann", ""), "segment", id="join"),
    ],
)
def test_a_wrong_value_is_refused_by_name(board: Board, ask: Callable[[Board], object], field: str) -> None:
    board.set("ann", Decimal(1))

    with pytest.raises(InvalidValue) as caught:
        ask(board)
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["", "-x", "x-", "a b", "a{b}", "x" * 129, "é", "a@day"])
def test_a_board_s_name(redis: redis_py.Redis, name: str) -> None:
    with pytest.raises(InvalidValue, match="is not a name for a board"):
        Shards(redis, name)


def test_a_stale_board_says_so_and_is_rebuilt(boards: Boards) -> None:
    board = boards["b"]
    fill(board, 300)
    shard = board.shards[shard_of("eve", len(board.shards))]
    shard.client.execute_command("ZADD", shard.keys[0], 5, "eve")

    for ask in (
        board.summary,
        board.check,
        lambda: board.sum(3),
        lambda: board.statistics_between(Decimal(1), None),
    ):
        with pytest.raises(StaleBoard, match="wz board rebuild b"):
            ask()

    board.rebuild()
    board.check()
    assert board.standing("eve").score == Decimal("0.000005")


def test_a_board_is_made_once_and_kept_while_it_is_among_the_last_used(redis: redis_py.Redis) -> None:
    boards = Boards(redis, shards=KEPT // 2)  # so that two changes have room
    board = boards["a"]
    assert boards["a"] is board

    boards["b"], boards["c"]
    assert boards["a"] is not board


def test_scripts_are_loaded_again_after_redis_forgot_them(board: Board) -> None:
    board.add("ann", Decimal(1))
    board.shards.client.execute_command("SCRIPT FLUSH")

    assert board.add("ann", Decimal(1)).score == 2


def test_an_update_in_a_transaction_needs_no_script_that_redis_has(redis: redis_py.Redis) -> None:
    board = Boards(redis)["b"]
    board.add("ann", Decimal(1))
    with redis.pipeline() as pipe:
        board.queue_update(pipe, Op.ADD, "ann", Decimal(2))
        board.queue_update(pipe, Op.ADD, "ann", Decimal(3))
        commands = [command for command, _ in pipe.command_stack]
    redis.script_flush()  # as it may be between what redis-py looks up and the transaction
    with redis.pipeline() as pipe:
        for command in commands:
            pipe.execute_command(*command)  # type: ignore[no-untyped-call]
        pipe.execute()

    assert board.summary().sum == 6


def test_an_update_in_a_caller_s_transaction(redis: redis_py.Redis) -> None:
    board = Boards(redis)["b"]
    with redis.pipeline() as pipe:
        for op, member, score in (
            (Op.SET, "ann", TOP),
            (Op.ADD, "ann", Decimal("0.000001")),
            (Op.MAX, "bob", Decimal("0.5")),
        ):
            board.queue_update(pipe, op, member, score)
        replies = pipe.execute()

    assert [Code(code.decode()) for code, _ in replies] == [Code.OK, Code.RANGE, Code.OK]
    assert board.summary().sum == TOP + Decimal("0.5")
    board.check()
