from __future__ import annotations

import pytest

from pipeline.connection_string import ConnectionString, InvalidConnectionString

FULL = "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=r;SharedAccessKey=a+/b=;EntityPath=events"


def test_a_connection_string_is_taken_apart() -> None:
    parsed = ConnectionString.parse(FULL)

    assert (parsed.host, parsed.key_name, parsed.key, parsed.hub) == (
        "ns.servicebus.windows.net",
        "r",
        "a+/b=",
        "events",
    )
    assert parsed.url == "https://ns.servicebus.windows.net"


def test_text_survives_the_round_trip() -> None:
    assert str(ConnectionString.parse(FULL)) == FULL


def test_the_development_emulator_speaks_plain_http() -> None:
    text = "Endpoint=sb://127.0.0.1:8080/;SharedAccessKeyName=r;SharedAccessKey=k;UseDevelopmentEmulator=true;"

    assert ConnectionString.parse(text).url == "http://127.0.0.1:8080"


def test_the_key_is_not_shown() -> None:
    assert "a+/b=" not in repr(ConnectionString.parse(FULL))


TOKEN = "SharedAccessSignature sr=sb%3a%2f%2fns%2f&sig=a%2bsecret%3d&se=1893456000&skn=r"
SIGNED = f"Endpoint=sb://ns.servicebus.windows.net/;SharedAccessSignature={TOKEN}"


@pytest.mark.parametrize(
    "token", [TOKEN, TOKEN.replace("000&", "000.5&"), "SharedAccessSignature se=1893456000&sig=secret&sr=x"]
)
def test_a_signature_may_stand_for_the_key(token: str) -> None:
    text = f"Endpoint=sb://ns/;sharedaccesssignature={token};EntityPath=events"
    parsed = ConnectionString.parse(text)

    assert (parsed.signature, parsed.key, parsed.key_name, parsed.hub) == (token, "", "", "events")
    assert parsed.expires == 1893456000
    assert ConnectionString.parse(str(parsed)) == parsed
    assert "secret" not in repr(parsed) + parsed.shown
    assert all("secret" in secret for secret in parsed.secrets)


def test_a_key_does_not_expire() -> None:
    parsed = ConnectionString.parse(FULL)

    assert (parsed.expires, parsed.port) == (None, 443)
    assert parsed.secrets == {"a+/b="}
    assert parsed.shown == FULL.replace("a+/b=", "...")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(f"{SIGNED};SharedAccessKeyName=r;SharedAccessKey=secret", id="a signature and a key"),
        pytest.param(f"{SIGNED};SharedAccessKeyName=r", id="a signature and the name of a key"),
        pytest.param(SIGNED.replace("&se=1893456000", ""), id="a signature without its end"),
        pytest.param(SIGNED.replace("sr=", "s="), id="a signature of nothing"),
        pytest.param(SIGNED.replace("SharedAccessSignature sr", "sr"), id="a signature without its scheme"),
        pytest.param("Endpoint=sb://h/;SharedAccessKeyName=r", id="no key"),
        pytest.param("Endpoint=sb://h/;SharedAccessKeyName=r;SharedAccessKey=", id="an empty key"),
        pytest.param(FULL + ";endpoint=sb://other/", id="a part twice"),
        pytest.param("Endpoint=h;SharedAccessKeyName=r;SharedAccessKey=secret", id="no address"),
        pytest.param("secret", id="the key alone"),
        pytest.param("Endpoint=sb://h/;SharedAccessKeyName=r;SharedAccessKey:secret", id="a colon before the key"),
        pytest.param("Endpoint=sb://h/;SharedAccessKeyName=r;secret=", id="a key without its name"),
        pytest.param(FULL + ";secret=1;secret=1", id="the key as a name, twice"),
        pytest.param("Endpoint=sb://u:secret@h/;SharedAccessKeyName=r;SharedAccessKey=k", id="a password"),
        pytest.param("Endpoint=sb://[;SharedAccessKeyName=r;SharedAccessKey=secret", id="a broken IPv6 address"),
        pytest.param("Endpoint=sb://h:port/;SharedAccessKeyName=r;SharedAccessKey=secret", id="no number of a port"),
        pytest.param(FULL + ";UseDevelopmentEmulator=yes", id="a flag that is neither"),
    ],
)
def test_what_is_wrong_is_said_without_the_key(text: str) -> None:
    with pytest.raises(InvalidConnectionString) as caught:
        ConnectionString.parse(text)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("secret", "part 1 has no value"),
        ("Endpoint=sb://h/;SharedAccessKey:secret", "part 2 has no value"),
        ("Endpoint=sb://h/;sharedaccesskey=", "SharedAccessKey has no value"),
        ("Endpoint=sb://h/;endpoint=sb://i/", "Endpoint is given twice"),
        ("secret=1;secret=1", "part 2 is given twice"),
    ],
)
def test_a_part_is_named_if_its_name_is_known_and_otherwise_counted(text: str, message: str) -> None:
    with pytest.raises(InvalidConnectionString, match=f"^connection string: {message}"):
        ConnectionString.parse(text)
