"""Finds out which column of which source a name in a query means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..language.syntax import Column
from ..language.tokens import QueryError
from ..language.tree import rewrite
from .nodes import Inside, Resolved, Whole

T = TypeVar("T")


@dataclass(frozen=True)
class ScopedSource:
    """A source whose columns a SELECT may use. `columns` is None if they are not known before there are rows.

    `place` leads from the SELECT's row to the row of this source, as in `Resolved`. `name` is what `alias` stands for.
    With `is_record`, `place` leads to a record, which APPLY made; the source's name alone means the record. `declared`
    are columns of an input that CREATE TABLE names, in lower case; there may be others.
    """

    alias: str
    columns: tuple[str, ...] | None
    place: tuple[int, ...] = ()
    name: str = ""
    is_record: bool = False
    declared: frozenset[str] = frozenset()

    def column(self, name: str) -> str | None:
        """Return the column's name as its step writes it, None if the source has no such column."""
        if self.columns is None or name in self.columns:
            return name
        folded = name.lower()
        return next((column for column in self.columns if column.lower() == folded), None)

    def surely_has(self, name: str) -> bool:
        """Return whether there is such a column for sure, before there are rows."""
        return name.lower() in self.declared or (self.columns is not None and self.column(name) is not None)


class Scope:
    """The sources of one SELECT, in FROM's order."""

    def __init__(self, sources: Sequence[ScopedSource]) -> None:
        self.sources = sources

    def source(self, name: str) -> ScopedSource | None:
        """Return the source with this name or alias, in any case; None if there is none."""
        folded = name.lower()
        return next((source for source in self.sources if source.alias.lower() == folded), None)

    def surely_has(self, name: str) -> bool:
        """Return whether a source has such a column for sure, before there are rows."""
        return any(source.surely_has(name) for source in self.sources)

    def find(self, column: Column) -> tuple[ScopedSource, tuple[str, ...]]:
        """Return the source that has `column`, and the names of the column without the source's.

        Raises `QueryError` if no source has it, or several may.
        """
        if len(column.names) > 1 and (named := self.source(column.names[0])) is not None:
            return named, _known(named, column.names[1:], column)
        if (named := self.source(column.names[0])) is not None and named.is_record:
            return named, ()
        if len(self.sources) == 1:
            return self.sources[0], _known(self.sources[0], column.names, column)
        have = [source for source in self.sources if source.column(column.names[0]) is not None]
        if len(have) == 1:
            return have[0], _known(have[0], column.names, column)
        aliases = [source.alias for source in have or self.sources]
        if not have:
            raise QueryError(f"none of {', '.join(aliases)} has a column {column.names[0]}", column.at)
        raise QueryError(
            f"several sources may have {column}: write {' or '.join(f'{a}.{column}' for a in aliases)}", column.at
        )

    def resolve(self, column: Column) -> Resolved:
        """Return the column with its place. Raises `QueryError`."""
        source, path = self.find(column)
        kind = Inside if source.is_record and path else Resolved
        if source.columns is None and [source.alias.lower()] == [name.lower() for name in column.names]:
            kind = Whole
        return kind(column.names, column.at, source.place, path)

    def resolved(self, tree: T) -> T:
        """Return a tree with its columns resolved. Raises `QueryError`."""
        return rewrite(tree, lambda part: self.resolve(part) if isinstance(part, Column) else None)


def _known(source: ScopedSource, path: tuple[str, ...], column: Column) -> tuple[str, ...]:
    name = source.column(path[0])
    if name is None:
        has = ", ".join(source.columns or ())
        raise QueryError(f"{source.alias} has no column {path[0]}; it has {has}", column.at)
    return (name, *path[1:])
