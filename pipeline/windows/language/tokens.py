"""The query's words, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import PipelineError

# Repetitions are possessive, so that a text which is not closed is never read as two texts that are. A comment in a
# comment is refused, because it means different things in T-SQL and in other SQLs.
_TOKEN = re.compile(
    r"""
      (?P<space>[\s\ufeff]++ | --[^\n]*+ | /\*(?:(?!/\*|\*/).)*+\*/)
    | \[(?P<bracketed>(?:[^\]\n]|\]\])++)\]
    | "(?P<quoted>(?:[^"\n]|"")++)"
    | (?P<text>[Nn]?'(?:[^']|'')*+')
    | (?P<word>[^\W\d]\w*+)
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?!\w))
    | (?P<sign>[<>!]=|<>|![<>]|[-(),.;*=+%<>&|^~]|/(?!\*))
    """,
    re.VERBOSE | re.DOTALL,
)

#: What closes a name; inside of it, it is written twice.
_CLOSING = {"bracketed": "]", "quoted": '"'}


@dataclass(frozen=True)
class At:
    """A place in the query; line and column count from 1."""

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
    """`kind` is bracketed, quoted, text, word, number, sign or end. A bracketed or quoted name is never a keyword.

    `text` is as written, except that such a name is without its brackets or quotes.
    """

    kind: str
    text: str
    at: At

    @property
    def keyword(self) -> str:
        """The word in upper case, as keywords are compared; '' if the token is not a word."""
        return upper(self.text) if self.kind == "word" else ""

    def __str__(self) -> str:
        if self.kind == "end":
            return "the end of the query"
        shown = self.text if len(self.text) <= 40 else self.text[:40] + "..."
        return f"the text {shown}" if self.kind == "text" else repr(shown)


def upper(word: str) -> str:
    """Return a word in the form in which keywords and functions are compared.

    Only ASCII becomes upper case: `str.upper` makes an ASCII letter of a dotless i.
    """
    return word.upper() if word.isascii() else word


def tokens(text: str) -> Iterator[Token]:
    """Yield the words of a query, then one of kind `end`. Raises `QueryError`."""
    position, line, line_start = 0, 1, 0
    while position < len(text):
        at = At(line, position - line_start + 1)
        match = _TOKEN.match(text, position)
        if match is None:
            raise QueryError(_unreadable(text, position), at)
        kind = str(match.lastgroup)
        if kind != "space":
            closing = _CLOSING.get(kind, "")
            yield Token(kind, match[kind].replace(closing * 2, closing), at)
        if newlines := match[0].count("\n"):
            line += newlines
            line_start = position + match[0].rindex("\n") + 1
        position = match.end()
    yield Token("end", "", At(line, position - line_start + 1))


def spelled(text: str) -> Iterator[tuple[str, str]]:
    """Yield all of a query as it is written: kind and text of its words, of spaces and comments (kind `space`).

    What can't be read, and all that comes after it, is of the kind `unreadable`.
    """
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            yield "unreadable", text[position:]
            return
        yield str(match.lastgroup), match[0]
        position = match.end()


def _unreadable(text: str, position: int) -> str:
    sign = text[position]
    if sign == "/":
        is_open = "*/" not in text[position:]
        return "this comment has no end: write */" if is_open else "a comment inside a comment is not supported"
    if text.startswith(("[]", '""'), position):
        return f"a name in {'brackets' if sign == '[' else 'double quotes'} can't be empty"
    if sign in "'[\"":
        return f"{sign} has no end: write {']' if sign == '[' else sign}"
    if sign.isdigit():
        return "a number can't be followed by letters"
    return f"{sign!r} means nothing here"
