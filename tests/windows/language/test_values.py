from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.language.values import (
    BIGINT_LEAST,
    BIGINT_MOST,
    Columns,
    Datetime,
    Names,
    RowError,
    fits,
    group_key,
    lookup,
    tagged,
    to_json,
    type_name,
    untagged,
)
from pipeline.windows.operators.codec import pack, unpack

NAMES = st.text(alphabet="aAbB_", max_size=3)
RECORDS = st.dictionaries(NAMES, st.integers(0, 3) | st.none(), max_size=5)


@pytest.mark.parametrize(
    ("record", "name", "value"),
    [
        pytest.param({"reward": 1}, "reward", 1, id="as it is written"),
        pytest.param({"Reward": 1}, "rEWARD", 1, id="in another case"),
        pytest.param({"reward": 1, "Reward": 2}, "Reward", 2, id="the same case wins"),
        pytest.param({"reward": 1, "Reward": 2}, "REWARD", 1, id="else the first"),
        pytest.param({"reward": None, "Reward": 2}, "reward", None, id="NULL in the same case wins too"),
        pytest.param({"reward": 1}, "rewards", None, id="missing"),
        pytest.param([1], "reward", None, id="no record"),
        pytest.param(None, "reward", None, id="NULL has no properties"),
    ],
)
def test_a_name_is_looked_up_whatever_its_case(record: Any, name: str, value: Any) -> None:
    assert lookup(record, name) == value


@given(RECORDS, st.lists(NAMES, max_size=4), st.lists(RECORDS, max_size=3))
def test_names_give_a_mapping_that_finds_what_lookup_finds(
    record: dict[str, Any], names: list[str], before: list[dict[str, Any]]
) -> None:
    known = Names(names)
    for other in before:
        known.mapping(other)
    for _ in range(2):  # the second time the keys are known
        columns = known.mapping(record)
        assert columns == record
        for name in names:
            assert columns.get(name) == lookup(record, name)


@given(RECORDS, NAMES)
def test_columns_find_what_lookup_finds(record: dict[str, Any], name: str) -> None:
    assert Columns(record).get(name) == lookup(record, name)
    assert Columns(record).get(name + "x", 7) == 7


def test_a_record_that_is_spelt_as_the_query_is_left_as_it_is() -> None:
    names = Names(["reward", "eventId"])
    clean, dirty = {"reward": 1, "Other": 2}, {"REWARD": 1}

    assert names.mapping(clean) is clean
    assert names.mapping(clean) is clean
    assert type(names.mapping(dirty)) is Columns


def test_a_name_that_the_query_spells_in_two_ways_is_found_in_both() -> None:
    names = Names(["reward", "Reward"])

    assert [names.mapping({"Reward": 1}).get(name) for name in ("reward", "Reward")] == [1, 1]


def test_the_keys_that_are_remembered_are_bounded() -> None:
    names = Names(["a"])
    for number in range(3_000):
        names.mapping({f"k{number}": 1})

    assert len(names._clean) == Names._MOST
    assert names.mapping({"A": 1}).get("a") == 1


KEYS = [
    pytest.param(1, 1.0, True, id="1 and 1.0"),
    pytest.param(0.0, -0.0, True, id="the two zeros"),
    pytest.param(2**60, 2.0**60, True, id="a large bigint and the same float"),
    pytest.param(2**60 + 1, 2.0**60, False, id="a bigint that no float is"),
    pytest.param(1, True, False, id="a number and a bit"),
    pytest.param(1, "1", False, id="a number and its text"),
    pytest.param(1, Datetime(1), False, id="a number and a datetime"),
    pytest.param(None, 0, False, id="NULL and 0"),
    pytest.param(None, None, True, id="NULLs are one group"),
    pytest.param("a", "A", False, id="texts of two cases"),
    pytest.param("a", "a ", False, id="texts that differ by a blank"),
]


@pytest.mark.parametrize(("a", "b", "are_one"), KEYS)
def test_which_values_are_one_group(a: Any, b: Any, are_one: bool) -> None:
    assert (group_key(a) == group_key(b)) is are_one
    assert len({group_key(a), group_key(b)}) == (1 if are_one else 2)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(BIGINT_LEAST, BIGINT_MOST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
    | st.builds(Datetime, st.integers(0, 2**60))
)


@given(st.lists(SCALARS, max_size=8))
def test_keys_sort_across_types_and_give_their_value_back(values: list[Any]) -> None:
    keys = list(map(group_key, values))

    assert [untagged(key) for key in keys] == values
    assert [group_key(untagged(key)) for key in keys] == keys
    assert len(sorted(keys)) == len(values)  # any two can be compared


@pytest.mark.parametrize("value", [{"a": 1}, [1], Columns()], ids=["record", "array", "columns"])
def test_a_record_or_an_array_is_not_a_key(value: Any) -> None:
    with pytest.raises(RowError, match="can't be compared"):
        tagged(value)


def test_null_sorts_first_and_a_bit_before_a_number() -> None:
    values = ["a", Datetime(1), 2.5, -1, True, None]

    assert sorted(values, key=tagged) == [None, True, -1, 2.5, Datetime(1), "a"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        *(
            (None, "NULL"),
            (True, "bit"),
            (1, "bigint"),
            (1.0, "float"),
            ("", "nvarchar(max)"),
            (Datetime(0), "datetime"),
        ),
        *(({}, "record"), (Columns(), "record"), ([], "array"), ((), "array")),
    ],
)
def test_types_are_named_as_the_language_does(value: Any, name: str) -> None:
    assert type_name(value) == name


def test_json_has_datetimes_as_text_and_keeps_the_spelling_of_names() -> None:
    row = {"A": Columns({"b": Datetime(1), "B": None}), "c": [Datetime(0)]}

    expected = b'{"A":{"b":"0001-01-01T00:00:00.0000001Z","B":null},"c":["0001-01-01T00:00:00.0000000Z"]}'
    assert to_json(row) == expected


@pytest.mark.parametrize(
    ("text", "does"),
    [
        pytest.param(
            '{"a": [1, {"b": 9223372036854775807}], "c": -9223372036854775808}', True, id="the ends of bigint"
        ),
        pytest.param('{"a": [1, {"b": 9223372036854775808}]}', False, id="one more"),
        pytest.param('{"a": 1e300, "b": "99999999999999999999", "c": null, "d": true}', True, id="no integers"),
        pytest.param("[" * 100 + "]" * 100, True, id="the deepest"),
        pytest.param('{"a":' * 101 + "1" + "}" * 101, False, id="deeper"),
        pytest.param("[" + "[1]," * 200 + "[2]]", True, id="many, but not deep"),
    ],
)
def test_what_json_gives_fits_or_not(text: str, does: bool) -> None:
    value = msgspec.json.decode(text)

    assert fits(value, text.encode()) is does
    if does:
        assert unpack(pack(value)) == value
