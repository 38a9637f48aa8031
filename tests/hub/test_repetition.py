"""What a hub leaves out, and what it must not: repetitions of relays, duplicates, and requests that come again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
import redis as redis_py

from pipeline.hub import Event, Hub
from pipeline.hub.batches import Batches
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.description import HubSettings
from pipeline.hub.repetition import Appended, KeyOfAnother, RequestKey
from pipeline.hub.writing import HubFull, write_parts

RULE = "relay"


@pytest.fixture
def hub(redis: redis_py.Redis) -> Hub:
    return Hub(redis, "events", 4)


def bodies(hub: Hub) -> list[bytes]:
    return [stored.event.body for p in range(hub.partitions) for stored in hub.read(p)]


# -- what a relay sends again -----------------------------------------------------------------------------------------


def relayed(number: int | str, key: str | None = "7", name: str = "wz-event-id", end: str = "") -> Event:
    return Event(str(number).encode(), key, properties={name: f"c0ffee/2/{number}{end}"})


def test_an_event_that_a_relay_sends_again_is_taken_once(hub: Hub) -> None:
    first = hub.append([relayed(4), relayed(5)], relay=RULE)
    second = hub.append([relayed(5), relayed(6)], relay=RULE)
    third = hub.append([relayed(6, name="Wz-Event-Id"), Event(b"x", "7")], relay=RULE)

    assert [first.repeated, second.repeated, third.repeated] == [0, 1, 1]
    assert [stored.event.body for stored in hub.read(3)] == [b"4", b"5", b"6", b"x"]
    assert [stored.sequence_number for stored in hub.read(3)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([relayed(4), relayed(4)], id="copied"),
        pytest.param([relayed(5), relayed(4)], id="in another order"),
        pytest.param([relayed("999999999999999-0"), relayed(4)], id="far in the future"),
        pytest.param([relayed(1, None), relayed(1, "131"), relayed(1)], id="for several partitions"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_from_any_other_sender_the_id_is_a_property_like_all_others(
    hub: Hub, events: Sequence[Event], together: bool
) -> None:
    hub.append([relayed(4)], relay=RULE)
    for sent in [events] if together else [[event] for event in events]:
        assert hub.append(sent) == Appended()
    hub.append([relayed(5)], relay=RULE)

    assert sorted(bodies(hub)) == sorted([b"4", b"5", *(event.body for event in events)])


def test_rules_do_not_share_their_ids(hub: Hub) -> None:
    hub.append([relayed("999999999999999-0")], relay="other")
    hub.append([relayed(3)], relay="events/relay")
    hub.append([relayed(2)], relay=RULE)

    assert bodies(hub) == [b"999999999999999-0", b"3", b"2"]


def test_what_an_older_version_noted_silences_nobody(hub: Hub) -> None:
    hub.redis.hset(hub.keys[3].relayed, "c0ffee/2", "999999999999999-0")
    hub.append([relayed(1)], relay=RULE)

    assert bodies(hub) == [b"1"]


def test_ids_are_compared_as_offsets(hub: Hub) -> None:
    for offset in ("5-9", "5-10", "5-9", "15-0", "6-3", "15-1"):
        hub.append([relayed(offset)], relay=RULE)

    assert bodies(hub) == [b"5-9", b"5-10", b"15-0", b"15-1"]


def test_a_repetition_without_a_key_meets_its_twin(hub: Hub) -> None:
    for _ in range(5):
        hub.append([relayed(1, key=None)], relay=RULE)

    assert bodies(hub) == [b"1"]


def test_a_dead_letter_that_is_sent_again_is_taken(hub: Hub) -> None:
    hub.append([relayed(1), relayed(2)], relay=RULE)
    hub.append([relayed(1, end="/r1")], relay=RULE)

    assert bodies(hub) == [b"1", b"2", b"1"]


@pytest.mark.parametrize("value", ["c0ffee/2", "/1/2", "c0ffee/2/x", "c0ffee/2/" + "9" * 16, 7])
def test_an_invalid_relay_id_is_a_property_like_any_other(hub: Hub, value: str | int) -> None:
    hub.append([Event(b"1", "7", properties={"wz-event-id": value})] * 2, relay=RULE)

    assert bodies(hub) == [b"1", b"1"]


def full_with(hub: Hub, events: Sequence[Event], relay: str | None = None, key: RequestKey | None = None) -> Hub:
    """The same hub, whose partition 3 these events have filled, which a group still needs."""
    hub.settings = HubSettings(
        4, retention_bytes=4 * sum(event.size for event in events), duplicate_detection_ms=60_000
    )
    ConsumerGroup(hub, "$relay").attach()
    hub.append(events, relay=relay, key=key)
    with pytest.raises(HubFull):
        hub.append([Event(b"", "7")])
    return hub


def test_a_repetition_finds_room_in_a_full_partition(hub: Hub) -> None:
    events = [relayed(1), relayed(2)]
    full_with(hub, events, relay=RULE)

    assert hub.append(events, relay=RULE).repeated == 2
    assert bodies(hub) == [b"1", b"2"]


def test_events_of_several_partitions_are_recognized_in_each(hub: Hub) -> None:
    events = [relayed(1), relayed(2, key="131")]
    answers = [hub.append(events, relay=RULE) for _ in range(2)]

    assert [one.repeated for one in answers] == [0, 2]
    assert sorted(bodies(hub)) == [b"1", b"2"]


# -- duplicates -------------------------------------------------------------------------------------------------------


@pytest.fixture
def detecting(hub: Hub) -> Hub:
    hub.settings = HubSettings(4, duplicate_detection_ms=20_000)
    return hub


def message(number: int, message_id: str | None, key: str | None = None) -> Event:
    return Event(str(number).encode(), key, message_id=message_id)


def test_a_message_id_is_taken_once_whoever_sends_it(detecting: Hub) -> None:
    answers = [
        detecting.append([message(1, "a"), message(2, "b"), message(3, None), message(4, "a")]),
        detecting.append([message(5, "b"), message(6, "c")], relay=RULE),
        detecting.append([message(7, "c")], key=RequestKey("k", "f")),
    ]

    assert answers == [Appended(1)] * 3
    assert sorted(bodies(detecting)) == [b"1", b"2", b"3", b"6"]


def test_message_ids_are_those_of_a_partition(detecting: Hub) -> None:
    detecting.append([message(1, "a", "7"), message(2, "a", "131")])
    detecting.append([message(3, "a")], partition=0)
    detecting.append([message(4, "a", "7"), message(5, "a", "131")])

    assert sorted(bodies(detecting)) == [b"1", b"2", b"3"]


def test_without_detection_a_message_id_changes_nothing(hub: Hub) -> None:
    hub.append([message(1, "a", "7")] * 3)

    assert [stored.event for stored in hub.read(3)] == [message(1, "a", "7")] * 3
    assert hub.redis.xlen(hub.keys[3].events) == 1
    assert hub.redis.exists(hub.keys[3].message_ids) == 0


def test_a_message_id_is_forgotten_in_time(detecting: Hub) -> None:
    hub, keys = detecting, detecting.keys[3]
    hub.append([message(1, "a", "7"), message(2, "b", "7")])
    hub.redis.hset(keys.message_ids, "a", "1 ")  # as time would
    assert hub.append([message(3, "a", "7"), message(4, "b", "7")]).repeated == 1
    assert bodies(hub) == [b"1", b"2", b"3"]

    hub.redis.hset(keys.message_ids, "", "1")  # it was begun long ago
    hub.append([message(5, "b", "7"), message(6, "c", "7")])

    assert [set(cast("list[bytes]", hub.redis.hkeys(key))) for key in (keys.message_ids, keys.older_message_ids)] == [
        {b"", b"c"},
        {b"", b"a", b"b"},
    ]
    assert bodies(hub) == [b"1", b"2", b"3", b"6"]


# -- requests that come again -----------------------------------------------------------------------------------------

KEY = RequestKey("a-digest", "of-a-body")
KINDS = {
    "one event": [Event(b"1", "7")],
    "no key": [Event(b"1"), Event(b"2")],
    "several partitions": [Event(b"1", "7"), Event(b"2", "131"), Event(b"3", "7")],
}


@pytest.mark.parametrize("events", KINDS.values(), ids=KINDS)
def test_a_request_that_comes_again_is_stored_once(hub: Hub, events: list[Event]) -> None:
    answers = [hub.append(events, key=KEY) for _ in range(6)]

    assert answers == [Appended()] + [Appended(replayed=True)] * 5
    assert sorted(bodies(hub)) == [event.body for event in events]


def test_another_request_with_the_key_is_refused(hub: Hub) -> None:
    hub.append([Event(b"1", "7")], key=KEY)
    with pytest.raises(KeyOfAnother):
        hub.append([Event(b"2", "131")], key=RequestKey(KEY.id, "of-another"))

    assert bodies(hub) == [b"1"]


def test_a_request_that_was_refused_may_come_again(hub: Hub) -> None:
    filler = Event(b"x" * 100, "7")
    full_with(hub, [filler])
    with pytest.raises(HubFull):
        hub.append([Event(b"1", "7"), Event(b"2", "131")], key=KEY)
    ConsumerGroup(hub, "$relay").detach()

    assert hub.append([Event(b"1", "7"), Event(b"2", "131")], key=KEY) == Appended()
    assert sorted(bodies(hub)) == [b"1", b"2"]


def test_a_request_that_was_stored_is_answered_by_a_full_hub(hub: Hub) -> None:
    events = [Event(b"x" * 100, "7")]
    full_with(hub, events, key=KEY)

    assert hub.append(events, key=KEY) == Appended(replayed=True)


@pytest.mark.parametrize("events", KINDS.values(), ids=KINDS)
def test_of_requests_that_come_at_the_same_time_one_is_stored(hub: Hub, events: list[Event]) -> None:
    together = threading.Barrier(4)

    def send(_: int) -> Appended:
        together.wait()
        return hub.append(events, key=KEY)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))

    assert sorted(answers) == [Appended()] + [Appended(replayed=True)] * 3
    assert sorted(bodies(hub)) == [event.body for event in events]


def test_a_key_is_forgotten_in_time(hub: Hub) -> None:
    hub.append([Event(b"1", "7")], key=KEY)
    remembered = cast("bytes", hub.redis.hget(hub.keys.idempotency_keys, KEY.id))
    hub.redis.hset(hub.keys.idempotency_keys, KEY.id, b"1 " + remembered.partition(b" ")[2])  # as time would
    hub.append([Event(b"2", "7")], key=RequestKey(KEY.id, "of-another"))

    assert bodies(hub) == [b"1", b"2"]
    assert 0 < hub.redis.pttl(hub.keys.idempotency_keys) <= hub.settings.remember_ms


@pytest.mark.parametrize("settings", ["cluster"], indirect=True)
@pytest.mark.parametrize("taken", [[], [3], [3, 2]], ids=["at once", "half-way", "before the intent was dropped"])
@pytest.mark.parametrize("events", [[Event(b"1", "7"), Event(b"2", "131")]])
def test_a_request_whose_process_died_is_finished_by_its_repetition(
    hub: Hub, events: list[Event], taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException): ...

    def die(self: Batches, batch: str, by_partition: dict[int, list[Event]], relay: str | None = None) -> Any:
        write_parts(hub, {partition: by_partition[partition] for partition in taken}, batch)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Batches, "carry_out", die)
        with pytest.raises(Killed):
            hub.append(events, key=KEY)

    assert hub.append(events, key=KEY) == Appended(replayed=True)
    assert sorted(bodies(hub)) == [b"1", b"2"]
    assert hub.redis.xlen(hub.keys.intents) == 0


@pytest.mark.parametrize("settings", ["cluster"], indirect=True)
def test_whoever_finishes_a_relay_s_batch_knows_its_rule(hub: Hub) -> None:
    hub.append([relayed(1)], relay=RULE)
    batches = Batches(hub)
    batches.record({3: [relayed(1), relayed(2)], 2: [relayed(3, "131")]}, RULE)
    batches.finish(at_least_ms=0)

    assert sorted(bodies(hub)) == [b"1", b"2", b"3"]
