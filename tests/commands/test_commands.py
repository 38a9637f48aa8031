"""`wz token` and `wz rule`, whose output is used against the service itself."""

from __future__ import annotations

from urllib.parse import quote

import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from handlers import create_app
from pipeline.connection_string import ConnectionString
from pipeline.settings import Settings
from wz.cli import main
from wz.testing import Client

from .. import stack
from ..stack import HOST, ROOT


@pytest.fixture
def client(redis: redis_py.Redis, settings: Settings) -> Client:
    return Client(create_app(settings))


def wz(settings: Settings, *args: str, **environ: str) -> Result:
    env = {
        "WZ_ENVIRONMENT": settings.environment,
        "WZ_REDIS_URL": settings.redis_url,
        "WZ_CONNECTION_STRING": str(ROOT),
        **environ,
    }
    return CliRunner().invoke(main, list(args), env=env)


def send(client: Client, token: str, hub: str = "events") -> int:
    return client.post(f"/{hub}/messages", data="x", headers={"Authorization": token}).status_code


def test_a_token_opens_the_service(client: Client, settings: Settings) -> None:
    token = wz(settings, "token").output.strip()

    assert send(client, token) == 201
    assert client.get("/boards/none", headers={"Authorization": token}).status_code == 404


def test_a_token_for_a_hub_opens_that_hub_only(client: Client, settings: Settings) -> None:
    token = wz(settings, "token", "--hub", "events", "--lifetime", "90s").output.strip()

    assert f"{HOST}%2Fevents&" in token
    assert send(client, token) == 201
    assert client.get("/boards/none", headers={"Authorization": token}).status_code == 401


def test_a_token_for_a_board_opens_that_board_and_its_periods_only(client: Client, settings: Settings) -> None:
    def statuses(*arguments: str) -> list[int]:
        token = wz(settings, "token", *arguments).output.strip()
        paths = ("/boards/points", "/boards/points@day", "/boards/other", "/hubs")
        return [client.get(path, headers={"Authorization": token}).status_code for path in paths]

    assert statuses("--board", "points") == [404, 404, 401, 401]
    assert statuses("--board", "points@day") == [401, 404, 401, 401]
    assert wz(settings, "token", "--board", "points", "--hub", "events").exit_code == 2
    assert wz(settings, "token", "--board", "a/b").output.startswith("Error: 'a/b' is not a name for a board")


def test_a_rule_for_a_board_s_life(client: Client, settings: Settings) -> None:
    def put(token: str, board: str) -> int:
        body = {"score": 1}
        return client.put(f"/boards/{board}/members/a", json=body, headers={"Authorization": token}).status_code

    made = wz(settings, "rule", "add", "device", "--right", "send", "--board", "points").output.strip()
    assert made.endswith(";EntityPath=boards/points")
    assert "device  Send  boards/points" in wz(settings, "rule", "list").output
    token = wz(settings, "token", "--rule", "device").output.strip()
    whole = stack.token(connection=ConnectionString.parse(made))

    for one in (token, whole):
        assert [put(one, board) for board in ("points", "points@day", "other")] == [204, 204, 401]
        assert client.get("/boards/points/top", headers={"Authorization": one}).status_code == 401
    of_day = wz(settings, "token", "--rule", "device", "--board", "points@day").output.strip()
    assert [put(of_day, board) for board in ("points", "points@day")] == [401, 204]

    assert wz(settings, "rule", "add", "device", "--right", "listen").exit_code == 0
    assert wz(settings, "rule", "rotate", "device", "--key", "primary", "--board", "points").exit_code == 0
    assert put(token, "points") == 401
    assert wz(settings, "rule", "delete", "device", "--board", "points").exit_code == 0
    assert "boards/points" not in wz(settings, "rule", "list").output
    assert wz(settings, "rule", "add", "x", "--right", "send", "--board", "points", "--hub", "events").exit_code == 2
    assert wz(settings, "rule", "add", "x", "--right", "send", "--board", "points@day").exit_code == 1


def test_a_token_for_a_publisher_sends_as_it_only(client: Client, settings: Settings) -> None:
    token = wz(settings, "token", "--hub", "events", "--publisher", "dev 1").output.strip()

    assert send(client, token, "events/publishers/dev%201") == 201
    assert send(client, token, "events/publishers/dev%202") == 401
    assert send(client, token) == 401
    assert "--publisher needs --hub" in wz(settings, "token", "--publisher", "dev 1").output


def test_a_token_as_a_header_line(settings: Settings) -> None:
    assert wz(settings, "token", "--header").output.startswith("Authorization: SharedAccessSignature sr=")


@pytest.mark.parametrize("lifetime", ["0", "-1h", "1w", "h", "1.5h", "١h"])  # noqa: RUF001
def test_what_is_no_lifetime(settings: Settings, lifetime: str) -> None:
    result = wz(settings, "token", "--lifetime", lifetime)

    assert (result.exit_code, "write 90s, 15m, 24h or 7d" in result.output) == (2, True)


def test_without_a_key_one_line_says_what_to_do(settings: Settings, tmp_path: object) -> None:
    result = wz(settings, "token", WZ_CONNECTION_STRING="", WZ_CONNECTION_STRING_FILE=f"{tmp_path}/none")

    assert result.exit_code == 1
    assert result.output.startswith("Error: WZ_CONNECTION_STRING_FILE: there is no file")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(("name", "other"), [("b?x", "b"), ("%62", "b"), ("dev%201", "dev 1")])
def test_a_publisher_s_token_is_for_that_name_alone(client: Client, settings: Settings, name: str, other: str) -> None:
    token = wz(settings, "token", "--hub", "events", "--publisher", name).output.strip()
    answers = [send(client, token, f"events/publishers/{quote(publisher, safe='')}") for publisher in (name, other)]
    assert answers == [201, 401]


def test_a_rule_s_life(client: Client, settings: Settings) -> None:
    made = wz(settings, "rule", "add", "sender", "--right", "send", "--hub", "Events").output.strip()
    assert made.startswith(f"Endpoint=sb://{HOST}/;SharedAccessKeyName=sender;SharedAccessKey=")
    assert made.endswith(";EntityPath=events")
    assert "sender  Send  events" in wz(settings, "rule", "list").output

    token = wz(settings, "token", "--rule", "sender").output.strip()
    assert send(client, token) == 201
    assert client.delete("/boards/none", headers={"Authorization": token}).status_code == 401

    assert wz(settings, "rule", "delete", "sender").exit_code == 0
    assert send(client, token) == 401
    assert wz(settings, "rule", "delete", "sender").output.startswith("Error: there is no rule 'sender'")


def test_a_rule_is_not_made_twice_nor_for_a_hub_that_is_not_there(redis: redis_py.Redis, settings: Settings) -> None:
    made = wz(settings, "rule", "add", "sender", "--right", "send", "--bytes-per-second", "1KiB").output.strip()

    again = wz(settings, "rule", "add", "sender", "--right", "manage")
    assert (again.exit_code, again.output.count("\n")) == (1, 1)
    assert again.output.startswith("Error: there is a rule 'sender' already")
    assert "wz rule rotate" in again.output
    nowhere = wz(settings, "rule", "add", "other", "--right", "send", "--hub", "nohub")
    assert (nowhere.exit_code, nowhere.output[:30]) == (1, "Error: there is no hub 'nohub'")
    assert redis.hlen("namespace:rules") == 1

    assert wz(settings, "rule", "set", "sender", "--events-per-second", "5").exit_code == 0
    assert "sender  Send  (the whole namespace)  5 events/s  1,024 bytes/s" in wz(settings, "rule", "list").output
    assert wz(settings, "rule", "set", "sender", "--events-per-second", "0").exit_code == 0
    assert "events/s" not in wz(settings, "rule", "list").output
    assert wz(settings, "rule", "set", "sender").exit_code == 2
    assert wz(settings, "rule", "rotate", "sender", "--key", "secondary").output.strip() != made


@pytest.mark.parametrize("key", ["primary", "secondary"])
def test_a_rule_s_key_is_rotated_while_the_service_runs(client: Client, settings: Settings, key: str) -> None:
    old = wz(settings, "rule", "add", "sender", "--right", "send").output.strip()
    token = wz(settings, "token", "--rule", "sender").output.strip()
    assert send(client, token) == 201

    new = wz(settings, "rule", "rotate", "sender", "--key", key).output.strip()

    assert new.startswith(f"Endpoint=sb://{HOST}/;SharedAccessKeyName=sender;SharedAccessKey=")
    assert new != old
    assert send(client, token) == (401 if key == "primary" else 201)
    rotated = ConnectionString.parse(new)
    assert send(client, stack.token(connection=rotated)) == 201


@pytest.mark.parametrize("name", [ROOT.key_name, "a b", "", "x" * 51])
def test_a_name_that_no_rule_may_have(redis: redis_py.Redis, settings: Settings, name: str) -> None:
    result = wz(settings, "rule", "add", name, "--right", "send")

    assert result.exit_code == 1
    assert "a rule's name is" in result.output


def test_manage_brings_the_other_rights(redis: redis_py.Redis, settings: Settings) -> None:
    wz(settings, "rule", "add", "boss", "--right", "Manage")

    wz(settings, "rule", "add", "chain", "--right", "relay")

    assert {"boss  Listen, Manage, Send", "chain  Relay, Send"} <= {
        line.rpartition("  ")[0] for line in wz(settings, "rule", "list").output.splitlines()
    }


def test_a_link_to_the_console_signs_in_once(client: Client, settings: Settings) -> None:
    shown = wz(settings, "console", "--url", "https://wz.example/")
    (link,) = shown.stdout.splitlines()
    assert link.startswith("https://wz.example/console/sign-in?code=")
    assert "once, within 1 h 0 min, and gives all rights" in shown.stderr

    path = link.removeprefix("https://wz.example")
    assert [client.get(path).status_code for _ in range(2)] == [303, 410]


def test_a_link_for_a_rule_has_its_rights(client: Client, settings: Settings) -> None:
    wz(settings, "rule", "add", "viewer", "--right", "listen", "--hub", "events")
    link = wz(settings, "console", "--rule", "viewer", "--hub", "events", WZ_STATE="none").stdout.strip()
    assert link.startswith(f"https://{HOST}/console/sign-in?code=")  # the connection string's endpoint

    client.get(link.removeprefix(f"https://{HOST}"))
    assert client.get("/hubs/events").status_code == 200
    assert client.get("/boards?member=ann&board=b").status_code == 401


@pytest.mark.parametrize("url", ["wz.example", "ftp://wz.example", "https://", "https://wz.example/?x=1"])
def test_what_is_no_address_of_a_service(settings: Settings, url: str) -> None:
    result = wz(settings, "console", "--url", url)

    assert (result.exit_code, "is not the address of a service" in result.output) == (2, True)
