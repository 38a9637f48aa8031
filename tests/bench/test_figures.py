"""A page shows a figure as its file has it, in the form that the page gives it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.figures import ORIGIN, filled_in, origin, read, shown, stored, tables, write


@pytest.mark.parametrize(
    ("text", "value", "wanted"),
    [
        pytest.param("0.40", 0.4583, "0.46", id="as many decimals"),
        pytest.param("3 µs", 17.4, "17 µs", id="what stands after it stays"),
        pytest.param("about 3 times", 12.6, "about 13 times", id="what stands before it stays"),
        pytest.param("9 %", 0.113, "11 %", id="percent"),
        pytest.param("9.0%", 0.1134, "11.3%", id="percent with decimals"),
        pytest.param("9,000", 8123, "8,123", id="thousands, as the page has it"),
        pytest.param("9000", 8123, "8123", id="thousands without"),
        pytest.param("5", 81234, "81,234", id="five digits are grouped"),
        pytest.param("-1.5", -2.25, "-2.2", id="below zero"),
        pytest.param("abc1234", "def5678", "def5678", id="text is taken whole"),
    ],
)
def test_a_value_takes_the_form_that_the_page_has(text: str, value: object, wanted: str) -> None:
    assert shown(text, value) == wanted


@pytest.mark.parametrize(("text", "value"), [("four fifths", 0.8), ("3", None), ("3", {"us": 3}), ("1", True)])
def test_what_is_no_number_is_refused(text: str, value: object) -> None:
    with pytest.raises(ValueError, match="number"):
        shown(text, value)


def test_a_file_says_where_it_is_from(tmp_path: Path) -> None:
    path = tmp_path / "cost.json"
    write(path, {"steps": {"a b/c": [1, 2]}})

    assert list(json.loads(path.read_text())) == [*ORIGIN, "steps"]
    assert origin(stored(path)).startswith(f"commit {read(path, '/commit')}, Python 3.")
    assert read(path, "/steps/a%20b~1c/1") == 2


@pytest.mark.parametrize("pointer", ["/nope", "/steps/nope", "/steps/one/2", "/commit/x"])
def test_a_pointer_to_nothing_is_told(tmp_path: Path, pointer: str) -> None:
    write(tmp_path / "cost.json", {"steps": {"one": [1, 2]}})

    with pytest.raises(LookupError, match=f"cost.json has nothing at {pointer}"):
        read(tmp_path / "cost.json", pointer)


def test_new_values_are_put_into_a_page(tmp_path: Path) -> None:
    write(tmp_path / "cost.json", {"get": {"us": 12.34, "share": 0.113}})
    page = tmp_path / "page.md"
    page.write_text("It takes [9.9 µs](cost.json#/get/us), [50 %](cost.json#/get/share) of [Flask](flask.md)'s.\n")

    assert filled_in(page) == (
        "It takes [12.3 µs](cost.json#/get/us), [11 %](cost.json#/get/share) of [Flask](flask.md)'s.\n"
    )


TABLE = """<!-- cost.json#/server -->
| | uniform | Pareto |
|---|---|---|
| A sum, on 1 shard | 3.0 (9 us): 1,000 | none |
"""


def test_new_values_are_put_into_a_table(tmp_path: Path) -> None:
    write(tmp_path / "cost.json", {"server": {"A sum, on 1 shard": [[3.14, 22.4, 12345], None]}})
    page = tmp_path / "page.md"
    page.write_text(f"{TABLE}\n{TABLE.partition(chr(10))[2]}")

    table, _, other = filled_in(page).partition("\n\n")

    assert table.endswith("\n| A sum, on 1 shard | 3.1 (22 us): 12,345 | none |")
    assert other == TABLE.partition("\n")[2]  # of no file
    assert tables(page) == [tmp_path / "cost.json"]


@pytest.mark.parametrize(
    ("values", "rows", "message"),
    [
        pytest.param({}, 1, "no values for the row 'A sum, on 1 shard'", id="a row that the file lacks"),
        pytest.param({"A sum, on 1 shard": [[1, 2, 3]]}, 1, "shorter", id="too few cells"),
        pytest.param({"A sum, on 1 shard": [[1, 2], None]}, 1, "'1,000' has no number, or None is none", id="too few"),
        pytest.param({"A sum, on 1 shard": [[1, 2, 3, 4], None]}, 1, "has fewer numbers", id="too many"),
        pytest.param({"A sum, on 1 shard": [[1, 2, 3], None]}, 2, "two rows .* have the same first cell", id="twice"),
    ],
)
def test_values_that_do_not_fit_a_table_are_refused(
    tmp_path: Path, values: dict[str, list[object]], rows: int, message: str
) -> None:
    write(tmp_path / "cost.json", {"server": values})
    page = tmp_path / "page.md"
    page.write_text(TABLE + TABLE.splitlines(keepends=True)[-1] * (rows - 1))

    with pytest.raises((LookupError, ValueError), match=message):
        filled_in(page)
