"""What a developer is told at more length than a client. A test that takes `web` runs on Flask and on wz."""

from __future__ import annotations

import io
from typing import Any

import pytest
from werkzeug.exceptions import BadRequest, BadRequestKeyError, Forbidden, HTTPException, NotFound
from werkzeug.test import EnvironBuilder

from wz import App

from .conftest import Web


def forbid() -> Any:
    raise Forbidden


def refuse() -> Any:
    raise BadRequest


def app_that_fails(web: Web, **settings: Any) -> App:
    app = web.app()
    app.config.update(settings)
    app.add_url_rule("/forbidden", "forbidden", forbid)
    app.add_url_rule("/refused", "refused", refuse)
    app.add_url_rule("/form", "form", lambda: web.request.form["name"], methods=["POST"])
    return app


ERRORS: dict[str, type[HTTPException]] = {
    "/forbidden": Forbidden,
    "/refused": BadRequest,
    "/nowhere": NotFound,
    "/form": BadRequestKeyError,
}


@pytest.mark.parametrize(
    ("settings", "raised"),
    [
        ({}, []),
        ({"DEBUG": True}, ["/form"]),
        ({"DEBUG": True, "TRAP_BAD_REQUEST_ERRORS": False}, []),
        ({"TESTING": True, "TRAP_BAD_REQUEST_ERRORS": True}, ["/refused", "/form"]),
        ({"TESTING": True, "TRAP_HTTP_EXCEPTIONS": True}, ["/forbidden", "/refused", "/nowhere", "/form"]),
    ],
)
def test_which_http_errors_are_raised(web: Web, settings: dict[str, Any], raised: list[str]) -> None:
    client = web.client(app_that_fails(web, **settings))

    for path, error in ERRORS.items():
        if path in raised:
            with pytest.raises(error):
                client.open(path, method="POST" if path == "/form" else "GET")
        else:
            answer = client.open(path, method="POST" if path == "/form" else "GET")
            assert answer.status_code == error.code


@pytest.mark.parametrize("settings", [{"TRAP_HTTP_EXCEPTIONS": True}, {"TRAP_BAD_REQUEST_ERRORS": True}])
def test_one_that_is_raised_is_a_500_for_a_client(web: Web, settings: dict[str, Any]) -> None:
    client = web.client(app_that_fails(web, **settings))

    assert client.get("/refused").status_code == 500
    assert client.get("/forbidden").status_code == (500 if "TRAP_HTTP_EXCEPTIONS" in settings else 403)


def test_a_handler_answers_one_all_the_same(web: Web) -> None:
    app = app_that_fails(web, TESTING=True, TRAP_HTTP_EXCEPTIONS=True)
    app.register_error_handler(404, lambda exc: ("handled", 299))
    app.register_error_handler(Forbidden, lambda exc: ("handled", 298))

    client = web.client(app)
    assert [client.get(path).status_code for path in ("/nowhere", "/forbidden")] == [299, 298]


@pytest.mark.parametrize("settings", [{"DEBUG": True}, {"TRAP_BAD_REQUEST_ERRORS": True, "TESTING": True}])
def test_a_key_that_is_missing_is_named(web: Web, settings: dict[str, Any]) -> None:
    client = web.client(app_that_fails(web, **settings))

    with pytest.raises(BadRequestKeyError) as caught:
        client.post("/form")
    assert "KeyError: 'name'" in str(caught.value.description)


def test_it_is_named_in_the_answer_if_that_is_wanted_in_debug(web: Web) -> None:
    client = web.client(app_that_fails(web, DEBUG=True, TRAP_BAD_REQUEST_ERRORS=False))

    assert "name" in client.post("/form", headers={"Accept": "text/html"}).text


def test_it_is_not_named_to_others(web: Web) -> None:
    answer = web.client(app_that_fails(web)).post("/form", headers={"Accept": "text/html"})

    assert (answer.status_code, "KeyError" in answer.text) == (400, False)


def test_a_form_without_its_files_is_explained_in_debug(web: Web) -> None:
    app = web.app()
    app.debug = True

    @app.post("/")
    def view() -> str:
        photo = web.request.files["photo"]
        photo.close()
        return str(photo.filename)

    app.add_url_rule("/get", "get", lambda: repr(web.request.files.get("photo")), methods=["POST"])

    client = web.client(app)
    with pytest.raises(KeyError) as caught:
        client.post("/", data={"photo": "cat.png"})
    assert 'enctype="multipart/form-data"' in str(caught.value)
    assert "'cat.png'" in str(caught.value)
    assert "'photo'" in str(caught.value)
    assert isinstance(caught.value, AssertionError)
    with pytest.raises(BadRequestKeyError):
        client.post("/", data={"other": "cat.png"})
    assert client.post("/get", data={"photo": "cat.png"}).text == "None"
    assert client.post("/", data={"photo": (io.BytesIO(b"cat"), "cat.png")}).text == "cat.png"


def test_without_debug_it_is_a_400(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: web.request.files["photo"].filename, methods=["POST"])

    assert web.client(app).post("/", data={"photo": "cat.png"}).status_code == 400


def test_a_request_that_is_made_by_hand_has_the_limits_of_the_current_app(web: Web) -> None:
    app = web.app()
    app.config.update(MAX_CONTENT_LENGTH=1, MAX_FORM_MEMORY_SIZE=2, MAX_FORM_PARTS=3)

    request = web.Request(EnvironBuilder().get_environ())
    assert (request.max_content_length, request.max_form_memory_size, request.max_form_parts) == (None, 500_000, 1_000)
    with app.app_context():
        assert (request.max_content_length, request.max_form_memory_size, request.max_form_parts) == (1, 2, 3)
        request.max_content_length = 5
        assert request.max_content_length == 5


@pytest.mark.parametrize(("what", "error"), [(list, ValueError), (BadRequest(), TypeError), (999, ValueError)])
def test_what_is_no_error_has_no_handler(web: Web, what: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        web.app().register_error_handler(what, print)


def test_pairs_are_settings(web: Web) -> None:
    app = web.app()

    assert app.config.from_mapping([("NAME", 1), ("name", 2)], MORE=3)
    assert (app.config["NAME"], app.config["MORE"], "name" in app.config) == (1, 3, False)
