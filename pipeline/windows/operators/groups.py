"""GROUP BY: the keys that rows of a group have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, cast

from ..language.values import NULL, TEXT, Tagged, group_key, untagged
from ..row import Computed, Evaluate, Row

Group = tuple[Tagged, ...]
"""The values of the keys, in a form that sorts. It is the `arrival` of a window's row."""

Key = Hashable
"""A group as a dict's key. A single text, the most common group, is used as it is: it is the fastest to look up."""


def grouping(keys: Sequence[Evaluate]) -> Callable[[Row], Key]:
    """Return the function that gives a row's key. It raises `RowError` for a record or an array."""
    if not keys:
        return _everything
    if len(keys) == 1:
        return _by_one(keys[0])
    return lambda row: tuple([group_key(key(row)) for key in keys])


def groupings(keys: Sequence[Computed]) -> Callable[[Sequence[Row]], list[Key]]:
    """Return the function that gives the keys of many rows, as `grouping` does of one."""
    if not keys:
        return lambda rows: [()] * len(rows)
    if len(keys) == 1:
        (only,) = keys

        def by_one(rows: Sequence[Row]) -> list[Key]:
            values = only.many(rows)
            if are_texts(values):
                return values
            return [value if type(value) is str else group_key(value) for value in values]

        return by_one
    return lambda rows: list(zip(*[map(group_key, key.many(rows)) for key in keys], strict=True))


def join_key(row: Row, keys: Sequence[Evaluate]) -> Group | None:
    """Return what a JOIN matches a row by; None if a part is NULL, which matches nothing. Raises `RowError`."""
    key = tuple([group_key(of(row)) for of in keys])
    return None if any(kind == NULL for kind, _ in key) else key


def are_texts(keys: Iterable[Any]) -> bool:
    return set(map(type, keys)) == {str}


def group_of(key: Key) -> Group:
    """Return the group of a key, in the form that sorts."""
    if type(key) is str:
        return (group_key(key),)
    return key if not key or type(key[0]) is tuple else (key,)  # type: ignore[index, return-value]


def parts_of(key: Key) -> tuple[Group, tuple[Any, ...]]:
    """Return the group, and the values of its keys."""
    if type(key) is str:
        return ((TEXT, key),), (key,)
    group = group_of(key)
    return group, values_of(group)


def key_of(values: Sequence[Any]) -> Key:
    """Return the key of the group with these values."""
    if len(values) == 1:
        return values[0] if type(values[0]) is str else group_key(values[0])
    return tuple([group_key(value) for value in values])


def columns_of(keys: Sequence[Key]) -> tuple[list[Group], Sequence[Sequence[Any]]]:
    """Return the groups of keys, and their values: a column for each key of GROUP BY."""
    if are_texts(keys):
        return [((TEXT, key),) for key in keys], [keys]
    groups = list(map(group_of, keys))
    return groups, list(zip(*map(values_of, groups), strict=True))


def in_order(keys: Iterable[Key]) -> list[Key]:
    """Return the keys in the order of their groups. Keys that are texts sort in the same order, but much faster."""
    keys = list(keys)
    if are_texts(keys):
        cast("list[str]", keys).sort()
    else:
        keys.sort(key=group_of)
    return keys


def values_of(group: Iterable[Tagged]) -> tuple[Any, ...]:
    """Return the values of the keys, as the query sees them."""
    return tuple([untagged(part) for part in group])


def _everything(row: Row) -> Key:
    return ()


def _by_one(of: Evaluate) -> Callable[[Row], Key]:
    def key(row: Row) -> Key:
        value = of(row)
        return value if type(value) is str else group_key(value)

    return key
