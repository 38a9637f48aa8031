"""GROUP BY: what a window computes from its rows, and what SELECT and HAVING compute from the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..functions import FUNCTIONS, TIMESTAMP, WINDOW, kind_of
from ..language.syntax import Call, Column, Constant, Expression, Property
from ..language.tokens import QueryError
from ..language.tree import rewrite
from .nodes import Resolved


class Grouping:
    """Turns expressions about the rows into ones about (*keys, *results), and collects the aggregates in `calls`.

    All expressions must be resolved. `columns_of_rows` tells whether rows are plain, so that an aggregate can take a
    whole row.
    """

    def __init__(self, keys: Sequence[Expression], columns_of_rows: bool) -> None:
        self.keys = tuple(keys)
        self.calls: dict[Call, int] = {}  # in their order, each with its place
        self._is_plain = columns_of_rows

    def rewrite(self, expression: Expression) -> Expression:
        """Return an expression about (*keys, *results).

        Raises `QueryError` for a column that is neither a key nor in an aggregate.
        """
        return rewrite(expression, self._change)

    def _change(self, part: Any) -> Expression | None:
        if part in self.keys:
            if isinstance(part, Call) and part.function == TIMESTAMP:
                raise QueryError(
                    "System.Timestamp() would be both a key and the end of the window here: select it in a step "
                    "before, under a name of its own",
                    part.at,
                )
            names = part.names if isinstance(part, Column) else ("a key",)
            return Resolved(names, part.at, (self.keys.index(part),), ())
        if isinstance(part, Call) and kind_of(part.function) == "aggregate":
            return Resolved((part.function,), part.at, (len(self.keys) + self._result(part),), ())
        if isinstance(part, Resolved):
            raise QueryError(f"{part} must be in GROUP BY or in an aggregate", part.at)
        return None

    def _result(self, call: Call) -> int:
        if not self._is_plain and len(call.arguments) == FUNCTIONS[call.function].whole_row:
            raise QueryError(
                f"{call.function} without an expression takes a whole row, but beside a JOIN, APPLY or an analytic "
                "function there is none: name a value, or make the rows in a step before",
                call.at,
            )
        return self.calls.setdefault(call, len(self.calls))


def aliased(expression: Expression, aliases: Mapping[str, Expression], keys: Sequence[Expression]) -> Expression:
    """Return the condition of HAVING with the names of SELECT's items replaced by the items.

    A column that is a key means the key. Inside an aggregate, names mean columns. `expression` is resolved as far as
    it can be: a `Column` that is not a `Resolved` is not a column of the rows.
    """

    def change(part: Any) -> Expression | None:
        if isinstance(part, Call) and kind_of(part.function) == "aggregate":
            return part
        if not isinstance(part, Column) or part in keys or part.names[0].lower() not in aliases:
            return None
        item: Expression = aliases[part.names[0].lower()]
        for name in part.names[1:]:
            item = Property(item, name, part.at)
        return item

    return rewrite(expression, change)


def with_window_id(expression: Expression, window_id: str | None) -> Expression:
    """Return an item with System.Window().Id replaced by the id, NULL where there is none."""

    def change(part: Any) -> Expression | None:
        if isinstance(part, Property) and isinstance(part.operand, Call) and part.operand.function == WINDOW:
            if part.name.lower() != "id":
                raise QueryError("System.Window() has only Id", part.at)
            return Constant(window_id, part.at)
        return None

    return rewrite(expression, change)
