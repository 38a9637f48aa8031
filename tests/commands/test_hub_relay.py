"""`wz hub relay`: what it shows, changes and refuses."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from pipeline.commands.hub import hub as command
from pipeline.hub.log import Hub
from pipeline.hub.relay import GROUP
from pipeline.hub.relay_route import Route, Switch, route
from pipeline.hub.sas import sign
from pipeline.hub.upstream_answers import Action
from pipeline.settings import Settings

from ..stack import HOST, environ

TO = "Endpoint=sb://up.example.com/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0"

Wz = Callable[..., Result]


@pytest.fixture
def wz(hub: Hub, settings: Settings) -> Wz:
    def run(*args: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(command, args, env=environ(settings), input=stdin)

    assert run("create", "orders").exit_code == 0
    return run


@pytest.fixture
def orders(redis: redis_py.Redis) -> Hub:
    return Hub(redis, "orders", 4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "up.txt"
    path.write_text(f"{TO}\n")
    path.chmod(0o600)
    return path


def test_an_upstream_of_its_own(wz: Wz, orders: Hub, file: Path) -> None:
    done = wz(
        "relay", "Orders", "--to-file", str(file), "--name", "Bestellungen", "--on", "404=drop", "--on", "400=wait"
    )
    assert (done.exit_code, done.output) == (0, "")
    answers = {400: Action.WAIT, 404: Action.DROP}
    assert route(orders) == Route(to=TO, name="Bestellungen", answers=answers)

    assert wz("relay", "orders", "--on", "400=default").exit_code == 0
    shown = wz("relay", "orders").output
    assert "c2VjcmV0" not in shown
    rows = [line.split("  ") for line in shown.splitlines()]
    assert {row[0]: row[-1].strip() for row in rows} == {
        "relay": "not yet relayed by any worker",
        "upstream": "Endpoint=sb://up.example.com/;SharedAccessKeyName=send;SharedAccessKey=...",
        "name there": "Bestellungen",
        "events answered": "400 deadletter, 404 drop, 413 deadletter, 414 deadletter, 431 deadletter",
        "": "with all other statuses, and without an answer: wait",
    }

    assert wz("relay", "orders", "--reset").exit_code == 0
    assert route(orders) == Route()
    assert "WZ_UPSTREAM of the workers" in wz("relay", "orders").output


def test_a_signature_is_shown_with_its_end_and_not_itself(wz: Wz) -> None:
    token = sign("sb://up.example.com/", "send", "c2VjcmV0", int(time.time()) + 600)
    text = f"Endpoint=sb://up.example.com/;SharedAccessSignature={token}"
    assert wz("relay", "orders", "--to-file", "-", stdin=text).exit_code == 0

    shown = wz("relay", "orders").output
    assert "sig=" not in shown
    assert "signature        the signature of the connection string is good until 20" in shown


def test_it_is_paused_resumed_and_detached(wz: Wz, orders: Hub) -> None:
    def is_attached() -> bool:
        return orders.redis.sismember(orders.keys[0].attached, GROUP) == 1

    for option, switch, attached, said in (
        ("--pause", Switch.PAUSED, True, "paused, and events are kept for it"),
        ("--resume", Switch.ON, True, "not relayed"),
        ("--detach", Switch.DETACHED, False, "detached: no event is kept for it"),
    ):
        assert wz("relay", "orders", option).exit_code == 0
        assert (route(orders).switch, is_attached()) == (switch, attached)
        assert f"relay            {said}\n" in wz("relay", "orders").output
        assert f"orders: {said}\n" in wz("status", "orders").output
        assert f"relay             {said}\n" in wz("show", "orders").output
        assert f"  {said}\n" in wz("list").output


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        pytest.param(["none"], 1, "there is no hub 'none'", id="no such hub"),
        pytest.param(["orders", "--name", "a/b"], 1, "'a/b': a hub's name", id="no name"),
        pytest.param(["orders", "--on", "404"], 1, "'404': write STATUS=ACTION", id="no action"),
        pytest.param(["orders", "--on", "200=drop"], 1, "a status from 400 to 599", id="a good answer"),
        pytest.param(["orders", "--on", "429=drop"], 1, "always waited for", id="a busy one"),
        pytest.param(["orders", "--to-file", "none"], 1, "--to-file: there is no file 'none'", id="no file"),
        pytest.param(["orders", "--to-file", "-"], 1, "--to-file: connection string:", id="nothing on standard input"),
        pytest.param(["orders", "--reset", "--pause"], 2, "--reset goes alone", id="two things at once"),
    ],
)
def test_what_is_refused_changes_nothing(wz: Wz, orders: Hub, args: list[str], code: int, message: str) -> None:
    result = wz("relay", *args)

    assert (result.exit_code, message in result.output) == (code, True)
    assert route(orders) == Route()


def test_a_file_that_others_may_read_is_refused(wz: Wz, file: Path) -> None:
    file.chmod(0o644)

    result = wz("relay", "orders", "--to-file", str(file))
    assert (result.exit_code, "chmod 600 it" in result.output) == (1, True)


def test_a_hub_is_not_sent_to_itself(wz: Wz, orders: Hub) -> None:
    own = TO.replace("up.example.com", HOST)

    result = wz("relay", "orders", "--to-file", "-", stdin=own)
    assert (result.exit_code, "is this service, so the hub orders would be relayed to itself" in result.output) == (
        1,
        True,
    )
    assert route(orders) == Route()
    assert wz("relay", "orders", "--to-file", "-", "--name", "archive", stdin=own).exit_code == 0
