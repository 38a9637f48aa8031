"""Hubs, files and webhooks as outputs: real ones, behind a real outbox."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as redis_py

from pipeline.errors import InvalidValue
from pipeline.hub.namespace import Hubs
from pipeline.hub.partition import partition_of
from pipeline.hub.runtime import runtime
from pipeline.windows.jobs.delivery import Delivery
from pipeline.windows.jobs.outputs.file import FileReceiver
from pipeline.windows.jobs.outputs.hub import HubReceiver
from pipeline.windows.jobs.outputs.outbox import Batch, Receiver
from pipeline.windows.jobs.outputs.webhook import WebhookReceiver

from ...upstream import Answer, ScriptedUpstream, make_certificates, scripted_upstream
from ..support.crashes import Crash, Dying
from ..support.outboxes import NOON, delivery_status, die, numbers, outbox, put, run

Start = Callable[[Receiver], Delivery]


@pytest.fixture
def start(redis: redis_py.Redis) -> Iterator[Start]:
    """Begin to deliver the outbox that all tests use, as a worker does."""
    made: list[Delivery] = []

    def start(receiver: Receiver) -> Delivery:
        made.append(Delivery(outbox(redis, receiver), beat=0.0))
        return made[-1]

    yield start
    for delivery in made:
        delivery.stop()


def kill_after_sending(delivery: Delivery) -> None:
    """Let it die after the receiver has taken a batch, but before that is saved."""
    delivery.outbox.receiver = Dying(delivery.outbox.receiver)
    with pytest.raises(Crash):
        delivery.step()
    die(delivery)


def error(delivery: Delivery) -> tuple[str | None, bool]:
    status = delivery_status(delivery.outbox.redis, "j", "Out")
    return status.error, status.stopped


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.ndjson"


def lines(file: Path) -> list[int]:
    return [json.loads(line)["n"] for line in file.read_text().splitlines()]


def test_rows_are_appended_as_lines(start: Start, file: Path) -> None:
    file.write_text('{"n":-1}\n')
    delivery = start(FileReceiver(file))
    put(delivery.outbox, numbers(0, 1))
    run(delivery)
    put(delivery.outbox, numbers(2))
    run(delivery)

    assert file.read_text() == '{"n":-1}\n{"n":0}\n{"n":1}\n{"n":2}\n'


def test_a_process_killed_after_it_wrote_doubles_no_line(start: Start, file: Path) -> None:
    first = start(FileReceiver(file))
    put(first.outbox, numbers(0, 1))
    kill_after_sending(first)
    assert lines(file) == [0, 1]
    with file.open("a") as half:
        half.write('{"n":')
    run(start(FileReceiver(file)))

    assert lines(file) == [0, 1]


def test_a_file_that_is_shorter_than_what_was_written_is_left_alone(start: Start, file: Path) -> None:
    first = start(FileReceiver(file))
    put(first.outbox, numbers(0, 1))
    run(first)
    die(first)
    file.write_text("")
    second = start(FileReceiver(file))
    put(second.outbox, numbers(2))
    run(second)

    text, stopped = error(second)
    assert stopped
    assert "has 0 bytes, but 16 were written to it" in str(text)
    assert file.read_text() == ""


def test_a_process_that_lost_its_lease_in_a_pause_writes_nothing(start: Start, file: Path) -> None:
    delivery = start(FileReceiver(file))
    box = delivery.outbox

    class Pausing(FileReceiver):
        def send(self, batch: Batch) -> str:
            box.redis.set(delivery.share.leases[0].key, "another")
            return super().send(batch)

    box.receiver = Pausing(file)
    put(box, numbers(0))

    assert delivery.step() == 0
    assert file.read_text() == ""


def test_a_disk_that_is_full_has_no_part_of_a_line_and_each_line_once_when_there_is_room(
    start: Start, file: Path
) -> None:
    delivery = start(FileReceiver(file))
    put(delivery.outbox, numbers(*range(3)))
    run(delivery)
    whole = file.read_bytes()
    put(delivery.outbox, numbers(*range(3, 40)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 101, hard))  # no file may have more, as on a full disk
    try:
        assert delivery.step() == 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read_bytes() == whole
    assert "File too large" in str(error(delivery)[0])

    delivery._pace.succeeded()  # as time would
    run(delivery)
    assert lines(file) == list(range(40))


def test_a_file_that_can_t_be_opened_is_tried_again(start: Start, file: Path) -> None:
    file.mkdir()
    delivery = start(FileReceiver(file))
    put(delivery.outbox, numbers(0))

    assert delivery.step() == 0
    assert error(delivery) == (f"{file}: [Errno 21] Is a directory: '{file}'", False)


# -- hubs --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"events": 4, "rows": 4})


def published(hubs: Hubs, name: str = "rows") -> list[list[int]]:
    return [[json.loads(stored.event.body)["n"] for stored in hubs[name].read(partition)] for partition in range(4)]


def test_rows_become_events_by_their_key(start: Start, hubs: Hubs) -> None:
    delivery = start(HubReceiver(hubs, "rows", "who"))
    put(delivery.outbox, [{"n": 0, "WHO": "ann"}, {"n": 1, "who": 7}, {"n": 2, "who": "ann"}, {"n": 3, "who": None}])
    run(delivery)

    events = [stored.event for partition in range(4) for stored in hubs["rows"].read(partition)]
    assert sorted((json.loads(event.body)["n"], event.partition_key) for event in events) == [
        (0, "ann"),
        (1, "7"),
        (2, "ann"),
        (3, None),
    ]
    anns = [n for n in published(hubs)[partition_of("ann", 4)] if n in (0, 2)]
    assert anns == [0, 2]
    assert {event.content_type for event in events} == {"application/json"}
    assert len({event.properties["wz-row-id"] for event in events}) == 4


@pytest.mark.parametrize("key", [None, "n"])
def test_a_process_killed_after_it_published_doubles_no_event(start: Start, hubs: Hubs, key: str | None) -> None:
    first = start(HubReceiver(hubs, "rows", key))
    put(first.outbox, numbers(*range(50)))
    kill_after_sending(first)
    put(first.outbox, numbers(*range(50, 60)))
    run(start(HubReceiver(hubs, "rows", key)))

    by_partition = published(hubs)
    assert sorted(n for partition in by_partition for n in partition) == list(range(60))
    assert sum(map(bool, by_partition)) > 1


def test_a_hub_that_is_full_or_gone_is_waited_for(start: Start, hubs: Hubs) -> None:
    delivery = start(HubReceiver(hubs, "rows"))
    hubs.delete("rows")
    put(delivery.outbox, numbers(0))

    assert delivery.step() == 0
    assert error(delivery) == ("there is no hub 'rows'; `wz hub list` shows which there are", False)


def test_rows_that_are_too_many_for_a_partition_are_published_one_by_one(start: Start, hubs: Hubs) -> None:
    hubs.update("rows", lambda old: msgspec.structs.replace(old, retention_bytes=4 * 1024 * 1024))
    delivery = start(HubReceiver(hubs, "rows", "who"))
    put(delivery.outbox, [{"n": n, "who": "ann", "text": "x" * 400_000} for n in range(3)])
    run(delivery)

    assert runtime(hubs["rows"])[partition_of("ann", 4)].next == 3
    assert published(hubs)[partition_of("ann", 4)][-1] == 2


def test_a_key_that_is_too_long_is_a_fault(start: Start, hubs: Hubs) -> None:
    delivery = start(HubReceiver(hubs, "rows", "who"))
    put(delivery.outbox, [{"n": 0, "who": "x" * 129}, {"n": 1, "who": "x" * 128}])

    assert run(delivery) == 1


# -- webhooks ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def endpoint() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as server:
        yield server


def url(server: ScriptedUpstream, path: str = "hook?a=1") -> str:
    return f"{server.target.url.replace('https', 'http')}/{path}"


def test_rows_are_posted_with_their_ids(start: Start, endpoint: ScriptedUpstream) -> None:
    delivery = start(WebhookReceiver(url(endpoint), {"X-Token": "secret"}))
    put(delivery.outbox, numbers(0, 1))
    run(delivery)

    (request,) = endpoint.received
    rows = json.loads(request.body)
    assert [(row["window_end"], row["row"]) for row in rows] == [(NOON, {"n": 0}), (NOON, {"n": 1})]
    assert len({row["id"] for row in rows}) == 2
    assert request.path == "/hook?a=1"
    assert (request.headers["Content-Type"], request.headers["X-Token"]) == ("application/json", "secret")


def test_a_repeated_batch_has_its_key_and_the_next_another(start: Start, endpoint: ScriptedUpstream) -> None:
    first = start(WebhookReceiver(url(endpoint)))
    put(first.outbox, numbers(0, 1))
    kill_after_sending(first)
    put(first.outbox, numbers(2))
    run(start(WebhookReceiver(url(endpoint))))

    keys = [request.headers["Idempotency-Key"] for request in endpoint.received]
    bodies = [request.body for request in endpoint.received]
    assert keys[0] == keys[1] != keys[2]
    assert bodies[0] == bodies[1] != bodies[2]


@pytest.mark.parametrize(
    ("answer", "waits_at_least"),
    [
        pytest.param(Answer(500, b"broken"), 1, id="500"),
        pytest.param(Answer(429, headers={"Retry-After": "120"}), 120, id="429 with Retry-After"),
        pytest.param(Answer(408), 1, id="408"),
        pytest.param(Answer(503, headers={"Retry-After": "soon"}), 1, id="a Retry-After that means nothing"),
    ],
)
def test_what_may_pass_is_tried_again(
    start: Start, endpoint: ScriptedUpstream, answer: Answer, waits_at_least: int
) -> None:
    endpoint.script(answer)
    delivery = start(WebhookReceiver(url(endpoint)))
    put(delivery.outbox, numbers(0))
    before = delivery._pace.not_before
    assert delivery.step() == 0

    text, stopped = error(delivery)
    assert f"answered {answer.status}: {answer.body.decode()}" in str(text)
    assert not stopped
    assert before == 0
    delivery._pace.not_before -= waits_at_least * 1.25
    assert delivery.step() == 1


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410, 413])
def test_an_error_that_a_retry_cannot_solve_stops_the_delivery(
    start: Start, endpoint: ScriptedUpstream, status: int
) -> None:
    endpoint.script(Answer(status, b"<" * 10_000, {"Location": "/elsewhere"}))
    delivery = start(WebhookReceiver(url(endpoint)))
    put(delivery.outbox, numbers(0))
    run(delivery)

    text, stopped = error(delivery)
    assert stopped
    assert f"answered {status}: <<<" in str(text)
    assert len(str(text)) < 400
    assert len(endpoint.received) == 1


def test_an_endpoint_that_is_not_there_is_tried_again(start: Start, endpoint: ScriptedUpstream) -> None:
    delivery = start(WebhookReceiver("http://127.0.0.1:9/"))
    put(delivery.outbox, numbers(0))

    assert delivery.step() == 0
    assert "127.0.0.1:9 does not answer" in str(error(delivery)[0])


def test_certificates_are_checked(start: Start, tmp_path: Path) -> None:
    ca, certificate = make_certificates(tmp_path)
    with scripted_upstream(certificate) as server:
        target = f"{server.target.url.replace('http://', 'https://')}/hook"
        wary = start(WebhookReceiver(target))
        put(wary.outbox, numbers(0))
        assert wary.step() == 0
        assert "certificate verify failed" in str(error(wary)[0])
        die(wary)

        assert run(start(WebhookReceiver(target, ca=str(ca)))) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "example.com"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://user:secret@example.com/"}, "url"),
        ({"url": "https://example.com:99999999/"}, "url"),
        ({"headers": {"a b": "c"}}, "headers"),
        ({"headers": {"a": "b\r\nc: d"}}, "headers"),
        ({"headers": {"idempotency-key": "mine"}}, "headers"),
    ],
)
def test_an_invalid_webhook_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        WebhookReceiver(**{"url": "https://example.com/", **changes})

    assert caught.value.field == field
