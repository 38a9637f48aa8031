"""The short ways when Werkzeug has changed, so that they were not written for it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.routing import Map, Rule
from werkzeug.routing.matcher import State, StateMachineMatcher
from werkzeug.test import create_environ
from werkzeug.wrappers import Response as WerkzeugResponse

from wz import App, Request, Response, compat, fast

from ..client import validated


def test_the_installed_werkzeug_is_the_one_that_is_known() -> None:
    assert compat.AVAILABLE


def rename(monkeypatch: pytest.MonkeyPatch, cls: type, old: str, new: str) -> None:
    """Let instances of `cls` keep the attribute `old` under another name."""
    init = cls.__init__  # type: ignore[misc]

    def changed(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self.__dict__[new] = self.__dict__.pop(old)

    monkeypatch.setattr(cls, "__init__", changed)


@pytest.mark.parametrize(
    ("cls", "old", "new"),
    [
        pytest.param(Map, "_matcher", "_machine", id="Map's matcher"),
        pytest.param(StateMachineMatcher, "_root", "_start", id="the matcher's root"),
        pytest.param(State, "dynamic", "converted", id="a state's values"),
        pytest.param(Headers, "_list", "_pairs", id="the list of headers"),
        pytest.param(WerkzeugResponse, "_on_close", "_closers", id="what a response closes"),
        pytest.param(WerkzeugResponse, "_status_code", "_code", id="a response's status"),
    ],
)
def test_a_name_that_changed_is_noticed(monkeypatch: pytest.MonkeyPatch, cls: type, old: str, new: str) -> None:
    rename(monkeypatch, cls, old, new)

    assert old in compat.find_misfit()


def test_a_default_converter_that_changed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "ANY_TEXT", r"(?P<value>[^/]+)\Z")

    assert "the default converter's pattern is" in compat.find_misfit()


def test_a_new_attribute_of_responses_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    init = WerkzeugResponse.__init__

    def changed(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self.trailers = []

    monkeypatch.setattr(WerkzeugResponse, "__init__", changed)

    assert "trailers" in compat.find_misfit()


def test_another_werkzeug_is_logged_once() -> None:
    script = """
import werkzeug.routing
init = werkzeug.routing.Map.__init__

def changed(self, *args, **kwargs):
    init(self, *args, **kwargs)
    self._machine = vars(self).pop("_matcher")

werkzeug.routing.Map.__init__ = changed
import wz
from wz import compat
for name in "ab":
    wz.App(name)
print(compat.AVAILABLE)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "wz takes Werkzeug's own way for each request, which gives the same answers several times slower"
    )
    assert "'Map' object has no attribute '_matcher'" in line
    assert done.stdout == "False\n"


@pytest.mark.parametrize("available", [True, False], ids=["the short way", "the long way"])
def test_both_ways_answer_alike(monkeypatch: pytest.MonkeyPatch, available: bool) -> None:
    monkeypatch.setattr(compat, "AVAILABLE", available)
    app = App("test")
    app.add_url_rule("/<int:n>/<name>", "json", lambda n, name: {"n": n, "name": name})
    app.add_url_rule("/text", "text", lambda: ("text", 201, {"X-A": "b"}))

    @app.after_request
    def mark(response: Response) -> Response:
        response.headers["X-Seen"] = "yes"
        return response

    client = validated(app)
    answer, text, missing = client.get("/7/ann"), client.get("/text"), client.post("/x")

    assert (answer.json, answer.headers["Content-Length"]) == ({"n": 7, "name": "ann"}, "20")
    assert (text.status_code, text.text, text.headers["X-A"], text.content_length) == (201, "text", "b", 4)
    assert missing.status_code == 404
    assert {a.headers["X-Seen"] for a in (answer, text, missing)} == {"yes"}


def test_a_rule_that_is_added_while_serving_is_found() -> None:
    app = App("test")
    app.add_url_rule("/<name>", "any", lambda name: f"any {name}")
    app.endpoint("new")(lambda: "new")
    client = validated(app)
    assert client.get("/new").text == "any new"

    app.url_map.add(Rule("/new", endpoint="new"))

    assert client.get("/new").text == "new"


def test_a_host_that_map_refuses_is_refused_every_time() -> None:
    app = App("test")
    app.config["TRUSTED_HOSTS"] = ["good.example"]
    app.add_url_rule("/", "index", lambda: "fine")
    client = app.test_client()

    for _ in range(2):
        assert client.get("/", base_url="http://good.example").status_code == 200
        assert client.get("/", base_url="http://evil.example").status_code == 400


def test_many_hosts_take_no_more_memory_than_some() -> None:
    app = App("test")
    app.add_url_rule("/", "index", lambda: "fine")
    client = app.test_client()
    for n in range(fast.HOSTS + 10):
        assert client.get("/", base_url=f"http://h{n}.example").status_code == 200

    assert sum(map(len, app.url_map.compiled._hosts.values())) <= fast.HOSTS


def test_a_rule_of_werkzeug_s_own_may_be_added_to_the_map() -> None:
    app = App("test")
    app.url_map.add(Rule("/plain/<int:n>", endpoint="plain", methods=["GET"]))

    @app.endpoint("plain")
    def plain(n: int) -> dict[str, int]:
        return {"n": n}

    client = validated(app)
    assert client.get("/plain/3").json == {"n": 3}
    assert client.options("/plain/3").status_code == 405


def test_rules_that_say_the_same_are_equal_however_they_were_added() -> None:
    # Map compares rules before it redirects from one to another that has defaults.
    app = App("test")
    app.url_map.add(Rule("/<v>", endpoint="view"))
    app.add_url_rule("/<v>", "view", lambda v: {"v": v}, defaults={"v": "a"})

    assert validated(app).get("/a").json == {"v": "a"}


@pytest.mark.parametrize("terminated", [False, True])
@pytest.mark.parametrize("limit", [None, 4, 100])
def test_a_body_that_is_read_at_once_stays_readable(limit: int | None, terminated: bool) -> None:
    request = Request(create_environ(method="POST", data=b"body"))
    if terminated:
        request.environ["wsgi.input_terminated"] = True
    request.max_content_length = limit

    assert request.get_data() == b"body"
    assert request.get_data() == request.data == b"body"
    assert request.stream.read() == b""


def test_a_body_that_is_not_whole_is_not_taken() -> None:
    request = Request(create_environ(method="POST", data=b"body") | {"CONTENT_LENGTH": "5"})

    with pytest.raises(ClientDisconnected):
        request.get_data()


def test_a_body_is_no_larger_than_it_may_be() -> None:
    request = Request(create_environ(method="POST", data=b"bodies") | {"wsgi.input_terminated": True})
    request.environ["CONTENT_LENGTH"] = "5"
    request.max_content_length = 5

    with pytest.raises(RequestEntityTooLarge):
        request.get_data()
    assert not hasattr(request, "_cached_data")


def test_a_body_that_was_decoded_is_whole() -> None:
    request = Request(create_environ(method="POST", data=b"decoded") | {"wsgi.input_terminated": True})
    request.environ["CONTENT_LENGTH"] = "5"  # as it was sent

    assert request.get_data() == b"decoded"
