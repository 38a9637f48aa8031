"""The query's words, each with the place that it stands at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import PipelineError

_TOKEN = re.compile(
    r"""
      (?P<space>\s+ | --[^\n]* | /\*.*?\*/)
    | \[(?P<bracketed>(?:[^\]\n]|\]\])+)\]
    | (?P<word>[^\W\d]\w*)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<string>'(?:[^']|'')*')
    | (?P<sign>[<>!]=|<>|[-(),.;*=+%<>]|/(?!\*))
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class At:
    """A place in the query; both count from 1."""

    line: int
    column: int


class QueryError(PipelineError, ValueError):
    """The query can't be run as it is written. The message starts with line and column."""

    field = "query"

    def __init__(self, message: str, at: At) -> None:
        super().__init__(f"{at.line}:{at.column}: {message}")
        self.message = message
        self.line, self.column = at.line, at.column


@dataclass(frozen=True)
class Token:
    """`kind` is bracketed, word, number, string, sign or end. A bracketed name is never a keyword."""

    kind: str
    text: str
    at: At

    @property
    def keyword(self) -> str:
        return self.text.upper() if self.kind == "word" else ""

    def __str__(self) -> str:
        return "the end of the query" if self.kind == "end" else repr(self.text)


def tokens(text: str) -> Iterator[Token]:
    """Yield the words of a query, then one of kind `end`. Raises `QueryError`."""
    position, line, line_start = 0, 1, 0
    while position < len(text):
        at = At(line, position - line_start + 1)
        match = _TOKEN.match(text, position)
        if match is None:
            raise QueryError(_unreadable(text[position:]), at)
        kind = str(match.lastgroup)
        if kind != "space":
            yield Token(kind, match[kind].replace("]]", "]") if kind == "bracketed" else match[kind], at)
        if newlines := match[0].count("\n"):
            line += newlines
            line_start = position + match[0].rindex("\n") + 1
        position = match.end()
    yield Token("end", "", At(line, position - line_start + 1))


def _unreadable(rest: str) -> str:
    if rest.startswith("/*"):
        return "this comment has no end: write */"
    if rest[0] in "'[":
        return f"{rest[0]} has no end: write {']' if rest[0] == '[' else rest[0]}"
    return f"{rest[0]!r} means nothing here"
