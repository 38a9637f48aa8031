"""Reference data over HTTP: put as CSV or JSON, shown, joined by a job, and deleted."""

from __future__ import annotations

from typing import Any

import pytest
import redis as redis_py

from pipeline.connection_string import ConnectionString
from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.hub.rules import Right, Rules
from pipeline.settings import Settings
from pipeline.windows.jobs.finding import JobFinder
from pipeline.windows.jobs.registry import JobRegistry

from ... import stack
from ..conftest import ServiceClient

CSV = {"Content-Type": "text/csv; charset=utf-8"}
LATER = "2999-01-01T00:00:00Z"

JOB: dict[str, Any] = {
    "query": "SELECT i.k, d.name INTO Named FROM Input i LEFT JOIN Devices d ON i.k = d.k",
    "inputs": {"Input": {"hub": "events"}, "Devices": {"reference": {"name": "devices"}}},
    "outputs": {"Named": {"type": "stream"}},
}


@pytest.fixture
def registry(redis: redis_py.Redis, settings: Settings) -> JobRegistry:
    return JobRegistry(redis, Hubs(redis, settings.hubs))


@pytest.mark.core
def test_a_table_is_put_shown_and_deleted(client: ServiceClient) -> None:
    made = client.put("/reference/devices", data="k,name\na,Änne\n".encode(), headers=CSV)
    assert made.status_code == 201
    assert [(each["valid_from"], each["rows"]) for each in made.json["versions"]] == [(None, 1)]
    again = client.put(f"/reference/devices?from={LATER}", json=[{"k": 1, "name": None}, {"k": 2}])
    assert (again.status_code, again.json["versions"][1]["valid_from"]) == (200, "2999-01-01T00:00:00.000Z")

    shown = client.get("/reference/devices")
    assert shown.json["rows"] == [{"k": "a", "name": "Änne"}]
    assert {name: shown.json[name] for name in again.json} == again.json
    assert client.get(f"/reference/devices?at={LATER}&limit=1").json["rows"] == [{"k": 1, "name": None}]
    assert client.get("/reference").json == {"tables": [again.json]}
    assert client.delete("/reference/devices").status_code == 204
    assert [client.get("/reference/devices").status_code, client.delete("/reference/devices").status_code] == [404, 404]


def test_lines_are_rows(client: ServiceClient) -> None:
    lines = b'{"k": 1}\n{"k": 2}\n'
    made = client.put("/reference/devices", data=lines, headers={"Content-Type": "application/x-ndjson"})

    assert (made.status_code, made.json["versions"][0]["rows"]) == (201, 2)


@pytest.mark.parametrize(
    ("body", "type", "status", "expected"),
    [
        pytest.param(b"k\n1,2\n", "text/csv", 422, {"line": 2, "column": 2}, id="CSV"),
        pytest.param(b'[{"k": 1},\n{]', "application/json", 422, {"line": 2, "column": 2}, id="JSON"),
        pytest.param(b'[{"k": %d}]' % 2**64, "application/json", 422, {}, id="a large integer"),
        pytest.param(b"k\n", "text/plain", 415, {}, id="another type"),
    ],
)
def test_what_can_t_be_read_changes_nothing(
    client: ServiceClient, body: bytes, type: str, status: int, expected: dict[str, int]
) -> None:
    client.put("/reference/devices", json=[{"k": 1}])
    before = client.get("/reference/devices").json
    refused = client.put("/reference/devices", data=body, headers={"Content-Type": type})

    assert refused.status_code == status
    told: dict[str, Any] = refused.json or {}
    assert {name: told[name] for name in ("line", "column") if name in told} == expected
    assert client.get("/reference/devices").json == before


def test_a_time_that_is_over_and_a_name_that_is_none_are_refused(client: ServiceClient) -> None:
    client.put("/reference/devices", json=[])
    over = client.put("/reference/devices?from=2024-05-01T00:00:00Z", json=[])
    assert (over.status_code, over.json["field"]) == (422, "from")
    assert client.put("/reference/devices?from=2024-05-01T00:00:00", json=[]).status_code == 422  # of no zone
    assert client.put("/reference/a%20b", json=[]).status_code in (404, 422)


def test_a_table_is_changed_if_it_is_as_the_client_expects(client: ServiceClient) -> None:
    assert client.put("/reference/t", json=[], headers={"If-Match": "*"}).status_code == 412
    made = client.put("/reference/t", json=[], headers={"If-None-Match": "*"})
    assert made.status_code == 201
    assert client.put("/reference/t", json=[], headers={"If-None-Match": "*"}).status_code == 412
    shown = client.get("/reference/t")
    assert client.get("/reference/t", headers={"If-None-Match": shown.headers["ETag"]}).status_code == 304

    tag = {"If-Match": shown.headers["ETag"]}
    changed = client.put("/reference/t", json=[{"n": 1}], headers=tag)
    assert changed.status_code == 200
    assert client.put("/reference/t", json=[], headers=tag).status_code == 412
    assert client.delete("/reference/t", headers=tag).status_code == 412
    assert client.put("/reference/t", json=[], headers={"If-None-Match": '"a"'}).status_code == 412
    assert client.delete("/reference/t", headers={"If-Match": changed.headers["ETag"]}).status_code == 204


@pytest.mark.parametrize(
    ("right", "method", "status"),
    [(Right.LISTEN, "GET", 404), (Right.LISTEN, "PUT", 401), (Right.SEND, "DELETE", 401), (Right.MANAGE, "PUT", 201)],
)
def test_rights(client: ServiceClient, redis: redis_py.Redis, right: Right, method: str, status: int) -> None:
    rule = Rules(redis, stack.ROOT).add("limited", frozenset({right}))
    connection = ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary)
    headers = {"Authorization": stack.token(connection=connection)}

    assert client.open("/reference/t", method=method, headers=headers, json=[]).status_code == status


def test_a_job_joins_it_and_keeps_it(client: ServiceClient, registry: JobRegistry) -> None:
    missing = client.put("/jobs/named", json=JOB)
    assert (missing.status_code, missing.json["field"]) == (422, "inputs.Devices")
    assert "there is no reference data 'devices': PUT /reference/devices first" in missing.json["detail"]

    client.put("/reference/devices", json=[{"k": "a", "name": "Ann"}])
    assert client.put("/jobs/named", json=JOB).status_code == 201
    registry.hubs["events"].append([Event(b'{"k": "a"}'), Event(b'{"k": "b"}')], partition=0)
    (job,) = JobFinder(registry, beat=0.0).jobs()
    while job.step() or len(job.share.held) < len(job.tasks):
        pass
    job.stop()
    rows = [row["row"] for row in client.get("/outputs/Named").json["rows"]]
    assert rows == [{"k": "a", "name": "Ann"}, {"k": "b", "name": None}]

    refused = client.delete("/reference/devices")
    assert (refused.status_code, refused.json["detail"][:31]) == (409, "the job 'named' joins 'devices'")
    client.delete("/jobs/named")
    assert client.delete("/reference/devices").status_code == 204


def test_a_table_that_is_too_large_is_refused(client: ServiceClient, settings: Settings) -> None:
    line = b'{"k": "' + b"x" * 1024 * 1024 + b'"}\n'
    most = settings.max_reference_bytes // len(line)
    lines = {"Content-Type": "application/x-ndjson"}

    assert client.put("/reference/t", data=line * most, headers=lines).status_code == 201
    assert client.put("/reference/t", data=line * (most + 1), headers=lines).status_code == 413
