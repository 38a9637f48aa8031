"""Expressions, by recursive descent: a method for each level of precedence, from OR down to what stands alone.

The grammar is at the head of query.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from .duration_parser import LARGEST, DurationParser, number
from .height import check_height
from .syntax import (
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Column,
    Constant,
    Expression,
    In,
    IsNull,
    Like,
    OrderBy,
    Over,
    Property,
    Star,
    Unary,
    Unit,
)
from .time_units import LIMIT_UNITS, UNITS, WINDOW_UNITS
from .tokens import At, QueryError, upper

T = TypeVar("T")

_COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "!<": ">=", "!>": "<="}
_TYPES = ("bigint", "float", "nvarchar", "datetime", "bit", "record", "array")
_WITH_A_UNIT = frozenset({"DATEADD", "DATEDIFF", "DATENAME", "DATEPART"})
_WITH_A_STAR = frozenset({"COUNT", "LAG", "LAST"})
_OVER_CLAUSES = ("PARTITION BY", "ORDER BY", "LIMIT DURATION", "WHEN")
_KEYWORD_FUNCTIONS = frozenset({"LEFT", "RIGHT"})

WINDOW_FUNCTIONS = frozenset(
    {"TUMBLING", "TUMBLINGWINDOW", "HOPPING", "HOPPINGWINDOW", "SLIDING", "SLIDINGWINDOW"}
    | {"SESSION", "SESSIONWINDOW", "WINDOW", "WINDOWS"}
)


class ExpressionParser(DurationParser):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._is_timestamp = False  # then OVER is not a function's, but of TIMESTAMP BY

    def _whole_expression(self) -> Expression:
        """Read an expression that no other one holds."""
        expression = self._expression()
        check_height(expression)
        return expression

    def _expressions(self) -> tuple[Expression, ...]:
        return tuple(self._separated(self._whole_expression))

    def _separated(self, read: Callable[[], T]) -> list[T]:
        values = [read()]
        while self._take(","):
            values.append(read())
        return values

    # From the weakest operator to the strongest

    def _expression(self) -> Expression:
        with self._nested():
            left = self._conjunction()
            while operator := self._take_one("OR"):
                left = Binary("OR", left, self._conjunction(), operator.at)
            return left

    def _conjunction(self) -> Expression:
        left = self._negation()
        while operator := self._take_one("AND"):
            left = Binary("AND", left, self._negation(), operator.at)
        return left

    def _negation(self) -> Expression:
        if operator := self._take_one("NOT"):
            with self._nested():
                return Unary("NOT", self._negation(), operator.at)
        return self._predicate()

    def _predicate(self) -> Expression:
        """Read what gives true or false. Of such there can't be two in a row: a < b < c means nothing."""
        left = self._sum()
        operator = self._next
        if self._take_one(*_COMPARISONS):
            return Binary(cast(Any, _COMPARISONS[operator.text]), left, self._sum(), operator.at)
        if self._take("IS"):
            negated = self._take("NOT")
            self._expect("NULL", "NULL" if negated else "NULL or NOT NULL")
            return IsNull(left, negated, operator.at)
        negated = self._take("NOT")
        if self._take("LIKE"):
            pattern = self._sum()
            return Like(left, pattern, self._sum() if self._take("ESCAPE") else None, negated, operator.at)
        if self._take("BETWEEN"):
            low = self._sum()
            self._expect("AND")
            return Between(left, low, self._sum(), negated, operator.at)
        if self._take("IN"):
            self._expect("(")
            choices = self._separated(self._expression)
            self._expect(")", "a comma or )")
            return In(left, tuple(choices), negated, operator.at)
        if negated:
            raise self._unexpected("LIKE, BETWEEN or IN after NOT")
        return left

    def _sum(self) -> Expression:
        left = self._product()
        while operator := self._take_one("+", "-"):
            left = Binary(cast(Any, operator.text), left, self._product(), operator.at)
        return left

    def _product(self) -> Expression:
        left = self._signed()
        while operator := self._take_one("*", "/", "%"):
            left = Binary(cast(Any, operator.text), left, self._signed(), operator.at)
        return left

    def _signed(self) -> Expression:
        operator = self._take_one("-", "+")
        if operator is None:
            return self._operand()
        if operator.text == "-" and self._next.text == str(LARGEST + 1):  # has no positive twin
            self._advance()
            return Constant(-LARGEST - 1, operator.at)
        with self._nested():
            return Unary(cast(Any, operator.text), self._signed(), operator.at)

    def _operand(self) -> Expression:
        token = self._next
        if token.kind == "number":
            return Constant(number(self._advance()), token.at)
        if token.kind == "text":
            return Constant(self._text(), token.at)
        if self._take("NULL"):
            return Constant(None, token.at)
        if self._take("CASE"):
            return self._case(token.at)
        if self._is("CAST", "(") or self._is("TRY_CAST", "("):
            return self._cast()
        if self._take("("):
            expression = self._expression()
            self._expect(")", "an operator or )")
            return expression
        return self._column_or_call()

    # What stands alone

    def _text(self) -> str:
        text = self._advance().text
        return text[text.index("'") + 1 : -1].replace("''", "'")

    def _case(self, at: At) -> Case:
        operand = None if self._is("WHEN") else self._expression()
        branches = []
        self._expect("WHEN")
        while True:
            condition = self._expression()
            self._expect("THEN", "an operator or THEN")
            branches.append((condition, self._expression()))
            if not self._take("WHEN"):
                break
        default = self._expression() if self._take("ELSE") else None
        self._expect("END", "END" if default else "WHEN, ELSE or END")
        return Case(operand, tuple(branches), default, at)

    def _cast(self) -> Cast:
        function = self._advance()
        self._expect("(")
        operand = self._expression()
        self._expect("AS", "an operator or AS")
        name = self._next.keyword.lower()
        if name not in _TYPES:
            raise self._unexpected(f"a type ({', '.join(_TYPES)})")
        self._advance()
        if name == "nvarchar" and self._take("("):
            self._expect("MAX", "max")
            self._expect(")")
        self._expect(")")
        return Cast(operand, cast(Any, name), function.keyword == "TRY_CAST", function.at)

    def _column_or_call(self) -> Expression:
        first = self._next
        is_keyword_function = first.keyword in _KEYWORD_FUNCTIONS and self._is_sign("(", 1)
        if not self._is_name() and not is_keyword_function:
            raise self._unexpected("a name, a value or a function")
        parts = [self._advance()]
        while self._take("."):
            if self._is("*"):
                raise QueryError("x.* can stand only as an item of SELECT", first.at)
            parts.append(self._property())
        if all(part.kind == "word" for part in parts):
            function = ".".join(upper(part.text) for part in parts)
            if self._is("("):
                return self._properties(self._call(function, ".".join(part.text for part in parts), first.at))
            if function == "SYSTEM.TIMESTAMP":  # as it was written of old
                return Call(function, (), False, None, first.at)
        return Column(tuple(part.text for part in parts), first.at)

    def _call(self, function: str, written: str, at: At) -> Call:
        if function in WINDOW_FUNCTIONS:
            raise QueryError(f"{written}() can stand only in GROUP BY, by itself", at)
        self._expect("(")
        distinct = self._take("DISTINCT")
        is_all = not distinct and self._take("ALL")
        arguments: list[Expression | Star] = []
        if distinct or is_all or not self._is(")"):
            arguments = [*self._first_arguments(function)]
            while self._take(","):
                arguments.append(self._expression())
        self._expect(")", "an operator, a comma or )" if arguments else ")")
        over = self._over() if not self._is_timestamp and self._take("OVER") else None
        return Call(function, tuple(arguments), distinct, over, at)

    def _first_arguments(self, function: str) -> Iterator[Expression | Star]:
        """Read what may be something else than an expression."""
        at = self._next.at
        if function in _WITH_A_STAR and self._take("*"):
            yield Star((), at)
        elif function in _WITH_A_UNIT:
            yield Unit(self._unit(UNITS.values()), at)
        elif function == "ISFIRST":
            unit = self._unit(WINDOW_UNITS)
            yield Unit(unit, at)
            self._expect(",", "a comma")
            yield self._interval(WINDOW_UNITS[unit])
        else:
            yield self._expression()

    def _properties(self, operand: Expression) -> Expression:
        at = self._next.at
        while self._take("."):
            operand = Property(operand, self._property().text, at)
        return operand

    # OVER

    def _over(self) -> Over:
        """Read OVER's clauses, in any order: that of the documentation has changed."""
        self._expect("(")
        partition_by: tuple[Expression, ...] = ()
        order_by: tuple[OrderBy, ...] = ()
        limit: int | None = None
        when: Expression | None = None
        while not self._take(")"):
            if not partition_by and self._take("PARTITION", "BY"):
                partition_by = tuple(self._separated(self._expression))
            elif not order_by and self._take("ORDER", "BY"):
                order_by = tuple(self._separated(self._order_by))
            elif limit is None and self._take("LIMIT", "DURATION"):
                limit = self._duration(LIMIT_UNITS)
            elif when is None and self._take("WHEN"):
                when = self._expression()
            elif any(self._is(*clause.split()) for clause in _OVER_CLAUSES):
                raise QueryError("OVER takes each of its clauses once", self._next.at)
            else:
                raise self._unexpected(f"{', '.join(_OVER_CLAUSES)} or )")
        return Over(partition_by, order_by, limit, when)

    def _order_by(self) -> OrderBy:
        expression = self._expression()
        direction = self._take_one("ASC", "DESC")
        return OrderBy(expression, direction is not None and direction.keyword == "DESC")
