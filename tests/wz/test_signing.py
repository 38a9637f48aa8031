"""The short ways of a session's cookie, beside itsdangerous and Werkzeug: the same verdicts, the same values."""

from __future__ import annotations

import hashlib
import random
import time
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer
from werkzeug.http import dump_cookie
from werkzeug.test import create_environ

from wz import Request
from wz.signing import UNCOMPRESSED, Signing, around_value, cookie_of
from wz.tagged import TaggedJSONSerializer

LIFETIME = 3600
SALT = "cookie-session"
HOW = {"key_derivation": "hmac", "digest_method": hashlib.sha1}
KEYS = ("the oldest", "an older", "the key")  # the last one signs


def serializer(keys: tuple[str, ...] = KEYS, salt: str = SALT) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(keys, salt=salt, serializer=TaggedJSONSerializer(), signer_kwargs=HOW)


SHORT, LONG = Signing(serializer()), serializer()

REFUSED = object()


def verdict(loads: Callable[[], Any]) -> Any:
    """What is read, or that it is refused: itsdangerous raises what it likes for a time that no date has."""
    try:
        return loads()
    except (BadData, OSError, OverflowError, ValueError):
        return REFUSED


def by_itsdangerous(value: Any, serializer: URLSafeTimedSerializer = LONG) -> str:
    cookie: str | bytes = serializer.dumps(value)
    return cookie.decode() if isinstance(cookie, bytes) else cookie


def same(cookie: str, lifetime: int = LIFETIME) -> Any:
    """Return the verdict of the short way, which is that of itsdangerous."""
    short = verdict(lambda: SHORT.loads(cookie, lifetime))
    assert short == verdict(lambda: LONG.loads(cookie, max_age=lifetime)), cookie
    return short


def signed(payload: bytes, stamp: bytes, key: str = KEYS[-1], salt: str = SALT) -> str:
    """A cookie of any payload and time, with a signature that is right."""
    signer = TimestampSigner(key, salt=salt, key_derivation="hmac", digest_method=hashlib.sha1)
    value = payload + b"." + stamp
    return (value + b"." + signer.get_signature(value)).decode("latin-1")


def encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def at(seconds: int) -> bytes:
    """The time so many seconds from now, as it stands in a cookie."""
    return encoded((int(time.time()) + seconds).to_bytes(8, "big").lstrip(b"\0"))


# Without surrogates, as it comes from clients.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    # Text without surrogates, as it comes from clients.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=12,
)
data = st.dictionaries(texts, values, max_size=6)
bases64 = st.text("AQgwxyz019+/-_=.! é", max_size=24).map(lambda text: text.encode("latin-1"))


@given(data)
@example({"text": "x" * UNCOMPRESSED})
@example({"text": "x" * (UNCOMPRESSED - 11)})
def test_what_is_written_is_read_by_both(value: dict[str, Any]) -> None:
    assert same(SHORT.dumps(value)) == value
    assert same(by_itsdangerous(value)) == value


def test_it_is_written_as_itsdangerous_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.5)
    monkeypatch.setattr("wz.signing.time", lambda: 1_800_000_000.5)
    for value in ({}, {"user": "ann"}, {"pair": (1, 2)}, {"text": "x" * 1000}):
        assert SHORT.dumps(value) == by_itsdangerous(value)


def test_a_small_session_is_not_compressed() -> None:
    small, large = {"text": "x" * 200}, {"text": "x" * 300}

    assert SHORT.dumps(large).startswith(".")
    assert not SHORT.dumps(small).startswith(".")
    assert by_itsdangerous(small).startswith(".")
    assert same(SHORT.dumps(small)) == same(by_itsdangerous(small)) == small


@given(st.text(st.characters(max_codepoint=255), max_size=60))
@example("")
@example(".")
@example("..")
@example("...")
def test_what_nobody_signed_is_refused(cookie: str) -> None:
    assert same(cookie) is REFUSED


@given(data, st.data())
def test_a_cookie_that_was_tampered_with_is_judged_alike(value: dict[str, Any], draw: st.DataObject) -> None:
    cookie = SHORT.dumps(value)
    place = draw.draw(st.integers(0, len(cookie)))
    length = draw.draw(st.integers(0, 3))
    other = draw.draw(st.text("AQgw09-_=.+/ ", max_size=3))
    same(cookie[:place] + other + cookie[place + length :])


@given(bases64, bases64)
@example(b"", at(0))
@example(encoded(b"{}") + b"=", at(0))
@example(encoded(b'{"a":1}') + b"!", at(0))
@example(b"e!30", at(0))
@example(b"." + encoded(zlib.compress(b'{"a":1}')), at(0))
@example(b"." + encoded(b"not compressed"), at(0))
@example(encoded(b'{" u":"no UUID"}'), at(0))
@example(encoded(b"[1]"), at(0) + b"=")
@example(encoded(b"{}"), b"AAAA" + at(0))
def test_what_was_signed_in_an_odd_form_is_judged_alike(payload: bytes, stamp: bytes) -> None:
    same(signed(payload, stamp))


@given(bases64)
def test_a_signature_without_a_time_is_judged_alike(payload: bytes) -> None:
    signer = TimestampSigner(KEYS[-1], salt=SALT, **HOW)  # type: ignore[arg-type]
    same((payload + b"." + signer.get_signature(payload)).decode("latin-1"))


@given(st.integers(0, 2**64 - 1).map(lambda number: number.to_bytes(8, "big").lstrip(b"\0")))
def test_any_time_is_judged_alike(when: bytes) -> None:
    same(signed(encoded(b"{}"), encoded(when)), 2**31)


@pytest.mark.parametrize(
    ("seconds", "is_read"),
    [
        pytest.param(-5, True, id="now"),
        pytest.param(5 - LIFETIME, True, id="about to expire"),
        pytest.param(-5 - LIFETIME, False, id="expired"),
        pytest.param(60, False, id="from the future"),
    ],
)
def test_a_cookie_is_read_from_its_second_on_and_until_it_expires(seconds: int, is_read: bool) -> None:
    assert same(signed(encoded(b'{"a":1}'), at(seconds))) == ({"a": 1} if is_read else REFUSED)


@pytest.mark.parametrize("key", [*KEYS, "an unknown"])
def test_cookies_of_former_keys_are_read(key: str) -> None:
    assert (same(signed(encoded(b'{"a":1}'), at(0), key)) == {"a": 1}) is (key in KEYS)


def test_a_cookie_signed_for_something_else_is_refused() -> None:
    assert same(signed(encoded(b"{}"), at(0), salt="another")) is REFUSED


def test_a_signature_in_another_form_is_judged_by_itsdangerous() -> None:
    """Padding changes no bit of the signature, and itsdangerous reads it."""
    assert same(SHORT.dumps({"a": 1}) + "=") == {"a": 1}


def test_ten_thousand_cookies() -> None:
    """Right ones, and ones with a byte changed or cut, of old keys, expired, compressed."""
    source = random.Random(14)
    read = 0
    for _ in range(10_000):
        text = TaggedJSONSerializer().dumps(
            {source.choice("abc"): "x" * source.randrange(40), "n": source.randrange(99)}
        )
        payload = b"." + encoded(zlib.compress(text)) if source.random() < 0.2 else encoded(text)
        key = source.choice([*KEYS, KEYS[-1], KEYS[-1], "an unknown"])
        cookie = signed(payload, at(-source.choice([0, 1, LIFETIME // 2, 2 * LIFETIME])), key)
        if source.random() < 0.3:
            place = source.randrange(len(cookie))
            cookie = cookie[:place] + source.choice(["", ".", "=", "A", "_"]) + cookie[place + 1 :]
        read += same(cookie) is not REFUSED
    assert 2_000 < read < 8_000


class OfAnotherTime(TimestampSigner):
    def get_timestamp(self) -> int:
        return 1_000_000_000


class Shouting(URLSafeTimedSerializer):
    def dump_payload(self, obj: Any) -> bytes:
        return super().dump_payload({key.upper(): value for key, value in obj.items()})


@pytest.mark.parametrize(
    "unusual",
    [
        pytest.param(URLSafeTimedSerializer("key"), id="JSON as text"),
        pytest.param(Shouting("key", serializer=TaggedJSONSerializer()), id="a subclass"),
        pytest.param(
            URLSafeTimedSerializer("key", serializer=TaggedJSONSerializer(), signer=OfAnotherTime), id="another signer"
        ),
        pytest.param(
            URLSafeTimedSerializer("key", serializer=TaggedJSONSerializer(), signer_kwargs={"sep": ":"}),
            id="another separator",
        ),
        pytest.param(
            URLSafeTimedSerializer(
                "key", serializer=TaggedJSONSerializer(), signer_kwargs={"digest_method": hashlib.sha512}
            ),
            id="another digest",
        ),
    ],
)
def test_an_unusual_serializer_is_itself(unusual: URLSafeTimedSerializer) -> None:
    signing = Signing(unusual)
    value = {"user": "ann", "pair": [1, 2]}
    cookie = signing.dumps(value)

    assert (
        unusual.loads(cookie)
        == signing.loads(by_itsdangerous(value, unusual), LIFETIME)
        == signing.loads(cookie, LIFETIME)
    )
    assert verdict(lambda: signing.loads("x" + cookie, LIFETIME)) is REFUSED


parts = st.lists(
    st.sampled_from(
        ["session=abc", "session=", "session", "a=1", "mysession=x", 'q="a;b"', "=", " session = x ", "é=1"]
    )
    | st.text(' session="=;,\\abc-_.\t', max_size=12),
    max_size=5,
)


@given(parts, st.sampled_from(["; ", ";", " ; ", ", "]))
@example(["session=first", "session=second"], "; ")
@example(["session=a.b-c_d"], "; ")
@example(["a=session=1", "session=2"], "; ")
def test_a_cookie_is_found_as_werkzeug_parses_it(parts: list[str], between: str) -> None:
    request = Request({**create_environ(), "HTTP_COOKIE": between.join(parts)})

    assert cookie_of(request, "session") == Request(request.environ).cookies.get("session")


def test_a_request_class_may_have_cookies_of_its_own() -> None:
    class Own(Request):
        @property
        def cookies(self) -> Any:
            return {"session": "elsewhere"}

    assert cookie_of(Own({**create_environ(), "HTTP_COOKIE": "session=abc"}), "session") == "elsewhere"


@pytest.mark.parametrize("name", ["session", "__Host-wz-8000", "a.b", "sitzung-ä"])
@pytest.mark.parametrize("expires", [None, datetime(2099, 1, 1, tzinfo=UTC)])
def test_what_stands_around_a_value_is_werkzeug_s(name: str, expires: datetime | None) -> None:
    options = {"domain": "example.org", "path": "/a b", "secure": True, "httponly": True, "samesite": "lax"}
    before, after = around_value(name, expires, tuple(options.items()))

    assert before + "eyJ9.a-_" + after == dump_cookie(name, "eyJ9.a-_", expires=expires, **options)  # type: ignore[arg-type]
