"""`wz job`, over files."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from pipeline.commands.job import job

from ..stack import REPOSITORY
from ..windows.support.example import JOB

TOLL = REPOSITORY / "examples" / "toll_booths"
EVENTS = JOB / "tests" / "window_edges" / "Input.ndjson"
ROWS = JOB / "tests" / "window_edges" / "OutputWindow.ndjson"


def wz_job(*args: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(job, [str(arg) for arg in args], input=stdin)


# -- run --------------------------------------------------------------------------------------------------------------


def test_run_prints_the_rows_of_one_output_as_they_are() -> None:
    result = wz_job("run", JOB, "--input", f"input={EVENTS}", "--output", "OUTPUTWINDOW=-")

    assert result.stdout == ROWS.read_text()
    assert result.exit_code == 0


def test_run_without_outputs_prints_all_rows_each_with_its_output() -> None:
    result = wz_job("run", JOB, "--input", f"Input={EVENTS}")

    rows = [msgspec.json.decode(line) for line in result.stdout.splitlines()]
    assert [row["row"] for row in rows if row["output"] == "OutputWindow"] == [
        msgspec.json.decode(line) for line in ROWS.read_text().splitlines()
    ]
    assert len([row for row in rows if row["output"] == "Output"]) == 8


def test_run_tells_on_standard_error_what_it_did(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ndjson"
    broken.write_bytes(EVENTS.read_bytes() + b"{\n")

    result = wz_job("run", JOB, "--input", f"Input={broken}", "--output", "OutputWindow=-")

    first, *rest = result.stderr.splitlines()
    assert first.startswith("9 events in ")
    assert rest[:3] == [
        "12 rows of OutputWindow",
        "8 rows of Output, not written",
        "board actions: not touched, as this run was over files",
    ]
    assert rest[3].startswith(f"input_errors: 1, the first: {broken}, 9: the body is not JSON")


def test_run_reads_standard_input_and_writes_files(tmp_path: Path) -> None:
    plain, packed = tmp_path / "rows.ndjson", tmp_path / "all.ndjson.gz"

    result = wz_job(
        *("run", JOB, "--input", "Input=-", "--output", f"OutputWindow={plain}", "--output", f"Output={packed}"),
        stdin=EVENTS.read_bytes(),
    )

    assert result.stdout == ""
    assert plain.read_text() == ROWS.read_text()
    assert len(gzip.decompress(packed.read_bytes()).splitlines()) == 8
    assert {path.name for path in tmp_path.iterdir()} == {"rows.ndjson", "all.ndjson.gz"}


def test_run_takes_files_from_job_toml() -> None:
    result = wz_job("run", TOLL, "--output", "Passages=-")

    assert [msgspec.json.decode(line)["seconds"] for line in result.stdout.splitlines()] == [90, 70, 150, 870]


def test_run_writes_the_files_of_job_toml(tmp_path: Path) -> None:
    folder = tmp_path / "toll"
    shutil.copytree(TOLL, folder)
    config = (folder / "job.toml").read_text()
    (folder / "job.toml").write_text(
        config.replace('[outputs.Expired]\ntype = "stream"', '[outputs.Expired]\ntype = "file"\nfile = "x.ndjson"')
    )

    result = wz_job("run", folder)

    assert result.stdout == ""
    assert len((folder / "x.ndjson").read_text().splitlines()) == 2
    assert "4 rows of Passages, not written" in result.stderr


def test_a_run_that_fails_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    events, rows = tmp_path / "events.ndjson", tmp_path / "rows.ndjson"
    events.write_bytes(EVENTS.read_bytes() + b"{}\n")
    rows.write_text("before\n")

    result = wz_job("run", JOB, "--input", f"Input={events}", "--output", f"Output={rows}")

    assert result.exit_code == 1
    assert "9: nothing tells when the event arrived" in result.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path != events} == {"rows.ndjson": "before\n"}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param([], "[inputs.Input] is a hub, but this run reads files: add --input", id="no file"),
        pytest.param(["--input", "Inputs=x"], "'Inputs' is not in the query, which has Input", id="another input"),
        pytest.param(["--input", "Input"], "'Input' is not NAME=FILE, as in Input=events.ndjson", id="no file's name"),
        pytest.param(["--input", "Input=a.csv", "--input", "INPUT=b.csv"], "INPUT is given twice", id="twice"),
        pytest.param(["--input", "Input=a.txt"], "a.txt: the name does not tell the format", id="another format"),
        pytest.param(
            ["--input", f"Input={EVENTS}", "--output", "Rows=-"],
            "'Rows' is not in the query, which has OutputWindow, Output",
            id="another output",
        ),
        pytest.param(
            ["--input", f"Input={EVENTS}", "--output", "Output=r.x", "--output", "OutputWindow=./r.x"],
            "two outputs can't share a file",
            id="one file for two outputs",
        ),
        pytest.param(
            ["--input", f"Input={EVENTS}", "--output", "Output=/nowhere/r.ndjson"],
            "/nowhere/r.ndjson can't be written: No such file or directory",
            id="no such folder",
        ),
    ],
)
def test_run_refuses_what_it_can_not_do(args: list[str], message: str) -> None:
    result = wz_job("run", JOB, *args)

    assert result.exit_code != 0
    assert message in result.stderr
    assert result.stdout == ""


def test_standard_input_is_one_input_only() -> None:
    result = wz_job("run", TOLL, "--input", "Entry=-", "--input", "Exit=-")

    assert "standard input can be one input only" in result.stderr


def test_an_error_in_the_query_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text('[inputs.Input]\nhub = "events"\n[outputs.output]\ntype = "stream"\n')
    (tmp_path / "query.asaql").write_text("SELECT a\nFROM Input\nORDER BY a")

    for command in ("run", "test", "explain"):
        result = wz_job(command, tmp_path)
        assert result.exit_code == 1
        assert f"{tmp_path}/query.asaql: 3:1: " in result.stderr
        assert result.stderr.endswith("\n  ORDER BY a\n  ^\n")


@pytest.mark.parametrize("command", ["run", "test", "explain", "export"])
def test_a_file_of_the_folder_that_is_missing_is_named_with_what_a_job_is(tmp_path: Path, command: str) -> None:
    for missing, written in (("job.toml", ""), ("query.asaql", "[inputs.Input]")):
        result = wz_job(command, tmp_path)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: {tmp_path}/{missing}: is not there: a job is a folder with ")
        (tmp_path / "job.toml").write_text(written)


def test_a_query_that_is_run_without_its_folder_is_told_what_a_job_is() -> None:
    assert "query.asaql/job.toml: is not there: a job is a folder" in wz_job("run", TOLL / "query.asaql").stderr


# -- test -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def toll(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TOLL, tmp_path / "toll"))


@pytest.mark.parametrize("folder", [JOB, TOLL], ids=lambda folder: folder.name)
def test_the_jobs_that_we_ship_pass_their_own_tests(folder: Path) -> None:
    result = wz_job("test", folder)

    assert result.exit_code == 0, result.output


def test_test_shows_the_rows_that_differ(toll: Path) -> None:
    expected = toll / "tests" / "one_car" / "Passages.ndjson"
    expected.write_text('{"seconds": 91, "TollId": 1, "LicensePlate": "JNB 7001"}\n')

    result = wz_job("test", toll)

    assert result.exit_code == 1
    assert result.stderr == "1 failed\n"
    one_car, old, new, _, was, came, other, *_ = result.stdout.splitlines()
    assert one_car == "one_car: FAILED, 1 row of PerBooth, 1 row of Passages, 1 row of Expired"
    assert (old, new) == (f"--- {expected}", "+++ the query's rows")
    assert was == '-{"LicensePlate":"JNB 7001","TollId":1,"seconds":91}'
    assert came == '+{"LicensePlate":"JNB 7001","TollId":1,"seconds":90}'
    assert other.startswith("out_of_order: ok, ")


def test_test_names_what_it_did_not_compare_and_what_went_wrong_with_events(toll: Path) -> None:
    result = wz_job("test", toll, "out_of_order")

    first, late, out_of_order = result.stdout.splitlines()
    assert first == "out_of_order: ok, 2 rows of PerBooth (Passages, Expired not compared)"
    assert late.startswith("  late_adjusted: 1, the first: an event of 2024-05-01T08:02:00.0000000Z arrived at ")
    assert out_of_order.startswith("  out_of_order_adjusted: 1, the first: ")


@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ('{ "LicensePlate": "JNB 7001", "seconds": 90, "TollId": 1 }\n\n', True),
        ('{"LicensePlate": "JNB 7001", "seconds": 90.0, "TollId": 1}\n', False),
        ('{"LicensePlate": "JNB 7001", "seconds": 90}\n', False),
        ("", False),
    ],
    ids=["names in another order", "another type", "a name less", "no row"],
)
def test_rows_are_compared_by_their_values(toll: Path, line: str, passes: bool) -> None:
    (toll / "tests" / "one_car" / "Passages.ndjson").write_text(line)

    assert (wz_job("test", toll, "one_car").exit_code == 0) is passes


def test_update_writes_the_rows_that_come(toll: Path) -> None:
    wrong = toll / "tests" / "one_car" / "Passages.ndjson"
    right = wrong.read_text()
    wrong.write_text("{}\n")

    result = wz_job("test", toll, "one_car", "--update")

    assert result.output == "one_car: wrote PerBooth.ndjson, Passages.ndjson, Expired.ndjson\n"
    assert wrong.read_text() == right


def test_update_writes_only_the_outputs_that_a_case_has_and_all_for_a_new_one(toll: Path) -> None:
    new = toll / "tests" / "new"
    new.mkdir()
    for name in ("Entry.ndjson", "Exit.ndjson"):
        shutil.copy(toll / "tests" / "out_of_order" / name, new)

    assert "new: there are no expected rows; --update saves the rows that come" in wz_job("test", toll, "new").stdout
    assert wz_job("test", toll, "new").exit_code == 1
    wz_job("test", toll, "--update")

    assert {path.name for path in (toll / "tests" / "out_of_order").iterdir()} == {
        *("Entry.ndjson", "Exit.ndjson", "PerBooth.ndjson")
    }
    assert {path.name for path in new.iterdir()} == {
        *("Entry.ndjson", "Exit.ndjson", "PerBooth.ndjson", "Passages.ndjson", "Expired.ndjson")
    }


def test_a_case_may_bring_reference_data_of_its_own(toll: Path) -> None:
    case = toll / "tests" / "one_car"
    (case / "registrations.json").write_text('[{"LicensePlate": "JNB 7001", "Id": "7", "Expired": "true"}]')

    assert '+{"EntryTime":"2024-05-01T08:01:00Z","Id":"7",' in wz_job("test", toll, "one_car").stdout


def test_a_case_that_can_not_be_run_says_why(toll: Path) -> None:
    assert (
        f"{toll}/tests: there is no case 'two_cars': there are one_car, out_of_order"
        in wz_job(*("test", toll, "two_cars")).stderr
    )
    (toll / "tests" / "one_car" / "Exit.ndjson").unlink()
    assert (
        f"{toll}/tests/one_car: there is no file for the input Exit: Exit with .ndjson, .jsonl, .json"
        in wz_job(*("test", toll)).stderr
    )
    shutil.rmtree(toll / "tests")
    assert f"{toll}/tests: there is no case: write {toll}/tests/NAME/Entry.ndjson" in wz_job("test", toll).stderr


def test_the_line_of_an_expected_file_that_is_not_json_is_named(toll: Path) -> None:
    (toll / "tests" / "one_car" / "Passages.ndjson").write_text("{}\n?\n")

    assert "Passages.ndjson: line 2 is not JSON" in wz_job("test", toll).stderr


# -- warnings ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def doubtful(tmp_path: Path) -> Path:
    """A job with an alias in WHERE, and a column that only one case has."""
    (tmp_path / "query.asaql").write_text("SELECT a * 2 AS y, b, c\nFROM I WHERE y > 4 OR a > 0")
    (tmp_path / "job.toml").write_text('[inputs.I]\nhub = "h"\n[outputs.output]\ntype = "stream"\n')
    event = '"EventEnqueuedUtcTime": "2024-05-01T00:00:00Z"'
    for case, columns in {"one": '"A": 1, "b": null', "two": '"a": 1, "b": 2'}.items():
        (tmp_path / "tests" / case).mkdir(parents=True)
        (tmp_path / "tests" / case / "I.ndjson").write_text(f"{{{columns}, {event}}}\n")
        (tmp_path / "tests" / case / "output.ndjson").write_text("")
    (tmp_path / "tests" / "two" / "I.ndjson").write_text(f'{{"a": 1, {event}}}\n{{"a": 2, "c": 1, {event}}}\n')
    return tmp_path


def test_run_and_test_warn_of_what_the_query_may_not_mean_and_of_columns_that_no_event_has(doubtful: Path) -> None:
    alias = "warning: 2:14: y is here a column of I, and not what SELECT calls y"

    of_one = wz_job("run", doubtful, "--input", f"I={doubtful / 'tests' / 'one' / 'I.ndjson'}").stderr
    of_all = wz_job("test", doubtful).stderr

    assert alias in of_one
    assert "  FROM I WHERE y > 4 OR a > 0\n               ^\n" in of_one
    assert "warning: 1:23: none of 1 events of I has a column c\n" in of_one
    assert "a column b" not in of_one, "it is there, as NULL"
    assert "a column a" not in of_one, "names ignore case"
    assert of_all.count(alias) == 1
    assert "none of 3 events of I has a column y" in of_all
    assert "a column c" not in of_all, "the second case has it"


def test_explain_shows_the_warnings_that_need_no_events_and_the_names_that_were_given(doubtful: Path) -> None:
    (doubtful / "query.asaql").write_text("SELECT a * 2, UPPER(b)\nFROM I j WHERE k.y > 4 OR y > 1")
    assert (
        "Columns without AS:\n  output.col1 = a * 2\n  output.upper = UPPER(b)\n" in wz_job("explain", doubtful).stdout
    )

    (doubtful / "query.asaql").write_text("SELECT a * 2 AS y FROM I WHERE y > 4")
    assert "warning: 1:32: y is here a column of I" in wz_job("explain", doubtful).stdout
    (warned,) = msgspec.json.decode(wz_job("explain", doubtful, "--format", "json").stdout)["warnings"]
    assert (warned["line"], warned["column"]) == (1, 32)
    assert warned["excerpt"] == "  SELECT a * 2 AS y FROM I WHERE y > 4\n" + " " * 33 + "^"


# -- explain ----------------------------------------------------------------------------------------------------------


def test_explain_tells_what_runs_where() -> None:
    assert "a merging stage takes rows of all partitions" in wz_job("explain", JOB).stdout
    assert wz_job("explain", JOB, "--format", "mermaid").stdout.startswith("flowchart LR\n")
    assert msgspec.json.decode(wz_job("explain", JOB, "--format", "json").stdout)["is_embarrassingly_parallel"] is False


def test_explain_shows_one_stage_for_hubs_of_one_partition() -> None:
    assert "Stage 2" in wz_job("explain", JOB, "--partitions", "2").stdout
    assert "Stage 2" not in wz_job("explain", JOB, "--partitions", "1").stdout
