from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from wz import App, Blueprint, Request, url_for
from wz.views import MethodView, View

from ..client import validated

if TYPE_CHECKING:
    from nowhere import Hidden


class Member(msgspec.Struct):
    name: str


class Page(msgspec.Struct):
    limit: int = 10


def test_a_class_is_a_view() -> None:
    class Hello(View):
        """Greet."""

        def __init__(self, greeting: str, mark: str = "!") -> None:
            self.greeting = greeting
            self.mark = mark

        def dispatch_request(self, name: str) -> str:
            return f"{self.greeting}, {name}{self.mark}"

    app = App(__name__)
    view = Hello.as_view("hello", "Hello", mark="?")
    app.add_url_rule("/<name>", view_func=view)

    assert validated(app).get("/ann").text == "Hello, ann?"
    assert (view.__name__, view.__doc__, view.view_class) == ("hello", "Greet.", Hello)  # type: ignore[attr-defined]
    with app.test_request_context():
        assert url_for("hello", name="ann") == "/ann"


def test_methods_are_the_functions() -> None:
    class Thing(MethodView):
        def get(self) -> str:
            return "got"

        def delete(self) -> str:
            return "deleted"

    app = App(__name__)
    app.add_url_rule("/", view_func=Thing.as_view("thing"))
    client = validated(app)

    assert Thing.methods == {"GET", "DELETE"}
    assert [client.get("/").text, client.delete("/").text] == ["got", "deleted"]
    assert client.post("/").status_code == 405
    assert client.options("/").allow.as_set() == {"get", "head", "delete", "options"}


def test_head_is_answered_by_get() -> None:
    class Thing(MethodView):
        def get(self) -> str:
            return "body"

    class Own(Thing):
        def head(self) -> tuple[str, dict[str, str]]:
            return "", {"X-Own": "yes"}

    app = App(__name__)
    app.add_url_rule("/", view_func=Thing.as_view("thing"))
    app.add_url_rule("/own", view_func=Own.as_view("own"))
    client = validated(app)

    assert (client.head("/").status_code, client.head("/").content_length) == (200, 4)
    assert client.head("/own").headers["X-Own"] == "yes"


def test_each_method_has_its_own_typed_signature() -> None:
    class Members(MethodView):
        def get(self, board: str, query: Page) -> dict[str, object]:
            return {"board": board, "limit": query.limit}

        def post(self, request: Request, board: str, body: Member) -> dict[str, object]:
            return {"board": board, "name": body.name, "path": request.path}

    app = App(__name__)
    blueprint = Blueprint("boards", __name__, url_prefix="/boards")
    blueprint.add_url_rule("/<board>", view_func=Members.as_view("members"))
    app.register(blueprint)
    client = validated(app)

    assert client.get("/boards/a?limit=3").json == {"board": "a", "limit": 3}
    assert client.get("/boards/a?limit=x").status_code == 422
    assert client.post("/boards/a", json={"name": "x"}).json == {"board": "a", "name": "x", "path": "/boards/a"}
    assert client.post("/boards/a", json={}).json["field"] == "name"
    assert client.post("/boards/a", data="name=x").status_code == 415


def test_dispatch_request_may_be_typed_and_overridden() -> None:
    class Typed(View):
        methods = ("POST",)

        def dispatch_request(self, body: Member) -> str:
            return body.name

    class Wrapped(MethodView):
        def dispatch_request(self, request: Request, **values: Any) -> Any:
            return f"<{super().dispatch_request(request, **values)}>"

        def get(self, name: str) -> str:
            return name

    app = App(__name__)
    app.add_url_rule("/typed", view_func=Typed.as_view("typed"))
    app.add_url_rule("/wrapped/<name>", view_func=Wrapped.as_view("wrapped"))
    client = validated(app)

    assert client.post("/typed", json={"name": "x"}).text == "x"
    assert client.get("/typed").status_code == 405
    assert client.get("/wrapped/x").text == "<x>"


@pytest.mark.parametrize(("every", "made"), [(True, 2), (False, 1)])
def test_an_object_for_every_request_or_one_for_all(every: bool, made: int) -> None:
    objects = []

    class Counted(View):
        init_every_request = every

        def __init__(self) -> None:
            objects.append(self)

        def dispatch_request(self) -> str:
            return "ok"

    app = App(__name__)
    app.add_url_rule("/", view_func=Counted.as_view("counted"))
    client = validated(app)
    client.get("/")
    client.get("/")

    assert len(objects) == made


def test_decorators_apply_from_the_inside_outwards() -> None:
    def mark(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            assert view.__name__ == "marked"

            @functools.wraps(view)
            def call(**values: Any) -> str:
                return f"{text}({view(**values)})"

            return call

        return decorate

    class Marked(MethodView):
        decorators = (mark("inner"), mark("outer"))

        def get(self, name: str, query: Page) -> str:
            return f"{name} {query.limit}"

    app = App(__name__)
    app.add_url_rule("/<name>", view_func=Marked.as_view("marked"))

    assert validated(app).get("/x").text == "outer(inner(x 10))"


def test_a_decorator_that_refuses_can_t_be_passed_by() -> None:
    def refuse(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def call(**values: Any) -> tuple[str, int]:
            return "no", 403

        return call

    class Secret(MethodView):
        decorators = (refuse,)

        def get(self) -> str:
            return "secret"

    app = App(__name__)
    app.add_url_rule("/", view_func=Secret.as_view("secret"))

    assert validated(app).get("/").status_code == 403


def test_methods_may_be_decorated_themselves() -> None:
    def shout(method: Callable[..., str]) -> Callable[..., str]:
        @functools.wraps(method)
        def call(view: object, *args: Any, **kwargs: Any) -> str:
            return method(view, *args, **kwargs).upper()

        return call

    class Named(MethodView):
        @shout
        def get(self, name: str, query: Page) -> str:
            return f"{name} {query.limit}"

    app = App(__name__)
    app.add_url_rule("/<name>", view_func=Named.as_view("named"))

    assert validated(app).get("/x").text == "X 10"


def test_one_class_under_two_rules_and_defaults() -> None:
    class Users(MethodView):
        def get(self, number: int | None) -> str:
            return "all" if number is None else f"no. {number}"

    app = App(__name__)
    view = Users.as_view("users")
    app.add_url_rule("/users/", defaults={"number": None}, view_func=view)
    app.add_url_rule("/users/<int:number>", view_func=view)
    client = validated(app)

    assert [client.get("/users/").text, client.get("/users/4").text] == ["all", "no. 4"]


def test_methods_are_inherited() -> None:
    class Base(MethodView):
        def get(self) -> str:
            return "base"

    class Sub(Base):
        def put(self) -> str:
            return "sub"

    class Fixed(Sub):
        methods = ("GET",)

    assert (Base.methods, Sub.methods, Fixed.methods) == ({"GET"}, {"GET", "PUT"}, ("GET",))
    app = App(__name__)
    app.add_url_rule("/", view_func=Fixed.as_view("fixed"))
    assert validated(app).put("/").status_code == 405


def test_automatic_options_may_be_switched_off() -> None:
    class Quiet(MethodView):
        provide_automatic_options = False

        def get(self) -> str:
            return ""

    class Own(MethodView):
        def get(self) -> str:
            return ""

        def options(self) -> str:
            return "mine"

    app = App(__name__)
    app.add_url_rule("/quiet", view_func=Quiet.as_view("quiet"))
    app.add_url_rule("/own", view_func=Own.as_view("own"))
    client = validated(app)

    assert client.options("/quiet").status_code == 405
    assert client.options("/own").text == "mine"


def test_what_is_missing_is_told_at_once() -> None:
    class Empty(View):
        pass

    class Promised(MethodView):
        methods = ("GET", "POST")

        def get(self) -> str:
            return ""

    class Unreadable(MethodView):
        def get(self, body: Hidden) -> str:
            return ""

    with pytest.raises(TypeError, match=r"Empty has no dispatch_request\(\)"):
        Empty.as_view("empty")
    with pytest.raises(TypeError, match=r"Promised has no post\(\)"):
        Promised.as_view("promised")
    with pytest.raises(TypeError, match=r"the type '\w+' can't be read"):
        Unreadable.as_view("unreadable")
