"""Which columns of its inputs a plan reads, and which of them no event of a sample has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ..language.tokens import At
from ..language.tree import walk
from ..language.warned import Warned
from ..row import Row
from .nodes import Analytic, Apply, Input, Join, Node, Plan, ReferenceJoin, Resolved, Select, Whole, Window


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
        yield from ((stream.input, part) for part in walk(stream) if isinstance(part, Resolved))
    for number, node in enumerate(plan.nodes):
        for source, tree in _of_sources(number, node):
            for part in walk(tree):
                if (
                    isinstance(part, Resolved)
                    and not isinstance(part, Whole)
                    and part.path
                    and (name := _input(plan, source, part.place)) is not None
                ):
                    yield name, part


def _of_sources(number: int, node: Node) -> Iterator[tuple[int, Any]]:
    """Yield the parts of a node, each with the place of the node whose rows its expressions are about."""
    match node:
        case Join(left_keys=left, right_keys=right, on=on, sources=(a, b)):
            yield from ((a, left), (b, right), (number, (on,)))
        case ReferenceJoin(left_keys=left, on=on, sources=(a,)):
            yield from ((a, left), (number, (on,)))
        case Select() | Window() | Analytic() | Apply():
            yield node.sources[0], node


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
