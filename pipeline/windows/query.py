"""The query's text, read into the values of syntax.py: a part of the Stream Analytics query language.

    query      = [WITH name AS ( select ) {, name AS ( select )}] statement {[;] statement} [;]
    statement  = SELECT item {, item} [INTO name] FROM name [GROUP BY key {, key}]
    item       = * | expression [[AS] name] | name = expression
    expression = column | TopOne([column]) OVER (ORDER BY column [ASC|DESC] {, ...}) | MAX(column) | MIN(column)
    column     = name {. name}
    key        = column | window
    window     = HoppingWindow(unit, duration, hop [, offset]) | TumblingWindow(unit, duration [, offset])
               | HoppingWindow(Duration(unit, n), Hop(unit, n) [, Offset(unit, n)])
               | TumblingWindow(Duration(unit, n) [, Offset(unit, n)])

Keywords, functions and units ignore case; [a name in brackets] may be any text. What the language has beyond this is
refused by name, never read as something else.
"""

from __future__ import annotations

from collections.abc import Sequence

from .clock import TICKS_PER_SECOND
from .panes import Window
from .syntax import Call, Column, Item, OrderBy, Query, Select, Star
from .tokens import QueryError, Token, tokens

DEFAULT_OUTPUT = "output"

_UNITS = {
    name: ticks
    for names, ticks in (
        ("day dd d", 86_400 * TICKS_PER_SECOND),
        ("hour hh", 3_600 * TICKS_PER_SECOND),
        ("minute mi n", 60 * TICKS_PER_SECOND),
        ("second ss s", TICKS_PER_SECOND),
        ("millisecond ms", TICKS_PER_SECOND // 1_000),
        ("microsecond mcs", TICKS_PER_SECOND // 1_000_000),
    )
    for name in names.split()
}
_LONGEST = 7 * _UNITS["day"]

_KEYWORDS = frozenset({"AS", "ASC", "BY", "DESC", "FROM", "GROUP", "INTO", "ORDER", "OVER", "SELECT", "WITH"})

# Words of the language that are known and refused. None may be a name unless it stands in brackets.
# fmt: off
_NOT_YET = frozenset({
    "AND", "APPLY", "BETWEEN", "CASE", "CREATE", "CROSS", "DISTINCT", "EXISTS", "HAVING", "IN", "INNER", "IS",
    "JOIN", "LEFT", "LIKE", "LIMIT", "NOT", "NULL", "ON", "OR", "OUTER", "PARTITION", "TIMESTAMP", "TOP",
    "UNION", "WHEN", "WHERE",
})
# fmt: on
_OPERATORS = frozenset(["+", "-", "/", "%", "<", ">", "<=", ">=", "<>", "!="])
_WINDOWS = {"HOPPINGWINDOW": "Hop", "HOPPING": "Hop", "TUMBLINGWINDOW": "", "TUMBLING": ""}


def parse(text: str) -> Query:
    """Read a query. Raises `QueryError`."""
    return _Parser(text).query()


class _Parser:
    """Recursive descent: a method for each rule of the grammar above."""

    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._position = 0

    def query(self) -> Query:
        steps: list[tuple[str, Select]] = []
        if self._take("WITH"):
            steps.append(self._step())
            while self._take(","):
                steps.append(self._step())
        statements: list[Select] = []
        while not statements or self._next.kind != "end":
            statements.append(self._select())
            if not self._take(";") and self._next.kind != "end" and self._next.keyword != "SELECT":
                raise self._unexpected("GROUP BY, another SELECT or the end")
        return Query(tuple(steps), tuple(statements))

    def _step(self) -> tuple[str, Select]:
        name = self._name("a name for the step")
        self._expect("AS")
        self._expect("(")
        select = self._select(is_step=True)
        self._expect(")", "GROUP BY or )")
        return name, select

    def _select(self, is_step: bool = False) -> Select:
        at = self._expect("SELECT").at
        items = [self._item()]
        while self._take(","):
            items.append(self._item())
        into = None if is_step else DEFAULT_OUTPUT
        into_at = self._next.at
        if self._take("INTO"):
            if is_step:
                raise QueryError("INTO can't stand inside WITH", into_at)
            into = self._name("an output's name")
        self._expect("FROM", "a comma, FROM" if is_step else "a comma, INTO or FROM")
        source = self._name("an input's or a step's name")
        keys, window = self._group_by() if self._take("GROUP") else ((), None)
        return Select(tuple(items), into, source, keys, window, at)

    def _item(self) -> Item:
        at = self._next.at
        if self._take("*"):
            return Item("", Star(at))
        if self._peek().text == "=" and self._is_name(self._next):
            name = self._name("a column")
            self._expect("=")
            return Item(name, self._expression())
        expression = self._expression()
        if self._take("AS") or self._is_name(self._next):
            return Item(self._name("a name for the column"), expression)
        if isinstance(expression, Call):
            raise QueryError("this aggregate needs a name: write AS and one", at)
        return Item(expression.names[-1], expression)

    def _expression(self) -> Column | Call:
        column = self._column("a column or an aggregate")
        if not self._take("("):
            return column
        function = str(column).upper()
        if function not in ("TOPONE", "MAX", "MIN"):
            raise QueryError(f"{column}() is not supported yet: write TopOne, MAX or MIN", column.at)
        if function == "TOPONE":
            argument = None if self._next.text == ")" else self._column("a column or )")
            self._expect(")")
            return Call(function, argument, self._order(), column.at)
        argument = self._column("a column")
        self._expect(")")
        return Call(function, argument, (), column.at)

    def _order(self) -> tuple[OrderBy, ...]:
        for word in ("OVER", "(", "ORDER", "BY"):
            self._expect(word)
        order = [self._order_by()]
        while self._take(","):
            order.append(self._order_by())
        self._expect(")", "a comma, ASC, DESC or )")
        return tuple(order)

    def _order_by(self) -> OrderBy:
        column = self._column("a column")
        descending = self._take("DESC")
        if not descending:
            self._take("ASC")
        return OrderBy(column, descending)

    def _group_by(self) -> tuple[tuple[Column, ...], Window]:
        at = self._expect("BY").at
        keys: list[Column] = []
        window: Window | None = None
        while True:
            key = self._column("a column or a window")
            if not self._take("("):
                keys.append(key)
            elif window is not None:
                raise QueryError("GROUP BY takes one window", key.at)
            else:
                window = self._window(key)
            if not self._take(","):
                break
        if window is None:
            raise QueryError("GROUP BY needs a window, such as TumblingWindow(minute, 5)", at)
        return tuple(keys), window

    def _window(self, name: Column) -> Window:
        """Read what follows the name and its parenthesis."""
        hop_name = _WINDOWS.get(str(name).upper())
        if hop_name is None:
            raise QueryError(f"{name}() is not supported yet: write HoppingWindow or TumblingWindow", name.at)
        if self._next.keyword == "DURATION":
            lengths = self._long_lengths(["Duration", hop_name] if hop_name else ["Duration"])
        else:
            lengths = self._short_lengths(2 if hop_name else 1)
        self._expect(")", "a comma or )")
        duration, hop, offset = lengths if hop_name else (lengths[0], *lengths)
        if duration <= 0 or hop <= 0:
            raise QueryError("a window's duration and hop must be above 0", name.at)
        if duration > _LONGEST or hop > _LONGEST:
            raise QueryError("a window's duration and hop may be 7 days at most", name.at)
        return Window(duration, hop, offset % hop)

    def _short_lengths(self, count: int) -> list[int]:
        unit = self._unit()
        lengths = []
        for _ in range(count):
            self._expect(",", "a comma")
            lengths.append(unit * self._integer())
        return [*lengths, unit * self._integer() if self._take(",") else 0]

    def _long_lengths(self, names: Sequence[str]) -> list[int]:
        lengths = []
        for i, name in enumerate(names):
            if i:
                self._expect(",", "a comma")
            lengths.append(self._length(name))
        return [*lengths, self._length("Offset") if self._take(",") else 0]

    def _length(self, name: str) -> int:
        if self._next.keyword != name.upper():
            raise self._unexpected(f"{name}(unit, number)")
        self._advance()
        self._expect("(")
        unit = self._unit()
        self._expect(",", "a comma")
        length = unit * self._integer()
        self._expect(")")
        return length

    def _unit(self) -> int:
        if self._next.kind != "word" or self._next.text.lower() not in _UNITS:
            raise self._unexpected("day, hour, minute, second, millisecond or microsecond")
        return _UNITS[self._advance().text.lower()]

    def _integer(self) -> int:
        sign = -1 if self._take("-") else 1
        if self._next.kind != "number" or "." in self._next.text:
            raise QueryError(f"expected a whole number, found {self._next}", self._next.at)
        return sign * int(self._advance().text)

    def _column(self, expected: str) -> Column:
        at = self._next.at
        names = [self._name(expected)]
        while self._take("."):
            names.append(self._property())
        return Column(tuple(names), at)

    def _property(self) -> str:
        if self._next.keyword in _NOT_YET:  # unmistakable after a dot: rec.timestamp
            return self._advance().text
        return self._name("a name after the dot")

    # Tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _peek(self) -> Token:
        return self._tokens[min(self._position + 1, len(self._tokens) - 1)]

    def _advance(self) -> Token:
        token = self._next
        self._position += 1
        return token

    def _is(self, word: str) -> bool:
        return self._next.keyword == word or (self._next.kind == "sign" and self._next.text == word)

    def _take(self, word: str) -> bool:
        if not self._is(word):
            return False
        self._advance()
        return True

    def _expect(self, word: str, expected: str | None = None) -> Token:
        if not self._is(word):
            raise self._unexpected(expected or word)
        return self._advance()

    def _is_name(self, token: Token) -> bool:
        if token.kind == "bracketed":
            return True
        return token.kind == "word" and token.keyword not in _KEYWORDS and token.keyword not in _NOT_YET

    def _name(self, expected: str) -> str:
        if self._is_name(self._next):
            return self._advance().text
        error = self._unexpected(expected)
        if self._next.keyword in _NOT_YET:
            raise QueryError(f"{error.message}; as a name, write [{self._next.text}]", self._next.at)
        raise error

    def _unexpected(self, expected: str) -> QueryError:
        token = self._next
        if token.keyword in _NOT_YET:
            name = {"TIMESTAMP": "TIMESTAMP BY", "PARTITION": "PARTITION BY"}.get(token.keyword, token.keyword)
        elif token.kind == "sign" and token.text in _OPERATORS:
            name = f"the operator {token.text}"
        elif token.kind in ("number", "string"):
            name = f"the constant {token.text}"
        else:
            return QueryError(f"expected {expected}, found {token}", token.at)
        return QueryError(f"{name} is not supported yet", token.at)
