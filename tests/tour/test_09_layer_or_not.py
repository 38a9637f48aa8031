"""Step 9: a session, a page and a file, each as the step does it, and as its page says that it does not work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from werkzeug import Response
from werkzeug.http import dump_cookie, parse_cookie
from werkzeug.test import Client

from .blocks import held_to_the_pep, run_block
from .steps import TOUR, Step, run

PAGE = "09_layer_or_not"
ANN = "/boards/points/members/ann"
FOLDER = TOUR / "static"

#: A wrong way must fail in the way that its page tells of.
wrong = pytest.mark.xfail(raises=AssertionError, reason="the wrong way")


@pytest.fixture
def names() -> dict[str, Any]:
    return run(PAGE)


@pytest.fixture
def client(names: dict[str, Any]) -> Step:
    return held_to_the_pep(names["app"])


def test_a_session_comes_back(client: Step) -> None:
    client.put(ANN, json={"score": 12.5})
    client.put("/boards/points/members/bob", json={"score": 20})
    client.put("/session", json={"member": "ann"})

    page = client.get("/boards/points").text
    assert '<li class="me">ann: 12.5</li>' in page
    assert "<li>bob: 20</li>" in page


def test_a_session_that_was_only_read_is_not_sent_again(client: Step) -> None:
    written = client.put("/session", json={"member": "ann"})
    read = client.get("/boards/points")

    assert written.headers["Set-Cookie"].endswith("; HttpOnly; Path=/; SameSite=Lax")
    assert (written.headers["Vary"], read.headers["Vary"], "Set-Cookie" in read.headers) == ("Cookie", "Cookie", False)


def test_a_cookie_that_nobody_signed_is_an_empty_session(client: Step) -> None:
    client.client.set_cookie("session", "eyJtZW1iZXIiOiJhbm4ifQ.forged")
    client.put(ANN, json={"score": 12.5})

    assert "me" not in client.get("/boards/points").text.partition("<ol>")[2]


def test_values_in_a_page_are_escaped(client: Step) -> None:
    client.put("/boards/points/members/%3Cscript%3E", json={"score": 1})

    assert "&lt;script&gt;" in client.get("/boards/points").text


@pytest.mark.parametrize("way", ["a hook", pytest.param("a layer", marks=wrong)])
@pytest.mark.parametrize("path", ["/boards/points/top", "/static/board.css"])
def test_an_answer_that_needs_no_session_has_no_cookie(client: Step, way: str, path: str) -> None:
    if way == "a layer":
        tools = {"json": json, "parse_cookie": parse_cookie, "dump_cookie": dump_cookie}
        client = held_to_the_pep(run_block(PAGE, "def session_layer", **tools)["session_layer"](run(PAGE)["app"]))

    assert not {"Set-Cookie", "Vary"} & set(client.get(path).headers.keys())


@pytest.mark.parametrize("way", ["a function", pytest.param("a layer", marks=wrong)])
def test_a_page_is_as_long_as_it_says(names: dict[str, Any], way: str) -> None:
    app = names["app"]
    if way == "a layer":
        page = Response("<p>Hello, {{ name }}</p>", mimetype="text/html")
        app = run_block(PAGE, "def filled_in")["filled_in"](page, {"name": "whoever reads this"})
    else:
        held_to_the_pep(app).put("/boards/points/members/whoever reads this", json={"score": 1})
    response = Client(app).get("/boards/points")  # the checker of PEP 3333 would refuse the layer before the test does

    assert "whoever reads this" in response.text
    assert int(response.headers["Content-Length"]) == len(response.data)


@pytest.mark.parametrize("way", ["a layer", pytest.param("a view", marks=wrong)])
def test_a_file_outside_of_the_folder_is_a_404(client: Step, way: str) -> None:
    prefix = "/static"
    if way == "a view":
        app = run("06_hooks")["app"]
        run_block(PAGE, "def file", app=app, folder=FOLDER, Response=Response)
        client, prefix = held_to_the_pep(app), "/files"

    assert client.get(f"{prefix}/board.css").text == (FOLDER / "board.css").read_text()
    assert client.get(f"{prefix}/../ranking.py").status_code == 404


@pytest.mark.parametrize("name", ["nothing.css", "", "/etc/hostname"])
def test_a_file_that_is_not_there_is_a_404(client: Step, name: str) -> None:
    response = client.get(f"/static/{name}")

    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert response.headers["X-Request-ID"]


def test_the_cookie_can_be_read_without_the_key(client: Step) -> None:
    cookie = client.put("/session", json={"member": "ann"}).headers["Set-Cookie"]

    value = cookie.partition("=")[2].partition(";")[0]
    assert run_block(PAGE, "def read(cookie)")["read"](value) == {"member": "ann"}


def test_a_file_that_the_client_has_is_not_sent_again(names: dict[str, Any]) -> None:
    client = held_to_the_pep(run_block(PAGE, "def shared")["shared"](run("06_hooks")["app"], Path(FOLDER)))

    first = client.get("/static/board.css")
    again = client.get("/static/board.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
