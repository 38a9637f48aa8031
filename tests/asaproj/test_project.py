"""Projects of the VS Code tools: run as they are, made into folders, and what can't be done with them."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.asaproj.forms import InvalidProject
from pipeline.asaproj.project import read_project
from pipeline.commands.job import job

from ..windows.support.running_jobs import write_job
from .projects import EVENT_HUB, FILES, JOB_CONFIG, OUTPUT, ROWS, changed, local, write_project

pytest.importorskip("quickjs", reason="the extra is not installed: pip install '.[javascript]'")


def wz_job(*args: object) -> Result:
    return CliRunner().invoke(job, [str(arg) for arg in args])


def test_a_project_is_run_as_it_is(tmp_path: Path) -> None:
    result = wz_job("run", write_project(tmp_path))

    assert result.stdout.splitlines() == ROWS
    assert result.stderr.splitlines()[0].startswith("3 events in ")
    assert len(result.stderr.splitlines()) == 2
    assert result.exit_code == 0


def test_its_folder_is_as_good_a_name_unless_that_is_a_job_s(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert wz_job("run", tmp_path).stdout.splitlines() == ROWS

    (tmp_path / "job.toml").touch()
    assert "query.asaql: is not there" in wz_job("run", tmp_path).stderr


def test_its_settings_become_those_of_a_job(tmp_path: Path) -> None:
    project = read_project(write_project(tmp_path))

    assert project.warnings == []
    assert project.document == {
        "time": {"late_arrival": 60, "out_of_order": 5, "action": "drop"},
        "inputs": {
            "Input": {"file": "Inputs/sample.json", "partition_key": "device"},
            "Devices": {"reference": {"file": "Data/devices.csv"}},
        },
        "outputs": {"Out": {"type": "hub", "hub": "counts", "partition_key": "device"}},
        "functions": {"twice": "// Twice.\nfunction main(x) {\n    return 2 * x;\n}"},
    }
    assert project.hubs == {"Input": "telemetry"}


def test_a_folder_is_made_of_it_that_gives_the_same_rows(tmp_path: Path) -> None:
    to = tmp_path / "made" / "counts"
    result = wz_job("import", write_project(tmp_path / "project"), "--to", to)

    assert (result.exit_code, result.output) == (0, f"made {to}: wz job run {to}\n")
    assert sorted(str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()) == [
        *("Devices.csv", "Input.json", "functions/twice.js", "job.toml", "query.asaql"),
    ]
    assert wz_job("run", to).stdout.splitlines() == ROWS
    text = (to / "job.toml").read_text()
    assert '# hub = "telemetry"   in place of the file, for a job on a hub\n' in text
    assert tomllib.loads(text)["inputs"] == {
        "Input": {"file": "Input.json", "partition_key": "device"},
        "Devices": {"reference": {"file": "Devices.csv"}},
    }


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = write_project(tmp_path / "project")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").write_text("mine")

    result = wz_job("import", path, "--to", tmp_path / "there")

    assert (result.exit_code, result.output) == (
        1,
        f"Error: {tmp_path / 'there'}: is there already: name a folder that is not\n",
    )
    assert [file.name for file in tmp_path.iterdir() if file.name != "project"] == ["there"]
    assert (tmp_path / "there" / "mine").read_text() == "mine"


BY_ARRIVAL = "SELECT *, System.Timestamp() AS at INTO Out FROM Input"


def test_events_that_tell_no_arrival_arrive_when_the_file_was_changed_and_do_so_in_the_folder_too(
    tmp_path: Path,
) -> None:
    files = {key: value for key, value in FILES.items() if "Devices" not in key[0]}
    path = write_project(tmp_path / "project", files, BY_ARRIVAL)
    os.utime(tmp_path / "project" / "Inputs" / "sample.json", (1_714_550_400, 1_714_550_400))

    rows = wz_job("run", path).stdout

    assert rows.count('"EventEnqueuedUtcTime":"2024-05-01T08:00:00.0000000Z"') == 3
    assert rows.count('"at":"2024-05-01T08:00:00.0000000Z"') == 3
    assert wz_job("import", path, "--to", tmp_path / "folder").exit_code == 0
    assert wz_job("run", tmp_path / "folder").stdout == rows


@pytest.mark.parametrize(
    ("path", "kind", "keys", "warning"),
    [
        ("JobConfig.json", "JobConfig", {"CompatibilityLevel": "1.0"}, "the query is run as by level 1.2, not 1.0"),
        ("JobConfig.json", "JobConfig", {"OutputErrorPolicy": "Drop"}, "Drop: an output here never drops a row"),
        (
            "JobConfig.json",
            "JobConfig",
            {"DataLocale": "it-IT"},
            "it-IT: numbers and times are always read as in en-US",
        ),
        ("JobConfig.json", "JobConfig", {"Autoscale": {"x": 1}}, "it is not known here, and not used"),
        ("Inputs/Input.json", "Input", {"DataSourceType": "IoT Hub"}, "IoT Hub: read here as the hub telemetry"),
        ("Inputs/Input.json", "Input", {"CompressionType": "GZip"}, "GZip: bodies of events are not unpacked here"),
        ("Inputs/Input.json", "Input", {"Serialization": {"Type": "Avro"}}, "Avro can't be read here"),
        ("Inputs/Input.json", "Input", {"Serialization": {"Encoding": "UTF16"}}, "UTF16: all text is read as UTF-8"),
        ("Inputs/Input.json", "Input", {"Serialization": {"Type": "Csv", "FieldDelimiter": ";"}}, "FieldDelimiter ';'"),
        ("Outputs/Out.json", "Output", {"DataSourceType": "Power BI"}, "Power BI: rows go to the stream Out instead"),
        ("Functions/twice.js.json", "JSFunction", {"Note": 1}, "it is not known here, and not used"),
        ("Inputs/Other.json", "Input", {**EVENT_HUB, "Name": "Other"}, "Other is not in the query, and not used"),
        ("Inputs/Local_2.json", "InputMock", local("Input", "sample.json"), "Input has a local file already"),
        ("Outputs/Other.json", "Output", {**OUTPUT, "Name": "Other"}, "Other is not in the query, and not used"),
    ],
)
def test_what_can_not_be_done_is_a_warning_by_file_and_key(
    tmp_path: Path, path: str, kind: str, keys: dict[str, Any], warning: str
) -> None:
    project = read_project(write_project(tmp_path, changed(path, kind, **keys)))

    (found,) = project.warnings
    named = next(key for key in reversed(keys) if key != "ScriptType") if len(keys) == 1 else found.split(": ")[1]
    assert found.startswith(f"{path}: {named}: ")
    assert warning in found


@pytest.mark.parametrize(
    ("path", "kind"), [("Functions/predict.json", "CSharpFunction"), ("Functions/ml.json", "AzureMLFunction")]
)
def test_a_kind_of_file_that_there_is_not_is_a_warning(tmp_path: Path, path: str, kind: str) -> None:
    project = read_project(write_project(tmp_path, {**FILES, (path, kind): {"Name": "predict"}}))

    assert project.warnings == [f"asaproj.json: {kind}: {path} is not used: there is no such thing here"]


def test_an_aggregate_in_javascript_is_a_warning_and_its_call_is_refused(tmp_path: Path) -> None:
    query = "SELECT UDA.twice(n) AS n INTO Out FROM Input GROUP BY TumblingWindow(second, 1)"
    files = changed("Functions/twice.js.json", "JSFunction", Type="Aggregate")
    path = write_project(tmp_path, {k: v for k, v in files.items() if "Devices" not in k[0]}, query)

    result = wz_job("run", path)

    assert "Functions/twice.js.json: Type: Aggregate: only scalar functions can be run here" in result.stderr
    assert f"Error: {tmp_path / 'Counts.asaql'}: 1:8: UDA.TWICE is a user-defined aggregate, which" in result.stderr
    assert result.exit_code == 1


def test_what_old_tools_wrote_is_read(tmp_path: Path) -> None:
    files = {
        (path, "JSFunctionConfig" if kind == "JSFunction" else kind): content for (path, kind), content in FILES.items()
    }
    files[("Inputs/Local_Input.json", "InputMock")] = {
        "Name": "Input",
        "Type": "Data Stream",
        "DataSourceType": "Local Input",
        "Serialization": {"Type": "Json", "Encoding": "UTF8"},
        "FilePath": "sample.json",
        "ScriptType": "InputMock",
    }
    assert wz_job("run", write_project(tmp_path, files)).stdout.splitlines() == ROWS


def test_an_output_that_has_no_file_and_reference_data_that_has_none_are_warnings(tmp_path: Path) -> None:
    blob = {**EVENT_HUB, "Name": "Devices", "Type": "Reference data", "DataSourceType": "Blob Storage"}
    files = {key: value for key, value in FILES.items() if key[1] != "Output" and "Devices" not in key[0]}
    project = read_project(write_project(tmp_path, {**files, ("Inputs/Devices.json", "Input"): blob}))

    assert project.warnings == [
        "asaproj.json: Devices: no local file has this reference data: it is looked for in the Redis hash "
        "reference:Devices",
        "asaproj.json: Out: it has no file in Outputs: rows go to the stream Out",
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({**FILES, ("Inputs/Input.json", "Input"): ""}, "Inputs/Input.json: is not JSON: "),
        ({**FILES, ("Inputs/Input.json", "Input"): "[]"}, "Inputs/Input.json: is not an object of JSON"),
        (changed("Inputs/Input.json", "Input", Name=5), "Inputs/Input.json: Name must be a text, and is 5"),
        (
            changed("JobConfig.json", "JobConfig", EventsLateArrivalMaxDelayInSeconds="5"),
            "JobConfig.json: EventsLateArrivalMaxDelayInSeconds must be a whole number of seconds, and is '5'",
        ),
        (
            changed("JobConfig.json", "JobConfig", EventsOutOfOrderPolicy="Keep"),
            "JobConfig.json: EventsOutOfOrderPolicy must be Adjust or Drop, and is 'Keep'",
        ),
        (
            changed("Inputs/Local_Input.json", "InputMock", FilePath="none.json"),
            "Inputs/Local_Input.json: FilePath: there is no file ",
        ),
        (
            changed("Functions/none.js.json", "JSFunction", Name="none"),
            "Functions/none.js: can't be read: No such file",
        ),
        ({("JobConfig.json", "Input"): JOB_CONFIG}, "asaproj.json: its configurations have no JobConfig"),
    ],
)
def test_a_file_that_is_wrong_is_an_error_of_one_line(tmp_path: Path, files: Any, message: str) -> None:
    result = wz_job("run", write_project(tmp_path, files))

    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert line.startswith(f"Error: {tmp_path}/{message}")


@pytest.mark.parametrize(
    ("main", "message"),
    [
        ({"startFile": None}, "startFile must be a text, and is None"),
        ({"startFile": "none.asaql"}, "can't be read: No such file or directory"),
        ({"configurations": "x"}, "configurations must be an array of objects"),
        ({"configurations": [{}]}, "each of configurations needs filePath and subType"),
    ],
)
def test_an_asaproj_json_that_is_wrong(tmp_path: Path, main: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidProject, match=message):
        read_project(write_project(tmp_path, **main))


def test_a_query_that_is_wrong_names_its_own_file_and_shows_the_line(tmp_path: Path) -> None:
    for query in ("SELECT FROM", "SELECT nope(a) AS a INTO Out FROM Input"):
        result = wz_job("run", write_project(tmp_path, query=query))

        assert f"Error: {tmp_path / 'Counts.asaql'}: 1:8: " in result.stderr
        assert result.stderr.splitlines()[-2:] == [f"  {query}", "         ^"]


@pytest.mark.parametrize("written", ["../../secret.json", "..\\..\\secret.json", "/etc/hostname", "link.json", "a\0b"])
def test_what_is_outside_of_a_project_is_not_read(tmp_path: Path, written: str) -> None:
    path = write_project(tmp_path / "project", changed("Inputs/Local_Input.json", "InputMock", FilePath=written))
    (tmp_path / "secret.json").write_text("{}")
    (path.parent / "Inputs" / "link.json").symlink_to(tmp_path / "secret.json")

    with pytest.raises(InvalidProject, match=r"outside of the project's folder|can't be read"):
        read_project(path)
    with pytest.raises(InvalidProject, match=r"outside of the project's folder|can't be read"):
        read_project(write_project(tmp_path / "other", startFile=written.replace("link.json", "/link.json")))


def test_a_name_in_a_query_leads_nowhere_else(tmp_path: Path) -> None:
    query = "SELECT * INTO Out FROM [../../Input]"
    files = changed("Inputs/Local_Input.json", "InputMock", InputAlias="../../Input")
    result = wz_job("import", write_project(tmp_path / "project", files, query), "--to", tmp_path / "made" / "job")
    assert "'../../Input' can't be the name of a file there" in result.stderr
    assert (result.exit_code, [path.name for path in tmp_path.iterdir()]) == (1, ["project"])

    folder = write_job(tmp_path / "job", query, '[inputs."../../Input"]\nhub = "events"\n')
    result = wz_job("export", folder, "--to", tmp_path / "made" / "exported")
    assert "'../../Input' can't be the name of a file there" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job", "project"]
