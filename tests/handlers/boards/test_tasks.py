"""Long work on boards: answered 202 with a task, which a worker process carries out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from werkzeug.test import TestResponse

from handlers.boards.tasks import SMALL
from pipeline.boards import keys
from pipeline.settings import Settings
from pipeline.work.tasks import Tasks

from ... import stack
from ..conftest import ServiceClient

ASYNC = {"Prefer": "respond-async"}
NDJSON = "application/x-ndjson"


@pytest.fixture(autouse=True)
def old(client: ServiceClient) -> None:
    for member, score in {"ann": 1, "bob": 2.5}.items():
        client.put(f"/boards/old/members/{member}", json={"score": score})


@contextmanager
def worker(settings: Settings, folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "wz", "worker"]
    env = {**stack.environ(settings), "WZ_JOBS": ""}
    with stack.process(command, lambda: True, env, stack.REPOSITORY, log=folder / "worker.log"):
        yield


def ended(client: ServiceClient, accepted: TestResponse) -> dict[str, Any]:
    """Return the task when a worker is through with it."""
    found: dict[str, Any] = {}

    def has_ended() -> bool:
        found.update(client.get(accepted.headers["Location"]).json or {})
        return found["finished"] is not None

    stack.until(has_ended)
    return found


@pytest.mark.core
def test_what_is_to_be_answered_later_is_a_task(client: ServiceClient) -> None:
    answer = client.post("/boards/old/copy", json={"to": "new"}, headers=ASYNC)

    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "respond-async")
    task = answer.json
    assert answer.headers["Location"] == f"/boards/old/tasks/{task['id']}"
    assert int(answer.headers["Retry-After"]) > 0
    assert (task["kind"], task["board"], task["state"]) == ("board.copy", "old", "waiting")
    assert task["arguments"] == {"to": "new", "replace": False, "expires": "never"}
    assert [task[name] for name in ("done", "total", "started", "finished", "error", "result")] == [None] * 6
    assert task["links"] == {"self": answer.headers["Location"], "board": "/boards/new"}
    assert client.get(answer.headers["Location"]).json == task
    assert client.get("/boards/old/tasks").json == {"board": "old", "tasks": [task]}
    assert client.get("/boards/new").status_code == 404


def test_a_worker_carries_each_kind_out(client: ServiceClient, settings: Settings, tmp_path: Path) -> None:
    with worker(settings, tmp_path):
        body = {"to": "new", "expires": "2100-01-31T12:00:00+00:00"}
        copied = ended(client, client.post("/boards/old/copy", json=body, headers=ASYNC))
        assert client.get("/boards/new").json["expires"] == "2100-01-31T12:00:00Z"
        sources = {"sources": {"old": 1, "new": "0.5"}}
        united = ended(client, client.post("/boards/sum/union", json=sources, headers=ASYNC))
        renamed = ended(client, client.post("/boards/new/rename", json={"to": "newer"}, headers=ASYNC))
        deleted = ended(client, client.delete("/boards/old", headers=ASYNC))

    assert [task["state"] for task in (copied, united, renamed, deleted)] == ["done"] * 4
    assert copied["result"] == {"board": "new"}
    assert united["result"] == client.get("/boards/sum").json
    assert united["result"]["sum"] == 5.25
    assert [client.get(f"/boards/{name}").status_code for name in ("old", "new", "newer")] == [404, 404, 200]


def test_a_large_board_is_a_task_and_a_small_one_is_not(client: ServiceClient, redis: redis_py.Redis) -> None:
    lines = "".join(f'{{"member":"m{n}","score":{n}}}\n' for n in range(SMALL))
    assert client.post("/boards/big/members", data=lines, content_type="application/x-ndjson").status_code == 200

    assert client.post("/boards/old/copy", json={"to": "new"}).status_code == 200
    answers = [
        client.post("/boards/big/copy", json={"to": "other"}),
        client.post("/boards/new/union", json={"sources": {"big": 1, "old": 1}, "replace": True}),
        client.delete("/boards/big"),
    ]

    assert [answer.status_code for answer in answers] == [202] * 3
    assert [task.kind for task in Tasks(redis).all("big")] == ["board.delete", "board.copy"]
    assert client.get("/boards/new").json["count"] == 2
    assert client.post("/boards/big/rename", json={"to": "large"}).status_code == 200  # it is one step


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("/boards/none/copy", {"to": "new"}, 404, id="source that is not there"),
        pytest.param("/boards/new/union", {"sources": {"old": 1, "none": 1}}, 404, id="one of the sources"),
        pytest.param("/boards/old/copy", {"to": "there"}, 409, id="target that is there"),
        pytest.param("/boards/old/copy", {"to": "old", "replace": True}, 422, id="onto itself"),
        pytest.param("/boards/old/copy", {"to": "a/b"}, 422, id="no name"),
    ],
)
def test_what_would_fail_is_refused_at_once(
    client: ServiceClient, redis: redis_py.Redis, path: str, body: dict[str, Any], status: int
) -> None:
    client.put("/boards/there/members/ann", json={"score": 1})

    assert client.post(path, json=body, headers=ASYNC).status_code == status
    assert Tasks(redis).all() == []


@pytest.mark.parametrize(
    ("prefer", "status"),
    [("respond-async, wait=10", 202), ("Respond-Async; x=1", 202), ("return=minimal", 200), ("", 200)],
)
def test_the_header_is_read_as_rfc_7240_has_it(client: ServiceClient, prefer: str, status: int) -> None:
    answer = client.post("/boards/old/copy", json={"to": "new"}, headers={"Prefer": prefer})

    assert answer.status_code == status
    assert ("Preference-Applied" in answer.headers) is (status == 202)


def test_a_key_that_comes_again_gets_the_same_task(client: ServiceClient, redis: redis_py.Redis) -> None:
    headers = ASYNC | {"Idempotency-Key": "k"}
    first, second = (client.post("/boards/old/copy", json={"to": "new"}, headers=headers) for _ in range(2))

    assert (second.status_code, second.headers["Location"]) == (202, first.headers["Location"])
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(Tasks(redis).all()) == 1


def test_a_waiting_task_is_cancelled(client: ServiceClient) -> None:
    where = client.post("/boards/old/copy", json={"to": "new"}, headers=ASYNC).headers["Location"]

    assert client.delete(where).status_code == 204
    assert client.delete(where).status_code == 204
    assert client.get(where).json["state"] == "cancelled"


def test_a_running_task_is_cancelled_soon(client: ServiceClient, redis: redis_py.Redis) -> None:
    where = client.post("/boards/old/copy", json={"to": "new"}, headers=ASYNC).headers["Location"]
    Tasks(redis).begin(where.rpartition("/")[2])

    answer = client.delete(where)

    assert (answer.status_code, answer.headers["Location"]) == (202, where)
    assert client.get(where).json["state"] == "running"


def test_a_task_that_failed_says_why_and_can_t_be_cancelled(
    client: ServiceClient, settings: Settings, tmp_path: Path
) -> None:
    answer = client.post("/boards/new/union", json={"sources": {"old": "1e12"}}, headers=ASYNC)
    with worker(settings, tmp_path):
        task = ended(client, answer)
        refused = client.delete(answer.headers["Location"])

    assert (task["state"], task["result"]) == ("failed", None)
    assert "out of the range of a board" in task["error"]
    assert refused.status_code == 409
    assert client.get("/boards/new").status_code == 404


def test_a_task_of_another_board_is_not_there(client: ServiceClient) -> None:
    id = client.post("/boards/old/copy", json={"to": "new"}, headers=ASYNC).json["id"]

    assert client.get(f"/boards/new/tasks/{id}").status_code == 404
    assert client.delete(f"/boards/new/tasks/{id}").status_code == 404
    assert client.get("/boards/old/tasks/none").status_code == 404
    assert client.get("/boards/a%20b/tasks").status_code == 422


def test_tasks_are_of_this_period(client: ServiceClient) -> None:
    client.put("/boards/old@month/members/ann", json={"score": 1})

    task = client.delete("/boards/old@month", headers=ASYNC).json

    assert task["board"].startswith("old.2")
    assert client.get("/boards/old@month/tasks").json["tasks"] == [task]


def test_a_board_that_another_program_wrote_to_is_made_anew(client: ServiceClient, redis: redis_py.Redis) -> None:
    redis.zadd(keys.scored("{board:old}")[0], {"zoe": 3_000_000})
    assert client.get("/boards/old").status_code == 503

    later = client.post("/boards/old/rebuild", headers=ASYNC)
    assert (later.status_code, later.json["kind"]) == (202, "board.rebuild")
    now = client.post("/boards/old/rebuild")

    assert (now.status_code, now.json["count"], now.json["sum"]) == (200, 3, 6.5)
    assert client.post("/boards/none/rebuild", headers=ASYNC).status_code == 404


def test_a_large_board_is_trimmed_by_a_worker(client: ServiceClient, settings: Settings, tmp_path: Path) -> None:
    accepted = client.post("/boards/old/trim", json={"below": 2}, headers=ASYNC)

    with worker(settings, tmp_path):
        task = ended(client, accepted)

    assert (task["kind"], task["state"]) == ("board.trim", "done")
    assert task["result"] == {"board": "old", "removed": 1, "count": 1}
    assert client.get("/boards/old/members/bob").json["rank"] == 0


@pytest.mark.parametrize("headers", [{}, ASYNC], ids=["now", "later"])
def test_a_copy_has_an_end_of_its_own(client: ServiceClient, headers: dict[str, str]) -> None:
    client.put("/boards/old", json={"expires": "2100-01-01T00:00:00Z"})

    for expires in ("2000-01-01T00:00:00Z", "soon"):
        refused = client.post("/boards/old/copy", json={"to": "new", "expires": expires}, headers=headers)
        assert (refused.status_code, refused.json["field"]) == (422, "expires")
    if not headers:
        assert client.post("/boards/old/copy", json={"to": "new"}).status_code == 200
        assert client.get("/boards/new").json["expires"] is None


def test_an_import_is_made_by_a_worker(
    client: ServiceClient, settings: Settings, tmp_path: Path, redis: redis_py.Redis
) -> None:
    lines = client.get("/boards/old/export").data
    sent = {"data": lines, "content_type": NDJSON}

    accepted = client.post("/boards/new/import", headers=ASYNC, **sent)
    assert (accepted.status_code, accepted.json["kind"]) == (202, "board.import")
    assert client.get("/boards/new").status_code == 404
    with worker(settings, tmp_path):
        task = ended(client, accepted)

    assert (task["state"], task["links"]["board"]) == ("done", "/boards/new")
    assert task["result"] == client.get("/boards/new").json
    assert client.get("/boards/new/export").data == lines
    assert redis.keys("wz:task-lines:*") == []


def test_an_import_that_is_cancelled_keeps_no_lines(client: ServiceClient, redis: redis_py.Redis) -> None:
    lines = client.get("/boards/old/export").data
    accepted = client.post("/boards/new/import", data=lines, content_type=NDJSON, headers=ASYNC)
    assert len(redis.keys("wz:task-lines:*")) == 1

    assert client.delete(accepted.headers["Location"]).status_code == 204
    assert redis.keys("wz:task-lines:*") == []


def test_what_an_import_refuses_at_once_is_not_kept(client: ServiceClient, redis: redis_py.Redis) -> None:
    lines = client.get("/boards/old/export").data

    for path, data, status in (("old", lines, 409), ("new", b"{}", 422), ("a%20b", lines, 422)):
        answer = client.post(f"/boards/{path}/import", data=data, content_type=NDJSON, headers=ASYNC)
        assert answer.status_code == status
    assert (Tasks(redis).all(), redis.keys("wz:task-lines:*")) == ([], [])


def test_many_lines_are_imported_by_a_task(client: ServiceClient, redis: redis_py.Redis) -> None:
    head = client.get("/boards/old/export").data.splitlines()[0].replace(b'"members":2', b'"members":%d' % SMALL)
    lines = b"".join(b'{"member":"m%d","score":%d}\n' % (n, n) for n in range(SMALL))

    answer = client.post("/boards/new/import", data=head + b"\n" + lines, content_type=NDJSON)

    assert answer.status_code == 202
    assert [task.kind for task in Tasks(redis).all("new")] == ["board.import"]
