"""Which columns of its inputs a plan reads, and which of them no event of a sample has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ..language.syntax import Expression
from ..language.tokens import At
from ..language.tree import walk
from ..language.warned import Warned
from ..row import Row
from .nodes import (
    Analytic,
    Apply,
    Compiled,
    Input,
    ItemColumn,
    Join,
    Node,
    Plan,
    ReferenceJoin,
    Resolved,
    Select,
    Window,
)


class Unseen:
    """The columns that a plan reads of its inputs, and that no row has had so far. NULL is not unseen."""

    def __init__(self, plan: Plan) -> None:
        self._columns = columns_read(plan)
        self._rows: Counter[str] = Counter()

    def look(self, input: str, rows: Sequence[Row]) -> None:
        """Take rows of an input into account. Costs nothing once all columns were seen."""
        columns = self._columns[input]
        self._rows[input] += len(rows)
        for row in rows:
            if not columns:
                return
            for name in [name for name in columns if row.columns.get(name, self) is not self]:
                del columns[name]

    def warnings(self) -> Iterator[Warned]:
        """Yield a warning for each column that is unseen, unless its input had no rows."""
        for input, columns in self._columns.items():
            for name, at in columns.items() if self._rows[input] else ():
                yield Warned.of(f"none of {self._rows[input]:,} events of {input} has a column {name}", at)


def columns_read(plan: Plan) -> dict[str, dict[str, At]]:
    """Return for each input the columns that are read of its rows by name, each with its first place in the query.

    Names in rows that a UNION or a star has put together are left out: they may be another input's columns.
    """
    found: dict[str, dict[str, At]] = {name: {} for name in plan.inputs}
    for input, column in sorted(_read(plan), key=lambda read: (read[1].at.line, read[1].at.column)):
        found[input].setdefault(column.path[0], column.at)
    return found


def _read(plan: Plan) -> Iterator[tuple[str, Resolved]]:
    """Yield the columns of inputs' rows wherever the plan names them."""
    for stream in plan.streams:
        for compiled in (stream.timestamp, *stream.over):
            for part in walk(compiled.expression) if compiled else ():
                if isinstance(part, Resolved):
                    yield stream.input, part
    for number, node in enumerate(plan.nodes):
        for source, expression in _expressions(number, node):
            for part in walk(expression):
                if isinstance(part, Resolved) and part.path and (name := _input(plan, source, part.place)) is not None:
                    yield name, part


def _expressions(number: int, node: Node) -> Iterator[tuple[int, Expression]]:
    """Yield the expressions of a node, each with the place of the node whose rows it is about."""
    compiled: list[tuple[int, Compiled | None]] = []
    match node:
        case Select(where=where, items=items, sources=(source,)):
            values = [item.value if isinstance(item, ItemColumn) else item.record for item in items or ()]
            compiled = [(source, each) for each in (where, *values)]
        case Window(keys=keys, session_keys=session_keys, sources=(source,)):
            compiled = [(source, each) for each in (*keys, *session_keys)]
            yield from ((source, call) for call in node.calls)
        case Analytic(calls=calls, sources=(source,)):
            yield from ((source, call) for call in calls)
        case Apply(of=of, sources=(source,)):
            compiled = [(source, of)]
        case Join(left_keys=left, right_keys=right, on=on, sources=(a, b)):
            compiled = [*((a, key) for key in left), *((b, key) for key in right), (number, on)]
        case ReferenceJoin(left_keys=left, on=on, sources=(source,)):
            compiled = [*((source, key) for key in left), (number, on)]
    yield from ((source, each.expression) for source, each in compiled if each is not None)


def _input(plan: Plan, node: int, place: tuple[int, ...]) -> str | None:
    """Return the input whose row is at `place` in the rows of a node; None if it is another's, or no row."""
    match plan.nodes[node]:
        case Input(stream=stream) if not place:
            return plan.streams[stream].input
        case Select(items=None, sources=(source,)):
            return _input(plan, source, place)
        case Analytic() | Apply() | Join() | ReferenceJoin() as pair if place:
            sources = pair.sources
            return _input(plan, sources[place[0]], place[1:]) if place[0] < len(sources) else None
    return None
