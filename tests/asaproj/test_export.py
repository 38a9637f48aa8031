"""Projects that are made of folders: they are of the published form, and give what the folder gives."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.asaproj.differences import DIFFERENCES, differences
from pipeline.asaproj.export import export_project
from pipeline.asaproj.project import read_project
from pipeline.commands.job import job
from pipeline.windows.explanation.explain import explain
from pipeline.windows.jobs.definition import read_definition
from pipeline.windows.jobs.prepare import prepare
from pipeline.windows.language.parser import parse

from ..stack import REPOSITORY
from ..windows.support.example import JOB
from . import published

pytest.importorskip("quickjs", reason="the extra is not installed: pip install '.[javascript]'")

EXAMPLES = REPOSITORY / "examples"
FOLDERS = [JOB, REPOSITORY / "jobs" / "ten_seconds", EXAMPLES / "toll_booths", EXAMPLES / "hex_codes"]


def wz_job(*args: object) -> Result:
    return CliRunner().invoke(job, [str(arg) for arg in args])


def keys(value: Any, before: str = "") -> set[str]:
    """Return the keys of an object and of those in it, joined by dots."""
    if isinstance(value, list):
        return set().union(*(keys(item, before) for item in value))
    if not isinstance(value, dict):
        return set()
    own = {f"{before}{key}" for key in value}
    return own.union(*(keys(item, f"{before}{key}.") for key, item in value.items()))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_file_has_the_keys_of_the_published_ones(tmp_path: Path, folder: Path) -> None:
    export_project(folder, tmp_path / "made")

    main = json.loads((tmp_path / "made" / "asaproj.json").read_text())
    assert keys(main) == published.PROJECT
    assert (tmp_path / "made" / main["startFile"]).read_text() == (folder / "query.asaql").read_text()
    for entry in main["configurations"]:
        document = json.loads((tmp_path / "made" / entry["filePath"]).read_text())
        assert document["ScriptType"] == entry["subType"]
        wanted = {
            "JobConfig": published.JOB_CONFIG,
            "Input": published.REFERENCE_INPUT
            if document.get("Type") == "Reference data"
            else published.EVENT_HUB_INPUT,
            "InputMock": published.LOCAL_INPUT,
            "Output": published.EVENT_HUB_OUTPUT,
            "JSFunction": published.FUNCTION,
        }
        assert keys(document) == wanted[entry["subType"]]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_there_and_back_it_plans_the_same_and_gives_the_same_rows(tmp_path: Path, folder: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    assert wz_job("export", folder, "--to", there).exit_code == 0
    assert wz_job("import", there / "asaproj.json", "--to", back).exit_code == 0

    before, after = (prepare(read_definition(each), each) for each in (folder, back))
    assert after.query == before.query
    assert explain(after.plan) == explain(before.plan)
    assert after.config.policies == before.config.policies
    assert after.config.functions == before.config.functions
    assert after.config.partition_keys == before.config.partition_keys

    from_case = []
    if folder.parent != EXAMPLES:
        case = next(path for path in sorted((folder / "tests").glob("*")) if path.is_dir())
        from_case = [f"--input={name}={case / name}.ndjson" for name in before.plan.inputs]
    outputs = [f"--output={name}={tmp_path / name}" for name in before.plan.outputs]
    rows = []
    for run in (["run", folder, *from_case], ["run", there / "asaproj.json"], ["run", back]):
        result = wz_job(*run, *outputs)
        assert result.exit_code == 0
        rows.append([(tmp_path / name).read_text() for name in before.plan.outputs])
    assert rows[0] == rows[1] == rows[2]
    assert any(rows[0])


def folder_of(tmp_path: Path, query: str, toml: str, **files: str) -> Path:
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "query.asaql").write_text(query)
    (folder / "job.toml").write_text(toml)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


HUB = '[inputs.Input]\nhub = "events"\n[outputs.Out]\ntype = "stream"\n'
GROUPED = "SELECT k, COUNT(*) AS n INTO Out FROM Input GROUP BY k, TumblingWindow(second, 1)"


def config_of(made: Path) -> Any:
    return json.loads((made / "JobConfig.json").read_text())


@pytest.mark.parametrize(
    ("query", "toml", "partitions", "units"),
    [
        (GROUPED, HUB, 1, "1"),
        (GROUPED, HUB, 8, "9"),
        (GROUPED, HUB.replace("[outputs", 'partition_key = "k"\n[outputs'), 8, "8"),
        ("SELECT * INTO Out FROM Input", HUB, 8, "8"),
        ("SELECT * INTO Out FROM Input", HUB, 1000, "66"),
    ],
)
def test_streaming_units_are_those_that_the_plan_can_use(
    tmp_path: Path, query: str, toml: str, partitions: int, units: str
) -> None:
    notes, _ = export_project(folder_of(tmp_path, query, toml), tmp_path / "made", partitions)

    assert config_of(tmp_path / "made")["Sku"] == {"Name": "StandardV2", "StreamingUnits": units}
    assert notes[0].startswith(f"JobConfig.json: StreamingUnits: {units}, the most that the query can use over")


def test_time_policies_are_whole_seconds_in_azure(tmp_path: Path) -> None:
    toml = HUB + '[time]\nlate_arrival = "1500ms"\nout_of_order = "2m"\naction = "drop"\n'
    notes, _ = export_project(folder_of(tmp_path, GROUPED, toml), tmp_path / "made")

    config = config_of(tmp_path / "made")
    assert config["EventsLateArrivalMaxDelayInSeconds"] == 2
    assert config["EventsOutOfOrderMaxDelayInSeconds"] == 120
    assert config["EventsOutOfOrderPolicy"] == "Drop"
    assert "JobConfig.json: EventsLateArrivalMaxDelayInSeconds: 2, as it must be whole; here it is less" in notes


def test_no_limit_of_lateness_is_minus_one(tmp_path: Path) -> None:
    export_project(folder_of(tmp_path, GROUPED, HUB + "[time]\nlate_arrival = -1\n"), tmp_path / "made")

    assert config_of(tmp_path / "made")["EventsLateArrivalMaxDelayInSeconds"] == -1
    assert read_project(tmp_path / "made" / "asaproj.json").document["time"]["late_arrival"] == -1


def test_what_is_left_to_do_is_told(tmp_path: Path) -> None:
    toml = (
        '[inputs.Input]\nhub = "events"\n[inputs.Names]\nreference = { hash = "reference:names" }\n'
        '[outputs.Out]\ntype = "hub"\nhub = "counts"\n[outputs.Posts]\ntype = "webhook"\nurl = "http://localhost/x"\n'
        '[[boards]]\nfrom = "Out"\nboard = "b"\nmember = "k"\nscore = "n"\nmode = "add"\n'
    )
    query = "SELECT i.k, n.n INTO Out FROM Input i JOIN Names n ON i.k = n.k SELECT * INTO Posts FROM Input"
    notes, _ = export_project(folder_of(tmp_path, query, toml), tmp_path / "made")

    assert notes == [
        "JobConfig.json: StreamingUnits: 1, the most that the query can use over 1 partition; measure with fewer first",
        "Inputs/Local_Input.json: there is none, as the job has no file of Input",
        "Inputs/Names.json: put the hash reference:names into a container of Blob Storage, and name both in it",
        "Inputs/Local_Names.json: there is none, as the job has no file of Names",
        "Outputs/Posts.json: an Event Hub posts in the place of the webhook Posts: choose what is meant",
        "Inputs, Outputs: write the namespaces of the Event Hubs, and policies or AuthenticationMode Msi",
        "board b: Azure has none: its scores are in the rows of Out",
    ]
    output = json.loads((tmp_path / "made" / "Outputs" / "Out.json").read_text())
    assert output["EventHubProperties"]["EventHubName"] == "counts"


def test_a_packed_file_is_unpacked_and_parquet_is_left_out(tmp_path: Path) -> None:
    toml = '[inputs.Input]\nfile = "{}"\n[outputs.Out]\ntype = "stream"\n'
    folder = folder_of(tmp_path, GROUPED, toml.format("e.ndjson.gz"))
    (folder / "e.ndjson.gz").write_bytes(gzip.compress(b'{"k": 1}\n'))
    export_project(folder, tmp_path / "made")
    assert (tmp_path / "made" / "Data" / "Input.json").read_text() == '{"k": 1}\n'

    (folder / "job.toml").write_text(toml.format("e.parquet"))
    notes, _ = export_project(folder, tmp_path / "other")
    assert (
        "Inputs/Local_Input.json: there is none: a local file must be one file of JSON or CSV, not e.parquet" in notes
    )


def test_a_function_takes_as_many_arguments_as_it_is_called_with(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        "SELECT UDF.Add(a, 1) AS a, udf.add(a, 1, b) AS b INTO Out FROM Input",
        HUB + "[functions]\nadd = '(a, b) => a + b'\nidle = 'x => x'\n",
    )
    export_project(folder, tmp_path / "made")

    functions = {
        name: json.loads((tmp_path / "made" / "Functions" / f"{name}.js.json").read_text()) for name in ("add", "idle")
    }
    assert [len(functions[name]["FunctionInputs"]) for name in ("add", "idle")] == [3, 0]
    assert (tmp_path / "made" / "Functions" / "add.js").read_text() == "(a, b) => a + b"


def test_nothing_is_left_where_it_fails(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLES / "toll_booths", tmp_path / "toll")
    (tmp_path / "there").mkdir()

    result = wz_job("export", folder, "--to", tmp_path / "there")

    assert (result.exit_code, result.output) == (
        1,
        f"Error: {tmp_path / 'there'}: is there already: name a folder that is not\n",
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there", "toll"]


@pytest.mark.parametrize(
    ("query", "about"),
    [
        ("SELECT a FROM Input", []),
        ("SELECT CAST(a AS bigint) AS a FROM Input", ["A value that can't be cast or computed"]),
        ("SELECT TRY_CAST(a AS bigint) AS a FROM Input", []),
        ("SELECT COUNT(*) FROM Input GROUP BY TumblingWindow(day, 7)", ["Origin of windows that do not divide a day"]),
        (
            "SELECT COUNT(*) FROM Input GROUP BY TumblingWindow(Duration(hour, 1), Offset(minute, 2))",
            ["Time of a row of a window with `Offset`"],
        ),
        ("SELECT LAG(a) OVER (LIMIT DURATION(minute, 1)) AS a FROM Input", None),
        ("SELECT AVG(a) AS a FROM Input GROUP BY SessionWindow(minute, 1, 5)", None),
        ("SELECT a FROM Input UNION SELECT a FROM Other", []),
    ],
)
def test_differences_are_those_of_what_the_query_has(query: str, about: list[str] | None) -> None:
    found = [row.split(": ")[0] for row in differences(parse(query))]
    if about is None:
        assert len(found) == 2
    else:
        assert found == about


def test_each_difference_is_found_in_some_query() -> None:
    query = """
        SELECT k, STDEV(v) AS s, TopOne() OVER (ORDER BY v) AS t, AVG(v) AS a INTO A FROM Input
        GROUP BY k, HoppingWindow(day, 6, 3)
        SELECT SUM(CAST(v AS bigint)) OVER (LIMIT DURATION(minute, 5)) AS s, UDF.f(v) AS f INTO B FROM Input
        SELECT REGEXMATCH(v, 'x') AS r INTO C FROM Input WHERE v = 1 UNION SELECT 1 AS r FROM Input
        SELECT a.v INTO D FROM Input a LEFT JOIN Input b ON DATEDIFF(minute, a, b) BETWEEN 0 AND 1
        SELECT COUNT(*) INTO E FROM Input GROUP BY SessionWindow(minute, 1, 5)
        SELECT COUNT(*) INTO F FROM Input GROUP BY TumblingWindow(Duration(hour, 1), Offset(minute, 2))
    """

    assert list(differences(parse(query))) == list(map(str, DIFFERENCES))
