"""Cache-Control: RFC 9111, 5.2.2."""

from __future__ import annotations

import pytest

from wz import App, Response, abort
from wz.caching import cache_control
from wz.conditional import etag
from wz.testing import Client

from ..client import validated


@pytest.fixture
def client() -> Client:
    app = App("test")

    @app.get("/kept/<what>")
    @cache_control(max_age=5, public=True, stale_while_revalidate=30)
    @etag
    def kept(what: str) -> str:
        return what if what == "x" else abort(404)

    @app.get("/secret/<what>")
    @cache_control(no_store=True)
    async def secret(what: str) -> str:
        return what if what == "x" else abort(404)

    @app.get("/own")
    @cache_control(max_age=5)
    def own() -> Response:
        return Response("x", headers={"Cache-Control": "no-cache"})

    return validated(app)


@pytest.mark.parametrize(
    ("path", "header"),
    [
        pytest.param("/kept/x", "max-age=5, public, stale-while-revalidate=30", id="an answer"),
        pytest.param("/kept/y", None, id="an error"),
        pytest.param("/secret/x", "no-store", id="not to be kept"),
        pytest.param("/secret/y", "no-store", id="nor is its error"),
        pytest.param("/own", "no-cache", id="the view's own"),
    ],
)
def test_what_is_sent(client: Client, path: str, header: str | None) -> None:
    assert client.get(path).headers.get("Cache-Control") == header


def test_a_304_has_it_as_well(client: Client) -> None:
    answer = client.get("/kept/x", headers={"If-None-Match": client.get("/kept/x").headers["ETag"]})

    assert (answer.status_code, answer.headers["Cache-Control"][:9]) == (304, "max-age=5")


def test_a_word_that_is_no_directive() -> None:
    with pytest.raises(TypeError, match="maxage is no directive of Cache-Control"):
        cache_control(maxage=5)
