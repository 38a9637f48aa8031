"""`wz job run`: the formats that it writes, when it fails, and what is left then."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.commands.job import job
from pipeline.windows.language.ticks import parse
from pipeline.windows.language.values import Datetime
from pipeline.windows.local.files import EventFile

from ..stack import REPOSITORY
from ..windows.support.example import JOB

EVENTS = JOB / "tests" / "window_edges" / "Input.ndjson"


def folder(tmp_path: Path, query: str) -> Path:
    (made := tmp_path / "j").mkdir()
    (made / "query.asaql").write_text(query)
    (made / "job.toml").write_text('[inputs.i]\nhub = "events"\n[outputs.o]\ntype = "stream"\n')
    return made


def run(made: Path, tmp_path: Path, events: str, output: str = "-") -> Result:
    (tmp_path / "i.ndjson").write_text(events)
    args = ["run", str(made), "--input", f"i={tmp_path / 'i.ndjson'}", "--output", f"o={output}"]
    return CliRunner().invoke(job, args)


SUM = "SELECT k, SUM(n) AS n INTO o FROM i TIMESTAMP BY t GROUP BY k, TumblingWindow(minute, 1)"
GOOD = '{"t": "2024-05-01T10:00:10Z", "n": 1}\n'


@pytest.mark.parametrize(
    ("query", "events", "code"),
    [
        pytest.param(SUM, '{"t": "2024-05-01T10:00:10Z", "n": "x"}\n' * 3, 1, id="all are not computable"),
        pytest.param(SUM, "no JSON\n" * 3, 1, id="all are not readable"),
        pytest.param(SUM, '{"t": "x"}\n{"n": 1}\n', 1, id="none has a time"),
        pytest.param(SUM, "no JSON\n" + GOOD, 0, id="one is good"),
        pytest.param(SUM, "", 0, id="no events"),
        pytest.param("SELECT n INTO o FROM i TIMESTAMP BY t WHERE n > 1", GOOD, 0, id="WHERE takes none"),
        pytest.param(
            "SELECT n INTO o FROM i TIMESTAMP BY t WHERE n > 1",
            GOOD + '{"t": "2024-05-01T09:00:10Z", "n": 1}\n' * 2,
            0,
            id="most are adjusted",
        ),
    ],
)
def test_it_fails_if_every_event_does(tmp_path: Path, query: str, events: str, code: int) -> None:
    assert run(folder(tmp_path, query), tmp_path, events).exit_code == code


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ('{"t": "2022-11-32"}', "nvarchar(max) '2022-11-32' is not a datetime"),
        ('{"t": []}', "array is not a datetime"),
        ("{}", "TIMESTAMP BY is NULL"),
    ],
)
def test_the_first_event_s_own_reason_is_told(tmp_path: Path, event: str, why: str) -> None:
    shown = run(folder(tmp_path, "SELECT n INTO o FROM i TIMESTAMP BY t"), tmp_path, event).stderr.splitlines()[-1]

    assert shown.startswith(f"event_time_errors: 1, the first: {tmp_path / 'i.ndjson'}, 1: ")
    assert why in shown


def test_rows_in_parquet_have_the_values_that_they_had(tmp_path: Path) -> None:
    made = folder(tmp_path, "SELECT t AS text, n, r, a, System.Timestamp() AS time, b INTO o FROM i TIMESTAMP BY t")
    events = [
        '{"t": "2024-05-01T10:00:10.1234567Z", "n": 9007199254740993, "r": {"x": 1}, "a": [1], "b": true}',
        '{"t": "2024-05-01T10:00:11Z", "n": null, "r": {"y": "z"}}',
    ]
    result = run(made, tmp_path, "\n".join(events), str(tmp_path / "o.parquet"))

    assert (result.exit_code, result.stdout) == (0, "")
    file = EventFile(tmp_path / "o.parquet")
    rows: list[Any] = [record for _, record in file]
    file.close()
    assert rows == [
        {
            "text": "2024-05-01T10:00:10.1234567Z",
            "n": 9007199254740993,
            "r": {"x": 1, "y": None},
            "a": [1],
            "time": Datetime(parse("2024-05-01T10:00:10.1234567Z")),
            "b": True,
        },
        {
            "text": "2024-05-01T10:00:11Z",
            "n": None,
            "r": {"x": None, "y": "z"},
            "a": None,
            "time": Datetime(parse("2024-05-01T10:00:11Z")),
            "b": None,
        },
    ]


@pytest.mark.parametrize(
    ("values", "where"),
    [
        (("1", '"x"'), ", column n"),
        (("9007199254740993", "0.5"), ", column n"),
        ((*["2"] * 10_000, '"x"'), ""),
    ],
    ids=["types", "a float that is not exact", "types of two pages"],
)
def test_a_column_of_several_types_is_refused_and_leaves_no_file(
    tmp_path: Path, values: tuple[str, ...], where: str
) -> None:
    made = folder(tmp_path, "SELECT n INTO o FROM i TIMESTAMP BY t")
    events = "\n".join(f'{{"t": "2024-05-01T10:00:10Z", "n": {value}}}' for value in values)
    (tmp_path / "o.parquet").write_text("as it was")
    result = run(made, tmp_path, events, str(tmp_path / "o.parquet"))

    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {tmp_path / 'o.parquet'}{where}: Parquet takes values of one type: use CAST")
    assert (tmp_path / "o.parquet").read_text() == "as it was"
    assert {path.name for path in tmp_path.iterdir()} == {"j", "i.ndjson", "o.parquet"}


@pytest.mark.parametrize("name", ["o.csv", "o.csv.gz", "o.parquet.gz"])
def test_a_name_that_tells_another_format_is_refused(tmp_path: Path, name: str) -> None:
    result = run(folder(tmp_path, "SELECT n INTO o FROM i"), tmp_path, GOOD, str(tmp_path / name))

    assert result.exit_code == 2
    assert "rows are written as NDJSON (.ndjson, .ndjson.gz) or .parquet" in result.stderr
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("output", ["rows.ndjson", "rows.ndjson.gz", "rows.parquet", "/dev/full", "-"])
def test_a_disk_that_is_full_is_one_line_and_leaves_nothing_half(tmp_path: Path, output: str) -> None:
    events = tmp_path / "i.ndjson"
    events.write_text("".join(f'{{"t": "2024-05-01T10:00:10Z", "n": {n}}}\n' for n in range(2_000)))
    made = folder(tmp_path, "SELECT * INTO o FROM i TIMESTAMP BY t")
    if output.startswith("rows"):
        (tmp_path / output).write_text("as it was")
    args = ["-m", "wz", "job", "run", str(made), "--input", f"i={events}", "--output", f"o={output}"]
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(
            [sys.executable, *args],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={"PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000)),
            check=False,
        )

    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "No space left on device" in line or "File too large" in line
    if output.startswith("rows"):
        assert (tmp_path / output).read_text() == "as it was"
    assert {path.name for path in tmp_path.iterdir()} <= {"j", "i.ndjson", output}
