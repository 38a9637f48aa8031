"""The tour of a SAS token (docs/sas): what its steps print, and that they do what pipeline/hub/sas.py does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import redis as redis_py

from pipeline.hub import sas
from pipeline.hub.rules import Right, Rule
from pipeline.settings import Settings
from tests import stack
from wz.live_server import LiveServer
from wz.testing import Client

from .short_tours import answered, is_shown, run, steps, wrong_prints

STEPS = steps("sas")
HOST = "contoso.servicebus.windows.net"
MESSAGES = sas.Audience(frozenset({HOST}), ["events", "messages"], any_case=True)


@pytest.fixture
def service(tmp_path: Path, redis: redis_py.Redis, settings: Settings) -> Iterator[LiveServer]:
    with stack.gunicorn(tmp_path, settings), stack.nginx(tmp_path) as server:
        yield server


def test_the_request_of_the_notes_is_answered_201_and_stored(service: LiveServer) -> None:
    port = service.address.rpartition(":")[2]
    connection = f"Endpoint=sb://127.0.0.1:{port}/;{str(stack.ROOT).partition(';')[2]}"

    assert wrong_prints("sas", {"$(cat .wz/connection-string)": connection}, {port: "8080"}) == []
    client = Client(service)
    headers = {"Authorization": stack.token()}
    pages = [client.get(f"/hubs/events/partitions/{number}/events", headers=headers).json for number in range(4)]
    (event,) = [event for page in pages for event in page["events"]]
    assert event["body"].encode() == run("sas", STEPS[-1])["BODY"]
    assert (event["content_type"], list(event["properties"])) == (None, ["ContentType"])


@pytest.mark.parametrize("step", STEPS)
def test_the_page_shows_each_step(step: str) -> None:
    assert is_shown("sas", step)


@pytest.mark.parametrize("step", STEPS[2:-1])
def test_a_step_s_token_is_our_own(step: str) -> None:
    names = run("sas", step)

    made = names["token"]("https://contoso.servicebus.windows.net/events", 1476214239, "a rule", "key+/=")
    assert made == sas.sign("https://contoso.servicebus.windows.net/events", "a rule", "key+/=", 1476214239)


def our_refusal(header: str, now: float, audience: sas.Audience, keys: tuple[str, str]) -> str | None:
    token = sas.Token.parse(header)
    rules = [Rule("RootManageSharedAccessKey", *keys, frozenset(Right))]
    try:
        sas.identify(token, [rule for rule in rules if rule.name == token.key_name], audience, now)
    except sas.Unauthorized as exc:
        return type(exc).__name__
    return None


def lower(text: str) -> str:
    return re.sub("%..", lambda found: found[0].lower(), quote(text, safe=""))


@pytest.mark.parametrize("escape", [quote, lower])
@pytest.mark.parametrize("key", ["right", "wrong"])
@pytest.mark.parametrize("rule", ["RootManageSharedAccessKey", "nobody"])
@pytest.mark.parametrize("now", [-1, 0])
@pytest.mark.parametrize("path", ["", "/", "/events", "/events/messages", "/event", "/events/messages/x", "/orders"])
def test_steps_5_and_6_refuse_what_our_code_refuses(
    escape: Callable[[str], str], key: str, rule: str, now: int, path: str
) -> None:
    checks, covers = run("sas", "05_check"), run("sas", "06_audience")
    right, expiry = checks["KEY"], checks["EXPIRY"]
    resource = escape(f"http://{HOST}{path}")
    signature = quote(sas.signature(resource, right if key == "right" else "wrong", expiry), safe="")
    header = f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={rule}"

    ours = our_refusal(header, expiry + now, MESSAGES, (right, "another"))
    assert covers["refusal"](header, f"https://{HOST}/events/messages", expiry + now) == ours
    assert checks["refusal"](header, expiry + now) == (None if ours == "InvalidAudience" else ours)


@pytest.mark.parametrize(
    ("signer", "now", "refusal"),
    [
        pytest.param("KEY", -1, None, id="the primary key"),
        pytest.param("the secondary", -1, None, id="the secondary key"),
        pytest.param("another", -1, "InvalidSignature", id="another key"),
        pytest.param("the secondary", 0, "ExpiredToken", id="too late"),
    ],
)
def test_exercise_1_takes_either_key(signer: str, now: int, refusal: str | None) -> None:
    names = answered("sas", "05_check", 1)
    key, expiry = names.get(signer, signer), names["EXPIRY"]
    header = names["token"](names["ADDRESS"], expiry, names["RULE"], key)

    assert names["refusal"](header, expiry + now) == refusal
    assert our_refusal(header, expiry + now, MESSAGES, (names["KEY"], "the secondary")) == refusal


@pytest.mark.parametrize(
    ("address", "is_above"),
    [
        ("sb://contoso.servicebus.windows.net/events", True),
        ("contoso.servicebus.windows.net", True),
        ("HTTPS://Contoso.servicebus.windows.net:443/Events/", True),
        ("https://contoso.servicebus.windows.net/event", False),
        ("fabrikam.servicebus.windows.net", False),
    ],
)
def test_exercise_2_takes_addresses_as_clients_write_them(address: str, is_above: bool) -> None:
    names = answered("sas", "06_audience", 2)
    url = f"https://{HOST}/events/messages"
    resource = quote(address, safe="")

    assert names["covers"](resource, url) == is_above
    assert MESSAGES.is_below(resource) == is_above
    header = names["token"](address, names["EXPIRY"], names["RULE"], names["KEY"])
    assert names["refusal"](header, url, names["EXPIRY"] - 1) == (None if is_above else "InvalidAudience")


def test_step_6_does_not_take_them_all_yet() -> None:
    assert not run("sas", "06_audience")["covers"](quote(HOST, safe=""), f"https://{HOST}/events")
