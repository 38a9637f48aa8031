"""The pages of boards, in process: what they say of boards of every kind, and that a large one costs no more."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
import redis as redis_py
from werkzeug.test import TestResponse

from handlers import create_app
from pipeline.boards import Board, Boards, BulkChange, keys
from pipeline.boards.scores import from_units
from pipeline.hub.namespace import Hubs
from pipeline.hub.rules import Right, Rules
from pipeline.settings import Settings
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.registry import JobRegistry
from pipeline.work.tasks import Tasks, TaskState
from wz import App

from .. import stack
from ..client import ServerlikeClient


class Visitor(ServerlikeClient):
    """Somebody with all rights, who looks at pages."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        kwargs["headers"] = {"Authorization": stack.token(), "Accept": "text/html", **kwargs.get("headers", {})}
        return super().open(*args, **kwargs)


@pytest.fixture
def boards(redis: redis_py.Redis) -> Boards:
    return Boards(redis)


@pytest.fixture
def board(boards: Boards) -> Board:
    return boards["b"]


@pytest.fixture(scope="module")
def app(server_settings: Settings) -> App:
    return create_app(server_settings)


@pytest.fixture
def visitor(app: App, redis: redis_py.Redis) -> Visitor:
    return Visitor(app)


def fill(board: Board, scores: list[int]) -> None:
    list(board.apply(BulkChange(f"m{number}", score=from_units(units)) for number, units in enumerate(scores)))


def words(answer: TestResponse) -> str:
    """The text of a page, as one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def rows(answer: TestResponse, section: str) -> list[list[str]]:
    """The cells of a section's table."""
    html = answer.text.split(f'<h2 id="{section}">')[1].split("</section>")[0]
    found = re.findall(r"<tr[^>]*>(.*?)</tr>", html.split("<tbody>")[1].split("</tbody>")[0], re.DOTALL)
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in re.split(r"</t[dh]>", row)[:-1]] for row in found
    ]


MINUS = "\u2212"

KINDS = {
    "one member": [7_000_000],
    "all zero": [0] * 40,
    "negative": [-(10**6) * number for number in range(1, 40)],
    "negative sum of both": [5_000_000, -9_000_000, 3_000_000],
    "equal": [10**6] * 100,
    "tiny and huge": [1, 2**53 - 1, 1 - 2**53],
    "many": [number**3 for number in range(1, 400)],
}


@pytest.mark.parametrize("scores", KINDS.values(), ids=KINDS)
def test_boards_of_every_kind_have_a_page(visitor: Visitor, board: Board, scores: list[int]) -> None:
    fill(board, scores)
    page = visitor.get("/console/boards/b")
    assert page.status_code == 200
    shown = rows(page, "ranks")
    expected = board.members(0, 14, order=board.shape().order).members
    assert [row[:4] for row in shown] == [
        [str(one.rank), one.member, f"{one.score:,}".replace("-", MINUS), f"{one.sum:,}".replace("-", MINUS)]
        for one in expected
    ]
    assert f"members {len(scores)} sum {board.summary().sum:,}".replace("-", MINUS) in words(page)
    assert ("80 % is reached" in words(page)) == (sum(scores) > 0)
    assert visitor.get("/console/boards/b?k=0").status_code == 200
    assert visitor.get(f"/console/boards/b?k={10**15}&from={10**15}").status_code == 200


def test_a_rank_is_asked_for_without_a_script(visitor: Visitor, board: Board) -> None:
    fill(board, [number * 10**6 for number in range(100)])
    text = words(visitor.get("/console/boards/b?k=9"))
    assert "Ranks 0 to 9 have 945 , 19.1 % of the sum" in text
    assert "80 % is reached at rank 54." in text


def test_the_list_has_pages(visitor: Visitor, board: Board) -> None:
    fill(board, [number * 10**6 for number in range(100)])
    page = visitor.get("/console/boards/b?from=90&k=3")
    assert [row[0] for row in rows(page, "ranks")] == [str(rank) for rank in range(90, 100)]
    assert "90 to 99 of 100" in words(page)
    assert 'href="/console/boards/b?from=75&amp;k=3#ranks"' in page.text
    assert "?k=3#ranks" in page.text


def test_a_member_is_found_with_all_that_is_known_of_it(visitor: Visitor, board: Board) -> None:
    fill(board, [number * 10**6 for number in range(100)])
    board.set_features("m50", {"age": 31, "gender": "<b>f</b>"})
    board.join("m50", "gold")
    page = visitor.get("/console/boards/b?member=m50")
    text = words(page)
    assert "Around m50 rank 49 of 100, percentile 50.5" in text
    assert [row[:2] for row in rows(page, "near")] == [[str(99 - n), f"m{n}"] for n in range(54, 45, -1)]
    assert "gold" in text
    assert "<b>f</b>" in text  # unescaped by `words`
    assert "<b>f</b>" not in page.text
    assert rows(page, "seg") == [["gold", "1", "50"]]
    missing = words(visitor.get("/console/boards/b?member=nobody"))
    assert "nobody has no score on this board." in missing


def test_a_segment_has_ranks_of_its_own(visitor: Visitor, board: Board) -> None:
    fill(board, [number * 10**6 for number in range(10)])
    for number in range(0, 10, 2):
        board.join(f"m{number}", "even")
    page = visitor.get("/console/boards/b?segment=even")
    assert [row[1] for row in rows(page, "ranks")] == ["m8", "m6", "m4", "m2", "m0"]
    assert "members 5 sum 20" in words(page)
    unknown = visitor.get("/console/boards/b?segment=odd")
    assert unknown.status_code == 404
    assert "No such segment" in words(unknown)


def test_hostile_names_are_text(visitor: Visitor, board: Board) -> None:
    name = '"><script>alert(1)</script>&#x' + "é" * 200
    board.set(name, Decimal(1))
    page = visitor.get("/console/boards/b", query_string={"member": name})
    assert "<script>alert" not in page.text
    near = re.findall(r'href="([^"]*member=[^"]*)"', page.text)
    assert visitor.get(unescape(near[0]).partition("#")[0]).text.count('aria-current="true"') >= 2


def test_boards_that_are_not_there_empty_stale_or_boxed_in_time(visitor: Visitor, boards: Boards) -> None:
    none = visitor.get("/console/boards/none")
    assert none.status_code == 404
    assert "The first reward makes it" in words(none)
    boards["empty"].configure(places=2)
    assert "has no member yet" in words(visitor.get("/console/boards/empty"))
    boards["stale"].set("ann", Decimal(1))
    boards.client.execute_command("ZADD", keys.name(keys.SCORES, boards["stale"].shards[0].tag), 5, "bob")
    stale = visitor.get("/console/boards/stale")
    assert stale.status_code == 503
    assert "wz board rebuild stale" in words(stale)
    assert "Act: stale" in words(visitor.get("/console/boards"))
    boards["points@day"].set("ann", Decimal(1))
    today = boards["points@day"].name
    page = visitor.get("/console/boards/points@day")
    assert today in words(page)
    assert f"/console/boards/{today}" in page.text
    assert "expires" in words(page)
    assert visitor.get("/console/boards/-").status_code == 422


def test_what_has_changed_since_somebody_looked(visitor: Visitor, board: Board) -> None:
    fill(board, [number * 10**6 for number in range(20)])
    assert "From now on" in words(visitor.get("/console/boards/b"))
    assert "Nothing since" in words(visitor.get("/console/boards/b"))
    board.add("m10", Decimal("100.5"))
    board.set("new", Decimal("3.5"))
    page = visitor.get("/console/boards/b")
    changed = rows(page, "changes")
    assert ["m10", "+100.5", "9 → 0"] in [[*row[:2], " ".join(row[2].split())] for row in changed]
    assert ["new", "came", "16"] in [row[:3] for row in changed]
    assert rows(page, "ranks")[0][-1] == "▲ 9"


def test_the_jobs_that_write_to_it_are_named(
    visitor: Visitor, board: Board, redis: redis_py.Redis, settings: Settings
) -> None:
    board.set("ann", Decimal(1))
    hubs = Hubs(redis, settings.hubs)
    table = {"from": "Out", "board": "b", "member": "a", "score": "s", "mode": "add"}
    document = {"inputs": {"Input": {"hub": "events"}}, "outputs": {"Out": {"type": "stream"}}, "boards": [table]}
    JobRegistry(redis, hubs).put("adds", Definition("SELECT a, s INTO Out FROM Input", document))
    assert "Written by the job adds from Out" in words(visitor.get("/console/boards/b"))


def test_the_list_of_boards(visitor: Visitor, boards: Boards) -> None:
    assert "No board yet" in words(visitor.get("/console/boards"))
    for number in range(60):
        boards[f"board.{number:02}"].set("ann", Decimal("0.5"))
    page = visitor.get("/console/boards")
    assert len(rows(page, "all")) == 50
    assert rows(page, "all")[0] == ["board.00", "1", "0.5", "6", "\u2013"]
    assert "1 to 50 of 60" in words(page)
    assert rows(visitor.get("/console/boards?from=50"), "all")[0][0] == "board.50"
    assert len(rows(visitor.get("/console/boards?prefix=board.1"), "all")) == 10
    assert "No board begins with xyz" in words(visitor.get("/console/boards?prefix=xyz"))


def test_a_score_is_changed_by_the_form(visitor: Visitor, board: Board) -> None:
    def send(**form: str) -> TestResponse:
        return visitor.post("/console/boards/b/members", data=form)

    first = send(member="ann & bob", number=" 0.5 ", what="reward")
    assert (first.status_code, first.location) == (303, "/console/boards/b?member=ann+%26+bob#near")
    assert send(member="ann & bob", number=f"{MINUS}2", what="reward").status_code == 303
    assert board.standing("ann & bob").score == Decimal("-1.5")
    assert send(member="ann & bob", number="7", what="score").status_code == 303
    assert board.standing("ann & bob").score == 7
    for number, why in {"x": "This is no number", "0.1234567": "more than 6 digits", "1e20": "must be below"}.items():
        refused = send(member="ann & bob", number=number, what="score")
        assert refused.status_code == 422
        assert why in words(refused)
        assert f'value="{number}"' in refused.text
        assert 'aria-invalid="true"' in refused.text
    assert "1 to 512 bytes" in words(send(member="é" * 300, number="1"))
    assert board.standing("ann & bob").score == 7


def test_a_member_is_removed_after_a_page_has_asked(visitor: Visitor, board: Board) -> None:
    board.set("ann", Decimal(3))
    board.set("bob", Decimal(4))
    board.set_features("ann", {"age": 3})
    asked = visitor.get("/console/boards/b/remove?member=ann")
    assert "Its score 3, with which it has rank 1. Its features: age. It is in no segment." in words(asked)
    assert board.summary().count == 2
    for _ in range(2):
        assert visitor.post("/console/boards/b/remove", data={"member": "ann"}).location == "/console/boards/b"
    assert board.summary().count == 1
    assert visitor.get("/console/boards/b/remove?member=ann").status_code == 404


def test_who_may_only_look_sees_no_form_and_changes_nothing(
    visitor: Visitor, board: Board, redis: redis_py.Redis, settings: Settings
) -> None:
    board.set("ann", Decimal(3))
    rule = Rules(redis, settings.root).add("looks", frozenset({Right.LISTEN}))
    connection = replace(stack.ROOT, key_name=rule.name, key=rule.primary)
    looks = {"Authorization": stack.token(connection=connection)}
    page = visitor.get("/console/boards/b", headers=looks)
    assert page.status_code == 200
    assert "Change a score" not in words(page)
    assert "Remove ann" not in words(page)
    for path in ("/console/boards/b/members", "/console/boards/b/remove", "/console/demo"):
        assert visitor.post(path, data={"member": "ann", "number": "1"}, headers=looks).status_code == 403
    assert visitor.get("/console/boards/b/remove?member=ann", headers=looks).status_code == 403
    assert board.standing("ann").score == 3


def test_what_is_for_one_board_sees_that_board_alone(
    visitor: Visitor, board: Board, redis: redis_py.Redis, settings: Settings
) -> None:
    board.set("ann", Decimal(3))
    rule = Rules(redis, settings.root).add("its", frozenset({Right.LISTEN, Right.SEND}), board="b")
    connection = replace(stack.ROOT, key_name=rule.name, key=rule.primary)
    its = {"Authorization": stack.token("boards/b", connection)}
    page = visitor.get("/console/boards/b", headers=its)
    assert page.status_code == 200
    assert "Change a score" in words(page)
    assert visitor.get("/console/boards/b@day", headers=its).status_code == 404  # it has no members
    for path in ("/console/boards", "/console/boards/other", "/console/hubs/b", "/console/boards/b/remove?member=ann"):
        assert visitor.get(path, headers=its).status_code == 403
    assert visitor.post("/console/boards/b/remove", data={"member": "ann"}, headers=its).status_code == 403
    assert (
        visitor.post("/console/boards/b/members", data={"member": "ann", "number": "1"}, headers=its).status_code == 303
    )
    assert board.standing("ann").score == 4


def test_a_large_board_costs_as_many_round_trips_as_a_small_one(
    visitor: Visitor, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    send = redis_py.connection.AbstractConnection.send_packed_command

    def counted(self: redis_py.connection.AbstractConnection, command: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(1)
        return send(self, command, *args, **kwargs)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(redis_py.connection.AbstractConnection, "send_packed_command", counted)

    def cost() -> int:
        visitor.get("/console/boards/b")  # what is learnt once
        sent.clear()
        assert visitor.get("/console/boards/b").status_code == 200
        return len(sent)

    fill(board, [(number * 7919) % 1000 * 10**3 for number in range(100)])
    small = cost()
    fill(board, [(number * 7919) % 100_003 * 10**3 for number in range(20_000)])
    assert cost() <= small
    assert small <= 30


def test_long_work_is_shown_while_it_waits_and_runs(visitor: Visitor, board: Board, redis: redis_py.Redis) -> None:
    fill(board, [1])
    tasks = Tasks(redis)
    task = tasks.create("board.copy", {"to": "kept", "replace": False}, "b")
    tasks.create("board.delete", {}, "another")
    waits = words(visitor.get("/console/boards/b"))
    running = tasks.begin(task.id)
    assert running
    tasks.report(running, (1, 3))
    runs = words(visitor.get("/console/boards/b"))
    tasks.finish(running, TaskState.DONE)

    assert "copy to kept waiting" in waits
    assert "copy to kept 33 %" in runs
    assert "copy to" not in words(visitor.get("/console/boards/b"))
    assert "delete waiting" not in waits
