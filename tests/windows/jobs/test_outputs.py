from __future__ import annotations

from collections import Counter

import pytest
import redis as redis_py

from pipeline.errors import InvalidValue
from pipeline.windows.engine.engine import OutputRow
from pipeline.windows.jobs.outputs import (
    OutputInUse,
    OutputSummary,
    OutputTaken,
    StreamOutput,
    UnknownOutput,
    declare_outputs,
    list_outputs,
    release_outputs,
)
from pipeline.windows.language.ticks import parse
from pipeline.windows.operators.faults import Faults

NOON = "2024-05-01T12:00:00.0000000Z"


def write(output: StreamOutput, count: int) -> None:
    with output.redis.pipeline() as pipe:
        rows = [OutputRow(output.name, {"n": number}, parse(NOON), (), True) for number in range(count)]
        output.queue(pipe, rows, Faults("test", Counter()))
        pipe.execute()


@pytest.fixture
def output(redis: redis_py.Redis) -> StreamOutput:
    output = StreamOutput(redis, "o")
    declare_outputs(output.redis, "job", [output.name])
    return output


@pytest.mark.cluster
def test_pages_follow_each_other(output: StreamOutput) -> None:
    write(output, 5)
    first = output.read(limit=2)
    second = output.read(after=first[-1].id, limit=2)
    last = output.read(after=second[-1].id, limit=2)

    pages = [[bytes(entry.row) for entry in page] for page in (first, second, last)]
    assert pages == [[b'{"n":0}', b'{"n":1}'], [b'{"n":2}', b'{"n":3}'], [b'{"n":4}']]
    assert {entry.window_end for entry in first} == {NOON}


def test_an_output_without_rows_is_empty(output: StreamOutput) -> None:
    assert output.read() == []


def test_an_output_that_no_job_has_is_unknown(redis: redis_py.Redis) -> None:
    with pytest.raises(UnknownOutput):
        StreamOutput(redis, "other").read()


@pytest.mark.parametrize("after", ["", "x", "-1", "1-", "+", "9" * 20, "٣"])
def test_after_must_be_an_id(output: StreamOutput, after: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        output.read(after)

    assert caught.value.field == "after"


def test_the_oldest_rows_are_dropped(redis: redis_py.Redis) -> None:
    output = StreamOutput(redis, "o", maxlen=1)
    declare_outputs(output.redis, "job", [output.name])
    write(output, 1000)

    assert len(output.read(limit=1000)) < 1000
    assert bytes(output.read(limit=1000)[-1].row) == b'{"n":999}'


def test_an_output_of_another_job_is_taken(output: StreamOutput) -> None:
    with pytest.raises(OutputTaken, match="written by the job 'job': rename it"):
        declare_outputs(output.redis, "other", [output.name])

    declare_outputs(output.redis, "job", [output.name])


@pytest.mark.cluster
def test_outputs_are_listed_with_the_job_that_writes_them(output: StreamOutput) -> None:
    declare_outputs(output.redis, "other", ["b"])
    write(output, 3)
    release_outputs(output.redis, "other")

    assert list_outputs(output.redis) == [
        OutputSummary("b", None, 0, None),
        OutputSummary("o", "job", 3, output.latest()),
    ]


@pytest.mark.cluster
def test_what_a_job_left_behind_can_be_read_taken_over_and_deleted(output: StreamOutput) -> None:
    write(output, 1)
    with pytest.raises(OutputInUse):
        output.delete()
    release_outputs(output.redis, "job", keep={"o"})
    with pytest.raises(OutputInUse):
        output.delete()

    release_outputs(output.redis, "job")
    assert len(output.read()) == 1
    declare_outputs(output.redis, "next", [output.name])
    release_outputs(output.redis, "next")
    output.delete()

    with pytest.raises(UnknownOutput):
        output.read()
    with pytest.raises(UnknownOutput):
        output.delete()


def test_a_reader_waits_for_a_row(output: StreamOutput) -> None:
    assert output.latest() == "0"
    assert not output.wait("0", 0.01, lambda: False)
    assert not output.wait("0", 60, lambda: True)
    write(output, 1)

    assert output.wait("0", 60, lambda: False)
