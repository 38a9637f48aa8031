from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.language.values import Columns, Datetime
from pipeline.windows.operators.codec import pack, pack_plain, unpack
from pipeline.windows.row import Row

KEYS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.builds(Datetime, st.integers(-(2**70), 2**70)),
    lambda keys: st.lists(keys, max_size=3).map(tuple),
    max_leaves=4,
)
VALUES = st.recursive(
    KEYS,
    lambda values: (
        st.lists(values, max_size=3)
        | st.lists(values, max_size=3).map(tuple)
        | st.dictionaries(KEYS, values, max_size=3)
        | st.dictionaries(st.text(max_size=3), values, max_size=3).map(Columns)
        | st.builds(Row, values, st.integers(0, 2**62), st.lists(KEYS, max_size=3).map(tuple))
    ),
    max_leaves=10,
)
PARTIALS = st.recursive(
    KEYS,
    lambda values: (
        st.lists(values, max_size=3)
        | st.lists(values, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), values, max_size=3)
        | st.dictionaries(st.text(max_size=3), values, max_size=3).map(Columns)
    ),
    max_leaves=10,
)


def typed(value: Any) -> Any:
    """Return `value` with the types of all its parts, since 1 == 1.0 == True, and a Datetime is equal to its int."""
    if isinstance(value, Row):
        return (Row, typed(value.columns), value.time, typed(value.arrival))
    if isinstance(value, dict):
        return (type(value), [(typed(key), typed(item)) for key, item in value.items()])
    if isinstance(value, list | tuple):
        return (type(value), [typed(item) for item in value])
    return (type(value), repr(value))


@given(VALUES)
def test_what_is_packed_comes_back_the_same_to_its_types(value: Any) -> None:
    assert typed(unpack(pack(value))) == typed(value)


@given(PARTIALS)
def test_plain_bytes_come_back_with_lists_for_tuples_or_are_refused(value: Any) -> None:
    try:
        packed = pack_plain(value)
    except (TypeError, OverflowError):
        return
    assert json_like(unpack(packed)) == json_like(value)


def json_like(value: Any) -> Any:
    """Return `typed` of a value whose tuples became lists, and whose `Columns` dicts."""
    if isinstance(value, dict):
        return (dict, [(typed(key), json_like(item)) for key, item in value.items()])
    if isinstance(value, list | tuple):
        return (list, list(map(json_like, value)))
    return typed(value)


@given(VALUES)
def test_equal_values_of_equal_order_are_equal_bytes(value: Any) -> None:
    assert pack(unpack(pack(value))) == pack(value)


def test_columns_still_ignore_case_when_they_come_back() -> None:
    row = unpack(pack(Row(Columns({"Reward": 1}), 5, (0, 1, 0))))

    assert row.columns.get("reward") == 1


@pytest.mark.parametrize(
    "value", [{1, 2}, object(), [object()], {"a": {3}}], ids=["set", "object", "in a list", "in a dict"]
)
def test_another_type_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="can't be packed"):
        pack(value)


@pytest.mark.parametrize("packed", [b"", b"\xc1", b"\x92\x01", b"\xc7\x00\x7f"], ids=["none", "bad", "short", "code"])
def test_other_bytes_are_refused(packed: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        unpack(packed)
