"""Tokens: what is signed, and which token is good for what."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
import pytest

from pipeline.hub import sas
from pipeline.hub.rules import Right, Rule
from pipeline.hub.sas import Audience, Token

RULE = Rule("send", "primary-key", "secondary-key", frozenset({Right.SEND}))
RULES = [RULE]
HUB_RULE = Rule("hub", "primary-key", "x", frozenset({Right.SEND}), hub="events")
HOSTS = frozenset({"ns.servicebus.windows.net"})
MESSAGES = Audience(HOSTS, ["Events", "messages"], any_case=True)


def make(resource: str, key: str = "primary-key", expiry: int = 2000, name: str = "send") -> Token:
    """A token whose `sr` is `resource`, unchanged."""
    return Token(resource, sas.signature(resource, key, expiry), str(expiry), name)


@pytest.mark.parametrize(
    ("resource", "key", "expiry", "expected"),
    [
        # azure-sdk-for-go, internal/sas/sas_test.go
        ("audience", "key", 1578099723, "8UM0iIfFCfeBSqxSdBMW8pUbhAm7mnjSUaIZTZx8V0g="),
        # parse-server-azure-push, test/sasToken.tests.js
        ("endpoint%2Fhub", "keyVal", 1, "EGsjmHg/OKM5bYk5pU7ZpN5ExQRuT3VCwXuCftrmUZw="),
        # the same in lower-case escapes: what is signed is the text as it was sent
        ("endpoint%2fhub", "keyVal", 1, "TDJRUbRz7IMGY/CAsocPEaNmu03lDviTdfIwqVIxXFo="),
        # azure-eventhub 5.15.1, generate_sas_token
        (
            "sb%3A%2F%2Fcontoso.servicebus.windows.net%2Fhub",
            "key",
            1578099723,
            "zusZ7GjZVQjy/t1XSzwP+kbuTGd3leZYTsgYrH/AV8k=",
        ),
        (
            "https%3A%2F%2Flocalhost%3A18443%2FMyHub",
            "c2VjcmV0",
            1893456000,
            "fDfSGwbGREejFMXMjXBrMxTxv9N6hMtHsQ5taHQZlXk=",
        ),
    ],
)
def test_known_signatures(resource: str, key: str, expiry: int, expected: str) -> None:
    assert sas.signature(resource, key, expiry) == expected


def test_a_signed_token_parses_back() -> None:
    token = Token.parse(sas.sign("https://ns.servicebus.windows.net/events", "a rule", "key+/=", 1578099723))

    assert token.resource == "https%3A%2F%2Fns.servicebus.windows.net%2Fevents"
    assert token.key_name == "a rule"
    assert token.signature == sas.signature(token.resource, "key+/=", 1578099723)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("SharedAccessSignature sig=c2ln&se=1&skn=k&sr=r", id="azure-sb's order of fields"),
        pytest.param("SharedAccessSignature  sr=r&sig=c2ln&&se=1&skn=k&", id="spaces and doubled &"),
        pytest.param("SharedAccessSignature sr=r&sig=c2ln&se=1&skn=k&x=y", id="an unknown field"),
        pytest.param("sharedaccesssignature sr=r&sig=c2ln&se=1&skn=k", id="the scheme in lower case"),
    ],
)
def test_forms_of_a_token(header: str) -> None:
    assert Token.parse(header) == Token("r", "c2ln", "1", "k")


@pytest.mark.parametrize(
    ("expiry", "expires"),
    [
        pytest.param("1785000000.123", 1785000000.123, id="with decimals, as JavaScript divides"),
        pytest.param("0001785000000", 1785000000, id="with zeros in front"),
    ],
)
def test_what_is_signed_is_the_expiry_as_it_was_sent(expiry: str, expires: float) -> None:
    signed = quote(sas.signature("ns.servicebus.windows.net", "primary-key", expiry), safe="")
    token = Token.parse(f"SharedAccessSignature sr=ns.servicebus.windows.net&sig={signed}&se={expiry}&skn=send")

    assert token.expires == expires
    assert sas.authorize(token, RULES, Right.SEND, MESSAGES, now=expires - 0.001) is RULE
    with pytest.raises(sas.ExpiredToken):
        sas.authorize(token, RULES, Right.SEND, MESSAGES, now=expires)


def test_a_token_of_entra_id_is_refused_by_its_name() -> None:
    with pytest.raises(sas.MalformedToken, match=r"Bearer token of Microsoft Entra ID .* connection string of a rule"):
        Token.parse("Bearer eyJ0eXAiOiJKV1Qi")


@pytest.mark.parametrize(
    ("header", "error"),
    [
        pytest.param(None, sas.MissingToken, id="no header"),
        pytest.param("Bearer x", sas.MalformedToken, id="another scheme"),
        pytest.param("SharedAccessSignature", sas.MalformedToken, id="no fields"),
        pytest.param("SharedAccessSignature sr=r&sig=s&skn=k", sas.MalformedToken, id="no expiry"),
        pytest.param("SharedAccessSignature sr=r&sig=s&se=tomorrow&skn=k", sas.MalformedToken, id="a date as expiry"),
        pytest.param("SharedAccessSignature sr=r&sig=s&se=\u0661&skn=k", sas.MalformedToken, id="no ASCII digits"),
        pytest.param("SharedAccessSignature sr=r&sig=s&se=1e9&skn=k", sas.MalformedToken, id="an exponent"),
        pytest.param("SharedAccessSignature sr=r&sig=s&se=-1&skn=k", sas.MalformedToken, id="a sign"),
        pytest.param("SharedAccessSignature sr=r&sig=s&se=1.&skn=k", sas.MalformedToken, id="half a decimal"),
        pytest.param("SharedAccessSignature sr=r&sr=r&sig=s&se=1&skn=k", sas.MalformedToken, id="a field twice"),
        pytest.param("SharedAccessSignature sr=r&sig=&se=1&skn=k", sas.MalformedToken, id="an empty field"),
    ],
)
def test_malformed_tokens(header: str | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        Token.parse(header)


@pytest.mark.parametrize(
    "resource",
    [
        "ns.servicebus.windows.net",
        "https%3A%2F%2Fns.servicebus.windows.net%2F",
        "http%3a%2f%2fns.servicebus.windows.net%2f",
        "sb%3A%2F%2Fns.servicebus.windows.net%2Fevents",
        "https%3A%2F%2FNS.servicebus.windows.net%2FEvents%2Fmessages",
        "https%3a%2f%2fns.servicebus.windows.net%3a443%2fevents%2fmessages%3fapi-version%3d2014-01",
        "http%3a%2f%2fns.servicebus.windows.net%3a18080%3a80%2fevents%2fmessages",
        "https://ns.servicebus.windows.net/events/",
        "http%3A%2F%2Fns.servicebus.windows.net",
        "NS.SERVICEBUS.WINDOWS.NET%2FEVENTS",
        "amqps%3A%2F%2Fns.servicebus.windows.net%2Fevents",
    ],
)
def test_every_form_of_sr_that_clients_send_covers_its_resource(resource: str) -> None:
    assert sas.authorize(make(resource), RULES, Right.SEND, MESSAGES, now=1000) is RULE


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param("https%3A%2F%2Fother.servicebus.windows.net%2F", id="another namespace"),
        pytest.param("https%3A%2F%2Fns.servicebus.windows.net.evil.com%2F", id="a host that begins alike"),
        pytest.param("https%3A%2F%2Fns.servicebus.windows.net%2Feven", id="half a path segment"),
        pytest.param("https%3A%2F%2Fns.servicebus.windows.net%2Fevents2", id="another hub"),
        pytest.param("https%3A%2F%2Fns.servicebus.windows.net%2Feventhubs%2Fevents", id="the portal's path"),
        pytest.param("https%3A%2F%2Fns.servicebus.windows.net%2Fevents%2Fmessages%2Fmore", id="further down"),
        pytest.param("%2Fevents", id="no host"),
        pytest.param("https%3A%2F%2Fns.servicebus.windows.net%2Fevents%2Fmessage", id="half of the last segment"),
        pytest.param("https%3A%2F%2Fns.servicebus.windows.net%40evil.com%2F", id="a host as user name"),
        pytest.param("https%3A%2F%2Fevil.com%2Fns.servicebus.windows.net%2F", id="a host as path"),
        pytest.param("https%3A%2F%2Fns.servicebus.windows.net%2F..%2Fevents", id="dots"),
        pytest.param("https%3A%2F%2Fns.servicebus.windows.net%2Fevents%2Fpublishers%2Fx", id="a publisher"),
    ],
)
def test_another_audience_is_refused(resource: str) -> None:
    with pytest.raises(sas.InvalidAudience):
        sas.authorize(make(resource), RULES, Right.SEND, MESSAGES, now=1000)


def test_a_token_that_was_found_good_is_asked_all_else_again() -> None:
    token = make("ns.servicebus.windows.net%2Fevents")
    renewed = [msgspec.structs.replace(RULE, primary="another key")]
    elsewhere = Audience(HOSTS, ["other", "messages"], any_case=True)
    for _ in range(2):
        assert sas.authorize(token, RULES, Right.SEND, MESSAGES, now=1999) == RULE
        with pytest.raises(sas.ExpiredToken):
            sas.authorize(token, RULES, Right.SEND, MESSAGES, now=2000)
        with pytest.raises(sas.InvalidSignature):
            sas.authorize(token, renewed, Right.SEND, MESSAGES, now=1999)
        with pytest.raises(sas.InvalidAudience):
            sas.authorize(token, RULES, Right.SEND, elsewhere, now=1999)
        with pytest.raises(sas.MissingRight):
            sas.authorize(token, RULES, Right.LISTEN, MESSAGES, now=1999)


@pytest.mark.parametrize("key", ["primary-key", "secondary-key"])
def test_either_key_signs(key: str) -> None:
    assert sas.authorize(make("ns.servicebus.windows.net", key), RULES, Right.SEND, MESSAGES, now=1000) is RULE


@pytest.mark.parametrize(
    ("token", "right", "error"),
    [
        pytest.param(make("ns.servicebus.windows.net", "wrong"), Right.SEND, sas.InvalidSignature, id="wrong key"),
        pytest.param(
            make("ns.servicebus.windows.net")._replace(signature="é"), Right.SEND, sas.InvalidSignature, id="no base64"
        ),
        pytest.param(
            make("ns.servicebus.windows.net")._replace(expiry="3000"),
            Right.SEND,
            sas.InvalidSignature,
            id="longer life",
        ),
        pytest.param(make("ns.servicebus.windows.net", expiry=1000), Right.SEND, sas.ExpiredToken, id="expired"),
        pytest.param(make("ns.servicebus.windows.net"), Right.LISTEN, sas.MissingRight, id="a right it does not have"),
    ],
)
def test_refusals(token: Token, right: Right, error: type[Exception]) -> None:
    with pytest.raises(error):
        sas.authorize(token, RULES, right, MESSAGES, now=1000)


@pytest.mark.parametrize(
    ("audience", "granted"),
    [
        pytest.param(Audience(HOSTS, ["EVENTS", "messages"], any_case=True), True, id="its hub"),
        pytest.param(Audience(HOSTS, ["other", "messages"], any_case=True), False, id="another hub"),
        pytest.param(Audience(HOSTS, ["boards", "b"]), False, id="a board"),
        pytest.param(Audience(HOSTS, ["events"]), False, id="a path that is named like the hub and is not one"),
        pytest.param(Audience(HOSTS, ["boards", "events"], boards=("events",)), False, id="a board named like the hub"),
    ],
)
def test_a_hub_s_rule_is_good_for_that_hub_only(audience: Audience, granted: bool) -> None:
    token = make("ns.servicebus.windows.net", name="hub")

    if granted:
        assert sas.authorize(token, [HUB_RULE], Right.SEND, audience, now=1000)
    else:
        with pytest.raises(sas.MissingRight):
            sas.authorize(token, [HUB_RULE], Right.SEND, audience, now=1000)


@pytest.mark.parametrize(
    ("resource", "granted"),
    [
        ("boards", True),
        ("boards/points", True),
        ("boards/points@day", True),
        ("boards/points@day/members", True),
        ("boards/points/members", True),
        ("boards/Points", False),
        ("boards/points@week", False),
        ("boards/points/members/ann", False),
        ("points", False),
        ("hubs/points", False),
    ],
)
def test_a_board_has_the_names_under_which_a_token_may_be_for_it(resource: str, granted: bool) -> None:
    path = Audience(HOSTS, ["boards", "points@day", "members"], boards=("points@day", "points"))
    token = make(f"ns.servicebus.windows.net/{resource}")

    assert path.is_below(token.resource) is granted


def test_a_board_s_rule_is_good_for_that_board_only() -> None:
    rule = Rule("b", "primary-key", "x", frozenset({Right.SEND}), board="points")
    token = make("ns.servicebus.windows.net", name="b")

    for boards, granted in ((("points",), True), (("points@day", "points"), True), (("other",), False), ((), False)):
        audience = Audience(HOSTS, ["boards", *boards[:1]], boards=boards)
        if granted:
            assert sas.authorize(token, [rule], Right.SEND, audience, now=1000) is rule
        else:
            with pytest.raises(sas.MissingRight):
                sas.authorize(token, [rule], Right.SEND, audience, now=1000)
