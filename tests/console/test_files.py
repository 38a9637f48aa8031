"""The console's files: kept by browsers while they are the same, and asked for again when they are not."""

from __future__ import annotations

import re

import pytest

from handlers import create_app
from handlers.console.files import FOLDER, file_url
from pipeline.settings import Settings
from wz.testing import Client

KEPT = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def client(server_settings: Settings) -> Client:
    return Client(create_app(server_settings))


def told(client: Client, path: str, **headers: str) -> tuple[int, str | None]:
    with client.get(path, headers=headers) as answer:
        return answer.status_code, answer.headers.get("Cache-Control")


@pytest.mark.parametrize("name", sorted(file.name for file in FOLDER.iterdir()))
def test_a_file_is_kept_under_the_address_that_names_what_it_holds(client: Client, name: str) -> None:
    with client.get(file_url(name)) as answer:
        etag = answer.headers["ETag"]

    assert told(client, file_url(name)) == (200, KEPT)
    assert told(client, file_url(name), **{"If-None-Match": etag}) == (304, KEPT)


def test_under_any_other_address_it_is_asked_for_again(client: Client) -> None:
    for query in ("", "?v=", "?v=0123456789abcdef", "?w=1"):
        assert told(client, f"/console/static/console.css{query}") == (200, "no-cache")
    assert told(client, "/console/static/none.css?v=1")[0] == 404
    assert told(client, "/console/static/..%2f__init__.py?v=1")[0] == 404


def test_pages_name_their_files_so(client: Client) -> None:
    text = client.get("/console/sign-in", headers={"Accept": "text/html"}).text
    found = re.findall(r'(?:href|src)="(/console/static/[^"]+)"', text)

    assert len(found) >= 2
    assert {told(client, address) for address in found} == {(200, KEPT)}
