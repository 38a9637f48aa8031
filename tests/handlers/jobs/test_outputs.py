"""From events over window rows to boards: the job that ships in jobs/, from end to end, read over HTTP."""

from __future__ import annotations

import json

import pytest
import redis as redis_py

from handlers import create_app
from pipeline.boards import Boards
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings
from pipeline.windows.language.ticks import isoformat

from ...windows.support import example, running_jobs
from ..conftest import ServiceClient


@pytest.fixture
def hubs(redis: redis_py.Redis, settings: Settings) -> Hubs:
    """The eight events of the worked example are in the log, at their own times."""
    hubs = Hubs(redis, settings.hubs)
    for time, columns in example.EVENTS:
        hubs["events"].append([example.event(columns)], enqueued_ms=example.enqueued_ms(time))
    return hubs


@pytest.fixture
def ran(redis: redis_py.Redis, hubs: Hubs, settings: Settings) -> None:
    job = running_jobs.load(example.JOB, redis, hubs, Boards.from_settings(settings))
    running_jobs.run(job)
    running_jobs.stop(job)


@pytest.mark.cluster
@pytest.mark.usefixtures("ran")
def test_window_rows_are_read_as_pages(client: ServiceClient) -> None:
    first = client.get("/outputs/OutputWindow?limit=7").json
    second = client.get(f"/outputs/OutputWindow?limit=7&after={first['next']}").json
    third = client.get(f"/outputs/OutputWindow?after={second['next']}").json

    rows = [(entry["window_end"], entry["row"]) for entry in first["rows"] + second["rows"]]
    assert rows == [(isoformat(end), row) for end, row in example.WINDOW_ROWS]
    assert (third["rows"], third["next"]) == ([], second["next"])


@pytest.mark.usefixtures("ran")
def test_the_raw_events_are_archived_with_their_times(client: ServiceClient) -> None:
    rows = client.get("/outputs/Output").json["rows"]

    assert [entry["window_end"] for entry in rows] == [None] * 8
    rows.sort(key=lambda entry: entry["row"]["EventEnqueuedUtcTime"])  # each partition has its own order
    for entry, (time, columns) in zip(rows, example.EVENTS, strict=True):
        assert columns.items() <= entry["row"].items()
        assert entry["row"]["EventEnqueuedUtcTime"] == isoformat(example.at(time))
        assert entry["row"]["PartitionId"] in range(4)


@pytest.mark.cluster
@pytest.mark.usefixtures("ran")
def test_rewards_flow_to_the_board(client: ServiceClient) -> None:
    members = client.get("/boards/actions/members").json["members"]

    # offer_a: 0.2 at 11:00 and 1.0 at 12:00; offer_b: 0.5 at 12:00. Rows without an action count for no offer.
    assert [(row["member"], row["score"]) for row in members] == [("offer_a", 1.2), ("offer_b", 0.5)]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/outputs/none", 404, id="no such output"),
        pytest.param("/outputs/OutputWindow?after=x", 422, id="no offset"),
        pytest.param("/outputs/OutputWindow?limit=5000", 422, id="a page too large"),
    ],
)
def test_what_cannot_be_read(client: ServiceClient, ran: None, path: str, status: int) -> None:
    assert client.get(path).status_code == status


@pytest.mark.cluster
@pytest.mark.usefixtures("ran")
def test_outputs_are_listed(client: ServiceClient) -> None:
    listed = client.get("/outputs").json["outputs"]

    assert [(output["name"], output["job"], output["rows"]) for output in listed] == [
        ("Output", "context_reward", 8),
        ("OutputWindow", "context_reward", len(example.WINDOW_ROWS)),
    ]
    newest = client.get("/outputs/OutputWindow").json["next"]
    assert listed[1]["last_id"] == newest


@pytest.mark.usefixtures("ran")
def test_an_output_is_followed(redis: redis_py.Redis, settings: Settings) -> None:
    app = create_app(settings)
    app.config["TAIL_SECONDS"] = 0.2
    client = ServiceClient(app)
    rows = client.get("/outputs/OutputWindow").json["rows"]
    last_but_one = {"Last-Event-ID": rows[-2]["id"]}

    def events(path: str, headers: dict[str, str] | None = None) -> list[str]:
        stream = client.get(path, headers=headers or {})
        assert (stream.status_code, stream.mimetype) == (200, "text/event-stream")
        return [line[len("data: ") :] for line in stream.text.splitlines() if line.startswith("data: ")]

    assert [json.loads(event) for event in events("/outputs/OutputWindow/tail?after=0")] == rows
    assert [json.loads(event) for event in events("/outputs/OutputWindow/tail", last_but_one)] == rows[-1:]
    assert events("/outputs/OutputWindow/tail") == []


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("/outputs/none/tail", {}, 404, id="no such output"),
        pytest.param("/outputs/OutputWindow/tail?after=x", {}, 422, id="no offset"),
        pytest.param("/outputs/OutputWindow/tail", {"Last-Event-ID": "x"}, 422, id="no id"),
    ],
)
def test_what_cannot_be_followed(client: ServiceClient, path: str, headers: dict[str, str], status: int) -> None:
    assert client.get(path, headers=headers).status_code == status
