"""Expressions, by recursive descent: a method for each level of precedence, from OR down to single operands.

The grammar is at the head of parser.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast, get_args

from ..functions import FUNCTIONS, TIMESTAMP, TRY_CAST, kind_of
from . import syntax
from .durations import LARGEST, duration, interval, number, unit
from .refusals import unknown_function
from .time_units import LIMIT_UNITS, TIME_UNITS, WINDOW_UNITS
from .token_reader import RESERVED, TokenReader
from .tokens import At, QueryError, upper
from .tree import parts

_COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "!<": ">=", "!>": "<="}
_OVER_CLAUSES = ("PARTITION BY", "ORDER BY", "LIMIT DURATION", "WHEN")

#: How high the tree of an expression may be; a + b + c is 3 high. What compiles or rewrites it walks through it
#: recursively: at three frames a level this is well below Python's limit of 1000.
_HIGHEST = 200


class ExpressionParser:
    """Reads expressions, each with all of its parts."""

    def __init__(self, tokens: TokenReader) -> None:
        self._tokens = tokens
        self._is_timestamp = False  # if so, OVER belongs to TIMESTAMP BY and not to a function

    def whole(self) -> syntax.Expression:
        """Read an expression that is not a part of another one. Raises `QueryError` if it is too high (`_HIGHEST`)."""
        expression = self._expression()
        _check_height(expression)
        return expression

    def several(self) -> tuple[syntax.Expression, ...]:
        """Read one or more expressions as `whole` does, separated by commas."""
        return tuple(self._tokens.separated(self.whole))

    def timestamp(self) -> syntax.Expression:
        """Read the expression of TIMESTAMP BY."""
        self._is_timestamp = True
        expression = self.whole()
        self._is_timestamp = False
        return expression

    def type(self) -> syntax.Type:
        name = self._tokens.next.keyword.lower()
        if name not in (types := get_args(syntax.Type)):
            raise self._tokens.unexpected(f"a type ({', '.join(types)})")
        self._tokens.advance()
        if name == "nvarchar" and self._tokens.accept("("):
            self._tokens.expect("MAX", "max")
            self._tokens.expect(")")
        return cast(syntax.Type, name)

    # From the weakest operator to the strongest

    def _expression(self) -> syntax.Expression:
        with self._tokens.nested():
            left = self._conjunction()
            while operator := self._tokens.accept_one("OR"):
                left = syntax.Binary("OR", left, self._conjunction(), operator.at)
            return left

    def _conjunction(self) -> syntax.Expression:
        left = self._negation()
        while operator := self._tokens.accept_one("AND"):
            left = syntax.Binary("AND", left, self._negation(), operator.at)
        return left

    def _negation(self) -> syntax.Expression:
        if operator := self._tokens.accept_one("NOT"):
            with self._tokens.nested():
                return syntax.Unary("NOT", self._negation(), operator.at)
        return self._predicate()

    def _predicate(self) -> syntax.Expression:
        """Read a comparison or another test. Two of them can't follow each other: a < b < c has no meaning."""
        left = self._sum()
        operator = self._tokens.next
        if self._tokens.accept_one(*_COMPARISONS):
            return syntax.Binary(cast(Any, _COMPARISONS[operator.text]), left, self._sum(), operator.at)
        if self._tokens.accept("IS"):
            negated = self._tokens.accept("NOT")
            self._tokens.expect("NULL", "NULL" if negated else "NULL or NOT NULL")
            return syntax.IsNull(left, negated, operator.at)
        negated = self._tokens.accept("NOT")
        if self._tokens.accept("LIKE"):
            pattern = self._sum()
            escape = self._sum() if self._tokens.accept("ESCAPE") else None
            return syntax.Like(left, pattern, escape, negated, operator.at)
        if self._tokens.accept("BETWEEN"):
            low = self._sum()
            self._tokens.expect("AND")
            return syntax.Between(left, low, self._sum(), negated, operator.at)
        if self._tokens.accept("IN"):
            self._tokens.expect("(")
            choices = self._tokens.separated(self._expression)
            self._tokens.expect(")", "a comma or )")
            return syntax.In(left, tuple(choices), negated, operator.at)
        if negated:
            raise self._tokens.unexpected("LIKE, BETWEEN or IN after NOT")
        return left

    def _sum(self) -> syntax.Expression:
        left = self._product()
        while operator := self._tokens.accept_one("+", "-", "&", "|", "^"):
            left = syntax.Binary(cast(Any, operator.text), left, self._product(), operator.at)
        return left

    def _product(self) -> syntax.Expression:
        left = self._signed()
        while operator := self._tokens.accept_one("*", "/", "%"):
            left = syntax.Binary(cast(Any, operator.text), left, self._signed(), operator.at)
        return left

    def _signed(self) -> syntax.Expression:
        operator = self._tokens.accept_one("-", "+", "~")
        if operator is None:
            return self._operand()
        if operator.text == "-" and self._tokens.next.text == str(LARGEST + 1):  # -2^63: 2^63 is not a bigint
            self._tokens.advance()
            return syntax.Constant(-LARGEST - 1, operator.at)
        with self._tokens.nested():
            return syntax.Unary(cast(Any, operator.text), self._signed(), operator.at)

    def _operand(self) -> syntax.Expression:
        token = self._tokens.next
        if token.kind == "number":
            return syntax.Constant(number(self._tokens.advance()), token.at)
        if token.kind == "text":
            return syntax.Constant(self._tokens.text(), token.at)
        if self._tokens.accept("NULL"):
            return syntax.Constant(None, token.at)
        if self._tokens.accept("CASE"):
            return self._case(token.at)
        if kind_of(token.keyword) == "cast" and self._tokens.is_sign("(", 1):
            return self._properties(self._cast())
        if self._tokens.accept("("):
            expression = self._expression()
            self._tokens.expect(")", "an operator or )")
            return self._properties(expression)
        return self._column_or_call()

    # Single operands

    def _case(self, at: At) -> syntax.Case:
        operand = None if self._tokens.is_next("WHEN") else self._expression()
        branches = []
        self._tokens.expect("WHEN")
        while True:
            condition = self._expression()
            self._tokens.expect("THEN", "an operator or THEN")
            branches.append((condition, self._expression()))
            if not self._tokens.accept("WHEN"):
                break
        default = self._expression() if self._tokens.accept("ELSE") else None
        self._tokens.expect("END", "END" if default else "WHEN, ELSE or END")
        return syntax.Case(operand, tuple(branches), default, at)

    def _cast(self) -> syntax.Cast:
        function = self._tokens.advance()
        self._tokens.expect("(")
        operand = self._expression()
        self._tokens.expect("AS", "an operator or AS")
        to = self.type()
        self._tokens.expect(")")
        return syntax.Cast(operand, to, function.keyword == TRY_CAST, function.at)

    def _column_or_call(self) -> syntax.Expression:
        first = self._tokens.next
        is_reserved_function = first.keyword in RESERVED and first.keyword in FUNCTIONS and self._tokens.is_sign("(", 1)
        if not self._tokens.is_name() and not is_reserved_function:
            raise self._tokens.unexpected("a name, a value or a function")
        parts = [self._tokens.advance()]
        while self._tokens.accept("."):
            if self._tokens.is_next("*"):
                raise QueryError("x.* is allowed only as an item of SELECT", first.at)
            parts.append(self._tokens.property_name())
        if all(part.kind == "word" for part in parts):
            function = ".".join(upper(part.text) for part in parts)
            if self._tokens.is_next("("):
                return self._properties(self._call(function, ".".join(part.text for part in parts), first.at))
            if function == TIMESTAMP:  # the older way to write it
                return syntax.Call(function, (), False, None, first.at)
        return syntax.Column(
            tuple(part.text for part in parts), first.at, is_quoted=first.kind == "quoted" and len(parts) == 1
        )

    def _call(self, function: str, written: str, at: At) -> syntax.Call:
        if kind_of(function) == "window":
            raise QueryError(f"{written}() is allowed only in GROUP BY, as an item of its own", at)
        self._tokens.expect("(")
        distinct = self._tokens.accept("DISTINCT")
        is_all = not distinct and self._tokens.accept("ALL")
        arguments: list[syntax.Expression | syntax.Star] = []
        if distinct or is_all or not self._tokens.is_next(")"):
            arguments = [*self._first_arguments(function, at)]
            while self._tokens.accept(","):
                arguments.append(self._expression())
        if function not in FUNCTIONS and self._tokens.is_next("AS"):  # CAST, misspelt
            raise unknown_function(function, at)
        self._tokens.expect(")", "an operator, a comma or )" if arguments else ")")
        over = self._over() if not self._is_timestamp and self._tokens.accept("OVER") else None
        return syntax.Call(function, tuple(arguments), distinct, over, at)

    def _first_arguments(self, function: str, function_at: At) -> Iterator[syntax.Expression | syntax.Star]:
        """Read the first argument, and what belongs to it. The table of functions says whether it is an expression."""
        at = self._tokens.next.at
        first = FUNCTIONS[function].first if function in FUNCTIONS else None
        if first is None and self._tokens.is_next("*") and not function.startswith("UDF."):
            raise unknown_function(function, function_at)
        if first == "star" and self._tokens.accept("*"):
            yield syntax.Star((), at)
        elif first == "unit":
            yield syntax.Unit(unit(self._tokens, TIME_UNITS), at)
        elif first == "interval":
            name = unit(self._tokens, WINDOW_UNITS)
            yield syntax.Unit(name, at)
            self._tokens.expect(",", "a comma")
            yield interval(self._tokens, WINDOW_UNITS[name])
        else:
            yield self._expression()

    def _properties(self, operand: syntax.Expression) -> syntax.Expression:
        at = self._tokens.next.at
        while self._tokens.accept("."):
            name = self._tokens.property_name().text
            if isinstance(operand, syntax.Column):
                operand = syntax.Column((*operand.names, name), operand.at)
            else:
                operand = syntax.Property(operand, name, at)
        return operand

    # OVER

    def _over(self) -> syntax.Over:
        """Read OVER's clauses in any order, since the documentation has shown them in different ones."""
        self._tokens.expect("(")
        partition_by: tuple[syntax.Expression, ...] = ()
        order_by: tuple[syntax.OrderBy, ...] = ()
        limit: int | None = None
        when: syntax.Expression | None = None
        while not self._tokens.accept(")"):
            if not partition_by and self._tokens.accept("PARTITION", "BY"):
                partition_by = tuple(self._tokens.separated(self._expression))
            elif not order_by and self._tokens.accept("ORDER", "BY"):
                order_by = tuple(self._tokens.separated(self._order_by))
            elif limit is None and self._tokens.accept("LIMIT", "DURATION"):
                limit = duration(self._tokens, LIMIT_UNITS)
            elif when is None and self._tokens.accept("WHEN"):
                when = self._expression()
            elif any(self._tokens.is_next(*clause.split()) for clause in _OVER_CLAUSES):
                raise QueryError("OVER takes each of its clauses once", self._tokens.next.at)
            else:
                raise self._tokens.unexpected(f"{', '.join(_OVER_CLAUSES)} or )")
        return syntax.Over(partition_by, order_by, limit, when)

    def _order_by(self) -> syntax.OrderBy:
        expression = self._expression()
        direction = self._tokens.accept_one("ASC", "DESC")
        return syntax.OrderBy(expression, direction is not None and direction.keyword == "DESC")


def _check_height(expression: syntax.Expression) -> None:
    """Raises `QueryError` if walking through the tree might exhaust Python's stack."""
    level, height = [expression], 1
    while level := [child for parent in level for child in _children(parent)]:
        height += 1
        if height > _HIGHEST:
            message = f"an expression may have {_HIGHEST} operators in a row: write IN for OR, or move a part into WITH"
            raise QueryError(message, level[0].at)


def _children(tree: Any) -> Iterator[syntax.Expression]:
    """Yield the expressions directly inside of `tree`. Those in OVER count as directly inside of the call."""
    for part in parts(tree):
        if isinstance(part, syntax.Expression):
            yield part
        else:
            yield from _children(part)
