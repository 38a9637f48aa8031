"""The pages of hubs, in process: what they show, what they change, and to whom they show nothing."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from html import unescape

import msgspec
import pytest
import redis as redis_py
from werkzeug.test import TestResponse

from handlers import create_app
from pipeline.connection_string import ConnectionString
from pipeline.hub import Event, Hub
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.deadletters import DeadLetters
from pipeline.hub.description import Description
from pipeline.hub.group_registry import ConsumerGroups
from pipeline.hub.namespace import Hubs
from pipeline.hub.publishers import RevokedPublishers
from pipeline.hub.relay import Relay
from pipeline.hub.rules import Right, Rules
from pipeline.hub.upstream import Upstream
from pipeline.settings import Settings
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.registry import JobRegistry
from wz import App
from wz.testing import Client

from .. import stack
from ..upstream import Answer, ScriptedUpstream
from ..windows.support.running_jobs import run


@pytest.fixture(scope="module")
def app(server_settings: Settings) -> App:
    return create_app(server_settings)


class Person:
    """Somebody with a token of all rights, or with that of a rule."""

    def __init__(self, app: App, token: str) -> None:
        self.client = Client(app)
        self.headers = {"Authorization": token, "Accept": "text/html"}

    def get(self, path: str, status: int = 200) -> str:
        return self._read(self.client.get(path, headers=self.headers), status)

    def post(self, path: str, status: int = 303, **form: str | list[str]) -> str:
        """Send a form; returns where it leads, or the page that it gives."""
        answer = self.client.post(path, data=form, headers=self.headers)
        return answer.headers["Location"] if status == 303 == answer.status_code else self._read(answer, status)

    @staticmethod
    def _read(answer: TestResponse, status: int) -> str:
        assert answer.status_code == status, answer.text
        text = unescape(re.sub(r"<[^>]*>", " ", answer.text)).replace("\N{EN DASH}", "-")
        return re.sub(r"\s+", " ", text)


@pytest.fixture
def person(app: App, redis: redis_py.Redis) -> Person:
    return Person(app, stack.token())


@pytest.fixture
def hub(hubs: Hubs) -> Hub:
    return hubs["events"]


@pytest.fixture
def hubs(redis: redis_py.Redis, settings: Settings) -> Hubs:
    return Hubs(redis, settings.hubs)


@pytest.fixture
def letters(hub: Hub, upstream: ScriptedUpstream) -> list[str]:
    """Two events that the upstream took, and three that it refused, all in partition 1."""
    upstream.answer = lambda received: Answer(400 if b"bad" in received.body else 201, b"not this")
    hub.append(
        [Event(b"good 1"), Event(b"bad 1", "k<1>"), Event(b"bad 2"), Event(b"good 2"), Event(b"bad 3")], partition=1
    )
    relay = Relay(hub, Upstream(upstream.target), beat=0.0)
    while relay.step():
        pass
    relay.stop()
    return [letter.id for letter in DeadLetters(hub).read()]


def listener(app: App, redis: redis_py.Redis, hub: str, *rights: Right) -> Person:
    made = Rules(redis, stack.ROOT).add("reader", frozenset(rights), hub)
    return Person(app, stack.token(hub, ConnectionString(stack.ROOT.endpoint, made.name, made.primary)))


# -- the list, and hubs that come and go -------------------------------------------------------------------------------


def test_the_list_of_hubs(person: Person, hub: Hub) -> None:
    hub.append([Event(b"x" * 2000)] * 1234)

    assert "events - 4 1,234 2.4 - - 0 0 0" in person.get("/console/hubs")


def test_a_hub_is_made_changed_and_deleted(person: Person, hubs: Hubs) -> None:
    assert person.post("/console/hubs", name="Orders", partitions="3", retention="7d", size="1GiB", units="2") == (
        "/console/hubs/orders"
    )
    made = hubs.description("orders")
    assert (made.partitions, made.retention_ms, made.retention_bytes) == (3, 7 * 86_400_000, 1 << 30)

    url = "/console/hubs/orders/settings"
    person.post(url, retention="7d", duplicates="10m", publisher_events="5", publisher_bytes="64KiB")
    taken = hubs.description("orders")
    assert (taken.duplicate_detection_ms, taken.publisher_events_per_second) == (600_000, 5)
    assert taken.publisher_bytes_per_second == 64 * 1024
    typed = person.client.get(url, headers=person.headers).text
    assert [value in typed for value in ('value="7d"', 'value="10m"', 'value="5"', 'value="65536"')] == [True] * 4
    person.post("/console/hubs/orders/settings", retention="", size="", units="0", metadata="ours")
    assert hubs.description("orders") == Description(
        partitions=3, metadata="ours", created_ms=made.created_ms, updated_ms=hubs.description("orders").updated_ms
    )

    hubs["orders"].append([Event(b"x")] * 5)
    assert "5 events in 3 partitions" in person.get("/console/hubs/orders/delete")
    assert person.post("/console/hubs/orders/delete") == "/console/hubs"
    assert "orders" not in hubs.list()


@pytest.mark.parametrize(
    ("form", "field", "error"),
    [
        ({"name": "docs"}, "name", "is a path of the service itself"),
        ({"name": "-"}, "name", "letters, digits"),
        ({"name": "EVENTS"}, "name", "there is a hub 'events' already"),
        ({"name": "new", "partitions": "2000"}, "partitions", "1 to 1024 partitions"),
        ({"name": "new", "partitions": "many"}, "partitions", "not a whole number"),
        ({"name": "new", "retention": "a while"}, "retention", "write 90s"),
        ({"name": "new", "retention": "91d"}, "retention", "at most 90 days"),
        ({"name": "new", "size": "10"}, "size", "must hold at least"),
        ({"name": "new", "units": "41"}, "units", "throughput units"),
        ({"name": "new", "duplicates": "1s"}, "duplicates", "20 seconds to 7 days"),
        ({"name": "new", "publisher_events": "-1"}, "publisher_events", "not a whole number"),
        ({"name": "new", "publisher_bytes": "10000GiB"}, "publisher_bytes", "a second"),
        ({"name": "new", "metadata": "m" * 1025}, "metadata", "1024 characters"),
    ],
)
def test_a_hub_that_can_t_be_made_is_told_at_its_field(
    person: Person, hub: Hub, form: dict[str, str], field: str, error: str
) -> None:
    answer = person.client.post("/console/hubs", data=form, headers=person.headers)

    assert answer.status_code == 422
    text = unescape(answer.text)
    assert error.lower() in text[text.index(f'id="{field}-wrong"') :].split("</small>")[0].lower()
    assert f'name="{field}" type="text" value="{form[field]}"' in text


# -- a hub's page ------------------------------------------------------------------------------------------------------


def test_partitions_and_readers(person: Person, hub: Hub) -> None:
    hub.append([Event(b"x", "k")] * 30, partition=2)
    ConsumerGroups(hub).create("audit")
    ConsumerGroup(hub, "audit").store(2, hub.read(2)[9].offset)
    ConsumerGroup(hub, "job:gone").attach()

    text = person.get("/console/hubs/EVENTS")
    assert re.search(r" 2 1\.\d 30 0\.0 29 \d\d:\d\d:\d\d", text)
    assert re.search(r"audit - 20 \S+ s - - 20 - no", text)
    assert re.search(r"job:gone - 30 \S+ s 0 0 30 0 yes", text)
    assert "$Default - 0 - - - - - no" in text


def test_a_full_partition_says_who_holds_it(person: Person, hubs: Hubs) -> None:
    hubs.create("small", Description(partitions=1, retention_bytes=1024 * 1024))
    ConsumerGroup(hubs["small"], "job:nightly").attach()
    hubs["small"].append([Event(b"x" * 10_000)] * 99)

    text = person.get("/console/hubs/small")
    assert re.search(r"Act Partition 0 of hub small is \w+ full. The group job:nightly holds \S+ KiB of its", text)
    assert "nearly full" in person.get("/console/hubs")


def test_groups_are_made_let_go_of_and_deleted(person: Person, hub: Hub) -> None:
    hub.append([Event(b"x")] * 7, partition=0)
    assert person.post("/console/hubs/events/groups", group="audit").endswith("/console/hubs/events#readers")
    assert "already" in person.post("/console/hubs/events/groups", 422, group="AUDIT")
    assert "alphanumeric" in person.post("/console/hubs/events/groups", 422, group="-")

    ConsumerGroup(hub, "audit").attach()
    assert "the 7 events that it has not read" in person.get("/console/hubs/events/groups/audit/let-go")
    person.post("/console/hubs/events/groups/audit/let-go")
    assert not hub.redis.exists(hub.keys[0].attached)

    person.get("/console/hubs/events/groups/audit/delete")
    person.post("/console/hubs/events/groups/audit/delete")
    assert "audit" not in ConsumerGroups(hub).list()
    person.get("/console/hubs/events/groups/audit/delete", 404)
    assert "always there" in person.post("/console/hubs/events/groups/$Default/delete", 409)


def test_publishers_are_revoked_and_let_send_again(person: Person, hub: Hub) -> None:
    person.post("/console/hubs/events/publishers", publisher="Dev-1")
    assert RevokedPublishers(hub).names() == ["dev-1"]
    assert "dev-1" in person.get("/console/hubs/events/settings")
    person.post("/console/hubs/events/publishers", resume="dev-1")
    assert RevokedPublishers(hub).names() == []
    assert "without control characters" in person.post("/console/hubs/events/publishers", 422, publisher="a\nb")


# -- its events --------------------------------------------------------------------------------------------------------


@pytest.fixture
def filled(hub: Hub) -> Hub:
    """Partition 1 has the events 0 to 49, one a second from noon on; number n has n in its body."""
    for number in range(50):
        hub.append([Event(b'{"n": %d}' % number, f"k{number % 3}")], partition=1, enqueued_ms=noon() + number * 1000)
    return hub


def noon() -> int:
    return 1_714_564_800_000


def numbers(text: str) -> list[int]:
    """Return the numbers of the events in a page's list."""
    table = text[text.index(" Number Enqueued Key Body Bytes ") :]
    return [int(number) for number in re.findall(r"(\d+) 2024-05-01 12:00:\d\d\.\d{3} k\d", table)]


def test_the_newest_first_and_page_by_page(person: Person, filled: Hub) -> None:
    path = "/console/hubs/events?partition=1"
    text = person.get(path)
    assert numbers(text) == list(range(49, 29, -1))
    assert "30 to 49; kept are 0 to 49" in text

    html = person.client.get(path, headers=person.headers).text
    older = re.findall(r'href="([^"]*)">Older', html)[0]
    assert numbers(person.get(f"/console/hubs/events{unescape(older)}")) == list(range(29, 9, -1))
    assert ">Newer" not in html


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("partition=1&from=oldest", list(range(20))),
        ("partition=1&from=time&at=2024-05-01+12:00:45", [45, 46, 47, 48, 49]),
        ("partition=1&from=offset&at=1714564845000-45", [45, 46, 47, 48, 49]),
        ("partition=1&text=7", [47, 37, 27, 17, 7]),
        ("partition=1&key=k1&text=4", [49, 46, 43, 40, 34, 4]),
        ("partition=1&key=k1&from=oldest", list(range(1, 50, 3))),
        ("", list(range(49, 29, -1))),
        ("text=12", [12]),
    ],
)
def test_events_are_found(person: Person, filled: Hub, query: str, expected: list[int]) -> None:
    assert numbers(person.get(f"/console/hubs/events?{query}")) == expected


def test_a_search_that_finds_nothing_says_how_far_it_looked(person: Person, filled: Hub) -> None:
    assert "No event with nothing in its body among 50 events of partition 1. There are no more" in person.get(
        "/console/hubs/events?partition=1&text=nothing"
    )


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("partition=9", "There are the partitions 0 to 3"),
        ("partition=1&from=time&at=soon", "Write a time as"),
        ("partition=1&from=offset&at=x", "An offset is MS-N"),
        ("from=oldest", "Choose one"),
        ("partition=1&before=x", "This is not an offset"),
        ("partition=1&after=99999999999999999999", "This is not an offset"),
        ("follow=1", "Choose one to follow"),
    ],
)
def test_what_can_t_be_read_is_told_at_its_field(person: Person, filled: Hub, query: str, error: str) -> None:
    assert error in person.get(f"/console/hubs/events?{query}")


def test_hostile_events_are_only_text(person: Person, hub: Hub) -> None:
    bad = "<script>alert(1)</script>"
    event = Event(bad.encode(), bad, bad, {f"{bad}": bad, "n": 3, "t": True, "nothing": None})
    hub.append([event, Event(b"\xff\xfe" * 500), Event(gzip.compress(b"inside it")), Event(b"")], partition=0)

    for stored in hub.read(0):
        path = f"/console/hubs/events?event=0:{stored.offset}"
        html = person.client.get(path, headers=person.headers).text
        assert bad not in html
        assert "&lt;script&gt;" in html
        assert f"Event {stored.sequence_number} of partition 0" in html
    text = person.get(f"/console/hubs/events/events/0/{hub.read(0)[2].offset}")
    assert "compressed, text" in text
    assert "inside it" in text


def test_a_whole_body_is_a_file(person: Person, hub: Hub) -> None:
    hub.append([Event(b"<h1>" + b"x" * 100_000)], partition=0)
    path = f"/console/hubs/events/events/0/{hub.read(0)[0].offset}"

    assert "cut" in person.get(path)
    answer = person.client.get(f"{path}/body", headers=person.headers)
    assert (len(answer.data), answer.content_type) == (100_004, "application/octet-stream")
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_an_event_that_is_gone(person: Person, hub: Hub) -> None:
    assert "retention has dropped it" in person.get("/console/hubs/events/events/0/1-0", 404)
    person.get("/console/hubs/events/events/0/nothing", 404)
    person.get("/console/hubs/events/events/7/1-0", 404)
    assert "no such event" in person.get("/console/hubs/events?event=0:1-0")
    assert "no such event" in person.get("/console/hubs/events?event=x")


# -- what an event became ----------------------------------------------------------------------------------------------


def test_relayed_refused_and_not_yet(person: Person, hub: Hub, letters: list[str], upstream: ScriptedUpstream) -> None:
    hub.append([Event(b"later")], partition=1)
    good, bad, *_, later = (f"/console/hubs/events/events/1/{stored.offset}" for stored in hub.read(1))

    assert f"to {upstream.target.host}/events by" in person.get(good)
    assert "refused at" in person.get(bad)
    assert "answered 400: not this" in person.get(bad)
    assert "not yet" in person.get(later)
    assert "no worker relays this hub" in person.get(later)


def test_rows_of_a_job_and_readers(person: Person, hub: Hub) -> None:
    made = Definition(
        "SELECT k, COUNT(*) AS n INTO Counts FROM Input GROUP BY k, TumblingWindow(second, 10)",
        {
            "inputs": {"Input": {"hub": "events"}},
            "outputs": {"Counts": {"type": "stream"}},
            "boards": [{"from": "Counts", "board": "b", "member": "k", "score": "n", "mode": "add"}],
        },
    )
    registry = JobRegistry(hub.redis, Hubs(hub.redis, {}))
    registry.put("tens", made)
    for at in (noon(), noon(), noon() + 3_600_000):
        hub.append([Event(b'{"k": "a"}')], partition=1, enqueued_ms=at)
    ConsumerGroups(hub).create("audit")
    path = f"/console/hubs/events/events/1/{hub.read(1)[0].offset}"
    before = person.get(path)
    assert "tens not read yet" in before
    assert "audit has stored no offset" in before

    job = Job.of("tens", made, hub.redis, Hubs(hub.redis, {}), beat=0.0)
    run(job)
    job.share.stop()
    ConsumerGroup(hub, "audit").store(1, hub.read(1)[0].offset)
    after = person.get(path)
    assert re.search(
        r"row of 2024-05-01 12:00:00 in Counts, written at \d\d:\d\d:\d\d\.\d+, on board b : a \+ 2", after
    )
    assert "audit read, by the offset" in after
    assert "condition leaves it out" not in after


def test_a_window_that_is_open_says_until_when(person: Person, hub: Hub) -> None:
    made = Definition(
        "SELECT k, COUNT(*) AS n INTO Counts FROM Input GROUP BY k, TumblingWindow(hour, 1)",
        {"inputs": {"Input": {"hub": "events"}}, "outputs": {"Counts": {"type": "stream"}}},
    )
    JobRegistry(hub.redis, Hubs(hub.redis, {})).put("hours", made)
    hub.append([Event(b'{"k": "a"}')], partition=1)

    text = person.get(f"/console/hubs/events/events/1/{hub.read(1)[0].offset}")
    assert re.search(r"waits until (\d{4}-\d\d-\d\d )?\d\d:00:00 for a row of Counts", text)


def test_what_it_became_is_kept_current(person: Person, hub: Hub) -> None:
    inputs, outputs = {"Input": {"hub": "events"}}, {"Rows": {"type": "stream"}}
    made = Definition("SELECT k INTO Rows FROM Input", {"inputs": inputs, "outputs": outputs})
    JobRegistry(hub.redis, Hubs(hub.redis, {})).put("each", made)
    hub.append([Event(b'{"k": "a"}')], partition=1)
    path = f"/console/hubs/events/events/1/{hub.read(1)[0].offset}"
    page = person.client.get(path, headers=person.headers).text
    assert f'data-live-from="{path}/live"' in page
    assert 'data-live="became"' in page

    with person.client.get(f"{path}/live", headers=person.headers, buffered=False) as answer:
        stream = answer.iter_encoded()
        before = _until(stream, "not read yet")
        run(job := Job.of("each", made, hub.redis, Hubs(hub.redis, {}), beat=0.0))
        job.share.stop()
        assert "event: became" in before
        assert "row</a> in Rows, written at" in _until(stream, "written at")
    person.get("/console/hubs/events/events/1/1-0/live", 404)


def _until(stream: Iterator[bytes], text: str) -> str:
    """Return the first event of a stream that has a text."""
    return next(found for one in stream if text in (found := one.decode()))


# -- dead letters ------------------------------------------------------------------------------------------------------


def test_dead_letters_are_listed_sent_again_and_dropped(person: Person, hub: Hub, letters: list[str]) -> None:
    url = "/console/hubs/events/deadletters"
    text = person.get(url)
    assert text.count("answered 400: not this") == 3
    assert "k<1>" in text

    assert "Choose at least one" in person.post(url, 422)
    person.post(url, id=letters[:2])
    assert hub.redis.llen(hub.keys[1].redrive) == 2

    asked = person.post(url, 200, id=letters[1:], drop="1")
    assert "Drop 2 dead letters?" in asked
    assert len(DeadLetters(hub).read()) == 3  # it was only asked
    person.post(f"{url}/drop", id=letters[1:])
    assert [letter.id for letter in DeadLetters(hub).read()] == letters[:1]
    person.post(url, 422, id="nonsense")


# -- rules -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "hub_of_rule"), [("/console/rules", None), ("/console/hubs/events/rules", "events")])
def test_a_key_is_shown_once(
    person: Person, redis: redis_py.Redis, hub: Hub, url: str, hub_of_rule: str | None
) -> None:
    rules = Rules(redis, stack.ROOT)
    answer = person.client.post(url, data={"name": "app", "Listen": "1"}, headers=person.headers)
    made = rules.get("app", hub_of_rule)

    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert made.rights == frozenset({Right.LISTEN})
    assert made.primary in unescape(answer.text)
    assert made.secondary in unescape(answer.text)
    assert made.primary not in unescape(person.client.get(url, headers=person.headers).text)
    assert "already" in person.post(url, 422, name="app", Send="1")  # a reload makes no other keys
    assert rules.get("app", hub_of_rule) == made
    assert "Choose what" in person.post(url, 422, name="other")
    assert "50 letters" in person.post(url, 422, name="-", Send="1")

    changed = person.client.post(f"{url}/app/rotate", data={"key": "secondary"}, headers=person.headers)
    new = rules.get("app", hub_of_rule)
    assert (new.primary, new.secondary != made.secondary) == (made.primary, True)
    assert new.secondary in unescape(changed.text)
    assert new.primary not in unescape(changed.text)
    person.post(f"{url}/app/rotate", 422, key="both")

    person.get(f"{url}/app/delete")
    person.post(f"{url}/app/delete")
    assert [rule.name for rule in rules] == [stack.ROOT.key_name]
    person.get(f"{url}/app/delete", 404)


def test_manage_of_a_rule_includes_the_rest(person: Person, redis: redis_py.Redis, hub: Hub) -> None:
    person.post("/console/rules", 201, name="boss", Manage="1")

    assert Rules(redis, stack.ROOT).get("boss").rights == {Right.SEND, Right.LISTEN, Right.MANAGE}
    person.post(f"/console/rules/{stack.ROOT.key_name}/rotate", 422, key="primary")


@pytest.mark.parametrize(("url", "hub_of_rule"), [("/console/rules", None), ("/console/hubs/events/rules", "events")])
def test_a_rule_of_a_relay_with_limits(
    person: Person, redis: redis_py.Redis, hub: Hub, url: str, hub_of_rule: str | None
) -> None:
    rules = Rules(redis, stack.ROOT)
    person.post(url, 201, name="chain", Relay="1", events="500", bytes="256KiB")
    made = rules.get("chain", hub_of_rule)
    assert made.rights == {Right.SEND, Right.RELAY}
    assert (made.events_per_second, made.bytes_per_second) == (500, 256 * 1024)
    assert "chain Relay, Send 500 events, 256 KiB" in person.get(url).replace("\N{NO-BREAK SPACE}", " ")

    assert person.post(f"{url}/limits", rule="chain", events="0") == url
    assert rules.get("chain", hub_of_rule) == msgspec.structs.replace(made, events_per_second=0)  # keys, too
    assert "not a whole number" in person.post(f"{url}/limits", 422, rule="chain", events="some")
    assert "0 for no limit" in person.post(f"{url}/limits", 422, rule="chain", bytes="9999GiB")
    assert "not a size" in person.post(url, 422, name="other", Send="1", bytes="much")
    person.post(f"{url}/limits", 404, rule="nobody", events="1")
    assert rules.get("chain", hub_of_rule).bytes_per_second == 256 * 1024


# -- rights ------------------------------------------------------------------------------------------------------------


def test_who_may_listen_sees_and_changes_nothing(app: App, redis: redis_py.Redis, hubs: Hubs, hub: Hub) -> None:
    hubs.create("other", Description(partitions=1))
    hub.append([Event(b"x")], partition=0)
    reader = listener(app, redis, "events", Right.LISTEN)

    text = reader.client.get("/console/hubs", headers=reader.headers).text
    assert "events" in text
    assert "other" not in text
    assert "Make a hub" not in text
    page = reader.client.get("/console/hubs/events", headers=reader.headers).text
    assert not [word for word in ("Settings", "Rules", "Let go", "Send an event", "Dead letters</h2>") if word in page]
    reader.get(f"/console/hubs/events/events/0/{hub.read(0)[0].offset}")
    for path in ("settings", "rules", "delete", "deadletters", "groups/$relay/let-go"):
        reader.get(f"/console/hubs/events/{path}", 403)
    for path in (
        "settings",
        "publishers",
        "rules",
        "rules/limits",
        "delete",
        "deadletters",
        "deadletters/drop",
        "groups",
    ):
        reader.post(f"/console/hubs/events/{path}", 403)
    for path in ("/console/hubs/other", "/console/rules", "/console/hubs/other/settings"):
        reader.get(path, 403)
    assert hub.read(0)


def test_nobody_sees_anything_without_a_token(app: App, redis: redis_py.Redis, hub: Hub) -> None:
    client = Client(app)
    for path in ("", "/events", "/events/live", "/events/settings", "/events/rules", "/events/deadletters"):
        answer = client.get(f"/console/hubs{path}", headers={"Accept": "text/html"})
        assert (answer.status_code, "Partitions" in answer.text) == (303, False)
    assert client.post("/console/hubs/events/delete").status_code in (401, 403)
    assert hub.redis.exists("hubs")


def test_no_such_hub(person: Person) -> None:
    for path in ("", "/settings", "/rules", "/delete", "/deadletters", "/groups/a/delete"):
        person.get(f"/console/hubs/nowhere{path}", 404)


@pytest.mark.parametrize("seen", ["", "many", "9" * 5000])
def test_a_stream_refuses_what_is_no_number_of_events(person: Person, hub: Hub, seen: str) -> None:
    answer = person.client.head(f"/console/hubs/events/live?seen={seen}", headers=person.headers)
    assert answer.status_code == 422
