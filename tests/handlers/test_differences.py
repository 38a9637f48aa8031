"""Requests that every client can send, and that a layer rightly answers otherwise: the first rows of the table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deploy.differences import DIFFERENCES

from .conftest import ServiceClient

pytestmark = pytest.mark.core

ROWS = {row.name: row for row in DIFFERENCES if "wsgi" in row.answers}


def request_id(client: ServiceClient) -> str:
    answer = client.get("/healthz", headers={"X-Request-ID": "chosen-by-the-client"})
    return "kept" if answer.headers["X-Request-ID"] == "chosen-by-the-client" else "replaced"


def compression(client: ServiceClient) -> str:
    answer = client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    return answer.headers.get("Content-Encoding", "as it is")


def protection(client: ServiceClient) -> str:
    headers = client.get("/healthz").headers
    return "there" if {"X-Content-Type-Options", "Cache-Control"} <= set(headers.keys()) else "absent"


def large_body(client: ServiceClient) -> str:
    answer = client.put("/boards/b/members/ann", data=b"x" * (2 << 20), content_type="application/json")
    return f"{answer.status_code} by {'nginx' if answer.headers.get('Server') == 'nginx' else 'the app'}"


def long_header(client: ServiceClient) -> str:
    return str(client.get("/healthz", headers={"X-Long": "x" * 9000}).status_code)


def long_target(client: ServiceClient) -> str:
    return str(client.get(f"/boards/{'x' * 9000}").status_code)


TRIED: dict[str, Callable[[ServiceClient], str]] = {
    "X-Request-ID from the client": request_id,
    "Accept-Encoding: gzip": compression,
    "headers against sniffing and caching": protection,
    "a body of 2 MiB": large_body,
    "a header of 9,000 bytes": long_header,
    "a target of 9,000 bytes": long_target,
}


@pytest.mark.parametrize("name", ROWS)
def test_a_layer_answers_as_the_table_says(client: ServiceClient, place: str, name: str) -> None:
    assert TRIED[name](client) == ROWS[name].answers[place][0]
