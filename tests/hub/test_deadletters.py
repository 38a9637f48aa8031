"""Dead letters, and what the relay does when one is to be sent again."""

from __future__ import annotations

import json

import pytest
import redis as redis_py
from click.testing import CliRunner
from redis.cluster import RedisCluster

from bench.hub_plan import round_trips
from pipeline.commands.hub import hub as command
from pipeline.errors import InvalidValue
from pipeline.hub import Event, Hub
from pipeline.hub.deadletters import DeadLetters
from pipeline.hub.namespace import Hubs
from pipeline.hub.redrive_order import Late, late_letters
from pipeline.hub.relay import Relay
from pipeline.hub.stored_hub import UnknownPartition
from pipeline.hub.upstream import Upstream
from pipeline.settings import Settings

from .. import stack
from ..upstream import Answer, ScriptedUpstream

EVENTS = [
    Event(b"text", None, None, {"n": 3, "f": 0.5, "b": True, "s": "x", "z": None, "long": 10**30}),
    Event(b"\x00\xff", None, "image/png"),
    Event(b"", "dev", publisher="dev"),
]


@pytest.fixture
def hub(redis: redis_py.Redis, upstream: ScriptedUpstream) -> Hub:
    """A hub with three dead letters in partition 1 and one in partition 3."""
    hub = Hub(redis, "events", 4)
    hub.append(EVENTS, partition=1)
    hub.append([Event(b"other")], partition=3)
    upstream.answer = lambda received: Answer(400, b"never")
    relay(hub, upstream)
    upstream.answer = lambda received: Answer()
    upstream.received.clear()
    return hub


def relay(hub: Hub, upstream: ScriptedUpstream) -> None:
    worker = Relay(hub, Upstream(upstream.target), beat=0.0)
    while worker.step():
        pass
    worker.stop()


def test_a_letter_has_the_event_and_the_reason(hub: Hub) -> None:
    letters = DeadLetters(hub).read()

    assert [letter.stored.event for letter in letters] == [*EVENTS, Event(b"other")]
    assert [letter.stored for letter in letters] == [*hub.read(1), *hub.read(3)]
    assert {letter.reason for letter in letters} == {"127.0.0.1 answered 400: never"}
    assert {letter.redrives for letter in letters} == {0}
    assert all(0 <= letter.refused_ms - letter.stored.enqueued_ms < 60_000 for letter in letters)


def test_a_page_is_read_in_two_round_trips_to_each_server(hub: Hub) -> None:
    letters = DeadLetters(hub)
    for after in (None, letters.read()[0].id):
        with round_trips() as trips:
            letters.read(after=after)
        assert len(trips) <= 2 * (len(hub.redis.get_primaries()) if isinstance(hub.redis, RedisCluster) else 1)
    assert [letter.id for letter in letters.read(limit=3)] == [letter.id for letter in letters.read()[:3]]
    assert letters.read(limit=0) == []


def test_pages_follow_each_other_over_all_partitions(hub: Hub) -> None:
    letters = DeadLetters(hub)
    found = []
    after = None
    while page := letters.read(after=after, limit=2):
        found += page
        after = page[-1].id

    assert found == letters.read()
    assert [letter.partition for letter in found] == [1, 1, 1, 3]
    assert letters.read(partition=1, limit=2) == found[:2]
    assert letters.read(partition=1, after=found[0].id) == found[1:3]


def test_what_cannot_be_read(hub: Hub) -> None:
    letters = DeadLetters(hub)
    with pytest.raises(UnknownPartition):
        letters.read(4)
    with pytest.raises(UnknownPartition):
        letters.read(after="4:0-0")
    for id_ in ("", "1", "1:x", "0:1-99999999999999999999", "1:99999999999999999999-0"):
        with pytest.raises(InvalidValue):
            letters.read(after=id_)
    with pytest.raises(InvalidValue, match="not in partition 1"):
        letters.read(1, after="3:0-0")


def test_a_letter_that_is_sent_again_leaves(hub: Hub, upstream: ScriptedUpstream) -> None:
    letters = DeadLetters(hub)
    first, second, third, other = letters.read()

    assert letters.redrive([second.id, third.id, "1:1-1"]) == 2
    assert letters.read() == [first, second, third, other]
    relay(hub, upstream)

    assert letters.read() == [first, other]
    assert [received.path.partition("?")[0] for received in upstream.received] == [
        "/events/messages",
        "/events/publishers/dev/messages",
    ]
    assert upstream.received[0].headers["wz-event-id"].endswith(f"/1/{second.stored.offset}/r1")


def test_a_letter_that_is_refused_again_comes_back(hub: Hub, upstream: ScriptedUpstream) -> None:
    letters = DeadLetters(hub)
    (other,) = letters.read(3)
    for redrives in (1, 2):
        letters.redrive_all(3)
        upstream.script(Answer(413, b"still not"))
        relay(hub, upstream)

        (again,) = letters.read(3)
        assert (again.stored, again.redrives) == (other.stored, redrives)
        assert again.reason == "127.0.0.1 answered 413: still not"

    ids = [json.loads(received.body)[0]["UserProperties"]["wz-event-id"] for received in upstream.received]
    assert [id_.rpartition("/")[2] for id_ in ids] == ["r1", "r2"]


def test_a_letter_waits_for_an_upstream_that_is_away(hub: Hub, upstream: ScriptedUpstream) -> None:
    letters = DeadLetters(hub)
    before = letters.read()
    assert letters.redrive_all() == 4
    upstream.answer = lambda received: Answer(500)
    relay(hub, upstream)
    assert letters.read() == before

    upstream.answer = lambda received: Answer()
    relay(hub, upstream)
    assert letters.read() == []


def test_asking_twice_sends_once(hub: Hub, upstream: ScriptedUpstream) -> None:
    letters = DeadLetters(hub)
    letters.redrive_all()
    letters.redrive_all()
    relay(hub, upstream)

    assert len(upstream.received) == 4


def test_what_is_dropped_is_gone(hub: Hub, upstream: ScriptedUpstream) -> None:
    letters = DeadLetters(hub)
    first, second, third, other = letters.read()

    letters.redrive([first.id])
    assert letters.drop([first.id, other.id, "0:1-1"]) == 2
    assert letters.read() == [second, third]
    assert letters.drop_all(1) == 2
    assert letters.drop_all() == 0

    relay(hub, upstream)
    assert upstream.received == []


def test_many_letters_are_asked_for_and_dropped(redis: redis_py.Redis, upstream: ScriptedUpstream) -> None:
    hub = Hub(redis, "events", 1)
    hub.append([Event(b"x")] * 120)
    upstream.answer = lambda received: Answer(414)
    relay(hub, upstream)

    assert DeadLetters(hub).redrive_all() == 120
    assert DeadLetters(hub).drop_all() == 120


# -- order -------------------------------------------------------------------------------------------------------------


def refuse(hub: Hub, upstream: ScriptedUpstream, *words: bytes) -> None:
    """Relay all that there is; requests with one of these words are refused."""
    upstream.answer = lambda received: Answer(400 if any(word in received.body for word in words) else 201)
    relay(hub, upstream)
    upstream.answer = lambda received: Answer()
    upstream.received.clear()


def bodies(upstream: ScriptedUpstream) -> list[str]:
    return [item["Body"] for received in upstream.received for item in json.loads(received.body)]


def test_letters_are_sent_again_in_the_order_of_their_events(hub: Hub, upstream: ScriptedUpstream) -> None:
    letters = DeadLetters(hub)
    hub.append([Event(f"wrong {n}".encode(), "k") for n in range(13)], partition=0)
    refuse(hub, upstream, b"wrong")
    letters.redrive_all(0)
    refuse(hub, upstream, b"wrong 3", b"wrong 7")
    letters.redrive([letters.read(0)[1].id])  # 7
    refuse(hub, upstream, b"wrong")
    hub.append([Event(b"wrong 13", "k"), Event(b"wrong 14", "k")], partition=0)
    refuse(hub, upstream, b"wrong")

    ids = [letter.id for letter in letters.read(0)]
    assert letters.redrive(ids[::-1]) == 4
    relay(hub, upstream)
    assert bodies(upstream) == ["wrong 3", "wrong 7", "wrong 13", "wrong 14"]


def test_letters_that_come_behind_later_events_of_their_key_are_told(hub: Hub, upstream: ScriptedUpstream) -> None:
    hub.append(
        [
            *(Event(b"wrong", "passed"), Event(b"wrong", "two wrong ones"), Event(b"wrong", "last"), Event(b"wrong")),
            *(Event(b"good", "passed"), Event(b"wrong", "two wrong ones"), Event(b"good"), Event(b"good", "passed")),
        ],
        partition=0,
    )
    refuse(hub, upstream, b"wrong")
    hub.append([Event(b"waits", "last")], partition=0)
    letters = DeadLetters(hub).read(0)

    first = letters[0]
    assert late_letters(hub, letters) == [Late(first.id, "passed", hub.read(0)[7].offset)]


def test_letters_whose_log_is_not_kept_may_come_late(hub: Hub, upstream: ScriptedUpstream) -> None:
    hub.append([Event(b"wrong", "k")], partition=0)
    hub.append([Event(b"good", "k")], partition=0)
    refuse(hub, upstream, b"wrong")
    (letter,) = DeadLetters(hub).read(0)
    hub.redis.xtrim(hub.keys[0].events, maxlen=0)

    assert late_letters(hub, [letter]) == [Late(letter.id, "k", None)]


def test_the_command_tells_which_come_late(hub: Hub, upstream: ScriptedUpstream, settings: Settings) -> None:
    hub.append([Event(b"wrong", "k")], partition=0)
    hub.append([Event(b"good", "k")], partition=0)
    Hubs(hub.redis, {"events": 4}).declare()
    refuse(hub, upstream, b"wrong")
    (letter,) = DeadLetters(hub).read(0)

    ran = CliRunner().invoke(command, ["deadletters", "redrive", "events", letter.id], env=stack.environ(settings))
    assert ran.output.splitlines() == [
        "1 to be sent again; the relay does it at its next turn",
        f"{letter.id} comes behind the event {hub.read(0)[1].offset} of its key 'k'",
    ]
