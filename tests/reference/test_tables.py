"""Tables in Redis: each PUT is a version, whole or not at all, and nothing that readers may have used is changed."""

from __future__ import annotations

import threading
import time

import pytest
import redis as redis_py

from pipeline.errors import InvalidValue
from pipeline.reference import ANY, LEAD_MS, NONE, ReferenceChanged, References, UnknownReference, keys, tables


@pytest.fixture
def references(redis: redis_py.Redis) -> References:
    return References(redis)


def now(references: References) -> int:
    return references.find("t")[1]


def test_the_first_version_holds_for_all_times_and_the_next_from_its_own(references: References) -> None:
    table, is_new = references.put("t", [{"n": 1}])
    assert is_new
    assert table.versions[0].valid_from is None
    table, is_new = references.put("t", [{"n": 2}])
    assert not is_new
    since = table.versions[1].valid_from
    assert since == table.versions[1].put + LEAD_MS

    found, _ = references.get("t")
    assert found == table
    assert [found.version_at(ms) for ms in (0, since - 1, since)] == [
        table.versions[0],
        table.versions[0],
        table.versions[1],
    ]
    assert [references.rows(each.id) for each in table.versions] == [[{"n": 1}], [{"n": 2}]]
    assert [(each.rows, each.size) for each in table.versions] == [(1, 9), (1, 9)]
    assert [each.name for each in references.all()] == ["t"]


def test_a_time_is_in_the_future_unless_the_table_is_new(references: References) -> None:
    table, _ = references.put("t", [], valid_from=1000)
    assert table.version_at(999) is None
    later = now(references) + 3_600_000
    references.put("t", [{"n": 1}], later)
    replaced, _ = references.put("t", [{"n": 2}], later)
    assert [each.valid_from for each in replaced.versions] == [1000, later]
    assert references.rows(replaced.versions[1].id) == [{"n": 2}]
    between, _ = references.put("t", [{"n": 3}])
    assert [references.rows(each.id) for each in between.versions] == [[], [{"n": 3}], [{"n": 2}]]

    with pytest.raises(InvalidValue, match="the time is over"):
        references.put("t", [], now(references))
    assert references.get("t")[0] == between


def test_the_oldest_versions_go_but_not_what_holds_now_or_later(
    redis: redis_py.Redis, references: References, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "VERSIONS", 3)
    monkeypatch.setattr(tables, "LEAD_MS", 0)
    last = -1
    for n in range(5):
        while now(references) == last:
            pass  # a version of the same millisecond would take the other's place
        table, _ = references.put("t", [{"n": n}])
        last = table.versions[-1].put
    assert [references.rows(each.id) for each in table.versions] == [[{"n": n}] for n in (2, 3, 4)]
    assert len(redis.keys("reference-version:*")) == 3

    later = now(references) + 3_600_000
    for n in range(2):
        references.put("t", [{"n": n}], later + n)
    with pytest.raises(InvalidValue, match="t has 3 versions that hold now or later"):
        references.put("t", [{"n": 9}], later + 9)
    assert [each.valid_from for each in references.get("t")[0].versions][1:] == [later, later + 1]


def test_a_table_is_changed_if_it_is_as_expected(references: References) -> None:
    for expected in ([ANY], ["other"]):
        with pytest.raises(ReferenceChanged):
            references.put("t", [], expected=expected)
    table, _ = references.put("t", [], expected=[NONE])
    with pytest.raises(ReferenceChanged):
        references.put("t", [], expected=[NONE])
    changed, _ = references.put("t", [], expected=["other", table.revision])
    with pytest.raises(ReferenceChanged):
        references.delete("t", [table.revision])
    references.delete("t", [changed.revision])
    assert references.all() == []


def test_of_two_writers_with_one_tag_one_wins(references: References) -> None:
    table, _ = references.put("t", [])
    won: list[int] = []

    def write(n: int) -> None:
        try:
            references.put("t", [{"n": n}], expected=[table.revision])
        except ReferenceChanged:
            return
        won.append(n)

    writers = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    (winner,) = won
    found, _ = references.get("t")
    assert references.rows(found.versions[-1].id) == [{"n": winner}]
    assert len(found.versions) == 2


@pytest.mark.parametrize("ahead", [None, *(LEAD_MS + ms for ms in range(15, 180, 30))])
def test_a_reader_knows_each_version_in_time_however_slow_its_writer_is(
    redis: redis_py.Redis, references: References, monkeypatch: pytest.MonkeyPatch, ahead: int | None
) -> None:
    references.put("t", [{"n": 1}])
    valid_from = None if ahead is None else now(references) + ahead
    found: list[tuple[int, int]] = []  # when a reader has read, and how many versions there were
    connection, writer = redis.connection_pool.connection_class, threading.get_ident()
    send, is_reading = connection.send_packed_command, False

    def slow(self: object, *args: object, **options: object) -> object:
        """Let a reader read before each command of the writer, which comes some time later."""
        nonlocal is_reading
        if threading.get_ident() == writer and not is_reading:
            is_reading = True
            time.sleep(0.03)
            table, ms = References(redis).get("t")
            found.append((ms, len(table.versions)))
            is_reading = False
        return send(self, *args, **options)

    monkeypatch.setattr(connection, "send_packed_command", slow)
    try:
        table, _ = references.put("t", [{"n": 2}], valid_from)
    except InvalidValue:
        assert ahead is not None
        return
    since = table.versions[1].valid_from
    assert since is not None
    assert [ms for ms, versions in found if versions == 1 and since < ms + LEAD_MS] == []
    assert len(found) > 1


def test_writers_that_expect_nothing_all_put_their_version(references: References) -> None:
    references.put("t", [])
    later = now(references) + 3_600_000
    writers = [threading.Thread(target=references.put, args=("t", [{"n": n}], later + n)) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    versions = references.get("t")[0].versions[1:]
    assert [each.valid_from for each in versions] == [later + n for n in range(8)]
    assert [references.rows(each.id) for each in versions] == [[{"n": n}] for n in range(8)]


def test_nothing_is_left_of_a_deleted_table(redis: redis_py.Redis, references: References) -> None:
    references.put("t", [{"n": 1}])
    references.put("t", [{"n": 2}])
    references.delete("t")

    assert redis.keys("reference*") == []
    with pytest.raises(UnknownReference, match="there is no reference data 't'"):
        references.delete("t")
    with pytest.raises(UnknownReference):
        references.get("t")


def test_a_check_can_forbid_a_deletion(redis: redis_py.Redis, references: References) -> None:
    references.put("t", [{"n": 1}])

    def refuse() -> None:
        raise InvalidValue("it is needed", "name")

    with pytest.raises(InvalidValue, match="it is needed"):
        references.delete("t", check=refuse)
    assert redis.hexists(keys.TABLES, "t")


@pytest.mark.parametrize("name", ["", "a/b", "-a", "a b", "ä", "a" * 65])
def test_names(references: References, name: str) -> None:
    with pytest.raises(InvalidValue, match="is no name: write 1 to 64 letters"):
        references.put(name, [])
