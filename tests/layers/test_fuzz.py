"""Pieces of the raw requests, put together at random: what one hop takes for a request is one for the other as well.

The suite tries a few; `--hypothesis-profile long` tries some ten thousand.
"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from .conftest import Hops
from .corpus import cases

#: Longer pieces only fill limits, which the corpus tries; larger numbers leave a server waiting for a body that never
#: comes. What is left swallows two of the four markers at most.
_LONGEST = 120
_LARGE = re.compile(rb"\d{3}|[0-9a-f]{3,}\r\n|[1-9a-f][0-9a-f]\r\n", re.IGNORECASE)


def _usable(pieces: list[bytes]) -> list[bytes]:
    return sorted({piece for piece in pieces if len(piece) <= _LONGEST and not _LARGE.search(piece + b"\r\n")})


_HEADS = [case.request.partition(b"\r\n\r\n")[0].split(b"\r\n") for case in cases()]
LINES = _usable([head[0] for head in _HEADS])
HEADERS = _usable([line for head in _HEADS for line in head[1:]])
BODIES = _usable([case.request.partition(b"\r\n\r\n")[2] for case in cases()])
FRAMING = [line for line in HEADERS if re.match(rb"(content.length|transfer.encoding)", line, re.IGNORECASE)]

a_request = st.builds(
    lambda line, headers, body: b"\r\n".join([line, b"Host: contoso", *headers, b"", b""]) + body,
    st.sampled_from([b"POST / HTTP/1.1", b"GET /a HTTP/1.1"]) | st.sampled_from(LINES),
    st.lists(st.sampled_from(FRAMING) | st.sampled_from(HEADERS), max_size=4),
    st.sampled_from(BODIES),
)
an_edit = st.tuples(st.floats(0, 1), st.sampled_from([b"\r", b"\n", b"\0", b" ", b"\t", b":", b";", b"\r\n", b"\x80"]))


def edited(requests: list[bytes], edits: list[tuple[float, bytes]]) -> bytes:
    sent = b"".join(requests)
    for where, inserted in edits:
        at = int(where * len(sent))
        sent = sent[:at] + inserted + sent[at:]
    return sent


@given(
    sent=st.builds(edited, st.lists(a_request, min_size=1, max_size=3), st.lists(an_edit, max_size=2)),
    cut=st.floats(0, 1),
)
def test_no_hop_takes_for_a_request_what_the_other_does_not(hops: Hops, sent: bytes, cut: float) -> None:
    at = int(cut * len(sent))

    direct = hops.send("gunicorn", sent, markers=4)
    through = hops.send("nginx", sent[:at], sent[at:], markers=4)

    for request in through.handled:
        assert request["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
        assert re.fullmatch("[0-9a-f]{32}", request["HTTP_X_REQUEST_ID"])
        assert (request["SCRIPT_NAME"], request["wsgi.url_scheme"]) == ("", "http")
        assert not request.keys() & {"HTTP_TRANSFER_ENCODING", "HTTP_CONNECTION", "HTTP_EXPECT", "HTTP_UPGRADE"}
        assert not request.keys() & {"HTTP_X_AUTHORIZE_ONLY", "HTTP_HTTP_HOST", "wz.headers"}
    # One hop may refuse what the other takes; then it closes. Up to there both see the same requests.
    for one, other in zip(direct.handled, through.handled, strict=False):
        for name in ("REQUEST_METHOD", "QUERY_STRING", "body"):
            assert one[name] == other[name]
        assert (one["PATH_INFO"] or "/") == other["PATH_INFO"]
