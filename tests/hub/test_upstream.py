"""How the relay treats an upstream's answers."""

from __future__ import annotations

import html
import shutil
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from pipeline.connection_string import ConnectionString
from pipeline.errors import InvalidValue
from pipeline.hub.event import Event, StoredEvent
from pipeline.hub.sas import Token
from pipeline.hub.upstream import Upstream, UpstreamRefused, UpstreamUnavailable
from pipeline.hub.upstream_answers import BUSY_WAIT, MAX_RETRY_AFTER, Action, parse_choices
from pipeline.hub.upstream_requests import Outgoing, UpstreamRequest, upstream_requests

from ..upstream import Answer, ScriptedUpstream, make_certificates, scripted_upstream

HOP = "events@0123456789ab"


@pytest.fixture
def server() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as server:
        yield server


def request(*events: Event) -> UpstreamRequest:
    stored = [StoredEvent(0, n, f"{n}-0", n, event) for n, event in enumerate(events)]
    (found,) = upstream_requests([Outgoing.of(one, f"s/0/{one.sequence_number}", HOP) for one in stored])
    return found


def test_connections_are_kept(server: ScriptedUpstream) -> None:
    upstream = Upstream(server.target)
    for _ in range(5):
        upstream.send("events", request(Event(b"x")))

    assert len({received.client for received in server.received}) == 1
    assert server.received[0].path == "/events/messages?timeout=20&api-version=2014-01"


def test_a_401_gets_a_new_token_at_once(server: ScriptedUpstream) -> None:
    server.script(Answer(401))
    Upstream(server.target).send("events", request(Event(b"x")))

    first, second = server.received
    assert first.body == second.body
    assert Token.parse(second.headers["Authorization"]).key_name == "up"


def test_a_second_401_waits(server: ScriptedUpstream) -> None:
    server.script(Answer(401, b"InvalidSignature"), Answer(401, b"InvalidSignature"))

    with pytest.raises(UpstreamUnavailable, match="answered 401: InvalidSignature"):
        Upstream(server.target).send("events", request(Event(b"x")))
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("answer", "least", "most"),
    [
        pytest.param(Answer(500), 1, 1, id="an error"),
        pytest.param(Answer(403), 1, 1, id="a quota"),
        pytest.param(Answer(404), 1, 1, id="no such hub yet"),
        pytest.param(Answer(410, headers={"Retry-After": "17"}), 17, 17, id="a hub that is being moved"),
        pytest.param(Answer(408), 1, 1, id="too slow"),
        pytest.param(Answer(302, headers={"Location": "/elsewhere"}), 1, 1, id="a redirect is not followed"),
        pytest.param(Answer(503), BUSY_WAIT, BUSY_WAIT, id="busy, by its status"),
        pytest.param(Answer(429), BUSY_WAIT, BUSY_WAIT, id="too many"),
        pytest.param(Answer(429, headers={"Retry-After": "1"}), BUSY_WAIT, BUSY_WAIT, id="busy is busy"),
        pytest.param(Answer(503, headers={"Retry-After": "1"}), 1, 1, id="a restart that says how long it takes"),
        pytest.param(Answer(503, headers={"Retry-After": "17"}), 17, 17, id="Retry-After"),
        pytest.param(Answer(503, headers={"Retry-After": "soon"}), BUSY_WAIT, BUSY_WAIT, id="as nonsense"),
        pytest.param(Answer(503, headers={"Retry-After": "9" * 20}), MAX_RETRY_AFTER, MAX_RETRY_AFTER, id="for ever"),
        pytest.param(
            Answer(503, b"<Error><Code>50002</Code></Error>", {"Retry-After": "1"}), BUSY_WAIT, BUSY_WAIT, id="50002"
        ),
        pytest.param(
            Answer(400, b"The request was terminated because the namespace x is being throttled. Error code : 50002."),
            BUSY_WAIT,
            BUSY_WAIT,
            id="50002 under another status",
        ),
        pytest.param(Answer(500, b"ServerBusy"), BUSY_WAIT, BUSY_WAIT, id="busy, by its text"),
        pytest.param(
            Answer(503, b"Error code : 50002. Please wait 10 seconds and try again."), 10, 10, id="10 seconds"
        ),
        pytest.param(Answer(503, b"50002. Please wait 1 second."), BUSY_WAIT, BUSY_WAIT, id="a second is too short"),
        pytest.param(Answer(503, b"50002. Please wait 9999 seconds."), *[MAX_RETRY_AFTER] * 2, id="9999 seconds"),
        pytest.param(
            Answer(429, b"50002. Please wait 10 seconds.", {"Retry-After": "20"}), 20, 20, id="the longer of the two"
        ),
        pytest.param(Answer(500, b"Please wait 10 seconds"), 1, 1, id="a text of one that is not busy"),
    ],
)
def test_what_may_succeed_later(server: ScriptedUpstream, answer: Answer, least: float, most: float) -> None:
    server.script(answer)

    with pytest.raises(UpstreamUnavailable, match=f"127.0.0.1 answered {answer.status}") as caught:
        Upstream(server.target).send("events", request(Event(b"x")))
    assert least <= caught.value.wait <= most


def test_a_retry_after_may_be_a_date(server: ScriptedUpstream) -> None:
    server.script(Answer(503, headers={"Retry-After": formatdate(time.time() + 300)}))

    with pytest.raises(UpstreamUnavailable) as caught:
        Upstream(server.target).send("events", request(Event(b"x")))
    assert 100 < caught.value.wait <= 300


@pytest.mark.parametrize(("status", "may_be_one"), [(400, True), (413, True), (414, False), (431, False)])
def test_what_never_succeeds(server: ScriptedUpstream, status: int, may_be_one: bool) -> None:
    server.script(Answer(status, b"because"))

    with pytest.raises(UpstreamRefused, match=f"answered {status}: because") as caught:
        Upstream(server.target).send("events", request(Event(b"x")))
    assert caught.value.may_be_one == may_be_one


@pytest.mark.parametrize("action", Action)
def test_a_status_is_treated_as_the_hub_has_chosen(server: ScriptedUpstream, action: Action) -> None:
    server.answer = lambda received: Answer(418, b"a pot")
    upstream = Upstream(server.target, answers={418: action})
    with pytest.raises(UpstreamUnavailable if action is Action.WAIT else UpstreamRefused, match="418: a pot") as caught:
        upstream.send("events", request(Event(b"x")))
    assert getattr(caught.value, "is_dropped", None) == {"wait": None, "deadletter": False, "drop": True}[action]


def test_one_that_is_busy_is_waited_for_whatever_was_chosen(server: ScriptedUpstream) -> None:
    server.script(Answer(400, b"Error code : 50002"), Answer(429))
    upstream = Upstream(server.target, answers={400: Action.DROP, 429: Action.DROP})
    for _ in range(2):
        with pytest.raises(UpstreamUnavailable):
            upstream.send("events", request(Event(b"x")))


@pytest.mark.parametrize(
    "text", ["", "404", "404=", "404=keep", "200=drop", "4040=wait", "=wait", "429=drop", "404=Drop"]
)
def test_choices_that_are_none(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"write STATUS=ACTION|429"):
        parse_choices([text])


def test_a_status_has_one_choice_and_default_takes_it_back() -> None:
    assert parse_choices(["404=deadletter", "413=default"]) == {404: Action.DEADLETTER, 413: None}
    with pytest.raises(InvalidValue, match="404 is given twice"):
        parse_choices(["404=wait", "404=drop"])


def test_a_ring_is_seen_in_the_answer(server: ScriptedUpstream) -> None:
    ring = "a@00000000000a -> b@00000000000b -> a@00000000000a"
    server.script(
        Answer(400, f"<Detail>RelayRing: {html.escape(ring)}. Pause</Detail>".encode()), Answer(400, b"x -> y")
    )
    upstream = Upstream(server.target)
    for found in (ring, ""):
        with pytest.raises(UpstreamRefused) as caught:
            upstream.send("events", request(Event(b"x")))
        assert caught.value.ring == found


def test_a_hub_of_another_name(server: ScriptedUpstream) -> None:
    target = ConnectionString(server.target.endpoint, "up", "a2V5", hub="other")
    Upstream(target).send("events", request(Event(b"x", "d", publisher="d")))

    assert server.received[0].path.startswith("/other/publishers/d/messages?")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def test_tls_with_an_authority_of_one_s_own(certificates: tuple[Path, Path]) -> None:
    ca, certificate = certificates
    with scripted_upstream(certificate) as server:
        upstream = Upstream(server.target, ca)
        for _ in range(3):
            upstream.send("events", request(Event(b"x")))

        assert len({received.client for received in server.received}) == 1


def test_a_certificate_of_an_unknown_authority(certificates: tuple[Path, Path]) -> None:
    with scripted_upstream(certificates[1]) as server:
        with pytest.raises(UpstreamUnavailable, match="certificate verify failed"):
            Upstream(server.target).send("events", request(Event(b"x")))

        assert server.received == []


def test_a_certificate_of_another_host(certificates: tuple[Path, Path]) -> None:
    ca, certificate = certificates
    with scripted_upstream(certificate) as server:
        target = ConnectionString(server.target.endpoint.replace("127.0.0.1", "localhost"), "up", "a2V5")
        with pytest.raises(UpstreamUnavailable, match="certificate verify failed"):
            Upstream(target, ca).send("events", request(Event(b"x")))

        assert server.received == []
