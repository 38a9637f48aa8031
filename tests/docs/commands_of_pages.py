"""The commands of a page in docs/, and what it says they print."""

from __future__ import annotations

import doctest
import re
import shlex
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import NamedTuple

from wz.testing import Client

from .markdown import Block, blocks

#: What curl -d sends unless it is told.
FORM = "application/x-www-form-urlencoded"

Run = Callable[[list[str]], str]


class Command(NamedTuple):
    """A line of the page after "$ ", with those after "> ", and what the page says it prints."""

    line: int
    text: str
    answer: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)


def mistakes(page: Path, tools: Mapping[str, Run]) -> list[str]:
    """Run a page's commands in its order, each by its first word; return where they don't print what the page says.

    So are the tools that it does not use. `...` in the page stands for any text.
    """
    same, loosely = doctest.OutputChecker().check_output, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = []
    unused = set(tools)
    for command in (command for block in blocks(page, "console") for command in commands(block)):
        tool, *words = command.words
        unused.discard(tool)
        printed = tools[tool](words).strip()
        if not same(command.answer, printed and printed + "\n", loosely):
            found.append(f"line {command.line}: {printed}")
    return [*found, *(f"{tool} is not used" for tool in sorted(unused))]


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a console."""
    for match in re.finditer(r"^\$ (.*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)", block.source, re.MULTILINE):
        line = block.line + block.source.count("\n", 0, match.start())
        yield Command(line, re.sub(r"\\?\n> ", "\n", match[1]), match[2])


def curl(client: Client, shell: Mapping[str, str]) -> Run:
    """Return what does a curl command's work, as far as the pages use it, and prints the status after the body.

    `shell` are the variables that its words may have.
    """
    parser = ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-N", action="store_true")
    parser.add_argument("-i", action="store_true")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", "--json", dest="data")

    def run(words: list[str]) -> str:
        args = parser.parse_args([Template(word).safe_substitute(shell) for word in words])
        method = args.method or ("GET" if args.data is None else "POST")
        headers = {} if args.data is None else {"Content-Type": "application/json" if "--json" in words else FORM}
        headers |= dict(header.split(": ", 1) for header in args.headers)
        answer = client.open(args.url, method=method, headers=headers, data=args.data)
        head = f"{answer.headers}" if args.i else ""
        return f"{head}{answer.text} {answer.status_code}"

    return run
