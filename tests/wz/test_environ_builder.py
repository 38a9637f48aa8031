"""EnvironBuilder, and the requests that a test makes current without sending them.

A test that takes `web` runs on Flask and on wz.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

import wz
from wz.testing import EnvironBuilder

from .conftest import Web


def builder(web: Web, app: Any, *args: Any, **kwargs: Any) -> EnvironBuilder:
    """Return the framework's own builder; the type checker takes both for wz's."""
    made: EnvironBuilder = web.submodule("testing").EnvironBuilder(app, *args, **kwargs)
    return made


URLS: list[Any] = [
    pytest.param({}, {}, "http://localhost/x?a=b", id="no setting"),
    pytest.param({"SERVER_NAME": "example.com:8080"}, {}, "http://example.com:8080/x?a=b", id="SERVER_NAME"),
    pytest.param({"APPLICATION_ROOT": "/root"}, {}, "http://localhost/root/x?a=b", id="APPLICATION_ROOT"),
    pytest.param({"PREFERRED_URL_SCHEME": "https"}, {}, "https://localhost/x?a=b", id="PREFERRED_URL_SCHEME"),
    pytest.param({"PREFERRED_URL_SCHEME": "https"}, {"url_scheme": "http"}, "http://localhost/x?a=b", id="url_scheme"),
    pytest.param({"SERVER_NAME": "example.com"}, {"subdomain": "api"}, "http://api.example.com/x?a=b", id="subdomain"),
    pytest.param(
        {"SERVER_NAME": "example.com", "APPLICATION_ROOT": "/root"},
        {"base_url": "https://other.test/y"},
        "https://other.test/y/x?a=b",
        id="base_url",
    ),
]


@pytest.mark.parametrize(("settings", "given", "url"), URLS)
def test_the_url_of_a_request(web: Web, settings: dict[str, str], given: dict[str, str], url: str) -> None:
    app = web.app()
    app.config.update(settings)

    with app.request_context(builder(web, app, "/x?a=b", **given).get_environ()):
        assert web.request.url == url
    with app.test_request_context("/x?a=b", **given):
        assert web.request.url == url
    with app.test_request_context("/x", query_string={"a": "b"}, **given):
        assert web.request.url == url


@pytest.mark.parametrize("given", [{"subdomain": "api"}, {"url_scheme": "https"}])
def test_a_base_url_leaves_nothing_to_say(web: Web, given: dict[str, str]) -> None:
    with pytest.raises((TypeError, AssertionError), match="base_url"):
        builder(web, web.app(), "/", base_url="http://example.com", **given)
    with pytest.raises((TypeError, AssertionError), match="base_url"):
        web.app().test_request_context("/", base_url="http://example.com", **given)


def test_all_else_is_werkzeug_s(web: Web) -> None:
    made = builder(
        *(web, web.app(), "/x"),
        method="POST",
        data={"a": "b"},
        headers={"X-Color": "red"},
        environ_base={"REMOTE_ADDR": "192.0.2.1", "color": "green"},
        environ_overrides={"color": "blue"},
        auth=("ann", "secret"),
    )
    environ = made.get_environ()

    assert (environ["REQUEST_METHOD"], environ["wsgi.input"].read()) == ("POST", b"a=b")
    assert (environ["HTTP_X_COLOR"], environ["color"], environ["REMOTE_ADDR"]) == ("red", "blue", "192.0.2.1")
    assert environ["HTTP_AUTHORIZATION"].startswith("Basic ")
    assert "REMOTE_ADDR" not in builder(web, web.app()).get_environ()


def test_the_path_arrives_as_it_was_written(web: Web) -> None:
    environ = builder(web, web.app(), "/caf%C3%A9/%2F?q=%C3%A9").get_environ()

    assert environ["PATH_INFO"].encode("latin-1").decode() == "/café//"
    assert (environ["QUERY_STRING"], environ["REQUEST_URI"]) == ("q=%C3%A9", "/caf%C3%A9/%2F?q=%C3%A9")


def test_json_is_written_by_the_app(web: Web) -> None:
    app = web.app()
    made = builder(web, app, method="POST", json={"id": UUID(int=1)})
    environ = made.get_environ()

    assert environ["CONTENT_TYPE"] == "application/json"
    assert app.json.loads(environ["wsgi.input"].read()) == {"id": str(UUID(int=1))}
    assert app.json.loads(made.json_dumps([1])) == [1]


def test_a_test_s_request_has_what_it_is_given(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/user/<int:number>/edit", "edit", lambda number: "", methods=["POST"])

    with app.test_request_context(
        "/user/2/edit",
        method="POST",
        data={"name": ""},
        query_string={"page": "1"},
        headers={"X-Auth-Token": "1"},
        environ_base={"REMOTE_ADDR": "192.0.2.1"},
    ):
        request = web.request
        assert (request.endpoint, request.view_args) == ("edit", {"number": 2})
        assert (request.form["name"], request.args["page"], request.headers["X-Auth-Token"]) == ("", "1", "1")
        assert (request.method, request.remote_addr) == ("POST", "192.0.2.1")
    with app.test_request_context(json={"a": 1}, method="PUT"):
        assert web.request.json == {"a": 1}


def test_a_test_s_request_may_be_at_a_subdomain(web: Web) -> None:
    app = web.app(subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.com"
    app.add_url_rule("/", "user", lambda name: "", subdomain="<name>")

    with app.test_request_context(subdomain="ann"):
        assert (web.request.endpoint, web.request.view_args) == ("user", {"name": "ann"})
    with app.test_request_context("http://bob.example.com/"):
        assert web.request.view_args == {"name": "bob"}


def test_a_test_s_request_has_no_address() -> None:
    """Only a client's has one, as in Flask."""
    with wz.App("test").test_request_context():
        assert wz.request.remote_addr is None
