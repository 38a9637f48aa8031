"""The home page: what needs somebody, the way of the data, and the form that sends an event."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
import redis as redis_py
from markupsafe import escape
from werkzeug.test import TestResponse

from bench.console_data import build
from bench.hub_plan import round_trips
from handlers import create_app
from handlers.console.home.home import href_of
from pipeline.boards import Boards
from pipeline.console.attention import Item, Level, Where
from pipeline.console.history_task import History
from pipeline.hub import Hub
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.description import Description
from pipeline.hub.namespace import Hubs
from pipeline.hub.rules import Right, Rules
from pipeline.settings import Settings
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.registry import JobRegistry
from wz import App
from wz.testing import Client

from .. import stack
from .browser import Watched

MIB = 1024 * 1024
FIELDS = {"hub": "events", "key": "e1", "body": '{"n": 1}', "type": "json", "properties": ""}


@pytest.fixture(scope="module")
def app(server_settings: Settings) -> App:
    return create_app(server_settings)


@pytest.fixture
def client(app: App, redis: redis_py.Redis) -> Client:
    return Client(app)


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"events": 4})


def ask(client: Client, path: str = "/", token: str | None = None) -> TestResponse:
    return client.get(path, headers={"Authorization": token or stack.token(), "Accept": "text/html"})


def send(client: Client, token: str | None = None, **changed: str) -> TestResponse:
    headers = {"Authorization": token or stack.token()}
    return client.post("/console/send", data={**FIELDS, **changed}, headers=headers)


def signed(redis: redis_py.Redis, *rights: Right, hub: str = "") -> str:
    """Return a token of a rule with these rights, for the namespace or one hub."""
    rules = Rules(redis, stack.ROOT)
    found = rules.add(f"narrow-{len(list(rules))}", frozenset(rights), hub or None)
    return stack.token(hub, type(stack.ROOT)(stack.ROOT.url, found.name, found.primary))


# -- what is shown ----------------------------------------------------------------------------------------------------


def test_a_hub_and_who_reads_it(client: Client, redis: redis_py.Redis, hubs: Hubs) -> None:
    document: dict[str, Any] = {
        "inputs": {"Input": {"hub": "events"}},
        "outputs": {
            "Rows": {"type": "stream"},
            "Points": {"type": "board", "board": "points", "member": "m", "score": "n", "mode": "add"},
            "Sent": {"type": "webhook", "url": "https://example.com/secret-path?secret=1"},
        },
    }
    query = "SELECT n, m INTO Rows FROM Input SELECT n, m INTO Points FROM Input SELECT n INTO Sent FROM Input"
    JobRegistry(redis, hubs, Boards(redis)).put("per-second", Definition(query, document))
    ConsumerGroup(hubs["events"], "audit").attach()
    send(client)

    text = ask(client).text
    for part in (
        "per-second",
        "audit",
        "Rows",
        "points",
        "example.com",
        "/console/boards/points",
        "1</span> <small>ev",
    ):
        assert part in text
    assert "secret" not in text


def test_without_a_hub_it_says_how_to_make_one(server_settings: Settings, redis: redis_py.Redis) -> None:
    Hubs(redis, {"events": 4}).delete("events")
    client = Client(create_app(server_settings))

    text = ask(client).text
    assert "wz hub create" in text
    assert "There is no hub that you may send to" in text


def test_of_several_hubs_the_one_that_needs_somebody_is_drawn(client: Client, hubs: Hubs) -> None:
    hubs.create("quiet", Description(partitions=1))
    hubs.create("full", Description(partitions=1, retention_bytes=MIB))
    ConsumerGroup(hubs["full"], "audit").attach()
    send(client, hub="full", body="x" * 400_000, type="text")
    send(client, hub="full", body="x" * 400_000, type="text")
    send(client, hub="full", body="x" * 190_000, type="text")

    text = ask(client).text
    assert 'class="node hub act" href="/console/hubs/full"' in text
    assert "Partition 0 of hub full is nearly full" in text
    assert 'data-key="quiet"' in text

    text = ask(client, "/?hub=Quiet").text
    assert 'class="node hub" href="/console/hubs/quiet"' in text
    assert 'data-live-from="/console/live/home?hub=quiet"' in text


def test_an_example_goes_to_the_demo_only_if_it_is_asked_for(client: Client, hubs: Hubs) -> None:
    assert ">Play it<" in ask(client).text
    hubs.create("demo", Description(partitions=1))
    send(client, hub="demo")

    text = ask(client).text
    assert 'href="/console/hubs/demo"' in text  # it has most events, and is drawn
    assert "/events/messages" in text
    assert "<option selected>events" in text
    assert ">Play it<" not in text
    assert 'href="/console/demo">See how far it is<' in text
    assert "/demo/messages" in ask(client, "/?hub=demo").text


@pytest.mark.parametrize("where", Where)
def test_what_needs_somebody_leads_to_where_it_is_mended(
    client: Client, hubs: Hubs, redis: redis_py.Redis, where: Where
) -> None:
    document = {"inputs": {"Input": {"hub": "events"}}, "outputs": {"Rows": {"type": "stream"}}}
    JobRegistry(redis, hubs, Boards(redis)).put("events", Definition("SELECT n INTO Rows FROM Input", document))

    assert ask(client, href_of(Item(Level.ACT, "", "", "", "", where, "events"))).status_code == 200


def test_an_unknown_hub_is_404(client: Client) -> None:
    assert ask(client, "/?hub=none").status_code == 404


def test_names_of_strangers_are_text(client: Client, hubs: Hubs, redis: redis_py.Redis) -> None:
    evil = "<script>alert(1)</script>"
    ConsumerGroup(hubs["events"], evil).attach()
    redis.hset(hubs["events"].keys[0].relay, mapping={"error": evil, "next": "0"})
    ConsumerGroup(hubs["events"], "$relay").attach()

    text = ask(client).text
    assert evil not in text
    assert text.count("&lt;script&gt;") >= 2


def test_attention_says_what_is_urgent_to_screen_readers_without_its_numbers(client: Client, hubs: Hubs) -> None:
    send(client)
    text = ask(client).text

    said = text.partition('role="status">')[2].partition("</p>")[0]
    assert said == "Act: server"  # no worker runs


# -- who may see what -------------------------------------------------------------------------------------------------


def test_a_rule_of_one_hub_sees_that_hub_alone(client: Client, redis: redis_py.Redis, hubs: Hubs) -> None:
    hubs.create("others", Description(partitions=1))
    JobRegistry(redis, hubs, Boards(redis)).put(
        "secret-job",
        Definition(
            "SELECT n INTO Out FROM Input",
            {"inputs": {"Input": {"hub": "events"}}, "outputs": {"Out": {"type": "stream"}}},
        ),
    )
    text = ask(client, token=signed(redis, Right.LISTEN, hub="others")).text

    assert "/console/hubs/others" in text
    assert "/console/hubs/events" not in text
    assert "secret-job" not in text
    assert ">Play it<" not in text
    assert "There is no hub that you may send to" in text
    assert ask(client, "/?hub=events", token=signed(redis, Right.LISTEN, hub="others")).status_code == 403


def test_a_rule_that_may_only_send_has_the_form_alone(client: Client, redis: redis_py.Redis, hubs: Hubs) -> None:
    send(client)
    answer = ask(client, token=signed(redis, Right.SEND))

    assert answer.status_code == 200
    assert "No hub yet that you may see" in answer.text
    assert "<option selected>events</option>" in answer.text


def test_without_a_token_there_is_no_page(client: Client) -> None:
    assert client.get("/", headers={"Accept": "text/html"}).status_code == 303
    assert client.get("/console/live/home").status_code == 401


# -- sending ----------------------------------------------------------------------------------------------------------


def only(hub: Hub) -> Any:
    (found,) = [stored for partition in range(hub.partitions) for stored in hub.read(partition)]
    return found


def test_an_event_is_stored_and_leads_to_its_page(client: Client, hubs: Hubs) -> None:
    answer = send(client, properties='Level: 3\n\nname: "4"\nok: true')

    stored = only(hubs["events"])
    assert answer.status_code == 303
    place = f"/console/hubs/events/events/{stored.partition}/{stored.offset}"
    assert unquote(answer.headers["Location"]) == place
    assert (stored.event.body, stored.event.partition_key) == (b'{"n": 1}', "e1")
    assert stored.event.content_type == "application/json"
    assert stored.event.properties == {"Level": 3, "name": "4", "ok": True}


def test_without_a_key_and_as_text(client: Client, hubs: Hubs) -> None:
    answer = send(client, key="", body="two\r\nlines", type="text")

    stored = only(hubs["events"])
    assert answer.headers["Location"].endswith(f"/events/{stored.partition}/{stored.offset}")
    assert (stored.event.body, stored.event.partition_key) == (b"two\nlines", None)


def test_the_event_that_was_sent_is_found_among_those_that_come_meanwhile(client: Client, hubs: Hubs) -> None:
    for n in range(3):
        send(client, body=json.dumps({"n": n}))
    answer = send(client, body='{"n": "mine"}')

    offset = unquote(answer.headers["Location"]).rpartition("/")[2]
    partition = int(answer.headers["Location"].split("/")[-2])
    found = [stored for stored in hubs["events"].read(partition) if stored.offset == offset]
    assert found[0].event.body == b'{"n": "mine"}'


@pytest.mark.parametrize(
    ("changed", "status", "field", "words"),
    [
        pytest.param({"body": '{"n": 1'}, 422, "body", "This is no JSON: Expecting", id="no JSON"),
        pytest.param({"body": "[" * 100_000}, 422, "body", "This is no JSON", id="deep JSON"),
        pytest.param({"properties": "Level"}, 422, "properties", "Line 1 has no name and colon", id="no colon"),
        pytest.param({"key": "k" * 129}, 422, "key", "length &lt;= 128", id="a long key"),
        pytest.param(
            {"properties": "a: " + "x" * 40_000}, 422, "properties", "larger than 32 KB", id="a large property"
        ),
        pytest.param(
            {"body": "x" * (MIB + 1), "type": "text"}, 413, "body", "may have 1,048,576 bytes", id="too large"
        ),
    ],
)
def test_a_wrong_field_is_told_beside_it_and_keeps_its_text(
    client: Client, hubs: Hubs, changed: dict[str, str], status: int, field: str, words: str
) -> None:
    answer = send(client, **changed)

    assert answer.status_code == status
    assert words in answer.text
    part = answer.text.partition(f'name="{field}"')[2].partition(">")[0]
    assert 'aria-invalid="true" aria-describedby="wrong"' in part
    for value in changed.values():
        assert escape(value[:1000]) in answer.text
    assert not any(hubs["events"].read(partition) for partition in range(4))


def test_a_full_hub_is_told_and_the_text_is_kept(client: Client, hubs: Hubs) -> None:
    hubs.create("small", Description(partitions=1, retention_bytes=MIB))
    ConsumerGroup(hubs["small"], "audit").attach()
    send(client, hub="small", body="x" * 900_000, type="text")

    answer = send(client, hub="small", body="y" * 200_000, type="text")
    assert answer.status_code == 503
    assert "Partition 0 of hub &#39;small&#39; is full" in answer.text
    assert "y" * 200_000 in answer.text


def test_who_may_not_send_to_a_hub_is_refused(client: Client, redis: redis_py.Redis, hubs: Hubs) -> None:
    hubs.create("others", Description(partitions=1))

    assert send(client, token=signed(redis, Right.SEND, hub="others")).status_code == 403
    assert send(client, token=signed(redis, Right.LISTEN)).status_code == 403
    assert send(client, hub="none").status_code == 404
    assert client.post("/console/send", data=FIELDS).status_code == 403  # a form from nowhere
    assert not any(hubs["events"].read(partition) for partition in range(4))


# -- cost -------------------------------------------------------------------------------------------------------------


def trips(settings: Settings, partitions: int, jobs: int) -> int:
    build(settings, partitions=partitions, jobs=jobs, members=10, events=10, samples=3, traced=4)
    client = Client(create_app(settings))
    ask(client)
    with round_trips() as found:
        assert ask(client).status_code == 200
    return len(found)


def test_round_trips_do_not_grow_with_partitions_and_jobs(server_settings: Settings, redis: redis_py.Redis) -> None:
    few = trips(server_settings, 2, 1)
    redis.flushdb()

    assert trips(server_settings, 20, 12) <= few <= 16


def test_a_turn_of_the_history_costs_eight_round_trips(server_settings: Settings, redis: redis_py.Redis) -> None:
    build(server_settings, partitions=20, jobs=5, members=1, events=10, samples=1, traced=4)
    hubs = Hubs(redis, {})
    task = History(hubs, JobRegistry(redis, hubs))
    with round_trips() as found:
        task.samples()
    assert len(found) <= 7


# -- in a browser -----------------------------------------------------------------------------------------------------


def test_it_works_without_a_script(person: Watched, browser: Any, site: Any, cookies: Any) -> None:
    without = Watched(browser, site.url, java_script_enabled=False)
    without.context.add_cookies(cookies)
    without.page.goto("/")

    assert without.page.get_by_text("reload for newer").is_visible()
    assert without.page.get_by_role("button", name="Copy").count() == 0
    without.page.get_by_role("button", name="Send, and follow it").click()
    without.page.wait_for_url("**/console/hubs/events/events/**")
    without.context.close()
