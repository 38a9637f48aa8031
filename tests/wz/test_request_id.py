from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest

from wz import App, Request
from wz.request_id import KEY, RequestID, RequestIDFilter

from ..client import ServerlikeClient, validated


@pytest.fixture
def app() -> App:
    app = App("with ids")
    app.layers.add("request id", RequestID)
    app.add_url_rule("/", "index", lambda request: {"id": request.environ[KEY]})

    @app.get("/fails")
    def fails(request: Request) -> None:
        raise ValueError(request.path)

    return app


@pytest.fixture
def client(app: App) -> ServerlikeClient:
    return validated(app)


def test_a_request_without_an_id_is_given_one(client: ServerlikeClient) -> None:
    first, second = client.get("/"), client.get("/")

    assert first.headers["X-Request-ID"] == first.json["id"]
    assert re.fullmatch("[0-9a-f]{32}", first.json["id"])
    assert first.json["id"] != second.json["id"]


def test_an_id_from_the_proxy_is_kept(client: ServerlikeClient) -> None:
    answer = client.get("/", headers={"X-Request-ID": "abc-12345"})

    assert (answer.json["id"], answer.headers["X-Request-ID"]) == ("abc-12345", "abc-12345")


@pytest.mark.parametrize("given", ["short", "x" * 129, "with space", "new%0Aline", "<script>"])
def test_an_invalid_id_is_replaced(client: ServerlikeClient, given: str) -> None:
    assert client.get("/", headers={"X-Request-ID": given}).json["id"] != given


def test_at_an_open_edge_a_client_s_id_is_not_believed() -> None:
    app = App("test")
    app.layers.add("request id", RequestID, trust=False)
    app.add_url_rule("/", "index", lambda: "")

    assert validated(app).get("/", headers={"X-Request-ID": "abc-12345"}).headers["X-Request-ID"] != "abc-12345"


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What a handler with the filter and a format wrote."""
    written: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    handler = Collect()
    handler.addFilter(RequestIDFilter())
    handler.setFormatter(logging.Formatter("%(request_id)s %(message)s"))
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def test_errors_are_logged_with_the_id(app: App, client: ServerlikeClient, lines: list[str]) -> None:
    answer = client.get("/fails")
    logging.getLogger("elsewhere").warning("later")

    assert answer.status_code == 500
    assert lines[0].startswith(f"{answer.headers['X-Request-ID']} GET /fails failed")
    assert lines[1] == "- later"


def test_problems_and_error_pages_have_the_id(app: App, client: ServerlikeClient) -> None:
    for path, status in (("/none", 404), ("/fails", 500)):
        answer = client.get(path)

        assert answer.status_code == status
        assert answer.json["request_id"] == answer.headers["X-Request-ID"]

        page = client.get(path, headers={"Accept": "text/html"})

        assert page.mimetype == "text/html"
        assert page.headers["X-Request-ID"] in page.text


def test_a_body_that_is_made_while_it_is_sent_is_logged_with_the_id(
    app: App, client: ServerlikeClient, lines: list[str]
) -> None:
    def parts() -> Iterator[str]:
        try:
            for part in "ab":
                logging.getLogger("parts").warning(part)
                yield part
        finally:
            logging.getLogger("parts").warning("closed")

    app.add_url_rule("/parts", "parts", lambda request: parts())
    answer = client.get("/parts")
    answer.close()

    request_id = answer.headers["X-Request-ID"]
    assert answer.text == "ab"
    assert lines == [f"{request_id} a", f"{request_id} b", f"{request_id} closed"]
