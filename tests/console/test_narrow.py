"""Pages show nothing that the token does not cover, and what comes with a request can't break them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
import redis as redis_py
from werkzeug.test import TestResponse

from handlers import create_app
from handlers.console import live as live_module
from handlers.console.frame import MAX_TARGET
from handlers.console.home.home import href_of
from pipeline.boards import Boards
from pipeline.console.attention import Item, Level, Where
from pipeline.hub.namespace import Hubs
from pipeline.hub.rules import Right, Rules
from pipeline.settings import Settings
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.registry import JobRegistry
from wz import App
from wz.testing import Client

from .. import stack

HTML = {"Accept": "text/html"}
OWN = {**HTML, "Origin": "http://localhost"}

QUERY = "SELECT eventid, COUNT(*) AS score INTO SecretOut FROM Input GROUP BY eventid, TumblingWindow(second, 10)"
SETTINGS = '[inputs.Input]\nhub = "events"\n\n[outputs.SecretOut]\ntype = "stream"\n'
EVENT = '{"eventid": "secret event"}'
WRITER = {
    "inputs": {"Input": {"hub": "events"}},
    "outputs": {
        "SecretOut": {"type": "board", "board": "open", "member": "eventid", "score": "score", "mode": "add"},
    },
}


@pytest.fixture(scope="module")
def app(server_settings: Settings) -> App:
    return create_app(server_settings)


@pytest.fixture
def client(app: App, redis: redis_py.Redis) -> Client:
    return Client(app)


@pytest.fixture
def registry(client: Client, redis: redis_py.Redis) -> JobRegistry:
    """A job that writes the board `open`, and an event in its hub."""
    event = client.post("/events/messages", data=EVENT, headers={"Authorization": stack.token()})
    assert event.status_code == 201
    hubs, boards = Hubs(redis, {"events": 4}), Boards(redis)
    boards["open"].set("ann", Decimal(1))
    registry = JobRegistry(redis, hubs, boards)
    registry.put("secretjob", Definition(QUERY, WRITER))
    return registry


def rule(redis: redis_py.Redis, *rights: Right) -> str:
    made = Rules(redis, stack.ROOT).add("narrow", frozenset(rights))
    return stack.token("", type(stack.ROOT)(stack.ROOT.url, made.name, made.primary))


def get(client: Client, path: str, token: str) -> TestResponse:
    return client.get(path, headers={**HTML, "Authorization": token})


# -- what is not covered ----------------------------------------------------------------------------------------------


def test_a_token_of_one_board_is_not_told_which_jobs_write_it(client: Client, registry: JobRegistry) -> None:
    assert "secretjob" in get(client, "/console/boards/open", stack.token()).text

    answer = get(client, "/console/boards/open", stack.token("boards/open"))

    assert answer.status_code == 200
    assert "secretjob" not in answer.text
    assert "SecretOut" not in answer.text


@pytest.mark.parametrize("path", ["/console/boards/open/members", "/console/boards/open/remove?member=ann"])
def test_who_may_only_send_sees_no_board(
    client: Client, registry: JobRegistry, redis: redis_py.Redis, path: str
) -> None:
    headers = {**HTML, "Authorization": rule(redis, Right.SEND)}
    if path.endswith("members"):
        answer = client.post(path, data={"member": "bob", "number": "no number"}, headers=headers)
    else:
        answer = client.get(path, headers=headers)

    assert answer.status_code == 403
    assert "rank" not in answer.text


def test_a_trial_needs_the_right_to_listen_to_its_hubs(client: Client, registry: JobRegistry) -> None:
    form = {"query": "SELECT eventid INTO SecretOut FROM Input", "settings": SETTINGS, "do": "try"}
    path = "/console/jobs/secretjob/edit"

    answer = client.post(path, data=form, headers={**HTML, "Authorization": stack.token("jobs/secretjob")})

    assert answer.status_code == 422
    assert "may not listen to the hub &#39;events&#39;" in answer.text
    assert "secret event" not in answer.text
    tried = client.post(path, data=form, headers={**HTML, "Authorization": stack.token()})
    assert (tried.status_code, "secret event" in tried.text) == (200, True)


def test_home_tells_nobody_which_hubs_there_are(client: Client, registry: JobRegistry) -> None:
    token = stack.token("boards/open")

    assert {get(client, f"/?hub={name}", token).status_code for name in ("events", "nothing")} == {403}


def test_a_stream_ends_with_the_rule(
    client: Client, registry: JobRegistry, redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "PERIOD", 0.01)
    headers = {"Authorization": rule(redis, Right.LISTEN)}
    answers = [client.get(path, headers=headers, buffered=False) for path in LIVE]
    assert {answer.status_code for answer in answers} == {200}
    streams: list[Iterator[bytes]] = [answer.iter_encoded() for answer in answers]
    for stream in streams:
        assert next(stream).startswith(b"retry: ")

    Rules(redis, stack.ROOT).remove("narrow")

    for stream in streams:
        assert len(list(stream)) > 0  # it ends
    for answer in answers:
        answer.close()


LIVE = ("/console/hubs/events/live", "/console/live/boards/open", "/console/jobs/secretjob/live", "/console/live/home")


def test_a_header_without_a_token_makes_no_form_the_services_own(client: Client, redis: redis_py.Redis) -> None:
    assert client.post("/console/sign-in", data={"secret": stack.token()}, headers=OWN).status_code == 303

    answer = client.post("/console/hubs", data={"name": "x"}, headers={**HTML, "Authorization": ""})

    assert answer.status_code == 403


# -- odd requests -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", ["abc", "", "-1", "9" * 5000, "%00"])
def test_a_count_that_is_none(client: Client, registry: JobRegistry, seen: str) -> None:
    path = f"/console/hubs/events/live?seen={seen}"

    assert client.head(path, headers={"Authorization": stack.token()}).status_code == 422


@pytest.mark.parametrize("place", ["0-0", "0"])
def test_nothing_is_before_the_beginning(client: Client, registry: JobRegistry, place: str) -> None:
    answer = get(client, f"/console/hubs/events?partition=0&before={place}", stack.token())

    assert answer.status_code == 200
    assert "secret event" not in answer.text


@pytest.mark.parametrize("path", ["/", "/console/sign-in", "/console/nothing"])
def test_a_host_that_can_have_no_name_is_refused(client: Client, redis: redis_py.Redis, path: str) -> None:
    answer = client.get(path, headers={**HTML, "Host": "a" * 300, "Authorization": stack.token()})

    assert (answer.status_code, answer.mimetype) == (400, "text/html")


def test_no_address_to_go_on_to_is_longer_than_nginx_takes(client: Client, redis: redis_py.Redis) -> None:
    text = "%3C" * 2000
    for path, back in ((f"/console/hubs/events?text={text}", "/console/hubs/events"), (f"/console/hubs/{text}", "/")):
        answer = client.get(path, headers=HTML, environ_overrides={"RAW_URI": path})
        assert answer.location == f"/console/sign-in?next={back}"
    form = {"secret": stack.token(), "next": "/" + "a" * MAX_TARGET}
    assert client.post("/console/sign-in", data=form, headers=OWN).location == "/"
    for query in (f"id={text}", f"chosen={text}&chosen={text}"):
        path = "/layers/compare" if "chosen" in query else "/layers"
        assert len(get(client, f"{path}?{query}", stack.token()).location) < MAX_TARGET


def test_a_board_can_be_looked_at_while_the_store_is_full(
    client: Client, registry: JobRegistry, redis: redis_py.Redis
) -> None:
    redis.config_set("maxmemory", "1")
    try:
        answer = get(client, "/console/boards/open", stack.token())
    finally:
        redis.config_set("maxmemory", "0")

    assert (answer.status_code, "ann" in answer.text) == (200, True)


# -- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", Where)
def test_what_attention_links_to_is_there(client: Client, registry: JobRegistry, where: Where) -> None:
    name = "secretjob" if where is Where.JOB else "events"
    href = href_of(Item(key="", level=Level.LOOK, where=where, name=name, text="", why="", action=""))

    assert get(client, re.sub("#.*", "", href), stack.token()).status_code == 200
