"""What a query may not mean as it is written. It is no error: the query runs all the same."""

from __future__ import annotations

import msgspec

from .excerpt import excerpt
from .tokens import At


class Warned(msgspec.Struct, frozen=True):
    """A warning. `line` and `column` count from 1; `excerpt` is that line, and below it one with a caret."""

    line: int
    column: int
    message: str
    excerpt: str = ""

    @classmethod
    def of(cls, message: str, at: At) -> Warned:
        return cls(at.line, at.column, message)

    def shown(self, text: str) -> Warned:
        """Return the same with its excerpt of the query `text`."""
        return Warned(self.line, self.column, self.message, excerpt(text, At(self.line, self.column)))

    def __str__(self) -> str:
        return f"warning: {self.line}:{self.column}: {self.message}\n{self.excerpt}".rstrip()
