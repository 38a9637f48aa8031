"""Which boards there are, and what a list shows of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pipeline.boards import Boards, keys
from pipeline.boards.directory import Listed


def test_boards_are_found_by_their_names(boards: Boards) -> None:
    for name in ("points", "points.2026-11-28", "other:x", "a_b"):
        boards[name].set("ann", Decimal("0.5"))
    boards["points"].join("ann", "gold")  # its own sorted set and tree
    boards["points"].set_features("}:scores", {"age": 3})
    boards["configured"].configure(places=2)
    assert boards.names().names == ["a_b", "configured", "other:x", "points", "points.2026-11-28"]
    assert boards.names().complete
    assert boards.names("poi").names == ["points", "points.2026-11-28"]
    assert boards.names("oints").names == []
    assert boards.names("*").names == boards.names("[").names == []


def test_a_list_shows_boards_and_leaves_out_those_that_are_gone(boards: Boards) -> None:
    for number in range(20):
        boards["points"].set(f"m{number}", Decimal("0.1"))
    boards["expires"].configure(places=0, expires=datetime.now(UTC) + timedelta(days=1))
    gone = boards["gone"]
    gone.set("ann", Decimal(1))
    gone.delete()
    points, expires = boards.listed(["points", "gone", "expires"])
    assert points == Listed("points", 20, Decimal(2), 6, None, False)
    assert (expires.count, expires.sum, expires.places, expires.stale) == (0, Decimal(0), 0, False)
    assert expires.expires is not None
    assert boards.listed([]) == []


def test_a_board_that_another_program_wrote_is_listed_as_stale(boards: Boards) -> None:
    board = boards["points"]
    board.set("ann", Decimal(1))
    boards["well"].set("ann", Decimal(1))
    scores = keys.name(keys.SCORES, board.shards.of("ann").tag)
    board.shards.client.execute_command("ZADD", scores, 5, "bob")
    stale, well = boards.listed(["points", "well"])
    assert (stale.name, stale.count, stale.sum, stale.stale) == ("points", 2, None, True)
    assert (well.name, well.stale) == ("well", False)


def test_the_search_for_boards_has_an_end(boards: Boards) -> None:
    boards["points"].set("ann", Decimal(1))
    found = boards.names(most_keys=0)
    assert (found.names, found.complete) == ([], False)


def test_boards_are_listed_in_pages(boards: Boards) -> None:
    for number in range(5):
        boards[f"b{number}"].set("ann", Decimal(number))
    boards["a"].set_features("ann", {"age": 1})  # no board yet

    first = boards.page("b", limit=2)
    second = boards.page("b", after=first.next or "", limit=2)
    last = boards.page("b", after=second.next or "", limit=2)

    assert [[row.name for row in page.boards] for page in (first, second, last)] == [["b0", "b1"], ["b2", "b3"], ["b4"]]
    assert (first.next, second.next, last.next, last.complete) == ("b1", "b3", None, True)
    assert boards.page("b0", limit=1).next is None
    assert boards.page("a").boards == []
    assert not boards.page(most_keys=0).complete
