"""Window jobs over HTTP: a job that is put is run by a worker, shown, explained and deleted."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from pipeline.connection_string import ConnectionString
from pipeline.errors import InvalidValue
from pipeline.hub import Event
from pipeline.hub.description import Description
from pipeline.hub.namespace import Hubs
from pipeline.hub.rules import Right, Rules
from pipeline.names import check_name
from pipeline.settings import Settings
from pipeline.windows.jobs.finding import JobFinder
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.job_toml import JobConfig, config_of
from pipeline.windows.jobs.registry import JobRegistry
from pipeline.windows.operators.faults import KINDS

from ... import stack
from ...windows.support import example
from ...windows.support.running_jobs import write_job
from ..conftest import ServiceClient

QUERY = """\
SELECT action, COUNT(*) AS events
INTO PerMinute
FROM Input
GROUP BY action, TumblingWindow(minute, 1)"""

BODY: dict[str, Any] = {
    "query": QUERY,
    "inputs": {"Input": {"hub": "events"}},
    "outputs": {"PerMinute": {"type": "stream", "maxlen": 1000}},
}

Work = Callable[[], None]


@pytest.fixture
def registry(redis: redis_py.Redis, settings: Settings) -> JobRegistry:
    return JobRegistry(redis, Hubs(redis, settings.hubs))


@pytest.fixture
def work(registry: JobRegistry) -> Iterator[Work]:
    """Do what a worker does, until there is nothing more to do."""
    found: set[Job] = set()
    jobs = JobFinder(registry, beat=0.0)

    def work() -> None:
        its = jobs.jobs()
        for gone in found.difference(its):
            for task in gone.workers:
                task.stop()
        found.intersection_update(its)
        for job in its:
            found.add(job)
            while sum(task.step() for task in job.workers):
                pass

    yield work
    for job in found:
        for task in job.workers:
            task.stop()


@pytest.mark.core
def test_a_job_is_made_run_and_changed(client: ServiceClient, registry: JobRegistry, work: Work) -> None:
    made = client.put("/jobs/per-minute", json=BODY)
    assert (made.status_code, made.json["state"], made.json["status"]) == (201, "no_worker", None)
    assert made.json["definition"] == BODY
    assert client.get("/outputs/PerMinute").json["rows"] == []

    for minute in ("10:00", "10:02"):
        event = example.event({"eventid": "e", "action": "a"})
        registry.hubs["events"].append([event] * 2, enqueued_ms=example.enqueued_ms(minute))
    work()
    rows = client.get("/outputs/PerMinute").json["rows"]
    assert [(row["window_end"][11:16], row["row"]) for row in rows] == [
        ("10:00", {"action": "a", "events": 2}),
        ("10:02", {"action": "a", "events": 2}),
    ]
    seen = client.get("/jobs/per-minute").json
    assert (seen["state"], seen["status"]["rows"], seen["status"]["lag"]) == ("running", {"PerMinute": 2}, 0)
    assert seen["status"]["watermark"] > "2024-05-01T10:02"
    assert client.get("/jobs").json["jobs"] == [
        {
            "name": "per-minute",
            "state": "running",
            "reason": None,
            "folder": False,
            "watermark": seen["status"]["watermark"],
            "lag": 0,
        }
    ]

    changed = {**BODY, "query": QUERY.replace("minute, 1", "minute, 5"), "start": "now", "snapshot": "5s"}
    again = client.put("/jobs/per-minute", json=changed)
    assert (again.status_code, again.json["definition"]) == (200, changed)


def test_a_deleted_job_is_gone_and_its_rows_stay_until_they_are_deleted(client: ServiceClient) -> None:
    client.put("/jobs/j", json=BODY)
    assert client.delete("/outputs/PerMinute").status_code == 409
    assert client.delete("/jobs/j").status_code == 204

    assert [client.get("/jobs/j").status_code, client.delete("/jobs/j").status_code] == [404, 404]
    assert client.get("/jobs").json == {"jobs": []}
    assert client.get("/outputs").json["outputs"] == [{"name": "PerMinute", "job": None, "rows": 0, "last_id": None}]
    assert client.delete("/outputs/PerMinute").status_code == 204
    assert [client.get("/outputs/PerMinute").status_code, client.delete("/outputs/PerMinute").status_code] == [404, 404]


def test_a_job_reads_csv_if_its_input_says_so(client: ServiceClient, registry: JobRegistry, work: Work) -> None:
    definition = {
        "query": "SELECT n, GetMetadataPropertyValue(Input, '[User].[site]') AS site INTO Copy FROM Input",
        "inputs": {"Input": {"hub": "events", "format": "csv", "delimiter": ";"}},
        "outputs": {"Copy": {"type": "stream"}},
    }
    put = client.put("/jobs/copy", json=definition)
    assert (put.status_code, put.json["definition"]["inputs"]) == (201, definition["inputs"])
    work()
    registry.hubs["events"].append([Event(b"n;m\n1;2\n3;4", properties={"site": "de"})])
    work()

    rows = client.get("/outputs/Copy").json["rows"]
    assert [row["row"] for row in rows] == [{"n": "1", "site": "de"}, {"n": "3", "site": "de"}]


@pytest.mark.parametrize(
    ("changes", "members", "detail"),
    [
        pytest.param(
            {"query": "SELECT *\nINTO PerMinute\nFROM Input\nWHERE"},
            {"field": "query", "line": 4, "column": 6},
            "4:6: expected a name, a value or a function, found the end of the query\n  WHERE\n       ^",
            id="the query, with its place",
        ),
        pytest.param(
            {"query": "SELECT nosuch(a) AS b INTO PerMinute FROM Input"},
            {"field": "query", "line": 1, "column": 8},
            "1:8: there is no function NOSUCH\n  SELECT nosuch(a) AS b INTO PerMinute FROM Input\n         ^",
            id="a function that is not there",
        ),
        pytest.param(
            {"inputs": {"Input": {"hub": "none"}}}, {"field": "inputs.Input"}, "there is no hub 'none'", id="no hub"
        ),
        pytest.param(
            {"inputs": {"Input": {"file": "/etc/passwd"}}},
            {"field": "inputs.Input"},
            "reads only hubs",
            id="a file to read",
        ),
        pytest.param(
            {"outputs": {"PerMinute": {"type": "file", "file": "/tmp/x"}}},
            {"field": "outputs.PerMinute"},
            "a job made over HTTP can't write a file",
            id="a file to write",
        ),
        pytest.param(
            {"inputs": {"Input": {"hub": "events"}, "R": {"reference": {"file": "/etc/passwd"}}}},
            {"field": "inputs.R"},
            "",
            id="a file to join",
        ),
        pytest.param(
            {"outputs": {"PerMinute": {"type": "printer"}}},
            {"field": "outputs.PerMinute.type"},
            "Invalid value 'printer'",
            id="type",
        ),
        pytest.param(
            {"outputs": {"PerMinute": {"type": "stream", "maxlenn": 5}}},
            {"field": "outputs.PerMinute.maxlenn"},
            "outputs.PerMinute.maxlenn: Object contains unknown field `maxlenn`",
            id="a key that an output has not",
        ),
        pytest.param({"outputs": {}}, {"field": "outputs.PerMinute"}, "is missing", id="an output left out"),
        pytest.param({"start": "yesterday"}, {"field": "start"}, "'yesterday' is not", id="start"),
        pytest.param({"time": {"late_arrival": "1y"}}, {"field": "time.late_arrival"}, "is not a time", id="time"),
        pytest.param(
            {"boards": [{"from": "No", "board": "b", "member": "a", "score": "n", "mode": "add"}]},
            {"field": "boards"},
            "from = 'No' is not an output",
            id="a board of no output",
        ),
        pytest.param({"query": 7}, {"field": "query"}, "Expected `str`", id="no text"),
        pytest.param({"unknown": 7}, {"field": "unknown"}, "unknown field", id="an unknown field"),
    ],
)
def test_what_is_wrong_with_a_job_is_told_with_its_place(
    client: ServiceClient, changes: dict[str, Any], members: dict[str, Any], detail: str
) -> None:
    answer = client.put("/jobs/j", json={**BODY, **changes})

    assert answer.status_code == 422
    assert members.items() <= answer.json.items()
    assert detail in answer.json["detail"]
    assert "job.toml" not in answer.json["detail"]
    assert client.get("/jobs").json == {"jobs": []}


def test_a_name_that_is_none(client: ServiceClient) -> None:
    answer = client.put("/jobs/a%20b", json=BODY)

    assert (answer.status_code, answer.json["field"]) == (422, "name")


@pytest.mark.parametrize("name", ["a" * 64, "a" * 65, "a" * 32, "a" * 33, "0", "a.-_", "-a", "ä", "a b", ""])
def test_the_documented_pattern_of_a_name_is_what_a_job_may_be_called(client: ServiceClient, name: str) -> None:
    (parameter,) = client.get("/openapi.json").json["paths"]["/jobs/{name}"]["put"]["parameters"]
    try:
        check_name(name)
        is_allowed = True
    except InvalidValue:
        is_allowed = False

    assert (re.search(parameter["schema"]["pattern"], name) is not None) is is_allowed
    assert is_allowed is (name in ("a" * 64, "a" * 32, "a" * 33, "0", "a.-_"))


def test_the_documented_defaults_are_those_of_job_toml(client: ServiceClient, tmp_path: Path) -> None:
    schemas = client.get("/openapi.json").json["components"]["schemas"]
    written = {
        name: {key: shown["default"] for key, shown in schemas[name]["properties"].items() if "default" in shown}
        for name in ("Time", "JobBody")
    }
    left_out: dict[str, Any] = {"inputs": {}, "outputs": {}}
    document = {**left_out, "time": written["Time"], "start": "last", "snapshot": written["JobBody"]["snapshot"]}

    assert written["Time"] == {"late_arrival": "5s", "out_of_order": "0s", "action": "adjust"}
    assert (written["JobBody"]["start"], written["JobBody"]["snapshot"]) == ("last", "30s")
    assert config_of(document, tmp_path) == config_of(left_out, tmp_path) == JobConfig({}, {})


def test_two_jobs_can_t_write_to_one_output(client: ServiceClient) -> None:
    client.put("/jobs/j", json=BODY)
    answer = client.put("/jobs/k", json=BODY)

    assert answer.status_code == 409
    assert "'PerMinute' is written by the job 'j'" in answer.json["detail"]


def test_a_webhook_s_secrets_are_never_shown(client: ServiceClient) -> None:
    hook = {
        "type": "webhook",
        "url": "https://example.com/a?code=secret",
        "headers": {"Authorization": "Bearer secret"},
    }
    client.put("/jobs/j", json={**BODY, "outputs": {"PerMinute": hook}})
    seen = client.get("/jobs/j")

    assert b"secret" not in seen.data
    assert seen.json["definition"]["outputs"]["PerMinute"] == {
        "type": "webhook",
        "url": "https://example.com/a?(hidden)",
        "headers": {"Authorization": "(hidden)"},
    }
    assert seen.json["deliveries"] == [
        {"output": "PerMinute", "waiting": 0, "delivered": 0, "stopped": False, "error": None, "left_out": 0}
    ]


@pytest.mark.parametrize(
    ("format", "media_type", "holds"),
    [
        ("text", "text/plain", "PerMinute"),
        ("json", "application/json", '"is_embarrassingly_parallel"'),
        ("mermaid", "text/plain", "flowchart"),
        ("dot", "text/plain", "digraph"),
    ],
)
def test_a_job_is_explained(client: ServiceClient, format: str, media_type: str, holds: str) -> None:
    client.put("/jobs/j", json=BODY)
    answer = client.get(f"/jobs/j/explain?format={format}")

    assert (answer.status_code, answer.mimetype) == (200, media_type)
    assert holds in answer.text
    assert client.get("/jobs/none/explain").status_code == 404


def test_what_a_query_may_not_mean_is_told_when_it_is_put_and_explained(
    client: ServiceClient, registry: JobRegistry
) -> None:
    body = BODY | {"query": "SELECT a * 2 AS y, b INTO PerMinute FROM Input WHERE y > 4"}
    (alias,) = client.put("/jobs/j", json=body).json["warnings"]
    registry.hubs["events"].append([Event(b'{"a": 1}'), Event(b'{"y": 1}')])
    warnings = client.put("/jobs/j", json=body).json["warnings"]

    assert (alias["line"], alias["column"]) == (1, 54)
    assert alias["message"].startswith("y is here a column of Input")
    assert warnings[0] == alias
    assert [(each["column"], each["message"]) for each in warnings[1:]] == [
        (20, "none of 2 events of Input has a column b")
    ]
    assert "warning: 1:20: none of 2 events of Input has a column b" in client.get("/jobs/j/explain").text
    assert client.get("/jobs/j/explain?format=json").json["warnings"] == warnings
    (unseen,) = client.put("/jobs/j", json=BODY).json["warnings"]
    assert (unseen["line"], unseen["message"]) == (4, "none of 2 events of Input has a column action")


def test_a_job_is_explained_as_the_hubs_have_it_run(client: ServiceClient, registry: JobRegistry) -> None:
    registry.hubs.create("single", Description(partitions=1))
    for hub in ("events", "single"):
        client.put("/jobs/j", json=BODY | {"inputs": {"Input": {"hub": hub}}})
        explained = client.get("/jobs/j/explain").text

        assert ("Stage 2" in explained) is (hub == "events")


@pytest.mark.parametrize("mode", ["add", "set", "max", "min"])
def test_a_job_may_give_its_scores_to_a_board_in_each_way(client: ServiceClient, mode: str) -> None:
    board = {"from": "PerMinute", "board": "b", "member": "action", "score": "events", "mode": mode}
    made = client.put("/jobs/j", json=BODY | {"boards": [board]})

    assert (made.status_code, made.json["definition"]["boards"]) == (201, [board])


def test_a_folder_s_job_is_shown_and_can_t_be_put(client: ServiceClient, registry: JobRegistry, tmp_path: Path) -> None:
    shutil.copytree(example.JOB, folder := tmp_path / "shipped")
    toml = folder / "job.toml"
    toml.write_text("start = 2024-05-01T13:00:00+02:00\n" + toml.read_text())
    registry.load(folder)
    seen = client.get("/jobs/shipped").json

    assert (seen["folder"], seen["definition"]["start"]) == (True, "2024-05-01T11:00:00.0000000Z")
    assert seen["definition"]["boards"][0]["from"] == "OutputWindow"
    assert client.get("/jobs/shipped/explain").status_code == 200
    assert client.put("/jobs/shipped", json=BODY).status_code == 409
    assert client.delete("/jobs/shipped").status_code == 204  # no worker runs it


@pytest.mark.parametrize(
    ("right", "method", "path", "status"),
    [
        (Right.LISTEN, "GET", "/jobs", 200),
        (Right.SEND, "GET", "/jobs", 401),
        (Right.SEND, "PUT", "/jobs/j", 401),
        (Right.LISTEN, "PUT", "/jobs/j", 401),
        (Right.SEND, "DELETE", "/jobs/j", 401),
        (Right.LISTEN, "GET", "/outputs", 200),
        (Right.SEND, "DELETE", "/outputs/o", 401),
        (Right.MANAGE, "PUT", "/jobs/j", 201),
    ],
)
def test_jobs_are_changed_with_manage_only(
    client: ServiceClient, redis: redis_py.Redis, right: Right, method: str, path: str, status: int
) -> None:
    rule = Rules(redis, stack.ROOT).add("limited", frozenset({right}))
    connection = ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary)
    headers = {"Authorization": stack.token(connection=connection)}

    assert client.open(path, method=method, headers=headers, json=BODY).status_code == status


def test_a_job_is_stopped_and_started(client: ServiceClient, work: Work) -> None:
    client.put("/jobs/per-minute", json=BODY)
    stopped = client.put("/jobs/per-minute/state", json={"state": "stopped"})
    assert (stopped.status_code, stopped.json["state"]) == (200, "stopped")
    assert stopped.json["stopped_time"].endswith("Z")
    work()
    assert client.get("/jobs/per-minute").json["status"] is None

    started = client.put("/jobs/per-minute/state", json={"state": "running"})
    assert started.json["stopped_time"] is None
    work()
    assert client.get("/jobs/per-minute").json["state"] == "running"

    assert client.put("/jobs/per-minute/state", json={"state": "failed"}).status_code == 422
    assert client.put("/jobs/none/state", json={"state": "stopped"}).status_code == 404


def test_a_job_is_restarted(client: ServiceClient, registry: JobRegistry, work: Work) -> None:
    plain = {"query": "SELECT n INTO PerMinute FROM Input", "inputs": BODY["inputs"], "outputs": BODY["outputs"]}
    client.put("/jobs/plain", json=plain)
    registry.hubs["events"].append([Event(b'{"n": 1}')])
    work()
    answer = client.post("/jobs/plain/restart", json={"from": "2024-05-01T11:00:00Z"})
    assert answer.status_code == 200
    work()
    assert len(client.get("/outputs/PerMinute").json["rows"]) == 2

    refused = client.post("/jobs/plain/restart", json={"from": "noon"})
    assert (refused.status_code, refused.json["field"]) == (422, "start")
    assert client.post("/jobs/none/restart", json={"from": "last"}).status_code == 404


def test_a_job_is_copied(client: ServiceClient, registry: JobRegistry, work: Work) -> None:
    plain = {"query": "SELECT n INTO PerMinute FROM Input", "inputs": BODY["inputs"], "outputs": BODY["outputs"]}
    client.put("/jobs/plain", json=plain)
    registry.hubs["events"].append([Event(b'{"n": 1}')])
    work()
    made = client.post("/jobs/plain/copy", json={"to": "new"})
    assert (made.status_code, made.json["name"], made.json["state"]) == (201, "new", "starting")
    assert made.json["definition"]["query"] == "SELECT n INTO [PerMinute_new] FROM Input"
    registry.hubs["events"].append([Event(b'{"n": 2}')])
    work()
    assert [row["row"] for row in client.get("/outputs/PerMinute_new").json["rows"]] == [{"n": 2}]

    assert client.post("/jobs/plain/copy", json={"to": "new"}).status_code == 409
    taken = client.post("/jobs/plain/copy", json={"to": "third", "definition": plain})
    assert (taken.status_code, "is written by the job 'plain'" in taken.json["detail"]) == (409, True)
    wrong = {**plain, "query": "SELECT"}
    refused = client.post("/jobs/plain/copy", json={"to": "third", "definition": wrong})
    assert (refused.status_code, refused.json["field"], refused.json["line"]) == (422, "query", 1)
    assert client.post("/jobs/none/copy", json={"to": "third"}).status_code == 404
    assert client.post("/jobs/plain/copy", json={"to": "a b"}).status_code == 422


def test_a_folder_that_can_t_be_read_is_shown_as_failed(
    client: ServiceClient, registry: JobRegistry, tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "query.asaql").write_text("SELECT <b>")
    (tmp_path / "broken" / "job.toml").write_text("x =")
    assert JobFinder(registry, tmp_path).jobs() == []

    (summary,) = client.get("/jobs").json["jobs"]
    assert (summary["name"], summary["state"], summary["folder"]) == ("broken", "failed", True)
    assert "broken/job.toml: can't be read: Invalid value" in summary["reason"]
    seen = client.get("/jobs/broken").json
    assert (seen["definition"], seen["reason"]) == (None, summary["reason"])
    assert client.get("/jobs/broken/explain").status_code == 422
    assert client.delete("/jobs/broken").status_code == 409


def test_the_faults_of_a_job_are_shown_with_their_events(
    client: ServiceClient, registry: JobRegistry, work: Work
) -> None:
    client.put("/jobs/per-minute", json=BODY)
    registry.hubs["events"].append([Event(b"<p>")], partition=0)
    work()
    found = client.get("/jobs/per-minute/faults").json

    assert found["job"] == "per-minute"
    assert [each["kind"] for each in found["faults"]] == list(KINDS)
    (unreadable,) = (each for each in found["faults"] if each["examples"])
    assert (unreadable["kind"], unreadable["count"]) == ("input_errors", 1)
    assert unreadable["azure_metric"] == "Input Deserialization Errors"
    (example,) = unreadable["examples"]
    assert (example["hub"], example["partition"], example["body"]) == ("events", 0, "<p>")
    assert client.get(f"/hubs/events/partitions/0/events?after={example['offset']}").json["events"] == []
    assert client.get("/jobs/none/faults").status_code == 404


def test_a_job_with_functions_of_its_own(client: ServiceClient, registry: JobRegistry, work: Work) -> None:
    pytest.importorskip("quickjs", reason="the extra is not installed: pip install '.[javascript]'")
    body = {
        "query": "SELECT UDF.twice(n) AS n INTO PerMinute FROM Input",
        "inputs": {"Input": {"hub": "events"}},
        "outputs": BODY["outputs"],
        "functions": {"twice": "function main(x) { return 2 * x }"},
    }
    assert client.put("/jobs/twice", json=body).status_code == 201
    work()
    registry.hubs["events"].append([Event(b'{"n": 21}'), Event(b'{"n": 9007199254740993}')])
    work()

    found = client.get("/jobs/twice").json
    assert found["definition"]["functions"] == body["functions"]
    assert [row["row"] for row in client.get("/outputs/PerMinute").json["rows"]] == [{"n": 42}]

    version = registry.redis.hget("job:twice", "version")
    client.put("/jobs/twice", json={**body, "functions": {"twice": "function main(x) { return x + x }"}})
    work()
    assert registry.redis.hget("job:twice", "version") != version


@pytest.mark.parametrize(
    ("functions", "detail"),
    [
        ({"twice": "function main(x) {\n return 2 x }"}, 'detail":"SyntaxError: expecting '),
        ({"other": "x => x"}, "there is no function UDF.TWICE: its source belongs in functions/"),
        ({"twice": 5}, "Expected `str`, got `int`"),
    ],
)
def test_functions_that_are_wrong_change_nothing(client: ServiceClient, functions: Any, detail: str) -> None:
    pytest.importorskip("quickjs", reason="the extra is not installed: pip install '.[javascript]'")
    body = {**BODY, "query": "SELECT UDF.twice(n) AS n INTO PerMinute FROM Input", "functions": functions}
    answer = client.put("/jobs/twice", json=body)

    assert answer.status_code == 422
    assert detail in answer.text
    assert client.get("/jobs/twice").status_code == 404


@pytest.mark.parametrize(
    ("query", "toml"),
    [
        pytest.param(
            "SELECT k INTO Out FROM Input",
            '[[boards]]\nfrom = "Out"\nboard = "b"\nmember = "k"\nscore = "k"\nmode = "min"\n',
            id="the least score",
        ),
        pytest.param("SELECT k INTO Out FROM Input -- " + "x" * 100_000, "", id="a long query"),
        pytest.param("SELECT UDF.f(k) AS k INTO Out FROM Input",
                     f"[functions]\nf = \"function main(x) {{ return x }} //{'x' * 100_000}\"\n", id="a long function"),
    ],
)  # fmt: skip
def test_a_folder_s_job_is_shown_and_copied_whatever_may_not_be_put(
    client: ServiceClient, registry: JobRegistry, tmp_path: Path, query: str, toml: str
) -> None:
    folder = write_job(tmp_path / "job", query, f'[inputs.Input]\nhub = "events"\n{toml}')
    registry.load(folder)

    shown = client.get("/jobs/job")
    assert (shown.status_code, shown.json["definition"]["query"]) == (200, query)
    definition = {"query": QUERY, "inputs": BODY["inputs"], "outputs": BODY["outputs"]}
    assert client.post("/jobs/job/copy", json={"to": "other", "definition": definition}).status_code == 201


def test_a_board_may_keep_the_least_score(client: ServiceClient) -> None:
    boards = [{"from": "PerMinute", "board": "b", "member": "action", "score": "events", "mode": "min"}]
    assert client.put("/jobs/j", json={**BODY, "boards": boards}).json["definition"]["boards"] == boards
