from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from pipeline.hub.group_registry import ConsumerGroups
from pipeline.hub.namespace import Hubs
from pipeline.windows.engine.bodies import json_records
from pipeline.windows.engine.event_times import TimePolicies
from pipeline.windows.jobs.job_toml import (
    BoardConfig,
    FileInput,
    InvalidJob,
    JobConfig,
    ReferenceInput,
    StreamConfig,
    WebhookConfig,
    config_of,
)
from pipeline.windows.jobs.outputs import OutputTaken
from pipeline.windows.language.ticks import TICKS_PER_SECOND

from ..support.running_jobs import load

QUERY = "SELECT who, points INTO Points FROM Input"
GOOD = """
[inputs.Input]
hub = "events"

[outputs.Points]
type = "stream"
maxlen = 10

[[boards]]
from = "Points"
board = "b"
member = "who"
score = "points"
mode = "set"
"""


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"events": 4})


def folder(path: Path, query: str = QUERY, toml: str = GOOD) -> Path:
    path.mkdir(exist_ok=True)
    (path / "query.asaql").write_text(query)
    (path / "job.toml").write_text(toml)
    return path


def config(path: Path, toml: str) -> JobConfig:
    return config_of(tomllib.loads(toml), path / "job.toml")


def test_names_ignore_case(redis: redis_py.Redis, hubs: Hubs, tmp_path: Path) -> None:
    job = folder(tmp_path / "j", "SELECT who INTO POINTS FROM INPUT")

    assert load(job, redis, hubs).name == "j"


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    made = config(tmp_path, "[outputs.o]\ntype = 'stream'")

    assert (made.start, made.snapshot_seconds, made.policies) == ("last", 30.0, TimePolicies())
    assert made.outputs == {"o": StreamConfig(1_000_000)}


@pytest.mark.parametrize(
    ("toml", "policies"),
    [
        pytest.param("late_arrival = '2m'", TimePolicies(120 * TICKS_PER_SECOND), id="late"),
        pytest.param("late_arrival = 0", TimePolicies(0), id="never late"),
        pytest.param("late_arrival = -1", TimePolicies(None), id="late for ever"),
        pytest.param("late_arrival = 1814399", TimePolicies(1_814_399 * TICKS_PER_SECOND), id="as late as may be"),
        pytest.param("out_of_order = '500ms'", TimePolicies(out_of_order=TICKS_PER_SECOND // 2), id="out of order"),
        pytest.param("action = 'drop'", TimePolicies(action="drop"), id="action"),
    ],
)
def test_time_policies(tmp_path: Path, toml: str, policies: TimePolicies) -> None:
    assert config(tmp_path, f"[time]\n{toml}").policies == policies


@pytest.mark.parametrize(
    ("written", "start"),
    [
        pytest.param('"last"', "last", id="when last stopped"),
        pytest.param('"now"', "now", id="now"),
        pytest.param('"2024-05-01T11:00:00Z"', "2024-05-01T11:00:00.0000000Z", id="a time as text"),
        pytest.param("2024-05-01T13:00:00.5+02:00", "2024-05-01T11:00:00.5000000Z", id="a time of TOML's"),
    ],
)
def test_start(tmp_path: Path, written: str, start: str) -> None:
    assert config(tmp_path, f"start = {written}").start == start


def test_how_bodies_are_written(tmp_path: Path) -> None:
    made = config(
        tmp_path,
        """
        [inputs.a]
        hub = "h"
        [inputs.b]
        hub = "h"
        format = "csv"
        delimiter = "\\t"
        [inputs.c]
        file = "c.csv"
        delimiter = ";"
        """,
    )

    assert made.events("a").read_body is json_records
    assert made.events("b").read_body(b"n\tm\n1\t2") == [{"n": "1", "m": "2"}]
    assert made.events("c").delimiter == ";"


def test_another_format_is_another_version_of_a_job(redis: redis_py.Redis, hubs: Hubs, tmp_path: Path) -> None:
    formats = ["", "format = 'json'", "format = 'csv'", "format = 'csv'\ndelimiter = '|'"]
    versions = []
    for form in formats:
        toml = f"[inputs.Input]\nhub = 'events'\n{form}\n[outputs.Out]\ntype = 'stream'"
        job = folder(tmp_path / "j", "SELECT who INTO Out FROM Input", toml)
        versions.append(load(job, redis, hubs).opened.version)

    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


def test_each_kind_of_input_and_output(tmp_path: Path) -> None:
    made = config(
        tmp_path,
        """
        [inputs.a]
        file = "a.ndjson"
        [inputs.b]
        reference = { hash = "devices", field_column = "id" }
        [outputs.c]
        type = "board"
        board = "b"
        member = "who"
        score = "points"
        mode = "max"
        [outputs.d]
        type = "webhook"
        url = "https://example.com/rows"
        """,
    )

    assert isinstance(made.inputs["a"], FileInput)
    assert isinstance(made.inputs["b"], ReferenceInput)
    assert made.references == {"b"}
    assert made.outputs == {
        "c": BoardConfig("b", "who", "points", "max"),
        "d": WebhookConfig("https://example.com/rows"),
    }


@pytest.mark.parametrize(
    ("query", "toml", "error", "field"),
    [
        pytest.param("SELECT", GOOD, "query.asaql: 1:7: expected ", "query", id="the query"),
        pytest.param(QUERY, "x = ", "job.toml: can't be read: ", None, id="no TOML"),
        pytest.param(QUERY, GOOD + "[other]", "job.toml: other is unknown", "other", id="an unknown section"),
        pytest.param(
            QUERY,
            GOOD.replace("inputs.Input", "inputs.Other"),
            "job.toml: [inputs.Input] is missing: the query has FROM Input",
            "inputs.Input",
            id="no input",
        ),
        pytest.param(QUERY, "inputs = 1", "inputs must be written as [inputs.NAME] tables", "inputs", id="no table"),
        pytest.param(
            QUERY, "boards = 1", "boards must be written as [[boards]] tables", "boards", id="no list of tables"
        ),
        pytest.param(
            QUERY,
            GOOD.replace("outputs.Points", "outputs.P"),
            "[outputs.Points] is missing",
            "outputs.Points",
            id="no output",
        ),
        pytest.param(
            QUERY,
            GOOD + "[outputs.x]\ntype='stream'",
            "[outputs.x] is not in the query: it has Points",
            "outputs.x",
            id="an output too many",
        ),
        pytest.param(
            QUERY,
            GOOD.replace('hub = "events"', ""),
            "[inputs.Input]: write one of hub, file and reference",
            "inputs.Input",
            id="no hub",
        ),
        pytest.param(
            QUERY,
            GOOD.replace('hub = "events"', 'hub = "events"\nx = 1'),
            "[inputs.Input]: Object contains unknown field `x`",
            "inputs.Input.x",
            id="a key too many",
        ),
        pytest.param(
            QUERY,
            GOOD.replace('hub = "events"', 'hub = "events"\nformat = "avro"'),
            "[inputs.Input]: Invalid enum value 'avro' - at `$.format`",
            "inputs.Input.format",
            id="an unknown format",
        ),
        pytest.param(
            QUERY,
            GOOD.replace('hub = "events"', 'hub = "events"\ndelimiter = ";"'),
            '[inputs.Input]: a delimiter is for CSV: write format = "csv" as well',
            "inputs.Input.delimiter",
            id="a delimiter of JSON",
        ),
        pytest.param(
            QUERY,
            GOOD.replace('hub = "events"', 'reference = { file = "a", hash = "b" }'),
            "[inputs.Input]: a reference is { name = ... }, { file = ... } or { hash = ... }",
            "inputs.Input",
            id="two references",
        ),
        pytest.param(
            QUERY,
            GOOD.replace('hub = "events"', 'file = "a"'),
            "[inputs.Input]: a worker reads only hubs; `wz job run` reads files",
            "inputs.Input",
            id="a file",
        ),
        pytest.param(
            QUERY,
            GOOD.replace('"events"', '"other"'),
            "[inputs.Input]: there is no hub 'other'",
            "inputs.Input",
            id="no such hub",
        ),
        pytest.param(
            QUERY,
            GOOD.replace('hub = "events"', 'hub = "events"\nconsumer_group = "x"'),
            "[inputs.Input]: hub 'events' has no consumer group 'x'",
            "inputs.Input",
            id="no such group",
        ),
        pytest.param(
            QUERY,
            GOOD.replace('"stream"', '"queue"'),
            "[outputs.Points]: Invalid value 'queue'",
            "outputs.Points.type",
            id="a type",
        ),
        pytest.param(
            QUERY,
            GOOD.replace('"set"', '"sum"'),
            "[[boards]] 1: Invalid enum value 'sum'",
            "boards.mode",
            id="another mode",
        ),
        pytest.param(
            QUERY,
            GOOD.replace('from = "Points"', 'from = "x"'),
            "[[boards]] 1: from = 'x' is not an output",
            "boards",
            id="from",
        ),
        pytest.param(
            QUERY,
            GOOD.replace('board = "b"', 'board = "b/c"'),
            "[[boards]]: 'b/c' is not a name for a board",
            "board",
            id="a board's name",
        ),
        pytest.param(
            QUERY,
            GOOD + "[time]\nlate_arrival = '21d'",
            "time.late_arrival: '21d' is more than",
            "time.late_arrival",
            id="late",
        ),
        pytest.param(
            QUERY,
            GOOD + "[time]\nlate_arrival = -2",
            "time.late_arrival: '-2' is not a time",
            "time.late_arrival",
            id="no time",
        ),
        pytest.param(
            QUERY,
            GOOD + "[time]\nout_of_order = '10m'",
            "time.out_of_order: '10m' is more than 599 s",
            "time.out_of_order",
            id="out of order",
        ),
        pytest.param(
            QUERY, GOOD + "[time]\naction = 'x'", "[time]: Invalid enum value 'x'", "time.action", id="no action"
        ),
        pytest.param(QUERY, "start = 'soon'" + GOOD, "start: 'soon' is not", "start", id="no start"),
        pytest.param(QUERY, "start = 2024-05-01T11:00:00" + GOOD, "start: ", "start", id="a local time"),
        pytest.param(QUERY, "snapshot = 'x'" + GOOD, "snapshot: 'x' is not a time", "snapshot", id="no snapshot"),
        pytest.param(
            "SELECT who INTO Points FROM Input TIMESTAMP BY t OVER who",
            GOOD + "[time]\nlate_arrival = -1",
            "[time]: late_arrival = -1 can't be used with TIMESTAMP BY ... OVER",
            "time.late_arrival",
            id="a key that may come whenever it likes",
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(
    redis: redis_py.Redis, hubs: Hubs, tmp_path: Path, query: str, toml: str, error: str, field: str | None
) -> None:
    with pytest.raises(InvalidJob) as caught:
        load(folder(tmp_path / "j", query, toml), redis, hubs)

    assert str(caught.value).startswith(str(tmp_path / "j"))
    assert error in str(caught.value)
    assert caught.value.field == field


@pytest.mark.parametrize("missing", ["query.asaql", "job.toml"])
def test_a_missing_file_is_named(redis: redis_py.Redis, hubs: Hubs, tmp_path: Path, missing: str) -> None:
    (folder(tmp_path / "j") / missing).unlink()
    with pytest.raises(InvalidJob, match=rf"{missing}: can't be read"):
        load(tmp_path / "j", redis, hubs)


def test_a_job_may_read_as_a_consumer_group_of_the_hub_s(redis: redis_py.Redis, hubs: Hubs, tmp_path: Path) -> None:
    ConsumerGroups(hubs["events"]).create("Windows")
    made = folder(tmp_path / "j", toml=GOOD.replace('hub = "events"', 'hub = "events"\nconsumer_group = "windows"'))
    job = load(made, redis, hubs)

    assert [reader.group.name for reader in job.opened.readers] == ["Windows"]


def test_two_jobs_can_t_have_one_output(redis: redis_py.Redis, hubs: Hubs, tmp_path: Path) -> None:
    load(folder(tmp_path / "one"), redis, hubs)
    load(folder(tmp_path / "one"), redis, hubs)

    with pytest.raises(OutputTaken, match="'Points' is written by the job 'one'"):
        load(folder(tmp_path / "two"), redis, hubs)


def test_an_output_on_a_cluster_has_no_braces_in_its_name(cluster: Any, tmp_path: Path) -> None:
    made = folder(
        tmp_path / "j",
        "SELECT n INTO [a{b}] FROM Input",
        '[inputs.Input]\nhub = "events"\n[outputs."a{b}"]\ntype = "stream"',
    )
    with pytest.raises(InvalidJob, match="a name with braces"):
        load(made, cluster, Hubs(cluster, {"events": 4}))
