"""What page 3 of the tour says of Werkzeug's Request and Response."""

from __future__ import annotations

from io import BytesIO

from werkzeug import Request
from werkzeug.test import create_environ
from werkzeug.wsgi import get_current_url

from .answers import answered
from .steps import open_step
from .test_tour import ANN


def test_nothing_is_read_before_somebody_asks_and_then_it_is_kept() -> None:
    sent = BytesIO(b'{"score": 1}')
    environ = create_environ("/boards?limit=2", method="PUT", content_type="application/json")
    request = Request(environ | {"wsgi.input": sent, "CONTENT_LENGTH": "12"})

    assert (request.path, request.args["limit"], request.content_type) == ("/boards", "2", "application/json")
    assert sent.tell() == 0
    assert request.get_json() == request.get_json() == {"score": 1}
    assert sent.tell() == 12


def test_a_body_must_be_told_to_be_json() -> None:
    with open_step("03_request") as step:
        assert step.put(ANN, data='{"score": 1}', content_type="application/x-www-form-urlencoded").status_code == 415


def test_a_path_begins_with_a_slash() -> None:
    assert Request(create_environ(environ_overrides={"PATH_INFO": ""})).path == "/"


def test_a_url_without_a_host_header_is_that_of_the_server() -> None:
    environ = create_environ("/a", base_url="https://hub.test:8443/v1")
    del environ["HTTP_HOST"]

    assert Request(environ).base_url == "https://hub.test:8443/v1/a"
    assert get_current_url(environ) == "https://hub.test:8443/v1/a"


def test_a_limit_refuses_a_body_only_if_it_is_read() -> None:
    step = answered("03_request", 2)

    assert step.get(ANN.replace("ann", "nobody/else"), data=b" " * 5000).status_code == 404
    assert step.put(ANN, data=b" " * 5000, content_type="application/json").status_code == 413
