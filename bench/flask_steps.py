"""Steps of wz and what Flask does at the same places, each called by itself: microseconds a call.

Both are given the same: a request for which everything before the step has been done. Names of steps are those of
`wz.tracing.spans.STEPS`; a step that is not here is not Flask's matter, or the same in both.
"""

from __future__ import annotations

import contextvars
import gc
import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import flask
import msgspec
from werkzeug.exceptions import NotFound

import wz
from wz.request_id import RequestID

from .api import Score, standing
from .framework import BODY, MEMBER, Call, environ_of
from .side_by_side import Round, in_turn

_RULE = "/boards/<board>/members/<member>"


class Contender(NamedTuple):
    """A step, and the context in which it is called: Flask's steps look for their request there."""

    call: Callable[[], Any]
    context: contextvars.Context

    def timed(self, calls: int) -> Round:
        def run() -> float:
            with undisturbed():
                begin = time.perf_counter()
                for _ in range(calls):
                    self.call()
                return (time.perf_counter() - begin) / calls * 1e6

        return lambda: self.context.run(run)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Time without the garbage collector, as timeit does: whose turn it comes in is chance."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def anywhere(call: Callable[[], Any]) -> Contender:
    return Contender(call, contextvars.copy_context())


def fastest(contenders: dict[str, Contender], rounds: int, calls: int) -> dict[str, float]:
    results = in_turn({name: contender.timed(calls) for name, contender in contenders.items()}, rounds)
    return {name: min(found) for name, found in results.items()}


def steps(rounds: int, calls: int) -> dict[str, dict[str, float]]:
    """Return each contender's fastest round by step, wz's first."""
    ours, theirs = wz_steps(), flask_steps()
    pairs = {step: {"wz": ours[step], "Flask": theirs[step]} for step in ours}
    pairs["match"] = {"wz": ours["match"], "Werkzeug": bound_map(), "Flask": theirs["match"]}
    costs = {step: fastest(contenders, rounds, calls) for step, contenders in pairs.items()}
    return {"layer": layer(rounds, calls), **costs}


def layer(rounds: int, calls: int) -> dict[str, float]:
    """The layer that gives each request its id, and its work done by two hooks, as is usual in Flask.

    What is around it is timed without it as well, and subtracted: an application that answers at once; the steps that
    run hooks, in an app that has none.
    """

    def at_once(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ok"]

    def of_hooks(app: flask.Flask) -> Contender:
        app.add_url_rule(_RULE, "get", standing)
        context = contextvars.copy_context()
        context.run(app.request_context(environ).push)

        def run() -> None:
            app.preprocess_request()
            app.process_response(flask.Response("ok"))

        return Contender(run, context)

    hooked = flask.Flask("bench")

    @hooked.before_request
    def begin() -> None:
        flask.g.request_id = flask.request.headers.get("X-Request-ID", "")

    @hooked.after_request
    def end(response: flask.Response) -> flask.Response:
        response.headers["X-Request-ID"] = flask.g.request_id
        return response

    environ = environ_of(MEMBER, HTTP_X_REQUEST_ID="d9cc35f105dafa8916c3d61f5f07e368")
    contenders = {
        "layer": anywhere(Call(RequestID(at_once), environ)),
        "without layer": anywhere(Call(at_once, environ)),
        "hooks": of_hooks(hooked),
        "without hooks": of_hooks(flask.Flask("bench")),
    }
    found = fastest(contenders, rounds, calls)
    return {
        "wz, as a layer": max(0.0, found["layer"] - found["without layer"]),
        "Flask, as two hooks": max(0.0, found["hooks"] - found["without hooks"]),
    }


def bound_map() -> Contender:
    """Werkzeug's own way, which Flask also takes."""
    app = wz.App("bench")
    app.add_url_rule(_RULE, "get", standing)
    environ = environ_of(MEMBER)
    return anywhere(lambda: app.url_map.bind_to_environ(environ).match())


def _start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:
    return lambda data: None


def _post() -> dict[str, Any]:
    return environ_of("/scores", "POST", CONTENT_TYPE="application/json", CONTENT_LENGTH=str(len(BODY)))


def unread(request: Any) -> None:
    """Make a request's body one that nobody has read."""
    request.environ["wsgi.input"] = io.BytesIO(BODY)
    request.__dict__.pop("stream", None)
    request.__dict__.pop("_cached_data", None)
    request.__dict__.pop("_cached_json", None)


def wz_steps() -> dict[str, Contender]:
    app, hooked = wz.App("bench"), wz.App("bench")
    for one in (app, hooked):
        one.add_url_rule(_RULE, "get", standing)
    hooked.before_request(lambda: None)
    hooked.after_request(lambda response: response)

    @app.post("/scores")
    def post(body: Score) -> dict[str, int]:
        return {"count": body.count}

    def matched(app: wz.App, environ: dict[str, Any]) -> wz.Request:
        request = wz.Request(environ)
        request.app = app
        app.match(request)
        return request

    environ = environ_of(MEMBER)
    request, posted, with_hooks = matched(app, environ), matched(app, _post()), matched(hooked, environ)
    value = app.dispatch(request)
    answer = app.finalize(request, value)
    response = wz.Response("{}", mimetype="application/json")

    def after() -> Any:
        with_hooks.finalized = False
        return hooked.finalize(with_hooks, response)

    def argument() -> Any:
        unread(posted)
        return app.dispatch(posted)

    return {
        "request": anywhere(lambda: wz.Request(environ)),
        "match": anywhere(lambda: app.match(request)),
        "before": anywhere(lambda: hooked.preprocess(with_hooks)),
        "argument": anywhere(argument),
        "view": anywhere(lambda: app.dispatch(request)),
        "error": anywhere(lambda: app.finalize(request, app.handle_user_exception(request, NotFound()))),
        "finalize": anywhere(lambda: app.finalize(request, value)),
        "after": anywhere(after),
        "response": anywhere(lambda: b"".join(answer(environ, _start))),
        "teardown": anywhere(lambda: app.teardown(request, None)),
    }


def flask_steps() -> dict[str, Contender]:
    app, hooked = flask.Flask("bench"), flask.Flask("bench")
    for one in (app, hooked):
        one.add_url_rule(_RULE, "get", standing)
    hooked.before_request(lambda: None)
    hooked.after_request(lambda response: response)

    @app.post("/scores")
    def post() -> dict[str, int]:
        score = msgspec.convert(flask.request.get_json(), Score)
        return {"count": score.count}

    def within(app: flask.Flask, environ: dict[str, Any]) -> tuple[Any, contextvars.Context]:
        made, context = app.request_context(environ), contextvars.copy_context()
        context.run(made.push)
        return made, context

    environ = environ_of(MEMBER)
    plain, plain_context = within(app, environ)
    posted, posted_context = within(app, _post())
    _, hooked_context = within(hooked, environ)
    value = plain_context.run(app.dispatch_request)
    answer = plain_context.run(app.finalize_request, value)
    response = flask.Response("{}", mimetype="application/json")

    def match() -> None:
        plain.url_adapter = app.create_url_adapter(plain.request)
        plain.match_request()

    def argument() -> Any:
        unread(posted.request)
        return app.dispatch_request()

    def teardown() -> None:
        app.do_teardown_request(None)
        app.do_teardown_appcontext(None)

    return {
        "request": anywhere(lambda: flask.Request(environ)),
        "match": Contender(match, plain_context),
        "before": Contender(hooked.preprocess_request, hooked_context),
        "argument": Contender(argument, posted_context),
        "view": Contender(app.dispatch_request, plain_context),
        "error": Contender(lambda: app.finalize_request(app.handle_user_exception(NotFound())), plain_context),
        "finalize": Contender(lambda: app.finalize_request(value), plain_context),
        "after": Contender(lambda: hooked.process_response(response), hooked_context),
        "response": Contender(lambda: b"".join(answer(environ, _start)), plain_context),
        "teardown": Contender(teardown, plain_context),
    }
