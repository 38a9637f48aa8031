from __future__ import annotations

import gzip
import io
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline.windows.engine.bodies import InputError
from pipeline.windows.language.ticks import parse
from pipeline.windows.language.values import Datetime
from pipeline.windows.local.files import STDIN, EventFile, InvalidFile, find_file


def read(path: Path) -> list[tuple[int, Any]]:
    """Return what a file gives: the number of each line or row, with its event or its error."""
    file = EventFile(path)
    try:
        return [(number, str(found) if isinstance(found, InputError) else found) for number, found in file]
    finally:
        file.close()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("e.ndjson", b'{"a": 1}\n\n[{"a": 2}, {"a": 3}]\r\n', [(1, 1), (3, 2), (3, 3)], id="lines"),
        pytest.param("e.JSONL", b'\xef\xbb\xbf{"a": 1}', [(1, 1)], id="a byte order mark, and no last line feed"),
        pytest.param("e.json", b' [{"a": 1},\n {"a": 2}]', [(1, 1), (2, 2)], id="JSON: an array"),
        pytest.param("e.json", b'{"a": 1}\n{"a": 2}\n', [(1, 1), (2, 2)], id="JSON: lines"),
        pytest.param("e.json", b'[{"a": 1}]\n[{"a": 2}]\n', [(1, 1), (2, 2)], id="JSON: lines of arrays"),
        pytest.param("e.csv", b"a,b\n1,x\n\n2\n", [(2, "1"), (4, "2")], id="CSV: values are text"),
        pytest.param("e.csv", b'a\n"x\ny"\nz\n', [(2, "x\ny"), (4, "z")], id="CSV: a line feed in a value"),
        pytest.param("e.ndjson", b"", [], id="nothing"),
        pytest.param("e.csv", b"", [], id="CSV: nothing"),
    ],
)
@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "gz"])
def test_a_file_is_read_as_its_name_says(
    tmp_path: Path, name: str, text: bytes, expected: list[tuple[int, Any]], is_packed: bool
) -> None:
    path = tmp_path / (f"{name}.gz" if is_packed else name)
    path.write_bytes(gzip.compress(text) if is_packed else text)

    assert [(number, event["a"]) for number, event in read(path)] == expected


def test_a_line_that_is_not_an_event_does_not_end_the_file(tmp_path: Path) -> None:
    lines, table = tmp_path / "e.ndjson", tmp_path / "e.csv"
    lines.write_text('{"a": 1\n7\n{"a": 2}\n')
    table.write_text('a\n1,2\n"x"y\n3\n')

    (_, broken), (_, number), (_, good) = read(lines)
    assert "not JSON" in broken
    assert "neither a JSON object" in number
    assert good == {"a": 2}
    (_, long), (_, quoted), (_, row) = read(table)
    assert "2 values, the first line 1 names" in long
    assert "not CSV" in quoted
    assert row == {"a": "3"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("events", b"", "the name does not tell the format: let it end in .ndjson", id="no suffix"),
        pytest.param("e.parquet.gz", b"", "the name does not tell the format", id="packed Parquet"),
        pytest.param("e.ndjson", None, "can't be opened: No such file", id="not there"),
        pytest.param("e.ndjson.gz", b"{}\n", "can't be read: Not a gzipped file", id="not packed"),
        pytest.param("e.ndjson.gz", gzip.compress(b"{}\n" * 99)[:-9], "can't be read: Compressed file", id="cut off"),
        pytest.param("e.csv", b"a\n\xff\n", "can't be read: 'utf-8' codec", id="not UTF-8"),
    ],
)
def test_a_file_that_can_not_be_read_says_why(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidFile) as raised:
        read(tmp_path / name)

    assert str(raised.value).startswith(f"{tmp_path / name}: {message}")


def test_standard_input_is_lines_of_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 1}\n')))
    file = EventFile(STDIN)

    assert list(file) == [(1, {"a": 1})]
    assert (file.size, file.position) == (None, 0)


def test_the_position_comes_to_the_size(tmp_path: Path) -> None:
    path = tmp_path / "e.ndjson.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000))
    file = EventFile(path)

    assert file.position == 0
    list(file)
    assert file.position == file.size == path.stat().st_size
    file.close()


def test_a_file_is_found_by_its_name_in_any_case_and_format(tmp_path: Path) -> None:
    for name in ("input.csv.gz", "Input.txt", "Input2.csv"):
        (tmp_path / name).touch()

    assert find_file(tmp_path, "Input") == tmp_path / "input.csv.gz"
    assert find_file(tmp_path, "Output") is None

    (tmp_path / "Input.json").touch()
    with pytest.raises(InvalidFile, match=r"Input\.json has events of Input as well: keep one of the two files"):
        find_file(tmp_path, "Input")


@pytest.fixture
def parquet(tmp_path: Path) -> Any:
    """Write columns to a Parquet file."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def write(**columns: Any) -> Path:
        path = tmp_path / "e.parquet"
        parquet.write_table(pyarrow.table(columns), path)
        return path

    return write


def test_parquet_has_the_languages_types(parquet: Any) -> None:
    noon = datetime(2024, 5, 1, 12, 0, 0, 123456)
    path = parquet(
        utc=[noon.replace(tzinfo=UTC)],
        naive=[noon],
        day=[date(2024, 5, 1)],
        money=[Decimal("1.50")],
        record=[{"b": [1, None]}],
        text=["é"],
        bit=[True],
        missing=[None],
    )

    assert read(path) == [
        (
            1,
            {
                "utc": Datetime(parse("2024-05-01T12:00:00.123456Z")),
                "naive": Datetime(parse("2024-05-01T12:00:00.123456Z")),
                "day": Datetime(parse("2024-05-01T00:00:00Z")),
                "money": 1.5,
                "record": {"b": [1, None]},
                "text": "é",
                "bit": True,
                "missing": None,
            },
        )
    ]


def test_parquets_nanoseconds_are_cut_to_a_hundred(parquet: Any) -> None:
    import pyarrow

    path = parquet(t=pyarrow.array([1_700_000_000_123_456_789], pyarrow.timestamp("ns")))

    assert read(path) == [(1, {"t": Datetime(parse("2023-11-14T22:13:20.1234567Z"))})]


@pytest.mark.parametrize(
    "value", [b"bytes", time(12), float("nan"), 2**64 - 1], ids=["bytes", "a time of day", "NaN", "no bigint"]
)
def test_a_value_of_a_type_that_the_language_lacks_is_an_error(parquet: Any, value: Any) -> None:
    import pyarrow

    path = parquet(a=pyarrow.array([value], pyarrow.uint64() if isinstance(value, int) else None))

    ((number, error),) = read(path)

    assert number == 1
    assert "has a type that the language does not have" in error


def test_invalid_parquet_and_a_missing_package_are_errors(
    tmp_path: Path, parquet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "e.parquet"
    path.write_text("no Parquet")
    with pytest.raises(InvalidFile, match="can't be read as Parquet"):
        read(path)

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidFile, match=r"pip install pyarrow"):
        read(path)
