"""What the parsers share: the words that are still to be read, and the error for a word that does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from .tokens import QueryError, Token, tokens

T = TypeVar("T")

QUOTED = ("bracketed", "quoted")
NAMES = ("word", *QUOTED)
"""The kinds of tokens that are names wherever they stand, and those that can be names."""

_DEEPEST = 50  # levels of nesting; each takes ten of the thousand Python frames that there are

# Words that are names only in brackets or after a dot. TIMESTAMP, PARTITION and LIMIT are not among them, since data
# often has a column `timestamp`: they are keywords only before BY, BY and DURATION.
# fmt: off
RESERVED = frozenset({
    "ALL", "AND", "APPLY", "AS", "ASC", "BETWEEN", "BY", "CASE", "CREATE", "CROSS", "DESC", "DISTINCT", "ELSE", "END",
    "ESCAPE", "EXCEPT", "EXISTS", "FROM", "FULL", "GROUP", "HAVING", "IN", "INNER", "INTERSECT", "INTO", "IS", "JOIN",
    "LEFT", "LIKE", "MATCH_RECOGNIZE", "NOT", "NULL", "ON", "OR", "ORDER", "OUTER", "OVER", "RIGHT", "SELECT", "THEN",
    "TOP", "UNION", "WHEN", "WHERE", "WITH",
})
KEYWORD_BEFORE = {"TIMESTAMP": "BY", "PARTITION": "BY", "LIMIT": "DURATION"}
# fmt: on

# The beginning of what T-SQL or Stream Analytics has beyond this grammar, or of a clause in a place where it is not
# allowed, with the message for it. They are tried in this order when a word is unexpected, so that the error says what
# is wrong.
_REFUSED = {
    "CREATE TABLE": "CREATE TABLE is allowed only at the beginning, before WITH and SELECT",
    **{
        phrase: f"{phrase} is not supported{instead}"
        for phrase, instead in {
            **dict.fromkeys(("CREATE FUNCTION", "CREATE"), ""),
            "CROSS JOIN": ": write JOIN ... ON",
            **dict.fromkeys(("RIGHT OUTER JOIN", "RIGHT JOIN"), ": change the sides and write LEFT JOIN"),
            **dict.fromkeys(("FULL OUTER JOIN", "FULL JOIN"), ": write LEFT JOIN, both ways, and UNION"),
            "MATCH_RECOGNIZE": ": write LAG, LAST or ISFIRST with WHEN",
            "EXCEPT": ": write LEFT JOIN ... WHERE ... IS NULL",
            "INTERSECT": ": write JOIN ... ON",
            "EXISTS": ": write JOIN ... ON",
        }.items()
    },
    "DISTINCT": "SELECT DISTINCT is not supported: GROUP BY the columns and a window; as a name, write [DISTINCT]",
    "TOP": "SELECT TOP is not supported: write TopOne or CollectTop and a window; as a name, write [TOP]",
    "ORDER BY": "ORDER BY is not supported here: rows come in the order of their time",
    "SELECT": "a SELECT inside another is not supported: give it a name in WITH",
    "WITH": "WITH is allowed only before a statement, and once for it",
    "INTO": "INTO is allowed only before the FROM of a statement's first SELECT",
}


class TokenReader:
    """Reads a query from left to right. A `word` that its methods take is a keyword or a sign.

    All parsers of a query share one reader.
    """

    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._position = 0
        self._depth = 0

    @property
    def next(self) -> Token:
        """The next token; after the last one, the token of kind `end`."""
        return self._tokens[self._position]

    def peek(self, ahead: int = 1) -> Token:
        """Return the token that is `ahead` tokens after the next one, or the one of kind `end`."""
        return self._tokens[min(self._position + ahead, len(self._tokens) - 1)]

    def advance(self) -> Token:
        token = self.next
        if token.kind != "end":
            self._position += 1
        return token

    def is_next(self, *words: str) -> bool:
        """Return whether these words come next, one after the other."""
        return all(_matches(self.peek(i), word) for i, word in enumerate(words))

    def is_sign(self, sign: str, ahead: int = 0) -> bool:
        token = self.peek(ahead)
        return token.kind == "sign" and token.text == sign

    def accept(self, *words: str) -> bool:
        """Read these words if all of them come next; return whether they did."""
        if not self.is_next(*words):
            return False
        self._position += len(words)
        return True

    def accept_one(self, *words: str) -> Token | None:
        """Read one of these words, and return it, if one comes next."""
        return self.advance() if any(self.is_next(word) for word in words) else None

    def expect(self, word: str, expected: str | None = None) -> Token:
        """Read this word. Raises `QueryError` if another comes next; `expected` is what the message says instead."""
        if not self.is_next(word):
            raise self.unexpected(expected or word)
        return self.advance()

    def is_name(self, ahead: int = 0) -> bool:
        """Return whether a token is a name here: in brackets or quotes, or a word that is no keyword in this place."""
        token = self.peek(ahead)
        if token.kind in QUOTED:
            return True
        if token.kind != "word" or token.keyword in RESERVED:
            return False
        follower = KEYWORD_BEFORE.get(token.keyword)
        return follower is None or self.peek(ahead + 1).keyword != follower

    def name(self, expected: str) -> str:
        """Read a name, without brackets or quotes. Raises `QueryError`, whose message says `expected`."""
        if not self.is_name():
            raise self.unexpected(expected)
        return self.advance().text

    def property_name(self) -> Token:
        """Read a name after a dot, where any word is a name: record.timestamp, record.order."""
        if self.next.kind not in NAMES:
            raise self.unexpected("a name after the dot")
        return self.advance()

    def text(self) -> str:
        """Read a token of kind `text`; return what is between its quotes."""
        text = self.advance().text
        return text[text.index("'") + 1 : -1].replace("''", "'")

    def separated(self, read: Callable[[], T]) -> list[T]:
        """Read one or more of what `read` reads, separated by commas."""
        values = [read()]
        while self.accept(","):
            values.append(read())
        return values

    def unexpected(self, expected: str, hint: str = "") -> QueryError:
        """Return the error for the next word: it is not supported, or not allowed here.

        `hint` is appended to the message.
        """
        token = self.next
        for phrase, message in _REFUSED.items():
            if self.is_next(*phrase.split()):
                return QueryError(message, token.at)
        if is_element(token):
            return QueryError(_ELEMENT.format(token.text), token.at)
        if token.keyword in RESERVED and "name" in expected:
            hint = f"; as a name, write [{token.text}]"
        return QueryError(f"expected {expected}, found {token}{hint}", token.at)

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Count one more level of nesting. Raises `QueryError` if there are too many."""
        if self._depth == _DEEPEST:
            raise QueryError(f"this is nested more than {_DEEPEST} levels deep: move a part into WITH", self.next.at)
        self._depth += 1
        yield
        self._depth -= 1


#: The message for `a[0]`, which T-SQL reads as a column `a` that is to be called 0.
_ELEMENT = "[{0}] is not an element of an array here: write GetArrayElement(array, {0}); as a column's name, AS [{0}]"


def is_element(token: Token) -> bool:
    """Return whether the token looks like the index of an element: [0]."""
    return token.kind == "bracketed" and token.text.isdecimal()


def _matches(token: Token, word: str) -> bool:
    return token.keyword == word or (token.kind == "sign" and token.text == word)
