from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextvars import ContextVar
from functools import wraps
from typing import Any

import msgspec
import pytest

from wz import App, Blueprint, Request, Response, g
from wz import request as current
from wz.aio import ensure_sync
from wz.views import MethodView, View

from ..client import validated
from .conftest import Web

where: ContextVar[str] = ContextVar("where", default="nowhere")


class Item(msgspec.Struct):
    name: str


def test_a_view_may_be_a_coroutine() -> None:
    app = App(__name__)

    @app.put("/items/<int:number>")
    async def put(request: Request, number: int, body: Item) -> dict[str, object]:
        await asyncio.sleep(0)
        return {"number": number, "name": body.name, "method": request.method}

    answer = validated(app).put("/items/7", json={"name": "x"})

    assert answer.json == {"number": 7, "name": "x", "method": "PUT"}


def test_hooks_and_error_handlers_may_be_coroutines() -> None:
    app = App(__name__)
    blueprint = Blueprint("bp", __name__, url_prefix="/bp")
    calls = []

    @app.before_request
    async def before() -> None:
        await asyncio.sleep(0)
        calls.append("before")

    @blueprint.after_request
    async def after(response: Response) -> Response:
        calls.append("after")
        return response

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        calls.append("teardown")

    @app.errorhandler(ValueError)
    async def handle(error: ValueError) -> tuple[str, int]:
        await asyncio.sleep(0)
        return str(error), 409

    @blueprint.get("/")
    async def view() -> str:
        raise ValueError("no")

    app.register(blueprint)

    answer = validated(app).get("/bp/")

    assert (answer.status_code, answer.text) == (409, "no")
    assert calls == ["before", "after", "teardown"]


def test_class_based_views_may_have_coroutines() -> None:
    class One(View):
        async def dispatch_request(self, number: int) -> str:
            return f"one {number}"

    class Many(MethodView):
        async def get(self) -> str:
            return "got"

        def post(self) -> str:
            return "posted"

    app = App(__name__)
    app.add_url_rule("/one/<int:number>", view_func=One.as_view("one"))
    app.add_url_rule("/many", view_func=Many.as_view("many"))
    client = validated(app)

    assert [client.get("/one/1").text, client.get("/many").text, client.post("/many").text] == [
        "one 1",
        "got",
        "posted",
    ]


def test_the_request_s_proxies_work_inside_and_in_tasks() -> None:
    app = App(__name__)

    @app.get("/path")
    async def view() -> str:
        g.seen = []

        async def task() -> None:
            g.seen.append(current.path)

        await asyncio.gather(task(), task())
        return ", ".join(g.seen)

    assert validated(app).get("/path").text == "/path, /path"


def test_context_variables_flow_in_and_out() -> None:
    @ensure_sync
    async def change() -> str:
        before = where.get()
        await asyncio.sleep(0)
        where.set("inside")
        return before

    token = where.set("outside")
    try:
        assert (change(), where.get()) == ("outside", "inside")
    finally:
        where.reset(token)


def test_exceptions_come_through() -> None:
    @ensure_sync
    async def fail() -> None:
        where.set("failed")
        raise LookupError("gone")

    token = where.set("before")
    try:
        with pytest.raises(LookupError, match="gone"):
            fail()
        assert where.get() == "failed"
    finally:
        where.reset(token)


def test_a_loop_that_is_running_already_is_left_alone() -> None:
    @ensure_sync
    async def inner() -> tuple[str, str]:
        await asyncio.sleep(0)
        where.set("inner")
        return where.get(), threading.current_thread().name

    async def outer() -> tuple[str, str]:
        where.set("outer")
        place, thread = inner()
        assert (place, where.get()) == ("inner", "inner")
        return place, thread

    _, thread = asyncio.run(outer())

    assert thread.startswith("wz-async")


def test_no_task_and_no_generator_outlives_the_call() -> None:
    ended = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ended.append("generator")

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("task")

    kept: list[object] = []

    @ensure_sync
    async def view() -> None:
        generator = numbers()
        kept.extend([asyncio.create_task(forever()), generator])
        await anext(generator)

    view()

    assert sorted(ended) == ["generator", "task"]


def test_it_looks_like_the_function_it_was_made_of() -> None:
    async def view(number: int) -> str:
        """Say it."""
        return str(number)

    made = ensure_sync(view)

    assert (made.__name__, made.__doc__, asyncio.iscoroutinefunction(made)) == ("view", "Say it.", False)


def test_a_decorator_may_ask_the_app_for_a_plain_function(web: Web) -> None:
    app = web.app()

    def logged(view: Any) -> Any:
        @wraps(view)
        def call(*args: Any, **kwargs: Any) -> Any:
            return f"logged {app.ensure_sync(view)(*args, **kwargs)}"

        return call

    @app.get("/<name>")
    @logged
    def hello(name: str) -> str:
        return name

    assert app.ensure_sync(hello) is hello
    if web.module.__name__ == "wz":  # Flask needs another package for coroutines

        @app.get("/later/<name>")
        @logged
        async def later(name: str) -> str:
            return name

        assert web.client(app).get("/later/ann").text == "logged ann"
    assert web.client(app).get("/ann").text == "logged ann"
