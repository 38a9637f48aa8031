"""`wz up`, run as a user runs it: a process of its own, a terminal's signals, the commands that it prints."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import redis as redis_py

from deploy import servers
from deploy.address import Address
from deploy.state import keep_connection_string, runtime_directory
from deploy.welcome import first_hub, redis_cli, welcome
from pipeline.connection_string import ConnectionString
from pipeline.hub.description import Description
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings

from ..stack import PATIENCE, free_port, process
from .running import SMALL, Up, mode, paste, running, spawn, without_settings

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="`source` is bash's")

# -- while it runs ----------------------------------------------------------------------------------------------------


def test_prints_the_connection_string_that_it_keeps(up: Up) -> None:
    kept = (up.state / "connection-string").read_text().strip()

    assert kept in up.text.splitlines()
    assert ConnectionString.parse(kept).url == f"http://127.0.0.1:{up.port}"


def test_prints_no_token_and_fits_on_a_screen(up: Up) -> None:
    text = up.text[up.text.index("wz answers at") : up.text.index("Redis itself")]

    assert "SharedAccessSignature" not in up.text
    assert len(text.splitlines()) < 24


def test_nobody_else_can_read_the_key_or_reach_redis(up: Up) -> None:
    assert mode(up.state) == 0o700
    assert mode(up.state / "connection-string") == 0o600
    assert mode(up.state / "run" / "redis.sock") & 0o077 == 0


def second_terminal(up: Up, command: str) -> str:
    """Return what a command prints in a shell that has run the line for a second terminal."""
    (line,) = (line for line in up.text.splitlines() if line.startswith("cd "))
    clean = {name: value for name, value in without_settings().items() if not name.startswith("VIRTUAL_ENV")}
    words = ["bash", "-c", f"{line} && {command}"]
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, env=clean, cwd="/").stdout


@needs_bash
def test_the_curl_commands_work_when_pasted(up: Up) -> None:
    token = second_terminal(up, 'echo "$auth"').strip()
    event, reward = (line for line in up.text.splitlines() if line.startswith("curl "))

    assert paste(event, token)[0] == 201
    status, body = paste(reward, token)
    assert status == 200
    assert json.loads(body)["member"] == "offer_a"


@needs_bash
def test_the_line_for_a_second_terminal_gives_a_wz_that_finds_all(up: Up) -> None:
    assert "events" in second_terminal(up, "wz hub status")
    assert "running" in second_terminal(up, "wz job status")
    assert "(ready)" in second_terminal(up, "wz status")


@pytest.fixture(scope="module")
def up_on_own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`wz up` with a Redis of the user's own, which has a password, and with other hubs."""
    folder = tmp_path_factory.mktemp("own")
    socket_path = folder / "redis.sock"
    command = [servers.redis_server(), "--port", "0", "--unixsocket", socket_path, "--save", "", "--dir", folder]
    own = {**SMALL, "WZ_REDIS_URL": f"unix://:secret@{socket_path}", "WZ_HUBS": "orders:2"}
    with process([*command, "--requirepass", "secret"], ready=socket_path.exists), running(folder, environ=own) as up:
        yield up


@needs_bash
def test_commands_find_a_redis_of_one_s_own_without_being_told(up_on_own_redis: Up) -> None:
    assert "orders" in second_terminal(up_on_own_redis, "wz hub status")
    assert "secret" not in up_on_own_redis.text
    assert mode(up_on_own_redis.state / "service.json") == 0o600


@needs_bash
def test_the_event_goes_to_a_hub_that_is_there(up_on_own_redis: Up) -> None:
    event, _reward = (line for line in up_on_own_redis.text.splitlines() if line.startswith("curl "))

    assert "/orders/messages" in event
    assert paste(event, second_terminal(up_on_own_redis, 'echo "$auth"').strip())[0] == 201


def test_the_redis_that_it_uses_is_where_it_says(up: Up, up_on_own_redis: Up) -> None:
    """As redis-cli is told: in the address and in the database that it names."""
    for one, password in ((up, None), (up_on_own_redis, "secret")):
        (line,) = (line for line in one.text.splitlines() if line.startswith("Redis itself"))
        head, _, command = line.partition(": ")
        *auth, _cli, _s, socket_path, _n, database = shlex.split(command)
        redis = redis_py.Redis(unix_socket_path=socket_path, db=int(database), password=password)

        assert redis.get("wz:environment") == b"development"
        assert auth == (["REDISCLI_AUTH=..."] if password else [])
        assert ("is not on PATH" in head) == (shutil.which("redis-cli") is None)


@pytest.mark.parametrize(
    ("url", "command"),
    [
        ("redis://h:7000/5", "redis-cli -h h -p 7000 -n 5"),
        ("redis://h", "redis-cli -h h -p 6379 -n 1"),
        ("rediss://ann:secret@h", "REDISCLI_AUTH=... redis-cli -h h -p 6379 --tls --user ann -n 1"),
        ("unix:///a?db=3&password=secret", "REDISCLI_AUTH=... redis-cli -s /a -n 3"),
    ],
)
def test_how_redis_cli_gets_there(url: str, command: str) -> None:
    assert redis_cli(Settings(redis_url=url)) == command


def test_redis_keeps_an_append_only_file(up: Up) -> None:
    assert list((up.state / "redis").glob("appendonlydir/*.aof"))


@pytest.mark.parametrize("chunked", [False, True], ids=["of known length", "in chunks"])
def test_nginx_refuses_an_enormous_send_as_the_service_does(up: Up, chunked: bool) -> None:
    body = iter([b"x" * 750_000] * 2) if chunked else b"x" * 1_500_000
    with closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=PATIENCE)) as connection:
        connection.request(
            "POST", "/events/messages", body, {"Authorization": up.authorization}, encode_chunked=chunked
        )
        response = connection.getresponse()

        assert response.status == 413
        assert response.headers["Content-Type"] == "application/xml; charset=utf-8"
        error = ElementTree.fromstring(response.read())
        assert error.findtext("Code") == "413"
        assert response.headers["X-Request-ID"] in error.findtext("Detail", "")


def test_nginx_refuses_an_enormous_body_in_json(up: Up) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=PATIENCE)) as connection:
        connection.request("PUT", "/boards/actions", b"x" * 1_500_000)
        response = connection.getresponse()

        assert response.status == 413
        assert response.headers["Content-Type"] == "application/problem+json"
        assert json.load(response)["status"] == 413


def test_a_client_can_not_speak_as_nginx(up: Up) -> None:
    """SCRIPT_NAME would move the app to another path, X-Forwarded-Ssl would contradict X-Forwarded-Proto."""
    with closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/healthz", headers={"SCRIPT_NAME": "/healthz", "X-Forwarded-Ssl": "on"})
        response = connection.getresponse()

        assert response.status == 200
        assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])


# -- what can go wrong: one line and a status -------------------------------------------------------------------------


def test_a_second_one_in_the_same_folder_is_refused(up: Up, tmp_path: Path) -> None:
    second = spawn(tmp_path, state=up.state)

    assert second.process.wait(PATIENCE) == 1
    assert len(second.text.splitlines()) == 1
    assert second.last_line.startswith(f"Error: `wz up` already runs in {up.state} (process {up.process.pid}): ")


def test_a_taken_port_is_named(up: Up, tmp_path: Path) -> None:
    second = spawn(tmp_path, port=up.port)

    assert second.process.wait(PATIENCE) == 1
    assert second.text.splitlines() == [
        f"Error: can't listen on 127.0.0.1:{up.port} (Address already in use): choose another port with --port"
    ]


def test_a_redis_that_does_not_answer_is_named_before_anything_starts(tmp_path: Path) -> None:
    port = free_port()
    up = spawn(tmp_path, environ={"WZ_REDIS_URL": f"redis://127.0.0.1:{port}"})

    assert up.process.wait(PATIENCE) == 1
    assert len(up.text.splitlines()) == 1
    assert up.last_line.startswith(f"Error: Redis at 127.0.0.1:{port} can't be reached")


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "open"
    state.mkdir()
    state.chmod(0o755)
    up = spawn(tmp_path, state=state)

    assert up.process.wait(PATIENCE) == 1
    assert up.last_line.startswith(f"Error: {state} is open to other users (mode 0755)")


@pytest.mark.parametrize(
    ("name", "what", "said"),
    [
        ("run", "file", "/run: File exists"),
        ("lock", "folder", "/lock: Is a directory"),
        ("connection-string", "folder", "/connection-string: Is a directory"),
        ("connection-string", "file", "/connection-string: connection string: part 1 has no value"),
    ],
)
def test_a_folder_in_which_something_is_not_what_it_should_be(tmp_path: Path, name: str, what: str, said: str) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    if what == "folder":
        (state / name).mkdir()
    else:
        (state / name).write_text("x")
    up = spawn(tmp_path)

    assert up.process.wait(PATIENCE) == 1
    assert len(up.text.splitlines()) == 1
    assert up.last_line.startswith(f"Error: {state}{said}")


# -- parts ------------------------------------------------------------------------------------------------------------


def test_the_first_hub_is_a_declared_one_that_was_not_deleted(settings: Settings, redis: redis_py.Redis) -> None:
    declared = replace(settings, hubs={"late": 1, "early": 1})
    assert first_hub(declared) == "late"

    hubs = Hubs.from_settings(declared, redis)
    hubs.delete("late")
    assert first_hub(declared) == "early"

    hubs.delete("early")
    hubs.create("made", Description(partitions=1))
    assert first_hub(declared) == "made"


def test_without_a_hub_no_event_is_shown(settings: Settings, redis: redis_py.Redis, tmp_path: Path) -> None:
    assert first_hub(replace(settings, hubs={})) is None

    text = welcome(settings, Address("http://127.0.0.1:8080"), tmp_path, None, key_is_new=False)
    assert "/messages" not in text
    assert [line.split("/boards/")[0] for line in text.splitlines() if line.startswith("curl ")] == [
        "curl -i http://127.0.0.1:8080"
    ]


def test_the_key_stays_when_the_port_changes(tmp_path: Path) -> None:
    path = tmp_path / "connection-string"
    assert keep_connection_string(path, Address.of(tmp_path, 8080, None))
    first = ConnectionString.parse(path.read_text())
    assert not keep_connection_string(path, Address.of(tmp_path, 9000, None))
    second = ConnectionString.parse(path.read_text())

    assert (first.endpoint, second.endpoint) == ("sb://127.0.0.1:8080/", "sb://127.0.0.1:9000/")
    assert first.key == second.key
    assert mode(path) == 0o600


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("d" * 100, id="too long for a socket"),
        pytest.param("with space;", id="nginx would split it"),
    ],
)
def test_sockets_go_elsewhere_when_the_folder_has_no_path_for_them(tmp_path: Path, name: str) -> None:
    state = tmp_path / name
    state.mkdir()

    with runtime_directory(state) as directory:
        assert state not in directory.parents
        assert mode(directory) == 0o700
    assert not directory.exists()
