"""One member on all boards: what is known of it, and its erasure."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.boards import Boards, UnknownMember, everywhere, keys

from .test_keys import keys_of


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(everywhere, "_AT_ONCE", 2)


@pytest.fixture
def known(boards: Boards) -> Boards:
    """Ann has a score on one board, and on others only features, or a place in a segment."""
    for name in ("points", "others", "sampled"):
        boards[name].set("bob", Decimal(2))
    boards["sampled"].configure(sample=100)
    for name in ("points", "sampled"):
        boards[name].set("ann", Decimal("0.5"))
    boards["points"].join("ann", "gold")
    boards["points"].set_features("ann", {"age": 31, "big": 10**30})
    boards["featured"].set_features("ann", {"vip": True})
    boards["joined"].join("ann", "red")
    return boards


def test_what_all_boards_know_of_a_member(known: Boards) -> None:
    found = known.of_member("ann")

    assert (found.member, found.complete) == ("ann", True)
    assert [(one.board, one.features, one.segments) for one in found.boards] == [
        ("featured", {"vip": True}, []),
        ("joined", {}, ["red"]),
        ("points", {"age": 31, "big": 10**30}, ["gold"]),
        ("sampled", {}, []),
    ]
    scores = {one.board: None if one.standing is None else one.standing.score for one in found.boards}
    assert scores == {"featured": None, "joined": None, "points": Decimal("0.5"), "sampled": Decimal("0.5")}
    assert known.of_member("nobody").boards == []
    assert not known.of_member("ann", most_keys=0).complete


def test_a_member_is_erased_from_all_boards(known: Boards) -> None:
    erased = known.erase("ann")

    assert erased == everywhere.Erased("ann", ["featured", "joined", "points", "sampled"], [], True)
    assert known.of_member("ann").boards == []
    assert known["sampled"].estimated_sum(0).count == 1
    assert known["others"].standing("bob").score == 2
    with pytest.raises(UnknownMember):
        known["points"].standing("ann")
    assert known.erase("ann") == everywhere.Erased("ann", [], [], True)
    for name in ("points", "others", "sampled"):
        known[name].delete()
    assert keys_of(known) == []


def test_a_board_that_refuses_is_named_and_the_others_forget_the_member(known: Boards) -> None:
    shard = known["points"].shards.of("ann")
    shard.client.execute_command("ZADD", keys.name(keys.SCORES, shard.tag), 5, "raw")

    erased = known.erase("ann")

    assert (erased.boards, erased.complete) == (["featured", "joined", "sampled"], False)
    assert [failure.board for failure in erased.failed] == ["points"]
    assert "wz board rebuild points" in erased.failed[0].error
    known["points"].rebuild()
    assert known.erase("ann") == everywhere.Erased("ann", ["points"], [], True)


def test_an_erasure_that_did_not_see_all_keys_says_so(known: Boards) -> None:
    assert not known.erase("ann", most_keys=0).complete
    assert len(known.of_member("ann").boards) == 4
