"""What a query may not mean as it is written. It is no error: the query runs all the same."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from .excerpt import excerpt
from .tokens import At


@dataclass(frozen=True)
class Warned:
    """A warning, and its place in the query."""

    message: str
    at: At


class QueryWarning(msgspec.Struct, frozen=True):
    """A warning with its place; `excerpt` is the line of the query, and below it a line with a caret.

    `line` and `column` count from 1.
    """

    line: int
    column: int
    message: str
    excerpt: str

    @classmethod
    def of(cls, warned: Warned, text: str) -> QueryWarning:
        """Return a warning about the query `text`."""
        return cls(warned.at.line, warned.at.column, warned.message, excerpt(text, warned.at))

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}\n{self.excerpt}"
