from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from pipeline.reference import LEAD_MS, References
from pipeline.reference.text import InvalidReference
from pipeline.windows.jobs.tables import FileTable, HashTable, PutTable
from pipeline.windows.language.ticks import BEGINNING, from_unix_ms, parse
from pipeline.windows.operators.faults import REFERENCE, ROW, Faults
from pipeline.windows.operators.reference import NoVersion, TableJoin, Version
from pipeline.windows.row import Row


class Fixed:
    """A table that never changes."""

    def __init__(self, records: Iterable[dict[str, Any]]) -> None:
        self.version = Version(records)

    def version_at(self, time: int) -> Version:
        return self.version

    def refresh(self) -> None:
        pass


def key(row: Row) -> Any:
    return row.columns.get("k")


def join(kind: Literal["INNER", "LEFT"], records: list[dict[str, Any]], on: Any = None, **counts: Any) -> TableJoin:
    return TableJoin(kind, Fixed(records), [key], [key], on, Faults("job", counts.get("counts", Counter())))


def pairs(joined: Iterable[Row]) -> list[tuple[Any, Any]]:
    return [(row.columns[0].columns, row.columns[1] and row.columns[1].columns) for row in joined]


def records(table: Any, time: int = 0) -> list[Any]:
    return [row.columns for row in table.version_at(time).rows]


@pytest.mark.parametrize(
    ("kind", "event", "expected"),
    [
        pytest.param("INNER", {"k": "a"}, [{"K": "a", "v": 1}, {"k": "a", "v": 3}], id="every match, in their order"),
        pytest.param("INNER", {"k": "x"}, [], id="no match"),
        pytest.param("LEFT", {"k": "x"}, [None], id="no match of a left join"),
        pytest.param("LEFT", {}, [None], id="a key that is null"),
        pytest.param("INNER", {"k": 1.0}, [{"k": 1, "v": 4}], id="bigint and float are numbers"),
        pytest.param("INNER", {"k": "1"}, [], id="text is not"),
    ],
)
def test_a_row_is_joined_with_the_rows_of_its_key(
    kind: Literal["INNER", "LEFT"], event: dict[str, Any], expected: list[Any]
) -> None:
    table: list[dict[str, Any]] = [
        {"K": "a", "v": 1},
        {"k": None, "v": 2},
        {"k": "a", "v": 3},
        {"k": 1, "v": 4},
        {"v": 5},
    ]
    joined = join(kind, table).pairs(Row(event, 7, (0, 1)))

    assert [other for _, other in pairs(joined)] == expected
    assert {row.time for row in joined} <= {7}
    assert len({row.arrival for row in joined}) == len(joined)


def test_what_is_left_of_the_condition_is_about_the_pair() -> None:
    table = [{"k": "a", "least": 1}, {"k": "a", "least": 5}]
    joined = join("LEFT", table, lambda row: row.columns[0].columns["v"] >= row.columns[1].columns["least"])

    assert [[other for _, other in pairs(joined.pairs(Row({"k": "a", "v": v}, 7, ())))] for v in (0, 3, 9)] == [
        [None],
        table[:1],
        table,
    ]


def test_keys_of_no_use_are_reported_and_left_out() -> None:
    counts: Counter[str] = Counter()
    joined = join("LEFT", [{"k": []}, {"k": "a"}], counts=counts)

    assert joined.pairs(Row({"k": {}}, 1, ())) == []
    assert len(joined.pairs(Row({"k": "a"}, 1, ()))) == 1
    assert counts == {ROW: 2}


keys = st.sampled_from(["a", "b", 1, None])


@given(st.lists(keys, max_size=8), st.lists(keys, max_size=8), st.sampled_from(["INNER", "LEFT"]))
def test_a_join_is_what_every_pair_says(lefts: list[Any], rights: list[Any], kind: Literal["INNER", "LEFT"]) -> None:
    joined = join(kind, [{"k": k, "n": n} for n, k in enumerate(rights)])
    for left in lefts:
        found: list[int | None] = [n for n, right in enumerate(rights) if left is not None and right == left]
        given_out = [other and other["n"] for _, other in pairs(joined.pairs(Row({"k": left}, 1, ())))]
        assert given_out == (found or ([None] if kind == "LEFT" else []))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("t.json", '[{"k": 1}, {"k": "b"}]', [{"k": 1}, {"k": "b"}], id="a JSON array"),
        pytest.param("t.json", '\ufeff{"k": 1}\n\n{"k": 2}\n', [{"k": 1}, {"k": 2}], id="a JSON object a line"),
        pytest.param("t.json", "", [], id="an empty file"),
        pytest.param("t.csv", 'k,v\r\n1,"a, ""b"""\r\n2\r\n\r\n', [{"k": "1", "v": 'a, "b"'}, {"k": "2"}], id="CSV"),
    ],
)
def test_files(tmp_path: Path, name: str, text: str, expected: list[Any]) -> None:
    (tmp_path / name).write_bytes(text.encode())

    assert records(FileTable(tmp_path / name)) == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param("t.json", b'{"k": 1}\n{"k"', "t.json, line 2, column 5: is not JSON", id="broken JSON"),
        pytest.param("t.json", b"[1]", "t.json, line 1, column 2: is not a JSON object", id="not objects"),
        pytest.param("t.json", b"3", "line 1, column 1: is not a JSON object", id="a number"),
        pytest.param("t.json", b"\xff", "t.json, line 1, column 1: is not UTF-8", id="not UTF-8"),
        pytest.param("t.csv", b"k\n1,2\n", "line 2, column 2: more values than names", id="more values than names"),
        pytest.param("t.csv", b'k\n"1', "t.csv, line 2: ", id="a quote that doesn't end"),
    ],
)
def test_files_of_no_use_are_refused_with_the_place(tmp_path: Path, name: str, text: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(text)

    with pytest.raises(InvalidReference, match=re.escape(message)):
        FileTable(tmp_path / name)


@pytest.mark.parametrize("name", ["missing.json", "{date}.json", "{date}/{date}.json", "{time}.json"])
def test_paths_without_a_file_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidReference):
        FileTable(tmp_path / name)


def test_of_a_sequence_of_files_each_holds_from_its_time(tmp_path: Path) -> None:
    for name in ("p[1]-2024-05-01-10-30.json", "p[1]-2024-05-02-00.json", "p[1]-2024-13-01-00.json"):
        (tmp_path / name).write_text(f'{{"file": "{name}"}}')
    table = FileTable(tmp_path / "p[1]-{date}-{time}.json")

    def file_at(text: str) -> list[Any]:
        return [record["file"] for record in records(table, parse(text))]

    with pytest.raises(NoVersion, match=r"time\}\.json has no version for 2024-05-01T10:29:59.9999999Z"):
        file_at("2024-05-01T10:29:59.9999999Z")
    assert file_at("2024-05-01T10:30:00Z") == file_at("2024-05-01T23:59:59Z") == ["p[1]-2024-05-01-10-30.json"]
    assert file_at("2024-05-02T00:00:00Z") == file_at("2024-05-09T00:00:00Z") == ["p[1]-2024-05-02-00.json"]

    (tmp_path / "p[1]-2024-05-03-00-00.json").write_text('{"file": "new"}')
    table.refresh()

    assert file_at("2024-05-02T23:59:59Z") == ["p[1]-2024-05-02-00.json"]
    assert file_at("2024-05-09T00:00:00Z") == ["new"]


def test_dates_may_be_folders(tmp_path: Path) -> None:
    (tmp_path / "2024/05/01").mkdir(parents=True)
    (tmp_path / "2024/05/01/t.csv").write_text("k\n1\n")
    table = FileTable(tmp_path / "{date}" / "t.csv")

    assert records(table, parse("2024-05-01T00:00:00Z")) == [{"k": "1"}]


def test_a_hash_gives_its_fields_too_and_is_read_again_when_asked(redis: redis.Redis) -> None:
    redis.hset("devices", mapping={"b": '{"limit": 2}', "a": '{"limit": 1, "Device": "lies"}'})
    table = HashTable(redis, "devices", field_column="device")

    assert records(table) == [{"limit": 1, "device": "a"}, {"limit": 2, "device": "b"}]

    version = table.version_at(0)
    table.refresh()
    assert table.version_at(0) is version  # so that no version is indexed again
    redis.hset("devices", "a", '{"limit": 3}')
    assert records(table)[0]["limit"] == 1
    table.refresh()
    assert records(table)[0]["limit"] == 3


def test_a_hash_that_is_of_no_use_is_refused_and_what_was_read_stays(redis: redis.Redis) -> None:
    with pytest.raises(InvalidReference, match=r"there is no hash devices in database \d+: HSET a row of it first"):
        HashTable(redis, "devices")
    redis.hset("devices", "a", "{}")
    table = HashTable(redis, "devices")

    redis.hset("devices", "a", "[]")
    with pytest.raises(InvalidReference, match="a of the hash devices, line 1, column 1: is not a JSON object"):
        table.refresh()
    redis.set("devices", "text")
    with pytest.raises(InvalidReference, match="devices is not a hash"):
        table.refresh()
    redis.delete("devices")
    with pytest.raises(InvalidReference, match="there is no hash devices"):
        table.refresh()
    assert records(table) == [{"field": "a"}]


def test_a_row_of_a_time_without_a_version_is_a_fault_and_not_null(tmp_path: Path) -> None:
    (tmp_path / "2024-05-02.json").write_text('{"k": "a", "v": 1}')
    counts: Counter[str] = Counter()
    faults = Faults("job", counts)
    joined = TableJoin("LEFT", FileTable(tmp_path / "{date}.json"), [key], [key], None, faults)

    assert joined.pairs(Row({"k": "a"}, parse("2024-05-01T23:59:59Z"), ())) == []
    assert len(joined.pairs(Row({"k": "a"}, parse("2024-05-02T00:00:00Z"), ()))) == 1
    assert counts == {REFERENCE: 1}
    (found,) = faults.take()[REFERENCE]
    assert "has no version for 2024-05-01T23:59:59" in found.message


def test_what_was_put_is_read_again_before_a_time_that_a_newer_version_may_hold(redis: redis.Redis) -> None:
    references = References(redis)
    references.put("devices", [{"k": "a"}])
    table = PutTable(redis, "devices")
    now = references.find("devices")[1]
    assert records(table, from_unix_ms(now)) == records(table, BEGINNING) == [{"k": "a"}]

    second, _ = references.put("devices", [{"k": "b"}])
    since = second.versions[-1].valid_from
    assert since is not None
    assert since >= now + LEAD_MS
    table._look_at = 0.0  # as a second later
    table._known_to = from_unix_ms(since)  # as if it had been read in the millisecond of the put, and before it
    assert records(table, from_unix_ms(since) - 1) == [{"k": "a"}]
    assert records(table, from_unix_ms(since)) == [{"k": "b"}]


def test_what_was_not_put_is_refused_with_what_to_do(redis: redis.Redis) -> None:
    with pytest.raises(InvalidReference, match="there is no reference data 'devices': PUT /reference/devices first"):
        PutTable(redis, "devices")


def test_a_version_that_was_dropped_meanwhile_is_not_taken_for_an_empty_one(redis: redis.Redis) -> None:
    References(redis).put("devices", [{"k": "a"}])
    table = PutTable(redis, "devices")
    (version,) = redis.keys("reference-version:*")
    redis.delete(version)

    with pytest.raises(InvalidReference, match="a version of devices was dropped before it was read"):
        records(table)
