from __future__ import annotations

from pathlib import Path

import pytest
import redis as redis_py

from pipeline.hub.registry import Hubs
from pipeline.windows.config import InvalidJob
from pipeline.windows.job import Job
from pipeline.windows.outputs import OutputTaken

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


def folder(path: Path, query: str = QUERY, toml: str = GOOD) -> Path:
    path.mkdir(exist_ok=True)
    (path / "query.asaql").write_text(query)
    (path / "job.toml").write_text(toml)
    return path


def test_names_ignore_case(redis: redis_py.Redis, tmp_path: Path) -> None:
    job = folder(tmp_path / "j", "SELECT who INTO POINTS FROM INPUT")

    assert Job.load(job, redis, Hubs(redis, {"events": 4})).name == "j"


@pytest.mark.parametrize(
    ("query", "toml", "error"),
    [
        pytest.param("SELECT", GOOD, "query.asaql: 1:7: expected a column", id="the query"),
        pytest.param(QUERY, "x = ", "job.toml: can't be read: ", id="no TOML"),
        pytest.param(QUERY, GOOD + "[other]", "job.toml: other is unknown", id="an unknown section"),
        pytest.param(
            QUERY, "outputs = 1", "job.toml: [inputs.Input] is missing: the query has FROM Input", id="no input"
        ),
        pytest.param(QUERY, "inputs = 1", "job.toml: inputs is to be [inputs.NAME] tables", id="no table"),
        pytest.param(QUERY, GOOD.replace("outputs.Points", "outputs.P"), "[outputs.Points] is missing", id="no output"),
        pytest.param(
            QUERY,
            GOOD + "[outputs.x]\ntype='stream'",
            "[outputs.x] is not in the query: it has Points",
            id="an output too many",
        ),
        pytest.param(
            QUERY,
            GOOD.replace('hub = "events"', ""),
            "[inputs.Input]: Object missing required field `hub`",
            id="no hub",
        ),
        pytest.param(
            QUERY, GOOD.replace('"events"', '"other"'), "[inputs.Input]: there is no hub 'other'", id="no such hub"
        ),
        pytest.param(
            QUERY, GOOD.replace('"stream"', '"queue"'), "[outputs.Points]: Invalid enum value 'queue'", id="a type"
        ),
        pytest.param(
            QUERY, GOOD.replace('"set"', '"sum"'), "[[boards]] 1: Invalid enum value 'sum'", id="another mode"
        ),
        pytest.param(
            QUERY, GOOD.replace('from = "Points"', 'from = "x"'), "[[boards]] 1: from = 'x' is no output", id="from"
        ),
        pytest.param(
            QUERY,
            GOOD.replace('board = "b"', 'board = "b/c"'),
            "[[boards]]: 'b/c' is no name for a board",
            id="a board's name",
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(
    redis: redis_py.Redis, tmp_path: Path, query: str, toml: str, error: str
) -> None:
    with pytest.raises(InvalidJob) as caught:
        Job.load(folder(tmp_path / "j", query, toml), redis, Hubs(redis, {"events": 4}))

    assert str(caught.value).startswith(str(tmp_path / "j"))
    assert error in str(caught.value)


def test_a_missing_file_is_named(redis: redis_py.Redis, tmp_path: Path) -> None:
    with pytest.raises(InvalidJob, match=r"query\.asaql: can't be read"):
        Job.load(tmp_path, redis, Hubs(redis, {"events": 4}))


def test_two_jobs_can_t_have_one_output(redis: redis_py.Redis, tmp_path: Path) -> None:
    hubs = Hubs(redis, {"events": 4})
    Job.load(folder(tmp_path / "one"), redis, hubs)
    Job.load(folder(tmp_path / "one"), redis, hubs)

    with pytest.raises(OutputTaken, match="'Points' is written by the job 'one'"):
        Job.load(folder(tmp_path / "two"), redis, hubs)
