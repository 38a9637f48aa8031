"""Step 7: whose request the global one is, in threads, in generators, in greenlets, and when none is answered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from importlib import import_module
from typing import Any

import pytest
from flask import globals as of_flask
from werkzeug import Request, Response
from werkzeug.local import LocalProxy

from .blocks import held_to_the_pep, run_block
from .steps import Step, run

PAGE = "07_context"


@pytest.fixture
def names() -> dict[str, Any]:
    return run("07_context")


@pytest.fixture
def client(names: dict[str, Any]) -> Step:
    return held_to_the_pep(names["app"])


def add_view(names: dict[str, Any], rule: str, view: Callable[..., Any]) -> None:
    names["app"].route(rule, "GET")(view)


def test_two_threads_have_two_requests(names: dict[str, Any]) -> None:
    """Each is in the middle of its view while the other's request is current, too."""
    both_are_here = threading.Barrier(2, timeout=10)

    def where(name: str) -> list[str]:
        before = names["request"].path
        both_are_here.wait()
        between = names["request"].path
        both_are_here.wait()  # neither has put anything back yet
        return [before, between]

    add_view(names, "/<any(one, two):name>", where)
    with ThreadPoolExecutor(2) as pool:
        clients = [held_to_the_pep(names["app"]) for _ in range(2)]
        answers = list(pool.map(lambda client, path: client.get(path).json, clients, ["/one", "/two"]))

    assert answers == [["/one", "/one"], ["/two", "/two"]]


def test_greenlets_of_one_thread_have_their_own(names: dict[str, Any]) -> None:
    greenlets = import_module("greenlet")
    main = greenlets.getcurrent()
    seen = []

    def where(name: str) -> dict[str, Any]:
        main.switch()
        seen.append(names["request"].path)
        return {}

    add_view(names, "/<any(one, two):name>", where)
    tasks = [greenlets.greenlet(lambda path=path: held_to_the_pep(names["app"]).get(path)) for path in ("/one", "/two")]
    for task in [*tasks, *tasks]:  # the first goes on after the second has begun
        task.switch()

    assert seen == ["/one", "/two"]


def test_an_application_inside_another_has_its_own(names: dict[str, Any], client: Step) -> None:
    def outer() -> list[str]:
        inside = client.get("/inner").json
        return [*inside, names["request"].path]

    add_view(names, "/inner", lambda: [names["request"].path])
    add_view(names, "/outer", outer)

    assert client.get("/outer").json == ["/inner", "/outer"]


@pytest.mark.parametrize("path", ["/boards/points/top", "/nowhere", "/boards/points/members/nobody"])
def test_no_request_is_left_behind(names: dict[str, Any], client: Step, path: str) -> None:
    client.get(path)

    assert names["current"].get(None) is None
    with pytest.raises(RuntimeError, match="no request is being answered here"):
        _ = names["request"].path


def test_a_record_of_the_log_has_its_request_s_path(
    names: dict[str, Any], client: Step, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names["boards"], "standing", lambda board, member: 1 / 0)
    client.get("/boards/points/members/ann")
    logging.getLogger("tour").error("in nobody's request")

    assert [vars(record)["path"] for record in caplog.records] == ["/boards/points/members/ann", None]


def stream(names: dict[str, Any], wrap: Callable[[Iterable[str]], Iterable[str]]) -> None:
    """Add a view whose body is made while it is sent."""

    def chunks() -> Iterable[str]:
        yield names["request"].path

    add_view(names, "/stream", lambda: Response(wrap(chunks())))


def test_a_generator_comes_too_late(names: dict[str, Any], client: Step) -> None:
    stream(names, lambda chunks: chunks)

    with pytest.raises(RuntimeError, match="no request is being answered here"):
        client.get("/stream")


def test_a_generator_may_keep_the_context(names: dict[str, Any], client: Step) -> None:
    stream(names, run_block(PAGE, "def keeping_context")["keeping_context"])

    assert client.get("/stream").text == "/stream"
    assert names["current"].get(None) is None


def test_a_thread_of_a_view_begins_with_nothing(names: dict[str, Any], client: Step) -> None:
    in_thread = run_block(PAGE, "def start_beside")["start_beside"]
    seen: list[Any] = []

    def note() -> None:
        found = names["current"].get(None)
        seen.append(found and found.path)

    def start() -> dict[str, Any]:
        plain = threading.Thread(target=note)
        plain.start()
        plain.join()
        in_thread(note).join()
        return {}

    add_view(names, "/start", start)
    client.get("/start")

    assert seen == [None, "/start"]


def test_flask_has_two_variables_and_its_proxies_to_them() -> None:
    assert isinstance(of_flask._cv_app, ContextVar)
    assert isinstance(of_flask._cv_request, ContextVar)
    for name in "request", "session", "g", "current_app":
        assert type(vars(of_flask)[name]) is LocalProxy


def test_werkzeug_s_proxy_passes_on_more_than_attributes(names: dict[str, Any]) -> None:
    request = Request({"PATH_INFO": "/here"})
    names["current"].set(request)
    theirs: Any = LocalProxy(names["current"])
    ours = names["request"]

    assert (theirs.path, theirs == request, isinstance(theirs, Request)) == ("/here", True, True)
    assert (ours.path, ours == request, isinstance(ours, Request)) == ("/here", False, False)
