"""docs/boards.md is right: its commands and its Python are run, and its drawings show the tree that it speaks of."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
import redis as redis_py
from click.testing import CliRunner

from handlers import create_app
from pipeline.boards import Board, Boards, BulkChange, Order
from pipeline.boards.tree import Unpacked
from pipeline.settings import Settings
from wz.cli import main

from ..client import validated
from ..stack import ROOT, token

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "boards.md"
TEXT = PAGE.read_text()

#: The scores of the drawings. The first member of all is ann, with 7.
SCORES = [7] * 5000 + [0x3000 + n * 4096 // 3000 for n in range(3000)] + [0x6100 + n * 8 for n in range(30)]

Run = Callable[[list[str]], str]


class Command(NamedTuple):
    """A line of the page after "$ ", with those after "> ", and what the page says it prints."""

    line: int
    words: list[str]
    answer: str


def blocks(language: str, text: str = TEXT) -> Iterator[tuple[int, str]]:
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield text.count("\n", 0, match.start(1)) + 1, match[1]


def commands(text: str) -> Iterator[Command]:
    for first, block in blocks("console", text):
        for match in re.finditer(r"^\$ (.*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            words = shlex.split(re.sub("^> ", "", match[1], flags=re.MULTILINE), comments=True)
            yield Command(first + block.count("\n", 0, match.start()), words, match[2])


@pytest.fixture
def tools(redis: redis_py.Redis, settings: Settings) -> dict[str, Run]:
    """What the page's commands begin with, and how they are run."""
    client = validated(create_app(settings))
    parser = ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-X", dest="method", default="GET")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("--json", "--data-binary", dest="data")

    def curl(words: list[str]) -> str:
        args = parser.parse_args(words)
        method = "POST" if args.data and args.method == "GET" else args.method
        headers = {"Authorization": token(), "Content-Type": "application/json"}
        headers |= dict(said(header).split(": ", 1) for header in args.headers)
        return client.open(args.url.replace("...", "/boards", 1), method=method, headers=headers, data=args.data).text

    def said(header: str) -> str:
        return wz(shlex.split(header[5:-1])).strip() if header.startswith("$(wz ") else header

    def redis_cli(words: list[str]) -> str:
        return str(redis.execute_command(*words))  # type: ignore[no-untyped-call]

    def wz(words: list[str]) -> str:
        env = {
            "WZ_ENVIRONMENT": settings.environment,
            "WZ_REDIS_URL": settings.redis_url,
            "WZ_CONNECTION_STRING": str(ROOT),
        }
        result = CliRunner().invoke(main, words, env=env)
        return result.stdout or result.stderr.splitlines()[-1]  # before that, there is a bar

    return {"curl": curl, "redis-cli": redis_cli, "wz": wz}


def test_the_commands_print_what_the_page_says(tools: dict[str, Run]) -> None:
    same = doctest.OutputChecker().check_output
    wrong, used = [], set()
    for line, (tool, *words), wanted in commands(TEXT):
        used.add(tool)
        found = tools[tool](words).rstrip("\n")
        if not same(wanted, found and found + "\n", doctest.ELLIPSIS | (tool == "wz" and doctest.NORMALIZE_WHITESPACE)):
            wrong.append(f"line {line}: {found}")

    assert wrong == []
    assert used == {"curl", "redis-cli", "wz"}


def test_the_function_of_bash_sends_a_token_unless_there_is_one() -> None:
    [(_, function)] = blocks("bash")

    def sent(command: str) -> list[str]:
        script = f'{function}\nauth="Authorization: mine"\ncommand() {{ printf "%s\\n" "$@"; }}\n{command}'
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()

    boards = "http://127.0.0.1:8080/boards"
    assert sent("curl '...?prefix=a b'") == ["curl", "-s", f"{boards}?prefix=a b", "-H", "Authorization: mine"]
    own = ["-H", "Authorization: other"]
    assert sent(f"curl .../points {shlex.join(own)}") == ["curl", "-s", f"{boards}/points", *own]


@pytest.mark.parametrize("block", [pytest.param(block, id=f"line {line}") for line, block in blocks("pycon")])
def test_the_python_prints_what_the_page_says(block: str, redis: redis_py.Redis) -> None:
    test = doctest.DocTestParser().get_doctest(block, {"client": redis}, PAGE.name, None, 0)

    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0


@pytest.fixture
def drawn(redis: redis_py.Redis) -> Board:
    """The board of the drawings."""
    board = Boards(redis)["points"]
    board.configure(places=0)
    members = ["ann", *(f"member-{n}" for n in range(1, len(SCORES)))]
    list(board.apply(BulkChange(member, score=Decimal(score)) for member, score in zip(members, SCORES, strict=True)))
    board.rebuild()  # as it is drawn: one that grew has another shape
    return board


def texts(drawing: str) -> str:
    svg = (PAGE.parent / "boards" / f"{drawing}.svg").read_text()
    return " ".join(re.findall(r">([^<>]+)</t", svg))


def test_the_drawings_have_the_counts_and_sums_of_the_board(drawn: Board) -> None:
    cells = " ".join(texts("cells").split())
    assert f"count {len(SCORES):,} sum {drawn.summary().sum:,}" in cells
    for scores in (SCORES[:5000], SCORES[5000:8000], SCORES[8000:]):
        assert f"{len(scores):,} sum {sum(scores):,}" in cells
    assert f"= {drawn.sum(6799, Order.ASC).sum:,}" in texts("walk")


def test_the_drawings_have_the_bytes_that_an_update_writes(drawn: Board, redis: redis_py.Redis) -> None:
    tree = drawn.shards[0].keys[1]
    packed = redis.get(tree)
    assert isinstance(packed, bytes)
    assert f"a string of {len(packed):,} bytes" in texts("bytes")
    leaf = Unpacked(packed).roots[1].children[14]
    assert f"{leaf.count} {leaf.totals.sum:,}" in " ".join(texts("cells").replace("scores", "").split())
    assert {f"{leaf.totals.sum:,}", f"{leaf.totals.squares:,}"} <= set(texts("bytes").split())

    added = drawn.add("ann", Decimal(25_065), "e-17")

    assert added.score == 0x61F0
    written = {at for at, (old, new) in enumerate(zip(packed, redis.get(tree) or b"", strict=True)) if old != new}
    assert max(written) < len(packed)
    assert len(written) < 164 + 50 + 50 + 8 + 1  # as drawn; most of these bytes stay as they were
    drawn.check()
