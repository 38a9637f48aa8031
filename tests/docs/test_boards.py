"""docs/boards.md is right: its commands and its Python are run, and its drawings show the tree that it speaks of."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
import redis as redis_py
from click.testing import CliRunner

from bench.pictures import boards as pictures
from bench.pictures.boards import REWARD, SCORES, WANTED
from handlers import create_app
from pipeline.boards import Board, Boards, BulkChange, Order
from pipeline.boards.tree import HEAD_SIZE
from pipeline.settings import Settings
from wz.cli import main

from ..client import validated
from ..stack import ROOT, token
from .commands_of_pages import Run, mistakes
from .markdown import Block, blocks

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "boards.md"
TEXT = PAGE.read_text()


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
    assert mistakes(PAGE, tools) == []


def test_the_function_of_bash_sends_a_token_unless_there_is_one() -> None:
    (block,) = blocks(PAGE, "bash")

    def sent(command: str) -> list[str]:
        script = f'{block.source}\nauth="Authorization: mine"\ncommand() {{ printf "%s\\n" "$@"; }}\n{command}'
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()

    boards = "http://127.0.0.1:8080/boards"
    assert sent("curl '...?prefix=a b'") == ["curl", "-s", f"{boards}?prefix=a b", "-H", "Authorization: mine"]
    own = ["-H", "Authorization: other"]
    assert sent(f"curl .../points {shlex.join(own)}") == ["curl", "-s", f"{boards}/points", *own]


@pytest.mark.parametrize("block", [pytest.param(block, id=f"line {block.line}") for block in blocks(PAGE, "pycon")])
def test_the_python_prints_what_the_page_says(block: Block, redis: redis_py.Redis) -> None:
    test = doctest.DocTestParser().get_doctest(block.source, {"client": redis}, PAGE.name, None, 0)

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


def test_the_drawings_are_of_the_tree_that_the_scripts_make(drawn: Board, redis: redis_py.Redis) -> None:
    packed = redis.get(drawn.shards[0].keys[1])

    assert isinstance(packed, bytes)
    assert packed[HEAD_SIZE:] == pictures.packed()[HEAD_SIZE:]
    assert drawn.summary().sum == pictures.root().totals.sum


def test_the_drawing_of_the_walk_has_the_sum_and_the_reads_of_the_script(drawn: Board, redis: redis_py.Redis) -> None:
    *_, last, reads = re.findall(r">([^<>]+)</text>", pictures.walk())
    with monitored(redis) as commands:
        found = drawn.sum(WANTED - 1, Order.ASC).sum

    assert last.endswith(f" = {found:,}")
    assert reads.startswith("Five reads: ")
    assert [command.split()[0] for command in commands].count("GETRANGE") == 5


def test_the_drawing_of_an_update_has_the_bytes_that_the_script_writes(drawn: Board, redis: redis_py.Redis) -> None:
    tree = drawn.shards[0].keys[1]
    with monitored(redis) as commands:
        assert drawn.add("ann", Decimal(REWARD), "e-17").score == SCORES[0] + REWARD

    writes = [command.split(" ", 3) for command in commands if command.startswith(f"SETRANGE {tree} ")]
    sizes = [len(written.encode().decode("unicode_escape")) for *_, written in writes]
    assert sorted(sizes) == sorted(pictures.writes().values())
    drawn.check()


@contextmanager
def monitored(redis: redis_py.Redis) -> Iterator[list[str]]:
    """Give the commands that Redis is sent, and those of scripts, in the block."""
    commands: list[str] = []
    with redis.monitor() as monitor:  # type: ignore[no-untyped-call]
        yield commands
        redis.echo("all")
        for command in monitor.listen():
            if command["command"] == "ECHO all":
                return
            commands.append(command["command"])
