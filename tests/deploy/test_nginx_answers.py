"""What nginx adds to the service's answers, and what it leaves as it is."""

from __future__ import annotations

import gzip

import pytest

from wz.live_server import LiveServer

from .. import stack
from .wire import Answer, exchange


def get(server: LiveServer, path: str, *headers: str) -> Answer:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: {stack.token()}", *headers, "", ""]
    answer = exchange(server.address, "\r\n".join(lines).encode())
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/docs/swagger-ui.css",
        "/openapi.json",
        "/healthz",
        "/boards/none/members/x",
        "/console/sign-in",
        "/nothing/here",
    ],
)
def test_every_answer_has_the_headers_once(edge: LiveServer, path: str) -> None:
    answer = get(edge, path)
    names = [name.lower() for name in answer.headers]

    assert len(names) == len(set(names))
    for name in (
        "cache-control",
        "content-security-policy",
        "referrer-policy",
        "x-content-type-options",
        "x-request-id",
    ):
        assert name in names
    assert answer.headers["Server"] == "nginx"  # and no version
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_what_the_service_says_of_caching_counts(edge: LiveServer) -> None:
    assert get(edge, "/healthz").headers["Cache-Control"] == "no-store"
    assert get(edge, "/openapi.json").headers["Cache-Control"] == "no-cache"
    assert "max-age=3600" in get(edge, "/docs/swagger-ui.css").headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"])
def test_text_is_compressed_for_who_takes_it(edge: LiveServer, path: str) -> None:
    plain, compressed = get(edge, path), get(edge, path, "Accept-Encoding: gzip")

    assert compressed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in compressed.headers["Vary"]
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(compressed.body) == plain.body
    assert len(compressed.body) < len(plain.body) / 2


def test_a_compressed_file_is_still_known_by_its_etag(edge: LiveServer) -> None:
    etag = get(edge, "/openapi.json", "Accept-Encoding: gzip").headers["ETag"]

    assert get(edge, "/openapi.json", "Accept-Encoding: gzip", f"If-None-Match: {etag}").status == 304
