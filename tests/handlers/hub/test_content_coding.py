"""Bodies with a Content-Encoding."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from handlers import create_app
from handlers.hub.content_coding import decoded
from pipeline.hub.log import Hub
from pipeline.settings import Settings

from ..conftest import ServiceClient, detail
from .test_send import BATCH, read_all

LIMIT = 1024 * 1024
RAW = zlib.compressobj(wbits=-15)
RAW_DEFLATE = RAW.compress(b"21.5") + RAW.flush()


@pytest.mark.core
@pytest.mark.parametrize(
    ("coding", "data"),
    [
        pytest.param("gzip", gzip.compress(b"21.5"), id="gzip"),
        pytest.param("X-GZIP", gzip.compress(b"21") + gzip.compress(b".5"), id="gzip of two members"),
        pytest.param("deflate", zlib.compress(b"21.5"), id="deflate"),
        pytest.param("deflate", RAW_DEFLATE, id="deflate without zlib around it"),
        pytest.param("identity", b"21.5", id="none"),
    ],
)
def test_a_coding_is_undone(client: ServiceClient, coding: str, data: bytes) -> None:
    headers = {"Content-Encoding": coding, "Content-Type": "text/plain"}

    assert client.post("/events/messages", data=data, headers=headers).status_code == 201
    assert [(event["body"], event["content_type"]) for event in read_all(client)] == [("21.5", "text/plain")]


def test_a_batch_may_have_a_coding(client: ServiceClient) -> None:
    data = gzip.compress('[{"Body":"é"}]'.encode("utf-16"))
    headers = {"Content-Encoding": "gzip", "Content-Type": f"{BATCH};charset=utf-16"}

    assert client.post("/events/publishers/dev-1/messages", data=data, headers=headers).status_code == 201
    assert [event["body"] for event in read_all(client)] == ["é"]


@pytest.mark.parametrize(
    ("coding", "data", "status", "text"),
    [
        pytest.param("br", b"x", 415, "'br' is not taken: send gzip or deflate", id="another coding"),
        pytest.param("gzip, gzip", b"x", 415, "'gzip, gzip'", id="two codings"),
        pytest.param("gzip", b"21.5", 400, "'gzip': Not a gzipped file", id="not in it"),
        pytest.param("gzip", gzip.compress(b"21.5")[:-1], 400, "'gzip': Compressed file ended", id="cut off"),
        pytest.param("gzip", b"", 400, "'gzip': it is empty", id="nothing"),
        pytest.param("gzip", gzip.compress(b"21.5") + b"x", 400, "'gzip': Not a gzipped file", id="something behind"),
        pytest.param("deflate", zlib.compress(b"21.5")[:-1], 400, "'deflate': it ends too early", id="deflate cut off"),
        pytest.param("deflate", zlib.compress(b"21.5") + b"x", 400, "'deflate': ", id="something behind deflate"),
        pytest.param(
            "gzip", gzip.compress(bytes(LIMIT + 1)), 413, "larger than 1048576 bytes", id="more than is taken"
        ),
    ],
)
def test_what_is_refused_stores_nothing(
    client: ServiceClient, coding: str, data: bytes, status: int, text: str
) -> None:
    answer = client.post("/events/messages", data=data, headers={"Content-Encoding": coding})

    assert answer.status_code == status
    assert text in detail(answer)
    assert answer.headers.get("Accept-Encoding") == ("gzip, deflate" if status == 415 else None)
    assert read_all(client) == []


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_never_fills_the_memory(coding: str) -> None:
    stream = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    zeros = bytes(LIMIT)
    bomb = b"".join(stream.compress(zeros) for _ in range(40)) + stream.flush()

    tracemalloc.start()
    with pytest.raises(RequestEntityTooLarge):
        decoded(bomb, coding, LIMIT)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 8 * LIMIT


CODINGS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes}


def undone(data: bytes, coding: str) -> bytes | None:
    """Return what comes out, up to 200 bytes; None if it is refused."""
    try:
        return decoded(data, coding, 200)
    except HTTPException as exc:
        return None if exc.code in (400, 413) else pytest.fail(str(exc))


@given(st.binary(max_size=300), st.sampled_from(sorted(CODINGS)), st.binary(max_size=3), st.integers(0, 400))
def test_bytes_come_out_as_they_went_in_or_are_refused(body: bytes, coding: str, more: bytes, end: int) -> None:
    whole = CODINGS[coding](body)
    data = (whole + more)[: end or None]
    plain = undone(data, coding)

    if coding == "identity":
        assert plain == data
    elif data == whole and len(body) <= 200:
        assert plain == body
    else:
        assert plain in (None, body)
        assert plain is None or len(plain) <= 200


PIECES = st.sampled_from(
    [
        b"[",
        b"]",
        b'{"Body":"',
        b'"}',
        b'{"body":1}',
        b"\\ud800",
        b"\\",
        b'"',
        b"\xff",
        b"\xfe",
        b"\0",
        b"\xef\xbb\xbf",
        "é".encode(),
    ]
)
CHARSETS = st.sampled_from(
    ["", "; charset=utf-8", "; charset=utf-16", "; charset=utf-7", '; charset="', "; charset=\xff"]
)


@pytest.fixture
def in_process(settings: Settings) -> ServiceClient:
    """The service, made once for all examples."""
    return ServiceClient(create_app(settings))


@given(
    st.lists(PIECES, max_size=8).map(b"".join),
    st.sampled_from([f"{BATCH}", BATCH.upper(), "text/plain"]),
    CHARSETS,
    st.sampled_from(["", "gzip", "deflate", "identity", "x", ",,", "gzip,identity", "\xff"]),
    st.booleans(),
)
@hypothesis.settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_odd_bytes_are_kept_or_refused(
    in_process: ServiceClient, hub: Hub, body: bytes, content_type: str, charset: str, coding: str, is_coded: bool
) -> None:
    """Whatever is sent is stored, so that it reads back, or refused with nothing stored; and never a 5xx."""
    data = CODINGS["deflate" if coding == "deflate" else "gzip"](body) if is_coded else body
    headers = {"Content-Type": content_type + charset, "Content-Encoding": coding}
    before = [hub.read(partition) for partition in range(4)]
    answer = in_process.post("/events/messages", data=data, headers=headers)

    added = [stored.event.body for p in range(4) for stored in hub.read(p)[len(before[p]) :]]
    assert answer.status_code in (201, 400, 415)
    assert bool(added) == (answer.status_code == 201)
    if added and content_type == "text/plain":
        assert added == [body if is_coded and coding in ("gzip", "deflate", "gzip,identity") else data]
