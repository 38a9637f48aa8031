from __future__ import annotations

import io
import json
import threading
import tracemalloc
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from deploy import servers
from handlers import create_app
from pipeline.settings import Settings
from wz.live_server import LiveServer
from wz.records import ARRAY, LINES

from ... import stack
from ..conftest import ServiceClient

NDJSON = LINES[0]
BAD_SCORES = [
    pytest.param(b'{"member":"cid","score":"1_000"}', "score", id="an underscore in a number"),
    pytest.param(b'{"member":"cid","score":" 12"}', "score", id="a space before a number"),
    pytest.param(b'{"member":"x","score":"NaN"}', "score", id="NaN"),
    pytest.param(b'{"member":"x","score":0.0000001}', "score", id="too many places"),
    pytest.param(b'{"member":"x","score":9007199254.740992}', "score", id="out of range"),
    pytest.param(b'{"member":"x","score":null}', "score", id="null"),
    pytest.param(b'{"member":"x"}', "score", id="no score"),
    pytest.param(b'{"score":1}', "member", id="no member"),
    pytest.param(b'{"member":"","score":1}', "member", id="an empty name"),
    pytest.param(b'{"member":"' + b"x" * 513 + b'","score":1}', "member", id="a long name"),
    pytest.param(b'{"member":"x","score":1,"scor":1}', "scor", id="an unknown field"),
    pytest.param(b"[1]", None, id="no object"),
]


def bulk(
    client: ServiceClient, path: str, records: Iterable[dict[str, Any]] | bytes, media_type: str = NDJSON
) -> list[dict[str, Any]]:
    """Post records and return the lines of the answer, without losing a digit."""
    if not isinstance(records, bytes):
        encoded = [json.dumps(record) for record in records]
        records = (f"[{','.join(encoded)}]" if media_type == ARRAY else "\n".join(encoded)).encode()
    answer = client.post(path, data=records, content_type=media_type)
    assert (answer.status_code, answer.mimetype) == (200, NDJSON)
    return lines(answer.data)


def lines(document: bytes) -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=Decimal) for line in document.splitlines()]


def summary(records: int, changed: int, repeated: int = 0, refused: int = 0, kept: int = 0) -> dict[str, Any]:
    counts = {"records": records, "changed": changed, "kept": kept, "repeated": repeated, "refused": refused}
    return {**counts, "complete": True}


def scores(client: ServiceClient) -> dict[str, Any]:
    return {row["member"]: row["score"] for row in client.get("/boards/b/members").json["members"]}


@pytest.mark.core
@pytest.mark.parametrize("media_type", [NDJSON, ARRAY])
def test_scores_are_set_and_each_record_has_its_result(client: ServiceClient, media_type: str) -> None:
    records: list[dict[str, Any]] = [
        {"member": "ann", "score": 12.5},
        {"member": "bob", "score": "-3"},
        {"member": "ann", "score": 0},
    ]

    assert bulk(client, "/boards/b/members", records, media_type) == [
        {"record": 1, "member": "ann", "score": Decimal("12.5")},
        {"record": 2, "member": "bob", "score": -3},
        {"record": 3, "member": "ann", "score": 0},
        summary(3, changed=3),
    ]
    assert scores(client) == {"bob": -3, "ann": 0}


@pytest.mark.parametrize("media_type", [NDJSON, ARRAY])
def test_rewards_are_added_once_for_each_event(client: ServiceClient, media_type: str) -> None:
    records = [
        {"member": "ann", "reward": 1.5, "event": "e1"},
        {"member": "ann", "reward": 1.5, "event": "e1"},
        {"member": "ann", "reward": 1},
    ]

    assert bulk(client, "/boards/b/rewards", records, media_type) == [
        {"record": 1, "member": "ann", "score": Decimal("1.5")},
        {"record": 2, "member": "ann", "score": Decimal("1.5"), "repeated": True},
        {"record": 3, "member": "ann", "score": Decimal("2.5")},
        summary(3, changed=2, repeated=1),
    ]
    assert [result.get("repeated") for result in bulk(client, "/boards/b/rewards", records, media_type)[:3]] == [
        True,
        True,
        None,
    ]


@pytest.mark.core
@pytest.mark.parametrize("media_type", [NDJSON, ARRAY])
def test_a_body_with_a_key_is_sent_again_and_each_reward_counts_once(client: ServiceClient, media_type: str) -> None:
    lines_ = [
        b'{"member":"ann","reward":1}',
        b'{"member":"ann","reward":1}',
        b'{"member":"bob","reward":2,"event":"e"}',
    ]
    body = b"\n".join(lines_) if media_type == NDJSON else b"[" + b",".join(lines_) + b"]"

    def send(key: str, body: bytes) -> Any:
        headers = {"Idempotency-Key": key}
        return client.post("/boards/b/rewards", data=body, content_type=media_type, headers=headers)

    first, second, other, third = send("k", body), send('"k"', body), send("k", body + b" "), send("l", body)

    assert lines(first.data)[-1] == summary(3, changed=3)
    assert [result.get("repeated") for result in lines(second.data)[:3]] == [True] * 3
    assert lines(second.data)[-1] == summary(3, changed=0, repeated=3)
    assert (other.status_code, other.json["field"]) == (422, "Idempotency-Key")
    assert lines(third.data)[-1] == summary(3, changed=2, repeated=1)
    assert scores(client) == {"ann": 4, "bob": 2}


@pytest.mark.parametrize("key", ["", "k" * 119, "\xe9"])
def test_what_is_no_key_for_a_body_is_refused(client: ServiceClient, key: str) -> None:
    answer = client.post("/boards/b/rewards", data=b"", content_type=NDJSON, headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.json["field"]) == (422, "Idempotency-Key")


def test_a_body_that_broke_off_goes_on_where_it_was(client: ServiceClient) -> None:
    """What a process that died left behind: the first records, under the events that they have from the key."""
    for number in (1, 2):
        client.post("/boards/b/members/ann/rewards", json={"reward": 1, "event": f"k#{number}"})

    headers = {"Idempotency-Key": "k"}
    body = b'{"member":"ann","reward":1}\n' * 3
    answer = client.post("/boards/b/rewards", data=body, content_type=NDJSON, headers=headers)

    assert lines(answer.data)[-1] == summary(3, changed=1, repeated=2)
    assert scores(client) == {"ann": 3}


def test_scores_are_set_if_they_are_better(client: ServiceClient) -> None:
    records: list[dict[str, Any]] = [
        {"member": "ann", "score": 5, "operator": "max"},
        {"member": "ann", "score": 4, "operator": "max"},
        {"member": "ann", "score": 3, "operator": "min"},
        {"member": "ann", "score": 3, "operator": "set"},
        {"member": "ann", "score": 3, "operator": "add"},
    ]

    *results, refused, end = bulk(client, "/boards/b/members", records)

    assert [(result["score"], result.get("changed", True)) for result in results] == [
        (5, True),
        (5, False),
        (3, True),
        (3, False),
    ]
    assert refused["field"] == "operator"
    assert end == summary(5, changed=2, kept=2, refused=1)


@pytest.mark.core
def test_scores_with_a_key_or_events_count_once(client: ServiceClient) -> None:
    """F8: the key of a bulk was ignored, and what was sent again undid what came between."""

    def send(key: str, *lines_: bytes) -> Any:
        headers = {"Idempotency-Key": key}
        return client.post("/boards/b/members", data=b"\n".join(lines_), content_type=NDJSON, headers=headers)

    body = b'{"member":"ann","score":1}', b'{"member":"bob","score":2,"event":"order-17"}'
    send("k", *body)
    client.put("/boards/b/members/ann", json={"score": 9})
    again, other = send("k", *body), send("k", body[0])
    with_event = bulk(client, "/boards/b/members", [{"member": "bob", "score": 2, "event": "order-17"}])

    assert lines(again.data)[-1] == summary(2, changed=0, repeated=2)
    assert (other.status_code, other.json["field"]) == (422, "Idempotency-Key")
    assert with_event[-1] == summary(1, changed=0, repeated=1)
    assert scores(client) == {"ann": 9, "bob": 2}


def test_an_event_that_was_another_change_is_an_error_of_its_record(client: ServiceClient) -> None:
    bulk(client, "/boards/b/rewards", [{"member": "ann", "reward": 1, "event": "order-17"}])
    records: list[dict[str, Any]] = [
        {"member": "ann", "reward": 1, "event": "order-17"},
        {"member": "ann", "reward": 2, "event": "order-17"},
        {"member": "bob", "reward": 1, "event": "order-17"},
    ]

    same, *others, end = bulk(client, "/boards/b/rewards", records)

    assert same["repeated"]
    assert [(other["field"], "another change" in other["error"]) for other in others] == [("event", True)] * 2
    assert end == summary(3, changed=0, repeated=1, refused=2)
    assert scores(client) == {"ann": 1}


@pytest.mark.parametrize(("record", "field"), BAD_SCORES)
@pytest.mark.parametrize("media_type", [NDJSON, ARRAY])
def test_a_record_is_refused_by_itself(
    client: ServiceClient, media_type: str, record: bytes, field: str | None
) -> None:
    body = b'{"member":"ann","score":1}\n' + record + b'\n{"member":"bob","score":2}'
    if media_type == ARRAY:
        body = b"[" + body.replace(b"\n", b",") + b"]"

    first, refused, last, end = bulk(client, "/boards/b/members", body, media_type)

    assert (first["score"], last["score"]) == (1, 2)
    assert refused["record"] == 2
    assert refused["error"]
    assert refused.get("field") == field
    assert "score" not in refused
    assert end == summary(3, changed=2, refused=1)
    assert scores(client) == {"ann": 1, "bob": 2}


def test_a_reward_that_leads_out_of_range_is_refused(client: ServiceClient) -> None:
    records: list[dict[str, Any]] = [{"member": "ann", "reward": "9007199254.740991"}, {"member": "ann", "reward": 1}]

    _, refused, end = bulk(client, "/boards/b/rewards", records)

    assert (refused["record"], refused["member"], refused["field"]) == (2, "ann", "reward")
    assert end == summary(2, changed=1, refused=1)


@pytest.mark.core
def test_a_broken_line_is_refused_and_the_others_go_on(client: ServiceClient) -> None:
    body = b'{"member":"ann","score":1}\n\n{"member":"bob",\n{"member":"cid","score":3}\n'

    assert [result.get("error", "ok")[:22] for result in bulk(client, "/boards/b/members", body)[:-1]] == [
        "ok",
        "the record is not JSON",
        "ok",
    ]
    assert scores(client) == {"ann": 1, "cid": 3}


def test_a_broken_array_is_worked_off_up_to_there(client: ServiceClient) -> None:
    body = b'[{"member":"ann","score":1},{"member":"bob",,{"member":"cid","score":3}]'

    first, refused, end = bulk(client, "/boards/b/members", body, ARRAY)

    assert first["score"] == 1
    assert refused["record"] == 2
    assert end == {**summary(2, changed=1, refused=1), "complete": False, "error": refused["error"]}
    assert scores(client) == {"ann": 1}


@pytest.mark.parametrize(("media_type", "body"), [(NDJSON, b""), (NDJSON, b"\n"), (ARRAY, b"[]")])
def test_no_records(client: ServiceClient, media_type: str, body: bytes) -> None:
    assert bulk(client, "/boards/b/members", body, media_type) == [summary(0, changed=0)]
    assert client.get("/boards/b").status_code == 404


def test_scores_as_strings_for_clients_that_would_lose_digits(client: ServiceClient) -> None:
    [result, _] = bulk(client, "/boards/b/members?exact=string", b'{"member":"ann","score":9007199254.740991}')

    assert result["score"] == "9007199254.740991"


@pytest.mark.parametrize(
    ("path", "body", "media_type", "status"),
    [
        pytest.param("/boards/b/members", b"[]", "text/plain", 415, id="another media type"),
        pytest.param("/boards/b/members", b"{}", ARRAY, 422, id="no array"),
        pytest.param("/boards/-b/members", b"[]", ARRAY, 422, id="no name for a board"),
        pytest.param("/boards/b/members?exact=no", b"[]", ARRAY, 422, id="a wrong parameter"),
    ],
)
def test_a_request_that_is_refused_as_a_whole(
    client: ServiceClient, path: str, body: bytes, media_type: str, status: int
) -> None:
    answer = client.post(path, data=body, content_type=media_type)

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


def test_a_stale_board_is_told_before_the_answer_begins(client: ServiceClient, redis: redis_py.Redis) -> None:
    bulk(client, "/boards/b/members", [{"member": "ann", "score": 1}])
    redis.zadd("{board:b}:scores", {"by hand": 1})

    answer = client.post("/boards/b/members", data=b'{"member":"ann","score":2}', content_type=NDJSON)

    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")


@pytest.mark.core
@pytest.mark.parametrize("media_type", [NDJSON, ARRAY])
def test_a_bulk_may_be_larger_than_other_bodies(client: ServiceClient, media_type: str) -> None:
    records = [{"member": f"{n:0>500}", "score": n} for n in range(2500)]

    *results, end = bulk(client, "/boards/b/members", records, media_type)

    assert [result["score"] for result in results] == list(range(2500))
    assert end == summary(2500, changed=2500)
    assert client.get("/boards/b").json["sum"] == sum(range(2500))


def test_a_bulk_that_is_too_large_is_refused_before_any_of_it_is_done(
    redis: redis_py.Redis, settings: Settings
) -> None:
    app = create_app(settings)
    app.config["MAX_BULK_LENGTH"] = 40
    client = ServiceClient(app)
    body = b'{"member":"ann","score":1}\n'

    assert client.post("/boards/b/members", data=body, content_type=NDJSON).status_code == 200
    answer = client.post("/boards/b/members", data=body * 2, content_type=NDJSON)
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")


@pytest.mark.parametrize(
    ("path", "length", "detail"),
    [
        ("/boards/b/members", 300 << 20, "The body is larger than 256 MiB."),
        ("/boards/b/rewards", 300 << 20, "The body is larger than 256 MiB."),
        ("/boards/b/members/ann/rewards", 2 << 20, "The body is larger than 1 MiB."),
    ],
)
def test_nginx_refuses_what_the_service_would_not_take(nginx: LiveServer, path: str, length: int, detail: str) -> None:
    connection = nginx.connect()
    connection.putrequest("POST", path)
    connection.putheader("Content-Length", str(length))
    connection.endheaders()
    response = connection.getresponse()

    assert (response.status, response.headers["Content-Type"]) == (413, "application/problem+json")
    assert json.load(response)["detail"] == detail
    connection.close()


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.boards.bulk.WINDOW", 400)


@pytest.mark.usefixtures("small_windows")
def test_a_client_that_goes_away_ends_the_work(redis: redis_py.Redis, settings: Settings) -> None:
    records = b"".join(b'{"member":"%d","score":1}\n' % n for n in range(5000))
    with ServiceClient(create_app(settings)).post(
        "/boards/b/members", data=records, content_type=NDJSON, buffered=False
    ) as answer:
        next(answer.iter_encoded())

    assert 0 < redis.zcard("{board:b}:scores") < 5000
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("board-bulk")]


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("media_type", [NDJSON, ARRAY])
def test_memory_does_not_grow_with_the_number_of_records(
    redis: redis_py.Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch, media_type: str
) -> None:
    monkeypatch.setattr("wz.records.MEMORY_BYTES", 10_000)
    client = ServiceClient(create_app(settings))

    def peak(count: int) -> int:
        records = [b'{"member":"%d","score":1}' % n for n in range(count)]
        body = io.BytesIO(b"[" + b",".join(records) + b"]" if media_type == ARRAY else b"\n".join(records))
        tracemalloc.start()
        try:
            with client.post("/boards/b/members", input_stream=body, content_type=media_type, buffered=False) as answer:
                assert sum(part.count(b"\n") for part in answer.iter_encoded()) == count + 1
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(500)  # imports, caches
    # What other threads of the tests allocate meanwhile adds to a peak, and takes nothing away.
    most = peak(1_000) + 200_000
    assert any(peak(8_000) < most for _ in range(3))


@pytest.fixture
def fragile(tmp_path: Path, settings: Settings, small_windows: None) -> Iterator[tuple[Any, Any]]:
    """An answer of 13 parts that is being read, and the Redis that it needs, which may be killed."""
    socket = tmp_path / "redis.sock"
    command = [servers.redis_server(), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", tmp_path]
    with stack.process(command, ready=socket.exists) as server:
        app = create_app(Settings(environment="test", redis_url=f"unix://{socket}", connection_string=stack.ROOT))
        records = b"".join(b'{"member":"%d","score":1}\n' % n for n in range(5000))
        with ServiceClient(app).post("/boards/b/members", data=records, content_type=NDJSON, buffered=False) as answer:
            yield answer, server


def test_if_redis_goes_away_the_answer_says_that_it_is_not_complete(fragile: tuple[Any, Any]) -> None:
    answer, server = fragile
    stream = answer.iter_encoded()
    document = next(stream)
    server.kill()
    server.wait()
    document += b"".join(stream)

    *results, end = lines(document)
    assert end["complete"] is False
    assert "can't be reached" in end["error"]
    assert [result["record"] for result in results] == list(range(1, end["records"] + 1))
    assert 0 < end["records"] == end["changed"] < 5000
