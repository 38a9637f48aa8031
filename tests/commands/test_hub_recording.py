"""`wz hub export` and `wz hub import`."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from pipeline.commands.hub import hub as command
from pipeline.commands.job import job
from pipeline.hub import Event
from pipeline.hub.description import Description
from pipeline.hub.event_line import event_of, time_text
from pipeline.hub.log import Hub
from pipeline.hub.namespace import Hubs
from pipeline.hub.repetition import Appended
from pipeline.settings import Settings

from ..hub.test_event_line import BODIES
from ..stack import environ


@pytest.fixture
def wz(redis: redis_py.Redis, settings: Settings) -> Callable[..., Result]:
    return lambda *args, stdin=None: CliRunner().invoke(
        command, [str(arg) for arg in args], input=stdin, env=environ(settings)
    )


@pytest.fixture
def made(redis: redis_py.Redis) -> Callable[..., Hub]:
    """Makes hubs of three partitions."""
    hubs = Hubs(redis, {})

    def make(name: str, retention_ms: int | None = None, retention_bytes: int | None = None) -> Hub:
        hubs.create(name, Description(partitions=3, retention_ms=retention_ms, retention_bytes=retention_bytes))
        return hubs[name]

    return make


def fill(hub: Hub) -> None:
    """Send events of every kind: at three times, with keys and without, alone and in batches."""
    now = hub.clock_ms()
    for ms in (now - 60_000, now - 30_000):
        hub.append([Event(body, f"k{n}") for n, body in enumerate(BODIES)], enqueued_ms=ms)
        hub.append([Event(b"{}", None, "text/plain", {"a": 1.5, "b": None})], partition=1, enqueued_ms=ms)
    hub.append([Event(b'{"n":%d}' % n, "k") for n in range(2000)])
    hub.append([Event(b"p", "dev-9", None, {}, "dev-9")])


def content(hub: Hub) -> list[list[tuple[int, Event]]]:
    return [
        [(stored.enqueued_ms, stored.event) for stored in hub.read(partition, limit=10_000)]
        for partition in range(hub.partitions)
    ]


@pytest.mark.parametrize("name", ["events.ndjson", "events.ndjson.gz"])
def test_what_is_exported_and_imported_is_the_same(
    wz: Callable[..., Result], made: Callable[..., Hub], tmp_path: Path, name: str
) -> None:
    one, other = made("one"), made("other")
    fill(one)

    exported = wz("export", "one", tmp_path / name)
    imported = wz("import", "other", tmp_path / name)

    count = sum(map(len, content(one)))
    assert (exported.exit_code, exported.output) == (0, f"{count:,} events\n")
    assert (imported.exit_code, imported.output) == (0, f"{count:,} events\n")
    assert content(other) == content(one)
    again = wz("import", "other", tmp_path / name)
    assert again.exit_code == 1
    assert "before the hub's newest event there" in again.output
    assert content(other) == content(one)


def test_a_full_disk_is_told_in_one_line(wz: Callable[..., Result], made: Callable[..., Hub]) -> None:
    made("one").append([Event(b"{}")])

    exported = wz("export", "one", "/dev/full")

    assert (exported.exit_code, exported.output) == (1, "Error: /dev/full can't be written: No space left on device\n")


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        pytest.param("a.gz", gzip.compress(b"1\n")[:10] + b"\xff" * 30, "can't be read", id="what is no gzip inside"),
        pytest.param("a", b'{"$event":{"publisher":".."},"n":1}', "can't be named '..'", id="no name of a publisher"),
        pytest.param("a.gz", gzip.compress(bytes(65 << 20)), "line 1: it is longer than", id="a line without end"),
    ],
)
def test_what_is_no_file_of_events(
    wz: Callable[..., Result], made: Callable[..., Hub], tmp_path: Path, name: str, data: bytes, told: str
) -> None:
    hub = made("one")
    (tmp_path / name).write_bytes(data)

    imported = wz("import", "one", tmp_path / name, "--now")

    assert (imported.exit_code, told in imported.output) == (1, True), imported.output
    assert content(hub) == [[], [], []]


def test_a_range_of_time_and_a_partition(wz: Callable[..., Result], made: Callable[..., Hub]) -> None:
    hub = made("one")
    now = hub.clock_ms()
    times = [now - 60_000, now - 30_000, now - 1]
    for n, ms in enumerate(times):
        for partition in range(3):
            hub.append([Event(b'{"n":%d}' % n)], partition=partition, enqueued_ms=ms)

    def found(*args: object) -> list[tuple[int | None, int | None]]:
        lines = map(event_of, wz("export", "one", *args).stdout_bytes.splitlines())
        return [(line.enqueued_ms, line.partition) for line in lines]

    every = [(ms, partition) for ms in times for partition in range(3)]
    assert found() == every
    assert found("--from", time_text(times[1])) == every[3:]
    assert found("--to", time_text(times[1])) == every[:3]
    assert found("--from", time_text(times[0] + 1), "--to", time_text(times[2])) == every[3:6]
    assert found("--from", "45s", "--partition", 1) == [(ms, 1) for ms in times[1:]]
    assert found("--from", time_text(now + 1000)) == []


def test_a_job_replays_an_export_as_it_would_read_the_hub(
    wz: Callable[..., Result], made: Callable[..., Hub], tmp_path: Path
) -> None:
    hub = made("one")
    hub.append([Event(body) for body in BODIES], partition=2)
    wz("export", "one", tmp_path / "events.ndjson")
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "query.asaql").write_text("SELECT * INTO Out FROM Input")
    (folder / "job.toml").write_text('[inputs.Input]\nhub = "one"\n[outputs.Out]\ntype = "stream"\n')

    ran = CliRunner().invoke(job, ["run", str(folder), "--input", f"Input={tmp_path / 'events.ndjson'}"])

    rows = [msgspec.json.decode(line) for line in ran.stdout_bytes.splitlines()]
    columns = {"EventProcessedUtcTime", "PartitionId", "EventEnqueuedUtcTime"}
    assert all(columns <= row.keys() and row["PartitionId"] == 2 for row in rows)
    assert [{name: value for name, value in row.items() if name not in columns} for row in rows] == [
        {"a": 1.5, "b": [1, 2]},
        {},
        {},
        {"a": 1},
        {"a": 1},
        {"a": 2},
        {"ä": "\u2028"},
        {},
        {"$event": {"partition_key": "forged"}},  # a member of the body
        {"a": 1},
        {"b": 2},
        {},
    ]
    assert "input_errors: 8, the first: " in ran.stderr  # as the hub would have: all that are not objects


def test_other_programs_events_are_imported_at_new_times(wz: Callable[..., Result], made: Callable[..., Hub]) -> None:
    hub = made("one")
    begin = hub.clock_ms()

    refused = wz("import", "one", "-", stdin=b'{"a":1}\n')
    taken = wz("import", "one", "-", "--now", stdin=b'{"a":1}\n\n[2]\n{"$event":{"partition_key":"k"},"a":3}\n')

    assert "line 1 has no EventEnqueuedUtcTime" in refused.output
    assert (taken.exit_code, taken.output) == (0, "3 events\n")
    events = [one for partition in content(hub) for one in partition]
    assert sorted(event.body for _, event in events) == [b"[2]", b'{"a":1}', b'{"a":3}']
    assert all(ms >= begin for ms, _ in events)


def test_nothing_is_written_if_a_line_is_wrong(
    wz: Callable[..., Result], made: Callable[..., Hub], tmp_path: Path
) -> None:
    hub = made("one")
    file = tmp_path / "events.ndjson"
    file.write_bytes(b'{"a":1}\n' + b"no\n" * 7)

    result = wz("import", "one", file, "--now")

    assert result.exit_code == 1
    assert [line.split(": ")[:2] for line in result.output.splitlines()] == [
        ["Error", f"{file}, line 2"],
        *([f"{file}, line {number}", "it is not the JSON of an event"] for number in range(3, 7)),
        [f"and 2 more lines of {file}"],
    ]
    assert content(hub) == [[], [], []]


@pytest.mark.parametrize(
    ("ages", "kept", "says"),
    [
        pytest.param([60_000, 90_000], {}, "line 2 is of ", id="not sorted"),
        pytest.param([-60_000], {}, "to come", id="in the future"),
        pytest.param([10_000], {"retention_ms": 1000}, "keeps events for 1 s", id="too old"),
        pytest.param([10], {"retention_bytes": 3 * 1024 * 1024}, "lose its oldest events", id="too large"),
    ],
)
def test_nothing_is_written_that_would_not_be_kept_as_it_is(
    wz: Callable[..., Result],
    made: Callable[..., Hub],
    ages: list[int],
    kept: dict[str, int],
    says: str,
) -> None:
    hub = made("one", **kept)
    now = hub.clock_ms()
    lines = [
        b'{"EventEnqueuedUtcTime":"%s","PartitionId":0,"a":"%s"}' % (time_text(now - age).encode(), b"x" * 2**20)
        for age in ages
    ]

    result = wz("import", "one", "-", stdin=b"\n".join(lines))

    assert result.exit_code == 1
    assert says in result.output
    assert content(hub) == [[], [], []]


def test_an_import_that_stops_says_how_far_it_came(
    wz: Callable[..., Result], made: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = made("one")
    now = hub.clock_ms()
    append = Hub.append

    def stopped(self: Hub, events: list[Event], **more: Any) -> Appended:
        appended = append(self, events, **more)
        if events[0].body == b'{"n":2}':
            raise KeyboardInterrupt
        return appended

    monkeypatch.setattr(Hub, "append", stopped)
    lines = [
        b'{"EventEnqueuedUtcTime":"%s","PartitionId":0,"n":%d}' % (time_text(now - 10 + n).encode(), n)
        for n in range(4)
    ]

    result = wz("import", "one", "-", stdin=b"\n".join(lines))

    assert result.output == (
        "Error: stopped\n2 of 4 events are written, and perhaps those that were sent last: all up to line 2\n"
    )


def test_a_file_that_is_cut_off_is_one_line(
    wz: Callable[..., Result], made: Callable[..., Hub], tmp_path: Path
) -> None:
    made("one")
    file = tmp_path / "events.ndjson.gz"
    file.write_bytes(gzip.compress(b'{"a":1}\n' * 1000)[:-20])

    result = wz("import", "one", file, "--now")

    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert f"{file} can't be read" in result.output


def test_what_has_been_in_the_hub_and_what_it_has_already(wz: Callable[..., Result], made: Callable[..., Hub]) -> None:
    hub = made("one")
    line = b'{"$event":{"properties":{"wz-hops":"%s"}}}' % hub.hop.encode()

    assert "line 1: the event has been in this hub" in wz("import", "one", "-", "--now", stdin=line).output

    Hubs(hub.redis, {}).update("one", lambda old: msgspec.structs.replace(old, duplicate_detection_ms=600_000))
    line = b'{"$event":{"partition_key":"k","message_id":"a"},"n":1}\n'
    assert content(hub) == [[], [], []]
    assert wz("import", "one", "-", "--now", stdin=line * 2).output == "2 events, 1 of them left out as duplicates\n"
