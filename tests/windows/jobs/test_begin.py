"""Where a job begins. Times are of one day, 10:15; events come every five minutes, and their number is `n`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as redis_py

from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.hub.partition import partition_of
from pipeline.hub.retention import trim
from pipeline.windows.jobs import begin as begin_module
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.opened import Pacing
from pipeline.windows.jobs.outputs import StreamOutput

from ..support.example import enqueued_ms
from ..support.running_jobs import end, load, read_status, stop

QUERY = """
SELECT k, COUNT(*) AS events, MIN(n) AS first INTO Windows FROM Input GROUP BY k, HoppingWindow(minute, 20, 10)
SELECT n INTO Rows FROM Input
"""
TOML = """
start = "last"

[inputs.Input]
hub = "events"

[outputs.Windows]
type = "stream"

[outputs.Rows]
type = "stream"
"""
PARALLEL = TOML.replace('hub = "events"', 'hub = "events"\npartition_key = "k"')

KEYS = ("a", "c")  # in different partitions

#: Minutes after ten at which windows end, and the numbers of the events in each.
WINDOWS = {end: [n for n in range(13) if end - 20 < 5 * n <= end] for end in range(0, 80, 10)}


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    assert len({partition_of(key, 4) for key in KEYS}) == len(KEYS)
    return Hubs(redis, {"events": 4})


NewJob = Callable[..., Job]


@pytest.fixture
def new_job(redis: redis_py.Redis, hubs: Hubs, tmp_path: Path) -> Iterator[NewJob]:
    made: list[Job] = []

    def new(toml: str = TOML, query: str = QUERY) -> Job:
        folder = tmp_path / "j"
        folder.mkdir(exist_ok=True)
        (folder / "query.asaql").write_text(query)
        (folder / "job.toml").write_text(toml)
        made.append(load(folder, redis, hubs, pacing=Pacing(0.0, 2), beat=0.0))
        return made[-1]

    yield new
    for job in made:
        end(job)


def minute(number: int) -> str:
    return f"{10 + number // 60}:{number % 60:02}"


def send(hubs: Hubs, first: int, last: int) -> None:
    for n in range(first, last + 1):
        for key in KEYS:
            body = msgspec.json.encode({"k": key, "n": n})
            hubs["events"].append([Event(body, key)], enqueued_ms=enqueued_ms(minute(5 * n)))


def run(job: Job) -> None:
    while sum(worker.step() for worker in job.workers):
        pass
    stop(job)


Rows = dict[str, list[tuple[str, int, int]]]


def windows(redis: redis_py.Redis) -> Rows:
    """Return by key, for each row of a window, its time, its number of events and the first event."""
    found: Rows = {key: [] for key in KEYS}
    for entry in StreamOutput(redis, "Windows").read(limit=1000):
        row = msgspec.json.decode(entry.row)
        assert entry.window_end is not None
        found[row["k"]].append((entry.window_end[11:16], row["events"], row["first"]))
    return {key: sorted(rows) for key, rows in found.items()}


def expected(*first_ends: int) -> Rows:
    """Return by key the rows of all windows from each of these ends on; several ends give rows several times."""
    rows = [
        (minute(end), len(numbers), numbers[0])
        for first_end in first_ends
        for end, numbers in WINDOWS.items()
        if numbers and end >= first_end
    ]
    return dict.fromkeys(KEYS, sorted(rows))


def singles(redis: redis_py.Redis) -> list[int]:
    """Return the numbers of the events in the output that has no windows."""
    return sorted(msgspec.json.decode(entry.row)["n"] for entry in StreamOutput(redis, "Rows").read())


def twice(numbers: range) -> list[int]:
    return sorted([*numbers, *numbers])


LAYOUTS = pytest.mark.parametrize("toml", [TOML, PARALLEL], ids=["merged", "parallel"])


@pytest.mark.cluster
@LAYOUTS
def test_a_new_job_begins_with_the_log(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, toml: str) -> None:
    send(hubs, 0, 12)
    run(new_job(toml))

    assert windows(redis) == expected(0)
    assert singles(redis) == twice(range(13))


@LAYOUTS
def test_a_start_in_the_past_gives_whole_windows_from_then_on(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, toml: str
) -> None:
    send(hubs, 0, 12)
    run(new_job(toml.replace('"last"', '"2024-05-01T10:30:00Z"')))

    assert windows(redis) == expected(30)
    assert singles(redis) == twice(range(6, 13))


@pytest.mark.cluster
@LAYOUTS
def test_a_start_now_leaves_out_what_there_was(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, toml: str) -> None:
    send(hubs, 0, 12)
    job = new_job(toml.replace('"last"', '"now"'))
    while job.step():
        pass
    status = read_status(redis, "j")
    assert status is not None
    assert status.lag == 0
    hubs["events"].append([Event(b'{"k": "a", "n": 13}', "a")])
    run(job)

    assert windows(redis) == {key: [] for key in KEYS}
    assert singles(redis) == [13]


@LAYOUTS
def test_a_restart_with_the_same_start_goes_on(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, toml: str) -> None:
    toml = toml.replace('"last"', '"2024-05-01T10:30:00Z"')
    send(hubs, 0, 12)
    for _ in range(6):
        run_some(new_job(toml), turns=1)
    run(new_job(toml))

    assert windows(redis) == expected(30)
    assert singles(redis) == twice(range(6, 13))


def run_some(job: Job, turns: int) -> None:
    for _ in range(turns):
        job.step()
    stop(job)


@pytest.mark.cluster
def test_another_start_begins_anew(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    send(hubs, 0, 12)
    run(new_job())
    run(new_job(TOML.replace('"last"', '"2024-05-01T10:50:00Z"')))

    assert windows(redis) == expected(0, 50)
    assert singles(redis) == sorted(twice(range(13)) + twice(range(10, 13)))


def test_back_to_last_goes_on(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    send(hubs, 0, 12)
    run(new_job(TOML.replace('"last"', '"2024-05-01T10:50:00Z"')))
    run(new_job())

    assert windows(redis) == expected(50)


OTHER = QUERY.replace("COUNT(*) AS events", "COUNT(*) AS events, MAX(n) AS last")


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param((TOML, QUERY), (TOML, OTHER), id="merged"),
        pytest.param((PARALLEL, QUERY), (PARALLEL, OTHER), id="parallel"),
        pytest.param((TOML, QUERY), (PARALLEL, QUERY), id="merged, then parallel"),
        pytest.param((PARALLEL, QUERY), (TOML, QUERY), id="parallel, then merged"),
    ],
)
def test_another_query_goes_on_when_last_stopped(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, before: tuple[str, str], after: tuple[str, str], turns: int
) -> None:
    send(hubs, 0, 12)
    run_some(new_job(*before), turns)
    run_some(new_job(*after), 1)
    run(new_job(*after))

    found = windows(redis)
    assert {key: sorted(set(rows)) for key, rows in found.items()} == expected(0)
    assert singles(redis) == twice(range(13))
    if (before[0], after[0]) != (PARALLEL, TOML):
        # A new merging task begins at the time of the earliest partition, so that rows may come again.
        assert found == expected(0)


def test_a_query_that_is_only_written_in_another_way_goes_on_with_its_state(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob
) -> None:
    send(hubs, 0, 12)
    first = new_job()
    run_some(first, 2)
    second = new_job(query="-- the same\n" + QUERY.replace(" ", "  ").replace("SELECT", "select"))

    assert second.opened.version == first.opened.version


@LAYOUTS
def test_windows_that_lack_events_are_left_out(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, toml: str) -> None:
    send(hubs, 0, 3)
    for partition in range(4):
        trim(hubs["events"], partition)  # all are older than a day
    send(hubs, 4, 12)
    run(new_job(toml))

    assert windows(redis) == expected(40)  # the first window that surely lacks no event: from 10:20 on
    assert singles(redis) == twice(range(4, 13))


def test_a_worker_with_another_version_rests(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    send(hubs, 0, 12)
    old = new_job()
    old.step()
    old.step()
    new = new_job(query=OTHER)
    new.step()

    assert [old.step() for _ in range(3)] == [0, 0, 0]
    run(new)
    assert windows(redis) == expected(0)
    assert singles(redis) == twice(range(13))


@pytest.mark.cluster
@LAYOUTS
def test_an_old_task_commits_nothing_once_its_checkpoint_was_read(
    redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, monkeypatch: pytest.MonkeyPatch, toml: str
) -> None:
    send(hubs, 0, 12)
    old = new_job(toml)
    old.step()
    turns: list[int] = []

    class Overtaken(begin_module._Beginning):
        """Is made of what the old tasks had saved just before they take more turns."""

        def __init__(self, *args: Any) -> None:
            turns.extend(old.step() for _ in range(3))
            super().__init__(*args)

    monkeypatch.setattr(begin_module, "_Beginning", Overtaken)
    run(new_job(toml, OTHER))

    assert turns == [0, 0, 0]
    assert windows(redis) == expected(0)
    assert singles(redis) == twice(range(13))


@pytest.mark.cluster
def test_a_beginning_that_was_broken_off_is_made_good(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    send(hubs, 0, 12)
    run_some(new_job(), turns=3)
    job = new_job(query=OTHER)
    redis.hset("job:j", mapping={"version": job.opened.version, "ready": 0})  # as after the first of its two steps
    run(job)

    assert windows(redis) == expected(0)
    assert singles(redis) == twice(range(13))


@pytest.mark.cluster
def test_the_hub_keeps_what_a_new_job_has_not_read(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    send(hubs, 0, 12)
    job = new_job()
    job.step()
    stop(job)
    for partition in range(4):
        trim(hubs["events"], partition)
    run(new_job())

    assert windows(redis) == expected(0)
